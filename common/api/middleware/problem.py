"""Errors that need no Flask: the problem documents of the layer around it."""

from http import HTTPStatus
from urllib.parse import quote

import msgspec

from common.api.middleware.request_context import RequestContext

PROBLEM_JSON = "application/problem+json"


class Refusal(msgspec.Struct):
    """An answer that is an error."""

    status: int
    detail: str
    type: str = "about:blank"
    headers: list[tuple[str, str]] = []


def document(refusal: Refusal, exchange: RequestContext) -> bytes:
    """The problem document (RFC 9457)."""
    return msgspec.json.encode(
        {
            "type": refusal.type,
            "title": HTTPStatus(refusal.status).phrase,
            "status": refusal.status,
            "detail": refusal.detail,
            "instance": quote(exchange.path[:200], errors="replace"),
            "request_id": exchange.request_id,
        }
    )
