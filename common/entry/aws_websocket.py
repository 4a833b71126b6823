"""The Lambda handler behind API Gateway's WebSocket; Powertools has the event, and no resolver for it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

from common.domain.errors import StoreError
from common.entry import aws
from common.entry.message_runner import log, once

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from aws_lambda_powertools.utilities.data_classes.api_gateway_websocket_event import (
        APIGatewayWebSocketEvent,
    )

    from common.domain.messages import Message
    from common.entry.aws import LambdaHandler


class Sockets(Protocol):
    """What the service of live connections does."""

    def may_connect(self, origin: str | None) -> bool:
        """Whether a page of this origin may connect."""
        ...

    def received(self, id_: str, text: str) -> None:
        """Deal with a client's message."""
        ...

    def disconnected(self, id_: str) -> None:
        """Forget a connection."""
        ...

    def push(self, message: Message) -> Mapping[str, object]:
        """Send what is due to everybody."""
        ...


def live(build: Callable[[], Sockets], default_type: str) -> LambdaHandler:
    """A handler for API Gateway's WebSocket, and for what wakes it when there are events: SQS batches and schedules."""
    sockets = once(build)
    woken = aws.events(lambda: sockets().push, default_type, {default_type})

    @aws.traced
    def routed(event: dict[str, Any], _: Any) -> dict[str, Any]:
        return {"statusCode": _routed(event, sockets())}

    def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
        return (routed if _is_websocket(event) else woken)(event, context)

    return handler


def _is_websocket(event: Mapping[str, Any]) -> bool:
    context = event.get("requestContext")
    return isinstance(context, dict) and "connectionId" in context


def _routed(event: dict[str, Any], sockets: Sockets) -> int:
    """The status of an answer: of ``$connect`` it decides who is let in, of all else API Gateway only logs it.

    What happened is the event's type: the route could be any that a client names in its message.
    """
    from aws_lambda_powertools.utilities.data_classes.api_gateway_websocket_event import (
        APIGatewayWebSocketEvent,
    )

    request = APIGatewayWebSocketEvent(event)
    id_, kind = request.request_context.connection_id, request.request_context.event_type
    try:
        if kind == "CONNECT":
            return 200 if sockets.may_connect(request.headers.get("Origin")) else 403
        if kind == "DISCONNECT":
            sockets.disconnected(id_)
        else:
            sockets.received(id_, _text(request))
    except StoreError as error:
        log().warning("live message failed", extra={"event": kind, "reason": str(error)})
        return 503
    return 200


def _text(request: APIGatewayWebSocketEvent) -> str:
    """A client's text; empty, which is no message, for what is none: API Gateway knows no binary frames."""
    body = request.body
    return body if isinstance(body, str) and not request.is_base64_encoded else ""
