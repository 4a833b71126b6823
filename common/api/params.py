"""Reading query parameters, headers and bodies into the structs that declare them."""

import re
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from functools import cache
from importlib import import_module
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar, get_args, get_origin

import msgspec
from msgspec.structs import fields
from werkzeug.exceptions import UnsupportedMediaType

from common.api.route import JSON

if TYPE_CHECKING:
    from types import ModuleType

_S = TypeVar("_S", bound=msgspec.Struct)
_LOST_PLUS = re.compile(r"(T[\d:.]+) (?=\d\d:?\d\d$)")


class Field(NamedTuple):
    """A field of a declaration, and how its text is read."""

    name: str
    type: Any
    required: bool
    is_time: bool
    is_list: bool

    def read(self, text: str) -> Any:
        """Its value.

        Raises:
            ValidationError: when it is not what the type says.
        """
        if self.is_time:
            # A + that was not escaped arrives as a space.
            return msgspec.convert(_LOST_PLUS.sub(r"\1+", text), self.type)
        if self.is_list:
            return msgspec.convert([part.strip(" ") for part in text.split(",")], self.type, strict=False)
        return msgspec.convert(text, self.type, strict=False)


@cache
def _known(declared: type[msgspec.Struct]) -> dict[str, Field]:
    """The fields by the names under which they are given; looked up once, which takes longer than reading them."""
    return {
        one.encode_name: Field(
            one.name, one.type, one.required, _holds(one.type, datetime), _holds(one.type, list)
        )
        for one in fields(declared)
    }


def read_query(declared: type[_S], given: Mapping[str, Sequence[str]]) -> _S:
    """The struct of query parameters from name → values.

    Raises:
        DataError: when a parameter is unknown, given twice, missing, or not what its field says; the text
            names each such parameter and what is allowed.
    """
    known = _known(declared)
    values: dict[str, Any] = {}
    try:
        for name, texts in given.items():
            [text] = texts
            field = known[name]
            values[field.name] = field.read(text)
    except (KeyError, ValueError):  # also what is not what its field says
        raise _in_words().of_query(known, given) from None
    if any(field.required and name not in given for name, field in known.items()):
        raise _in_words().of_query(known, given)
    return declared(**values)


def read_headers(declared: type[_S], given: Mapping[str, str]) -> _S:
    """The struct of those headers that it names.

    Raises:
        DataError: when one is not what its field says.
    """
    values: dict[str, Any] = {}
    for name, field in _known(declared).items():
        if name in given:
            try:
                values[field.name] = field.read(given[name])
            except msgspec.ValidationError as error:
                raise _in_words().of_header(name, field, given[name]) from error
    return declared(**values)


def read_body(declared: type[_S], mimetype: str, read: Callable[[], bytes], *, required: bool = True) -> _S:
    """The struct of a JSON body; where it is not `required`, that of nothing at all from an empty one.

    Raises:
        DataError: when the body is not JSON or does not fit the struct; the text says where.
        UnsupportedMediaType: when it is not declared as JSON.
    """
    if not required and not mimetype:
        content = read()
        if not content:
            return declared()
    if mimetype != JSON:
        raise UnsupportedMediaType(f"send the body as {JSON}")
    content = read()
    if not content and not required:
        return declared()
    try:
        return _decoded(declared, content)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise _in_words().of_body(declared, content, error) from error


def _in_words() -> "ModuleType":
    """What tells people what is wrong; it is not imported before something is."""
    return import_module("common.api.validation_messages")


def _decoded(declared: type[_S], content: bytes) -> _S:
    """The struct of a JSON text; 24.0 is as whole a number as 24."""
    try:
        return msgspec.json.decode(content, type=declared)
    except msgspec.ValidationError as error:
        if "got `float`" not in str(error):
            raise
        return msgspec.convert(_whole(msgspec.json.decode(content)), declared)


def _whole(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _whole(one) for name, one in value.items()}
    if isinstance(value, list):
        return [_whole(one) for one in value]
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _holds(declared: Any, kind: type) -> bool:
    return (
        declared is kind
        or get_origin(declared) is kind
        or (get_origin(declared) is not list and any(_holds(part, kind) for part in get_args(declared)))
    )
