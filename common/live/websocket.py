"""Events over WebSocket."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import TYPE_CHECKING, Literal

from aiohttp import WSMsgType, web

from common.domain import live_protocol
from common.domain.errors import StoreError
from common.domain.live_protocol import (
    MAX_FRAME,
    REFUSED,
    TRY_AGAIN_LATER,
    Hello,
    ProtocolError,
    parse_message,
)
from common.live.answers import problem
from common.live.hub import Sign, Subscription
from common.live.service import given_token, is_cancelled

if TYPE_CHECKING:
    from common.live.archive import Pass
    from common.live.service import Service

_CLOSE_S = 2.0
_MESSAGES = 60
"""Messages that a client may send in `_MESSAGES_S`; a hello may have to be answered from the database."""
_MESSAGES_S = 60.0
_MISTAKES = 10
"""After so many messages that mean nothing, the client is sent away."""
_AGAIN_S = 1.0


async def serve_websocket(service: Service, request: web.Request) -> web.StreamResponse:
    """Serve one connection until either side ends it."""
    # One more, for the library refuses what reaches its limit.
    socket = web.WebSocketResponse(
        heartbeat=service.options.ping_s, max_msg_size=MAX_FRAME + 1, compress=False, timeout=_CLOSE_S
    )
    if not socket.can_prepare(request).ok:
        return problem(
            426,
            "connect by WebSocket (RFC 6455), version 13; without it, read /api/v1/events",
            {"Upgrade": "websocket", "Sec-WebSocket-Version": "13"},
        )
    await socket.prepare(request)
    connection = LiveSocket(service, request, socket)
    service.streams.add(connection)
    try:
        await connection.run()
    finally:
        service.streams.discard(connection)
        connection.end()
    return socket


class LiveSocket:
    """One client's connection."""

    def __init__(self, service: Service, request: web.Request, socket: web.WebSocketResponse) -> None:
        self._service = service
        self._socket = socket
        self._transport = request.transport
        self._header_token = given_token(request)
        self._sender: asyncio.Task[None] | None = None
        self._mistakes = 0
        self._messages = 0
        self._counted_from = 0.0
        self.blocked_since: float | None = None
        self.shown: Pass | None = None

    async def run(self) -> None:
        """Read what the client says, which comes seldom, while events are sent beside it."""
        try:
            async with asyncio.timeout(self._service.options.hello_s) as patience:
                async for message in self._socket:
                    if message.type is WSMsgType.ERROR or not await self._receive(message.type, message.data):
                        return
                    if self._sender is not None:
                        patience.reschedule(None)
        except TimeoutError:
            await self._refuse(REFUSED, "no hello came in time")

    async def close(self, code: int, reason: str, /, *, within_s: float = _CLOSE_S) -> None:
        """Send the close frame; end the connection by force where the client does not answer it."""
        await self._stop_sending()
        try:
            with suppress(TimeoutError, ConnectionError):
                async with asyncio.timeout(within_s):
                    await self._socket.close(code=code, message=reason.encode())
        except asyncio.CancelledError:
            # aiohttp waits for room to send by one future, which was cancelled together with our sender.
            if is_cancelled():
                raise
        finally:
            self.end()

    def end(self) -> None:
        """Forget the connection; what could not be sent until now, the client does not read."""
        if self._sender is not None:
            self._sender.cancel()
        if self._transport is not None:
            self._transport.abort()

    async def _receive(self, type_: WSMsgType, data: str | bytes) -> bool:
        """Do what a message asks for; False where the connection is to end."""
        if self._is_flooding():
            await self._refuse(REFUSED, f"a client may send {_MESSAGES} messages a minute")
            return False
        try:
            message = _understood(type_, data)
            if isinstance(message, Hello):
                return await self._begin(message)
            if message == "ping":
                await self._socket.send_str(live_protocol.pong())
        except ProtocolError as mistake:
            self._mistakes += 1
            await self._socket.send_str(live_protocol.error(str(mistake)))
            if self._mistakes >= _MISTAKES:
                await self.close(REFUSED, "too many messages that mean nothing")
                return False
        except ConnectionError:
            return False
        return True

    async def _begin(self, hello: Hello) -> bool:
        """Go on from where the client is; False where it is sent away."""
        try:
            if self._service.options.needs_token and not await self._may_read(hello):
                await self._refuse(
                    REFUSED, 'reading needs a token that is in force: {"type":"hello","token":…}'
                )
                return False
            position, must_reload = await self._service.position(hello.after)
        except StoreError as error:
            await self._refuse(TRY_AGAIN_LATER, str(error))
            return False
        await self._stop_sending()
        await self._socket.send_str(live_protocol.welcome(position))
        if must_reload:
            await self._socket.send_str(live_protocol.reload())
        subscription = Subscription(self._service.hub, self._service.archive, position, hello.filter)
        self._sender = asyncio.create_task(self._send(subscription))
        return True

    async def _may_read(self, hello: Hello) -> bool:
        token = hello.token or self._header_token
        if token is None:
            return self.shown is not None and await self._service.archive.is_valid(self.shown)
        self.shown = await self._service.archive.holder(token)
        return self.shown is not None

    async def _send(self, subscription: Subscription) -> None:
        try:
            while True:
                for text in await self._texts(subscription):
                    await self._write(text)
        except ConnectionError:
            pass  # the reader ends, too
        finally:
            subscription.close()

    async def _texts(self, subscription: Subscription) -> list[str]:
        try:
            events = await subscription.next(self._service.options.ping_s)
        except StoreError:
            await asyncio.sleep(_AGAIN_S)
            return []
        if events is Sign.IDLE:
            return [live_protocol.ping()]
        if events is Sign.RELOAD:
            return [live_protocol.reload()]
        return [event.message for event in events]

    async def _write(self, text: str) -> None:
        self.blocked_since = asyncio.get_running_loop().time()
        await self._socket.send_str(text)
        self.blocked_since = None

    async def _stop_sending(self) -> None:
        sender, self._sender = self._sender, None
        if sender is not None:
            sender.cancel()
            await asyncio.wait([sender])
        self.blocked_since = None

    async def _refuse(self, code: int, reason: str) -> None:
        with suppress(ConnectionError):
            await self._socket.send_str(live_protocol.error(reason))
        await self.close(code, reason[:100])

    def _is_flooding(self) -> bool:
        now = asyncio.get_running_loop().time()
        if now - self._counted_from > _MESSAGES_S:
            self._messages, self._counted_from = 0, now
        self._messages += 1
        return self._messages > _MESSAGES


def _understood(type_: WSMsgType, data: str | bytes) -> Hello | Literal["ping", "pong"]:
    """The message.

    Raises:
        ProtocolError: when it is none.
    """
    if type_ is not WSMsgType.TEXT:
        raise ProtocolError("messages are texts, not bytes")
    return parse_message(data)
