"""The log of the API: a JSON object a line on standard output."""

import time
from functools import cache, lru_cache
from logging import INFO
from typing import TYPE_CHECKING, Any, cast

import msgspec

from common.api.middleware.request_context import RequestContext
from common.api.route import BASE

if TYPE_CHECKING:
    from logging import StreamHandler
    from typing import TextIO

    from aws_lambda_powertools import Logger

SERVICE = "vayu-api"


@cache
def logger() -> "Logger":
    """The log of the API."""
    from aws_lambda_powertools import Logger  # 40 ms, not before something is logged

    # A message of ours is no JSON in disguise, for which the library would look in each.
    return Logger(service=SERVICE, location=None, utc=True, json_serializer=_line, json_deserializer=str)


def _line(about: dict[str, Any]) -> str:
    return msgspec.json.encode(about, enc_hook=str).decode()


def tell(exchange: RequestContext) -> None:
    """Write the one line of a request that was answered; neither its query nor its headers, which may hold secrets.

    With the logger's level, stream and keys, but past its records and formatter: those took a third of the CPU of an
    answer that is kept.
    """
    log = logger()
    if log.log_level > INFO:
        return
    now = time.time()
    trace = exchange.environ.get("HTTP_X_AMZN_TRACE_ID", "")
    about = {
        "level": "INFO",
        "message": "request",
        "timestamp": f"{_second(int(now))},{int(now % 1 * 1000):03d}+0000",
        "service": SERVICE,
        "method": exchange.method,
        "route": BASE + exchange.route.path if exchange.route else None,
        "path": exchange.path[:200],
        "status": exchange.status,
        "duration_ms": round(exchange.seconds * 1000, 1),
        "bytes": exchange.length,
        "cache": exchange.kept or None,
        "request_id": exchange.request_id,
        "xray_trace_id": trace.partition(";")[0].removeprefix("Root=")[:100] or None,
    }
    line = _line({name: value for name, value in about.items() if value is not None})
    handler = cast("StreamHandler[TextIO]", log.registered_handler)
    handler.acquire()
    try:
        handler.stream.write(line + "\n")
        handler.flush()
    finally:
        handler.release()


@lru_cache(maxsize=1)
def _second(since: int) -> str:
    return time.strftime("%Y-%m-%d %H:%M:%S", time.gmtime(since))
