"""How answers are written, and those that are made once and given again where the middleware does not see to it."""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from hashlib import blake2b
from typing import Any

import msgspec
from flask import Response, request
from flask.json.provider import DefaultJSONProvider
from pydantic import BaseModel

from common.api.blueprint import JSON, CachePolicy
from common.api.context import context
from common.api.middleware.cached_responses import span
from common.api.middleware.log import logger
from common.api.middleware.request_context import present
from common.api.middleware.response_cache import Answer, Content, Question
from common.domain.aqi import Standard, category
from common.domain.errors import NotFound, StoreError
from common.store import stored_responses

STALE = timedelta(hours=2)


class JsonProvider(DefaultJSONProvider):
    """Flask's way of writing JSON, by msgspec: fields in their order, times in UTC with a ``Z``, raw JSON as it is."""

    def response(self, *args: Any, **_: Any) -> Response:
        """A dict that an endpoint returned, as the answer."""
        [content] = args
        return Response(msgspec.json.encode(content), content_type=JSON)


def json_response(content: Mapping[str, Any], status: int = 200) -> Response:
    """An answer in JSON."""
    return Response(msgspec.json.encode(content), status, content_type=JSON)


def raw(text: str) -> msgspec.Raw:
    """JSON that the database made, put into an answer as it is."""
    return msgspec.Raw(text.encode())


def utc(time: datetime) -> datetime:
    """`time` in UTC to the second, so that it is written with a ``Z``."""
    return time.astimezone(UTC).replace(microsecond=0)


def index(
    standard: Standard,
    now: datetime,
    *,
    time: datetime,
    aqi: int | None,
    dominant: str | None,
    basis: str | None,
) -> dict[str, Any]:
    """The fields of `Index` for an hour as it stands at `now`."""
    age = now - time
    return {
        "aqi": aqi,
        "category": None if aqi is None else category(aqi, standard),
        "dominant_pollutant": dominant,
        "timestamp": utc(time),
        "age_minutes": age // timedelta(minutes=1),
        "stale": age > STALE,
        "basis": basis,
    }


def city_error(name: str, error: NotFound) -> dict[str, Any]:
    """The fields of `CityError`."""
    nearest = {"nearest": list(error.nearest)} if error.nearest else {}
    return {"city": name, "status": 404, "detail": str(error), **nearest}


def stored_response(name: str, make: Callable[[], dict[str, Any]]) -> Response:
    """The answer of that name as it was made of the present data, or as `make` makes it now.

    It takes the database a tenth of a second, so it is kept there, for all processes.

    Raises:
        StoreError: when the database cannot be reached.
    """
    hour = context.clock().replace(minute=0, second=0, microsecond=0)
    with context.database.reading() as connection:
        version, body = stored_responses.find(connection, name, hour)
    if body is not None:
        return Response(body, content_type=JSON)
    response = json_response(make())
    try:
        with context.database.transaction() as connection:
            stored_responses.keep(connection, name, version, hour, response.get_data(as_text=True))
    except StoreError as error:  # a standby, for one: the answer is right all the same
        logger().warning("answer is not kept", reason=str(error), name=name)
    return response


def cached_response(policy: CachePolicy, body: BaseModel, make: Callable[[], dict[str, Any]]) -> Response:
    """The answer to a POST with that body as this process has kept it, or as `make` makes it now."""
    cache, known = context.answers, context.watch.known()
    if cache is None or known is None or not known.sure:
        return json_response(make())
    name = blake2b(
        request.path.encode() + b"\n" + body.model_dump_json().encode(), digest_size=16
    ).hexdigest()
    now = context.clock()
    question = Question(name, (known.versions.data, span(policy, now)), known.versions.secret)

    def answer() -> Answer:
        return Answer(Content([("Content-Type", JSON)], msgspec.json.encode(make()), now.timestamp()))

    made, present(request.environ).cache = cache.get_or_make(question, answer, seconds=60)
    return Response(made.body, content_type=JSON)
