"""The log of the API: a JSON object a line on standard output."""

import logging
from functools import cache
from typing import TYPE_CHECKING, Any

import msgspec

from common.api.blueprint import BASE
from common.api.middleware.request_context import RequestContext

if TYPE_CHECKING:
    from aws_lambda_powertools import Logger

SERVICE = "vayu-api"
_TRACE = "trace_of_header"


@cache
def logger() -> "Logger":
    """The log of the API."""
    from aws_lambda_powertools import Logger  # 40 ms, not before something is logged

    # No line shows them, and to look them up takes time: https://docs.python.org/3/howto/logging.html#optimization
    logging.logThreads = logging.logMultiprocessing = False
    logging._srcfile = None

    # A message of ours is no JSON in disguise, for which the library would look in each.
    return Logger(service=SERVICE, location=None, utc=True, json_serializer=_line, json_deserializer=str)


def _line(about: dict[str, Any]) -> str:
    trace = about.pop(_TRACE, None)
    if trace is not None:  # the library knows the trace of Lambda's environment alone
        about.setdefault("xray_trace_id", trace)
    return msgspec.json.encode(about, enc_hook=str).decode()


def log_request(request: RequestContext) -> None:
    """Write the one line of a request that was answered; neither its query nor its headers, which may hold secrets."""
    trace = request.environ.get("HTTP_X_AMZN_TRACE_ID", "")
    about = {
        "method": request.method,
        "route": BASE + request.endpoint.path if request.endpoint else None,
        "path": request.path[:200],
        "status": request.status,
        "duration_ms": round(request.seconds * 1000, 1),
        "bytes": request.length,
        "cache": request.cache or None,
        "request_id": request.request_id,
        _TRACE: trace.partition(";")[0].removeprefix("Root=")[:100] or None,
    }
    logger().info("request", extra={name: value for name, value in about.items() if value is not None})
