"""Reading what clients send into pydantic models, and saying in words what does not fit."""

import json
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cache
from typing import Any, TypeVar

from pydantic import ValidationError
from pydantic_core import ErrorDetails
from werkzeug.exceptions import UnsupportedMediaType

from common.api.schemas import ApiModel, Parameters
from common.domain.errors import DataError, Fault

P = TypeVar("P", bound=Parameters)
M = TypeVar("M", bound=ApiModel)
Schema = dict[str, Any]

_MOST_FAULTS = 5
_LOST_PLUS = re.compile(r"(T[\d:.]+) (?=\d\d:?\d\d$)")
_WRITTEN = {
    "integer": re.compile(r"[+-]?\d{1,18}"),
    "number": re.compile(r"[+-]?\d{1,18}(\.\d{1,18})?([Ee][+-]?\d{1,3})?"),
    "boolean": re.compile(r"true|false|1|0", re.IGNORECASE),
    "date-time": re.compile(r"\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d:\d\d(\.\d+)?([Zz]|[+-]\d\d:?\d\d)"),
}
"""How a value is written in an address: pydantic takes ``1_000``, ``yes`` and seconds since 1970 besides."""


def read_query(model: type[P] | None, given: Mapping[str, Sequence[str]]) -> P | None:
    """The query parameters from name → values; None where the endpoint takes none.

    Raises:
        DataError: when a parameter is unknown, given twice, missing, or not what its field says; the text
            names each such parameter and what is allowed.
    """
    if model is None and not given:
        return None
    properties = _properties(model)
    values = {name: _value(properties.get(name, {}), texts[0]) for name, texts in given.items()}
    errors: list[ErrorDetails] = []
    query: P | None = None
    if model is not None:
        try:
            query = model.model_validate(values)
        except ValidationError as error:
            errors = error.errors(include_url=False, include_context=False)
    if not errors and query is not None and all(len(texts) == 1 for texts in given.values()):
        return query
    raise _of_query(properties, given, errors)


def read_path(model: type[P], given: Mapping[str, object]) -> P:
    """The parts of an address.

    Raises:
        DataError: when one is not what its field says.
    """
    try:
        return model.model_validate(given)
    except ValidationError as error:
        name = str(error.errors(include_url=False)[0]["loc"][0])
        allowed, text = _in_words(_properties(model)[name], in_address=True), shortened(str(given[name]))
        fault = Fault("parameter", name, text, allowed)
        raise DataError(f"{name} must be {allowed}, not {text!r}", faults=(fault,)) from error


def read_header(model: type[P], given: Mapping[str, str]) -> P:
    """Those headers that the model names.

    Raises:
        DataError: when one is not what its field says.
    """
    written = {
        name.lower(): value for name, value in given.items()
    }  # in any case, and frameworks choose their own
    values = {name: written[name.lower()] for name in _properties(model) if name.lower() in written}
    try:
        return model.model_validate(values)
    except ValidationError as error:
        name = str(error.errors(include_url=False)[0]["loc"][0])
        allowed, text = _in_words(_properties(model)[name]), shortened(values[name])
        fault = Fault("header", name, text, allowed)
        raise DataError(f"the header {name} must be {allowed}, not {text!r}", faults=(fault,)) from error


def read_body(model: type[M], mimetype: str, read: Callable[[], bytes]) -> M:
    """The JSON body; where it may be left out, the model without any value from an empty one.

    Raises:
        DataError: when the body is not JSON or does not fit the model; the text says where.
        UnsupportedMediaType: when it is not declared as JSON.
    """
    extra: Any = model.model_config.get("openapi_extra", {})
    required = extra.get("required", True)
    if mimetype != "application/json" and (required or mimetype or read()):
        raise UnsupportedMediaType("send the body as application/json")
    content = read()
    if not content and not required:
        return model()
    try:
        return model.model_validate_json(content, strict=True)
    except ValidationError as error:
        raise _of_body(model.model_json_schema(), content, error.errors(include_url=False)) from error


def shortened(text: str) -> str:
    """At most 40 characters of what was given."""
    return text if len(text) <= 40 else text[:40] + "…"


@cache
def _properties(model: type[ApiModel] | None) -> dict[str, Schema]:
    """The fields by the names under which they are given, as JSON schema describes them."""
    properties: dict[str, Schema] = {} if model is None else model.model_json_schema().get("properties", {})
    return properties


def _value(schema: Schema, text: str) -> object:
    """What pydantic is given for a text of an address; an ellipsis, which it refuses, where it would take too much."""
    kind = schema.get("format") or schema.get("type", "")
    if kind == "array":
        return [part.strip(" ") for part in text.split(",")]
    if kind == "date-time":
        text = _LOST_PLUS.sub(r"\1+", text)  # a + that was not escaped arrives as a space
    return text if kind not in _WRITTEN or _WRITTEN[kind].fullmatch(text) else ...


