"""What is wrong with an input, and what its declaration allows, in words. Imported when something is wrong."""

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import msgspec
from msgspec import UnsetType, inspect

from common.api.params import Field
from common.domain.errors import DataError, Fault

_MOST_TOLD = 5
_PLACE = re.compile(r" - at `\$(?P<path>[^`]*)`$")
_STEP = re.compile(r"\.([^.\[]+)|\[(\d+|\.\.\.)\]")
_FIELD = re.compile(r"Object (missing required|contains unknown) field `(.*?)`")


def of_query(known: Mapping[str, Field], given: Mapping[str, Sequence[str]]) -> DataError:
    """What is wrong with query parameters, all of it."""
    wrong: list[tuple[str, Fault]] = []
    for name, texts in given.items():
        field = known.get(name)
        shown = short(texts[0])
        if field is None:
            told, allowed = f"there is no parameter {short(name)!r}; {there_are(known)}", there_are(known)
        elif len(texts) > 1:
            told, allowed = f"{name} is given {len(texts)} times; give it once", "one value"
            shown = short(", ".join(texts[:5]))
        elif _is_read(field, texts[0]):
            continue
        else:
            allowed = of(field.type)
            told = f"{name} must be {allowed}, not {shown!r}"
        wrong.append((told, Fault("parameter", short(name), shown, allowed)))
    for name, field in known.items():
        if field.required and name not in given:
            allowed = of(field.type)
            wrong.append(
                (f"{name} is missing; it must be {allowed}", Fault("parameter", name, None, allowed))
            )
    told_first, faults = zip(*wrong[:_MOST_TOLD], strict=True)
    return DataError("; ".join(told_first), faults=faults)


def of_header(name: str, field: Field, given: str) -> DataError:
    """What is wrong with a header."""
    allowed = of(field.type)
    fault = Fault("header", name, short(given), allowed)
    return DataError(f"the header {name} must be {allowed}, not {short(given)!r}", faults=(fault,))


def of_body(declared: type, content: bytes, error: Exception) -> DataError:
    """What is wrong with a body that could not be read for this reason."""
    if isinstance(error, msgspec.ValidationError):
        told = f"the body does not fit: {str(error).replace('`', '')}"
        return DataError(told, faults=(misfit(str(error), declared, content),))
    why = "it is nested too deeply" if isinstance(error, RecursionError) else str(error)
    fault = Fault("pointer", "", short(content.decode(errors="replace")), "a JSON object")
    return DataError(f"the body is not JSON: {why}", faults=(fault,))


def of(declared: Any) -> str:
    """What a type accepts as text, such as ``a whole number from 1 to 48``."""
    found = _plain(inspect.type_info(declared))
    if isinstance(found, inspect.ListType):
        return f"{_number(found)}, separated by commas, each {_words(_plain(found.item_type))}"
    return _words(found)


def short(text: str) -> str:
    """At most 40 characters of what was given."""
    return text if len(text) <= 40 else text[:40] + "…"


def misfit(told: str, declared: type, content: bytes) -> Fault:
    """The fault of a JSON body that msgspec has refused with this text."""
    place = _PLACE.search(told)
    steps: list[str] = [name or number for name, number in _STEP.findall(place["path"] if place else "")]
    kind = _plain(inspect.type_info(declared))
    for step in steps:
        kind = _inner(kind, step)
    lacks = _FIELD.match(told)
    if lacks is not None:
        steps.append(lacks[2])
        names = [field.encode_name for field in kind.fields] if isinstance(kind, inspect.StructType) else []
        allowed = _words(_inner(kind, lacks[2])) if lacks[2] in names else there_are(names)
    else:
        allowed = _words(kind)
    pointer = "".join("/" + step.replace("~", "~0").replace("/", "~1") for step in steps)
    missing = lacks is not None and lacks[1] == "missing required"
    return Fault("pointer", short(pointer), None if missing else _given(content, steps), allowed)


def there_are(names: Iterable[str]) -> str:
    """What may be named, in words."""
    told = ", ".join(names)
    return f"those there are: {told}" if told else "this address takes none"


def _is_read(field: Field, text: str) -> bool:
    try:
        field.read(text)
    except msgspec.ValidationError:
        return False
    return True


def _given(content: bytes, steps: Sequence[str]) -> str:
    """The part of a JSON text that the steps lead to; the text itself where it ends before it is whole."""
    try:
        given = json.loads(content)
        for step in steps:
            given = given[step] if isinstance(given, dict) else given[int(step)]
        return short(json.dumps(given, ensure_ascii=False))
    except (ValueError, LookupError, TypeError, RecursionError):
        return short(content.decode(errors="replace"))


def _inner(kind: inspect.Type, step: str) -> inspect.Type:
    if isinstance(kind, inspect.StructType):
        return next((_plain(one.type) for one in kind.fields if one.encode_name == step), inspect.AnyType())
    return _plain(kind.item_type) if isinstance(kind, inspect.ListType) else inspect.AnyType()


def _plain(found: inspect.Type) -> inspect.Type:
    """Without descriptions, and without that it may be left out."""
    if isinstance(found, inspect.Metadata):
        return _plain(found.type)
    if isinstance(found, inspect.UnionType):
        parts = [part for part in found.types if not _is_unset(part)]
        return _plain(parts[0]) if len(parts) == 1 else found
    return found


def _words(found: inspect.Type) -> str:
    match found:
        case inspect.IntType():
            told = f"a whole number from {found.ge} to {found.le}"
        case inspect.LiteralType():
            told = "one of " + ", ".join(map(str, found.values))
        case inspect.DateTimeType():
            told = "a time with its offset, such as 2025-11-05T10:30:00Z or 2025-11-05T16:00:00+05:30"
        case inspect.BoolType():
            told = "true or false"
        case inspect.ListType():
            told = f"a list of {_number(found)}, each {_words(_plain(found.item_type))}"
        case inspect.StrType(max_length=int()):
            told = f"text of {found.min_length or 1} to {found.max_length} characters"
        case inspect.StructType():
            told = "an object"
        case _:
            told = "text"
    return told


def _number(found: inspect.ListType) -> str:
    return f"{found.min_length or 0} to {found.max_length}"


def _is_unset(found: inspect.Type) -> bool:
    return isinstance(found, inspect.CustomType) and found.cls is UnsetType
