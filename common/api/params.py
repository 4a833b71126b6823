"""Reading query parameters and bodies into the structs that declare them."""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, TypeVar, get_args

import msgspec
from msgspec import UnsetType, inspect
from msgspec.structs import FieldInfo, fields
from werkzeug.exceptions import UnsupportedMediaType

from common.api.route import JSON
from common.domain.errors import DataError

_S = TypeVar("_S", bound=msgspec.Struct)
_LOST_PLUS = re.compile(r"(T[\d:.]+) (?=\d\d:?\d\d$)")


def read_query(declared: type[_S], given: Mapping[str, Sequence[str]]) -> _S:
    """The struct of query parameters from name → values.

    Raises:
        DataError: when a parameter is unknown, given twice, missing, or not what its field says; the text
            names each such parameter and what is allowed.
    """
    known = {field.encode_name: field for field in fields(declared)}
    values: dict[str, Any] = {}
    wrong: list[str] = []
    for name, texts in given.items():
        field = known.get(name)
        if field is None:
            wrong.append(f"there is no parameter {_short(name)!r}; {_allowed(known)}")
        elif len(texts) > 1:
            wrong.append(f"{name} is given {len(texts)} times; give it once")
        else:
            try:
                values[field.name] = _value(field, texts[0])
            except msgspec.ValidationError:
                wrong.append(f"{name} must be {_expected(field.type)}, not {_short(texts[0])!r}")
    wrong += [
        f"{name} is missing; it must be {_expected(field.type)}"
        for name, field in known.items()
        if field.required and name not in given
    ]
    if wrong:
        raise DataError("; ".join(wrong[:5]))
    return declared(**values)


def read_body(declared: type[_S], mimetype: str, read: Callable[[], bytes]) -> _S:
    """The struct of a JSON body.

    Raises:
        DataError: when the body is not JSON or does not fit the struct; the text says where.
        UnsupportedMediaType: when it is not declared as JSON.
    """
    if mimetype != JSON:
        raise UnsupportedMediaType(f"send the body as {JSON}")
    try:
        return msgspec.json.decode(read(), type=declared)
    except msgspec.ValidationError as error:
        raise DataError(f"the body does not fit: {str(error).replace('`', '')}") from error
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise DataError(f"the body is not JSON: {error}") from error


def _value(field: FieldInfo, text: str) -> Any:
    if _is_time(field.type):
        # A + that was not escaped arrives as a space.
        return msgspec.convert(_LOST_PLUS.sub(r"\1+", text), field.type)
    return msgspec.convert(text, field.type, strict=False)


def _is_time(declared: Any) -> bool:
    return declared is datetime or any(_is_time(part) for part in get_args(declared))


def _expected(declared: Any) -> str:
    """What a type accepts, in words."""
    found = inspect.type_info(declared)
    if isinstance(found, inspect.Metadata):
        found = found.type
    if isinstance(found, inspect.UnionType):
        [found] = [part for part in found.types if not _is_unset(part)]
    return _words(found.type if isinstance(found, inspect.Metadata) else found)


def _words(found: inspect.Type) -> str:
    match found:
        case inspect.IntType():
            return f"a whole number from {found.ge} to {found.le}"
        case inspect.LiteralType():
            return "one of " + ", ".join(map(str, found.values))
        case inspect.DateTimeType():
            return "a time with its offset, such as 2025-11-05T10:30:00Z or 2025-11-05T16:00:00+05:30"
        case inspect.BoolType():
            return "true or false"
        case _:
            return "text"


def _is_unset(found: inspect.Type) -> bool:
    return isinstance(found, inspect.CustomType) and found.cls is UnsetType


def _allowed(known: Iterable[str]) -> str:
    names = ", ".join(known)
    return f"those there are: {names}" if names else "this address takes none"


def _short(text: str) -> str:
    return text if len(text) <= 40 else text[:40] + "…"