def _of_query(
    properties: Mapping[str, Schema], given: Mapping[str, Sequence[str]], errors: Sequence[ErrorDetails]
) -> DataError:
    """What is wrong with query parameters, all of it."""
    sentences: dict[str, tuple[str, Fault]] = {}
    misfits = {str(error["loc"][0]) for error in errors}
    for name, texts in given.items():
        if name not in properties:
            allowed, text = _names(properties), shortened(texts[0])
            sentence = f"there is no parameter {shortened(name)!r}; {allowed}"
        elif len(texts) > 1:
            allowed, text = "one value", shortened(", ".join(texts[:5]))
            sentence = f"{name} is given {len(texts)} times; give it once"
        elif name in misfits:
            allowed, text = _in_words(properties[name], in_address=True), shortened(texts[0])
            sentence = f"{name} must be {allowed}, not {text!r}"
        else:
            continue
        sentences[name] = sentence, Fault("parameter", shortened(name), text, allowed)
    for name in misfits - given.keys():
        allowed = _in_words(properties[name], in_address=True)
        sentences[name] = (
            f"{name} is missing; it must be {allowed}",
            Fault("parameter", name, None, allowed),
        )
    return _as_error(sentences.values())


def _of_body(schema: Schema, content: bytes, errors: Sequence[ErrorDetails]) -> DataError:
    """What is wrong with a body."""
    if errors[0]["type"] == "json_invalid":
        fault = Fault("pointer", "", shortened(content.decode(errors="replace")), "a JSON object")
        return DataError(f"the body is not JSON: {errors[0]['ctx']['error']}", faults=(fault,))
    return _as_error((_misfit(schema, error) for error in errors), "the body does not fit: ")


def _misfit(schema: Schema, error: ErrorDetails) -> tuple[str, Fault]:
    """A sentence and the fault of one part of a JSON body."""
    *above, last = error["loc"] or ("",)
    if error["type"] == "extra_forbidden":
        allowed = _names(_inner(schema, above).get("properties", ()))
    else:
        allowed = _in_words(_inner(schema, error["loc"]))
    pointer = "".join("/" + str(step).replace("~", "~0").replace("/", "~1") for step in error["loc"])
    pointer, name = shortened(pointer), shortened(pointer) or "the body"
    if error["type"] == "missing":
        return f"{name} is missing; it must be {allowed}", Fault("pointer", pointer, None, allowed)
    text = shortened(json.dumps(error["input"], ensure_ascii=False))
    if error["type"] == "extra_forbidden":
        return f"there is no {shortened(str(last))!r}; {allowed}", Fault("pointer", pointer, text, allowed)
    return f"{name} must be {allowed}, not {text}", Fault("pointer", pointer, text, allowed)


def _as_error(sentences: Iterable[tuple[str, Fault]], beginning: str = "") -> DataError:
    texts, faults = zip(*list(sentences)[:_MOST_FAULTS], strict=True)
    return DataError(beginning + "; ".join(texts), faults=faults)


def _inner(schema: Schema, steps: Iterable[int | str]) -> Schema:
    """What is allowed at a place of the body: models within the model are looked up, what may be null is unpacked."""
    models = schema.get("$defs", {})
    for step in steps:
        inner = schema.get("items") if isinstance(step, int) else schema.get("properties", {}).get(step)
        schema = _plain(inner or {}, models)
    return schema


def _plain(schema: Schema, models: Mapping[str, Schema]) -> Schema:
    options = [option for option in schema.get("anyOf", ()) if option.get("type") != "null"]
    if len(options) == 1:
        schema = options[0]
    return models[schema["$ref"].rpartition("/")[2]] if "$ref" in schema else schema


def _names(names: Iterable[str]) -> str:
    """What may be named, in words."""
    text = ", ".join(names)
    return f"those there are: {text}" if text else "this address takes none"


def _in_words(schema: Schema, *, in_address: bool = False) -> str:
    """What a value may be, such as ``a whole number from 1 to 48``."""
    if "enum" in schema:
        return "one of " + ", ".join(map(str, sorted(schema["enum"])))
    if schema.get("format") == "date-time":
        return "a time with its offset, such as 2025-11-05T10:30:00Z or 2025-11-05T16:00:00+05:30"
    kind = schema.get("type")
    if kind == "array":
        number, each = _range(schema, "minItems", "maxItems"), _in_words(schema["items"])
        return (
            f"{number}, separated by commas, each {each}"
            if in_address
            else f"a list of {number}, each {each}"
        )
    if kind in ("integer", "number"):
        name = "a whole number" if kind == "integer" else "a number"
        preposition = "from" if {"minimum", "maximum"} <= schema.keys() else "of"
        bounded = schema.keys() & {"minimum", "maximum"}
        return f"{name} {preposition} {_range(schema, 'minimum', 'maximum')}" if bounded else name
    return {"boolean": "true or false", "object": "an object"}.get(str(kind)) or _text_in_words(schema)


def _text_in_words(schema: Schema) -> str:
    if "examples" in schema:
        return "text such as " + " or ".join(schema["examples"])
    if "maxLength" in schema:
        return f"text of {_range({'minLength': 1} | schema, 'minLength', 'maxLength')} characters"
    return "text"


def _range(schema: Schema, least: str, most: str) -> str:
    if most not in schema:
        return f"{schema.get(least, 0)} or more"
    return f"{schema[least]} to {schema[most]}" if least in schema else f"at most {schema[most]}"
