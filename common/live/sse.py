"""Events as a stream of server-sent events: https://html.spec.whatwg.org/multipage/server-sent-events.html."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from secrets import randbelow
from typing import TYPE_CHECKING

from aiohttp import web

from common.domain.errors import StoreError
from common.domain.live_protocol import Filter, ProtocolError, city_names, kind_names, sequence_number
from common.live.answers import problem
from common.live.hub import Sign, Subscription
from common.live.service import given_token, is_cancelled

if TYPE_CHECKING:
    from common.live.archive import Pass
    from common.live.service import Service

_AGAIN_S = 1.0
_TRY_AGAIN = {"Retry-After": "5"}
_RELOAD = b'event: reload\ndata: {"reload":true,"next":%d}\n'


async def serve_events(service: Service, request: web.Request, headers: dict[str, str]) -> web.StreamResponse:
    """Serve one stream until either side ends it; `headers`: of the answer, beside its own."""
    if (
        "text/event-stream" not in (accepted := request.headers.get("Accept", "*/*"))
        and "*/*" not in accepted
    ):
        return problem(
            406, "this is a stream: send Accept: text/event-stream; the API has it as JSON", headers
        )
    try:
        after = sequence_number(request.headers.get("Last-Event-ID") or request.query.get("after"))
        wanted = _filter(request)
        shown = await _pass(service, request)
        position, must_reload = await service.position(after)
    except ProtocolError as mistake:
        return problem(400, str(mistake), headers)
    except web.HTTPUnauthorized:
        challenge = {"WWW-Authenticate": 'Bearer realm="vayu"'}
        return problem(401, "reading needs a token, as Authorization: Bearer …", headers | challenge)
    except StoreError as error:
        return problem(503, str(error), headers | _TRY_AGAIN)
    response = web.StreamResponse(
        headers=headers
        | {"Content-Type": "text/event-stream", "Cache-Control": "no-store", "X-Accel-Buffering": "no"}
    )
    response.force_close()
    await response.prepare(request)
    subscription = Subscription(service.hub, service.archive, position, wanted)
    stream = EventStream(request, response, subscription, shown)
    service.streams.add(stream)
    try:
        await stream.run(service.options.ping_s, must_reload=must_reload)
    finally:
        service.streams.discard(stream)
        subscription.close()
    return response


class EventStream:
    """One client's stream."""

    def __init__(
        self,
        request: web.Request,
        response: web.StreamResponse,
        subscription: Subscription,
        shown: Pass | None,
    ) -> None:
        self._transport = request.transport
        self._response = response
        self._subscription = subscription
        self._ending = asyncio.Event()
        self._ended = asyncio.Event()
        self.blocked_since: float | None = None
        self.shown = shown

    async def run(self, ping_s: float, *, must_reload: bool) -> None:
        """Send until the client is gone or the stream is closed."""
        sender = asyncio.create_task(self._send(ping_s, must_reload=must_reload))
        ending = asyncio.create_task(self._ending.wait())
        try:
            await asyncio.wait((sender, ending), return_when=asyncio.FIRST_COMPLETED)
            sender.cancel()
            await asyncio.wait((sender,))
            with suppress(ConnectionError):
                await self._response.write_eof()
        except asyncio.CancelledError:
            # Also where aiohttp's wait for room to send was cancelled together with our sender: see LiveSocket.close.
            if self._transport is not None:
                self._transport.abort()
            if is_cancelled():
                raise
        finally:
            sender.cancel()
            ending.cancel()
            self._ended.set()

    async def close(self, _code: int, _reason: str, /, *, within_s: float) -> None:
        """End the stream; its client comes again by itself, with the last id that it has seen."""
        self._ending.set()
        with suppress(TimeoutError):
            async with asyncio.timeout(within_s):
                await self._ended.wait()
        if self._transport is not None and not self._ended.is_set():
            self._transport.abort()

    async def _send(self, ping_s: float, *, must_reload: bool) -> None:
        # All clients of a server that ends come again; not all at once.
        await self._write(b"retry: %d\nid: %d\n\n" % (1000 + randbelow(3000), self._subscription.position))
        if must_reload:
            await self._write(_RELOAD % self._subscription.position + b"\n")
        while True:
            try:
                events = await self._subscription.next(ping_s)
            except StoreError:
                await asyncio.sleep(_AGAIN_S)
                continue
            if isinstance(events, Sign):
                position = self._subscription.position
                text = _RELOAD % position if events is Sign.RELOAD else b": ping\n"
                # With it goes how far the events were looked through, those that were not wanted included.
                await self._write(b"id: %d\n%s\n" % (position, text))
                continue
            for event in events:
                await self._write(b"id: %d\n%s\n" % (event.seq, event.data))

    async def _write(self, data: bytes) -> None:
        self.blocked_since = asyncio.get_running_loop().time()
        await self._response.write(data)
        self.blocked_since = None


async def _pass(service: Service, request: web.Request) -> Pass | None:
    """The token's; None where none is needed.

    Raises:
        HTTPUnauthorized: when it is needed and missing, or not in force.
        StoreError: when it cannot be checked.
    """
    if not service.options.needs_token:
        return None
    token = given_token(request)
    shown = None if token is None else await service.archive.holder(token)
    if shown is None:
        raise web.HTTPUnauthorized
    return shown


def _filter(request: web.Request) -> Filter:
    cities = city_names(_listed(request.query.get("cities")))
    kinds = kind_names(_listed(request.query.get("kinds")))
    return Filter(
        None if cities is None else frozenset(cities),
        None if kinds is None else frozenset(kinds),
    )


def _listed(text: str | None) -> list[str] | None:
    """The entries of ``a,b``; None where nothing is given."""
    return None if not text else [entry.strip() for entry in text.split(",") if entry.strip()]
