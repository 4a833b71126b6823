"""How answers are written, and those that are made once and given again where the middleware does not see to it."""

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Any

import msgspec
from flask import Response
from flask.json.provider import DefaultJSONProvider

from common.api.blueprint import JSON
from common.api.context import context
from common.api.middleware.request_context import logger
from common.api.serialize_values import age_minutes, index_category, utc
from common.domain.aqi import Standard
from common.domain.errors import NotFound, StoreError
from common.domain.observation import last_full_hour
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
    return {
        "aqi": aqi,
        "category": index_category(aqi, standard),
        "dominant_pollutant": dominant,
        "timestamp": utc(time),
        "age_minutes": age_minutes(now, time),
        "stale": now - time > STALE,
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
    hour = last_full_hour(context.clock())
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
