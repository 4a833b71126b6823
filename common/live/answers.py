"""Answers over HTTP that are no streams."""

from __future__ import annotations

import json
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from aiohttp import web

if TYPE_CHECKING:
    from collections.abc import Mapping


def problem(status: int, detail: str, headers: Mapping[str, str] | None = None) -> web.Response:
    """A problem document (RFC 9457); the connection ends with it."""
    body = {"type": "about:blank", "title": HTTPStatus(status).phrase, "status": status, "detail": detail}
    return answer(body, status=status, headers=headers, content_type="application/problem+json")


def answer(
    body: object,
    *,
    status: int = 200,
    headers: Mapping[str, str] | None = None,
    content_type: str = "application/json",
) -> web.Response:
    """An answer in JSON, which no cache is to hold; the connection ends with it."""
    text = json.dumps(body, ensure_ascii=False)
    response = web.Response(
        text=text,
        status=status,
        headers={"Cache-Control": "no-store", **(headers or {})},
        content_type=content_type,
    )
    response.force_close()
    return response


@web.middleware
async def problems(request: web.Request, handler: Any) -> web.StreamResponse:
    """Make problem documents of what the library refuses by itself."""
    try:
        response: web.StreamResponse = await handler(request)
    except web.HTTPException as refused:
        headers = {name: refused.headers[name] for name in ("Allow",) if name in refused.headers}
        detail = _DETAILS.get(refused.status, refused.reason)
        return problem(refused.status, detail, headers)
    return response


_DETAILS = {
    400: "this is no WebSocket handshake as RFC 6455 wants it",
    404: "there are /live/ws (WebSocket), /api/v1/events (a stream of server-sent events) and /health",
    405: "this address answers GET",
}
