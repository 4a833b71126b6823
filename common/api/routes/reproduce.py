"""What a forecast was computed from: so that anybody can compute it again, and see that it is what was issued."""

from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlencode

from flask import Response, redirect, request

from common.api.blueprint import BASE, JSON, Blueprint
from common.api.context import context
from common.api.errors import Problem
from common.api.routes.forecast import FORECASTS
from common.api.routes.models import MODELS
from common.api.schemas import CityPath
from common.api.schemas.reproduce import (
    RULE,
    FilePath,
    IssuedValues,
    Part,
    PartPath,
    Reproduce,
    ReproduceQuery,
)
from common.api.serialize_values import stamp, utc
from common.domain.cities import City
from common.domain.errors import DataError, Gone, NotFound
from common.domain.forecast import HORIZON, REPRODUCED_WITHIN
from common.domain.model_files import model_key
from common.store.forecast_inputs import INPUTS_KEPT, IssuedParts, issued_parts, stored_part
from common.store.models import file_of

api = Blueprint("reproduce")

_BINARY = "application/octet-stream"
_FILE: dict[str, Any] = {"content": {_BINARY: {"schema": {"type": "string", "format": "binary"}}}}
_PART: dict[str, Any] = {"content": {**_FILE["content"], JSON: {"schema": {"type": "object"}}}}
_FOREVER = "max-age=31536000, immutable"
_SECOND = timedelta(seconds=1)
_SIGNED_FOR = timedelta(minutes=10)
_THROUGH_FUNCTION = 4_000_000
"""Bytes that Lambda can answer with: 6 MB, of which base64 takes a quarter. Models have about one million."""
_DAYS = INPUTS_KEPT // timedelta(days=1)


@api.get(
    "/forecast/<city>/reproduce", tags=[FORECASTS], responses={200: Reproduce, 404: Problem, 410: Problem}
)
def reproduce(path: CityPath, query: ReproduceQuery) -> dict[str, Any]:
    """All that is needed to compute an issued forecast again, for three days: model, input matrix, weights."""
    city = path.city
    issued = _issued(city, query)
    return Reproduce.answer(
        city=city.name,
        target=query.target,
        issued_at=utc(issued.issued_at),
        origin=utc(issued.origin),
        known_until=utc(issued.known_until),
        model=issued.model_version,
        simulated=context.simulated(),
        parts=list(_parts(city, query, issued)),
        rule=list(RULE),
        tolerance=REPRODUCED_WITHIN,
        issued=IssuedValues.answer(
            values=issued.y,
            lower_80=issued.lo80,
            upper_80=issued.hi80,
            lower_95=issued.lo95,
            upper_95=issued.hi95,
        ),
    )


@api.get(
    "/forecast/<city>/reproduce/<part>",
    tags=[FORECASTS],
    responses={200: _PART, 404: Problem, 410: Problem},
)
def part(path: PartPath, query: ReproduceQuery) -> Response:
    """The input matrix (float32, little-endian, row by row) or the recipe (JSON) of an issued forecast."""
    issued = _issued(path.city, query)
    with context.reads.reading() as connection:
        content = stored_part(connection, path.city.name, query.target, issued.origin, path.part)
    if content is None:
        raise _gone(path.city, issued)
    tag = issued.matrix_sha256 if path.part == "matrix" else issued.recipe_sha256
    return _file(
        content, str(tag), _BINARY if path.part == "matrix" else JSON, lasting=query.issued is not None
    )


@api.get("/models/files/<sha256>", tags=[MODELS], responses={200: _FILE, 404: Problem, 410: Problem})
def model_file(path: FilePath) -> Response:
    """A model's ONNX file, by its SHA-256; one of more than 4 MB comes from a cloud's object store, by a redirect."""
    unknown = f"there is no model file {path.sha256}; /forecast/{{city}}/reproduce names those of forecasts"
    if context.open_object_store is None:
        raise NotFound(unknown)
    with context.reads.reading() as connection:
        version = file_of(connection, path.sha256)
    if version is None:
        raise NotFound(unknown)
    if request.if_none_match.contains(path.sha256):
        return _file(b"", path.sha256, _BINARY)
    files, key = context.open_object_store(), model_key(version)
    content = files.get(key)
    address = files.signed_url(key, _SIGNED_FOR) if len(content) > _THROUGH_FUNCTION else None
    if address is None:
        return _file(content, path.sha256, _BINARY)
    response = redirect(address, 307)
    response.headers["Cache-Control"] = "no-store"
    return response  # type: ignore[return-value]


def _issued(city: City, query: ReproduceQuery) -> IssuedParts:
    """The forecast that is meant, with all its parts.

    Raises:
        NotFound: when none had been issued.
        Gone: when a part of it is not kept any more.
    """
    if query.issued is not None and query.issued.tzinfo is None:
        raise DataError("issued must have an offset, such as 2025-11-05T10:42:00Z")
    before = datetime.max.replace(tzinfo=UTC) if query.issued is None else query.issued + _SECOND
    with context.reads.reading() as connection:
        issued = issued_parts(connection, city.name, query.target, before)
    if issued is None:
        by_then = "yet" if query.issued is None else f"by {stamp(query.issued)}"
        raise NotFound(f"no forecast of {query.target} had been issued for {city.name} {by_then}")
    if issued.matrix_sha256 is None or issued.model_sha256 is None or issued.model_pruned:
        raise _gone(city, issued)
    return issued


def _gone(city: City, issued: IssuedParts) -> Gone:
    return Gone(
        f"what the forecast for {city.name}, issued at {stamp(issued.issued_at)}, was computed from is not kept any "
        f"more: {_DAYS} days after its issue it may go"
    )


def _parts(city: City, query: ReproduceQuery, issued: IssuedParts) -> list[dict[str, Any]]:
    above = f"{request.root_path}{BASE}"
    exactly = urlencode({"issued": stamp(issued.issued_at), "target": query.target}, safe=":")
    own = f"{above}/forecast/{city.slug}/reproduce"
    width = (issued.matrix_bytes or 0) // (4 * HORIZON)
    return [
        Part.answer(
            name="model",
            url=f"{above}/models/files/{issued.model_sha256}",
            sha256=issued.model_sha256,
            bytes=issued.model_bytes,
            media_type=_BINARY,
        ),
        Part.answer(
            name="matrix",
            url=f"{own}/matrix?{exactly}",
            sha256=issued.matrix_sha256,
            bytes=issued.matrix_bytes,
            media_type=_BINARY,
            shape=[HORIZON, width],
            dtype="<f4",
        ),
        Part.answer(
            name="recipe",
            url=f"{own}/recipe?{exactly}",
            sha256=issued.recipe_sha256,
            bytes=issued.recipe_bytes,
            media_type=JSON,
        ),
    ]


def _file(content: bytes, sha256: str, media_type: str, *, lasting: bool = True) -> Response:
    response = Response(content, content_type=media_type)
    response.set_etag(sha256)
    for_whom = "private" if context.policy.reads_need_token else "public"
    response.headers["Cache-Control"] = f"{for_whom}, {_FOREVER}" if lasting else "no-cache"
    return response.make_conditional(request)  # type: ignore[return-value]
