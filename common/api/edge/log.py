"""The log of the API: a JSON object a line on standard output."""

from functools import cache
from typing import TYPE_CHECKING, Any

import msgspec

from common.api.edge.exchange import Exchange
from common.api.route import BASE

if TYPE_CHECKING:
    from aws_lambda_powertools import Logger


@cache
def logger() -> "Logger":
    """The log of the API."""
    from aws_lambda_powertools import Logger  # 40 ms, not before something is logged

    # A message of ours is no JSON in disguise, for which the library would look in each.
    return Logger(service="vayu-api", location=None, json_serializer=_line, json_deserializer=str)


def _line(about: dict[str, Any]) -> str:
    return msgspec.json.encode(about, enc_hook=str).decode()


def tell(exchange: Exchange) -> None:
    """Write the one line of a request that was answered; neither its query nor its headers, which may hold secrets."""
    logger().info(
        "request",
        method=exchange.method,
        route=BASE + exchange.route.path if exchange.route else None,
        path=exchange.path[:200],
        status=exchange.status,
        duration_ms=round(exchange.seconds * 1000, 1),
        bytes=exchange.length,
        cache=exchange.kept or None,
        request_id=exchange.request_id,
    )
