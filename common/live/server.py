"""The server of live connections: WebSocket, server-sent events and its own health, on one port.

By aiohttp. Of the libraries weighed, with 1,000 idle sockets each, aiohttp takes 15 KB a socket beside 38 MB,
websockets 16 KB beside 26 MB, uvicorn 20 KB beside 30 MB; they start in 0.5, 0.2 and 0.3 s. websockets cannot stream
an answer of HTTP, which server-sent events are. uvicorn waits for ever for a client that does not read: its interface
has no way to end such a connection, and its own close waits until all is sent. aiohttp does both on one port.
"""

from __future__ import annotations

import asyncio
import logging
import resource
import signal
import socket
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING, cast

from aiohttp import web
from aiohttp.http_exceptions import HttpProcessingError

from common import __version__
from common.domain.client_address import network_of
from common.domain.live_protocol import WEBSOCKET_PATH
from common.entry.message_runner import log
from common.live.admission import Door, Options, client_address, may_connect_from
from common.live.answers import answer, problem, problems
from common.live.archive import Archive
from common.live.follow import Follower
from common.live.hub import Hub
from common.live.service import Service
from common.live.sse import serve_events
from common.live.websocket import serve_websocket

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from common.ports import Clock
    from common.store.engine import Database
    from common.store.events import Event

EVENTS_PATH = "/api/v1/events"
HEALTH_PATH = "/health"
_BACKLOG = 2048
"""Connections that wait in the kernel."""
_AT_ONCE = 16
"""Of these, so many are taken up before the others have their turn; asyncio would take as many as may wait."""
_SEND_BUFFER = 64 * 1024
"""Bytes that the kernel holds for a client that does not read; it doubles them."""
_UNANSWERED_MS = 60_000
"""After so long without a sign of the other side, the kernel ends a connection."""
_SPARE = 64
"""Connections and descriptors beyond the streams: for /health, refusals, the database, the log."""
_BUSY = b"HTTP/1.1 %d %s\r\nConnection: close\r\nRetry-After: 10\r\nContent-Length: 0\r\n\r\n"
_TOO_MANY, _FULL = _BUSY % (429, b"Too Many Requests"), _BUSY % (503, b"Service Unavailable")


class _Gate(asyncio.Protocol):
    """Looks at a connection before anything is read of it, so that a flood of them costs little."""

    def __init__(self, door: Door, server: web.Server, options: Options) -> None:
        self._door = door
        self._server = server
        self._options = options

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Hand the connection over, or refuse it."""
        transport = cast("asyncio.Transport", transport)
        peer = transport.get_extra_info("peername")
        # Behind proxies of ours all come from the same address: theirs is known when the request was read.
        if not self._options.trusted_proxies and self._door.too_fast(network_of(peer[0]) if peer else ""):
            _refuse(transport, _TOO_MANY)
        elif len(self._server.connections) >= self._options.connections + _SPARE:
            self._door.refused += 1
            _refuse(transport, _FULL)
        else:
            handler = self._server()
            transport.set_protocol(handler)
            handler.connection_made(transport)


def _refuse(transport: asyncio.Transport, text: bytes) -> None:
    transport.write(text)
    transport.close()


class _Receiver:
    """Hands what the follower's thread has read over to the hub's."""

    def __init__(self, hub: Hub) -> None:
        self._hub = hub
        self._loop = asyncio.get_running_loop()

    def begin(self, position: int) -> None:
        self._call(self._hub.begin, position)

    def publish(self, events: Sequence[Event], newest: int) -> None:
        self._call(self._hub.publish, events, newest)

    def _call(self, method: Callable[..., None], *arguments: object) -> None:
        with suppress(RuntimeError):  # the loop has ended
            self._loop.call_soon_threadsafe(method, *arguments)


async def serve(
    database: Database,
    notifier: Database | None,
    clock: Clock,
    options: Options,
    address: tuple[str, int],
) -> None:
    """Serve live connections at (host, port) until SIGTERM, SIGINT or SIGHUP; then end them all within 5 s.

    `notifier`: the database by a way that lets notifications through; None: it is looked at every second.

    Raises:
        OSError: when the port cannot be listened on.
    """
    loop = asyncio.get_running_loop()
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        if number != signal.SIGHUP or signal.getsignal(number) is not signal.SIG_IGN:  # nohup
            loop.add_signal_handler(number, stop.set)
    logging.getLogger("aiohttp.server").addFilter(_NoGarbage())
    _raise_descriptor_limit(options.connections + 2 * _SPARE)
    service = Service(options, Hub(), Archive(database, clock), Door(options))
    follower = Follower(database, notifier, _Receiver(service.hub), clock)
    runner = web.AppRunner(
        application(service, follower),
        access_log=None,
        handler_cancellation=True,
        keepalive_timeout=options.hello_s,
        lingering_time=0.0,
        shutdown_timeout=0.5,
        max_line_size=4096,
    )
    await runner.setup()
    bound = _bound(*address)
    listening = await loop.create_server(
        partial(_Gate, service.door, cast("web.Server", runner.server), options), sock=bound, backlog=_AT_ONCE
    )
    bound.listen(_BACKLOG)
    follower.start()
    watch = asyncio.create_task(service.watch())
    log().info("live connections are served", extra={"port": address[1]})
    try:
        stopped = asyncio.create_task(stop.wait())
        await asyncio.wait((stopped, watch), return_when=asyncio.FIRST_COMPLETED)
        if watch.done():
            watch.result()  # it never ends but by an error
    finally:
        listening.close()
        watch.cancel()
        follower.stop()
        await service.close()
        await runner.cleanup()
        service.archive.close()


class _NoGarbage(logging.Filter):
    """Keeps out of the log what is no HTTP: anybody can send it, and it would be logged as it came."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether the record is to be logged."""
        return not (record.exc_info and isinstance(record.exc_info[1], HttpProcessingError))


def application(service: Service, follower: Follower) -> web.Application:
    """The addresses and who answers them."""

    async def stream(request: web.Request) -> web.StreamResponse:
        origin = request.headers.get("Origin")
        if not may_connect_from(origin, request.host, service.options.origins):
            return problem(403, "pages of this origin may not connect; see VAYU_CORS_ORIGINS")
        peer = request.transport.get_extra_info("peername") if request.transport else None
        client = client_address(peer[0] if peer else "", request.headers, service.options)
        if service.ending:
            return problem(503, "the server ends; connect again", {"Retry-After": "1"})
        if service.options.trusted_proxies and service.door.too_fast(client):
            return problem(
                429, "too many connections from this address; try again in 10 s", {"Retry-After": "10"}
            )
        refusal = service.door.enter(client)
        if refusal is not None:
            return problem(*refusal, {"Retry-After": "10"})
        try:
            if request.path == WEBSOCKET_PATH:
                return await serve_websocket(service, request)
            return await serve_events(service, request, _cors(origin, service.options))
        finally:
            service.door.leave(client)

    async def preflight(request: web.Request) -> web.StreamResponse:
        origin = request.headers.get("Origin")
        headers = _cors(origin, service.options) | {
            "Access-Control-Allow-Methods": "GET",
            "Access-Control-Allow-Headers": "Authorization, X-API-Key, Last-Event-ID, Cache-Control",
            "Access-Control-Max-Age": "86400",
        }
        return web.Response(status=204, headers=headers)

    async def health(_: web.Request) -> web.StreamResponse:
        # 200 even where the database is away: to start this process again would end its connections, and help nobody.
        return answer(
            {
                "status": "healthy" if follower.reachable else "degraded",
                "database": "connected" if follower.reachable else "unreachable",
                "follows_by": follower.way,
                "connections": service.door.open,
                "seq": service.hub.newest if service.hub.ready else None,
                "version": __version__,
            }
        )

    app = web.Application(middlewares=[problems])
    app.router.add_get(WEBSOCKET_PATH, stream, allow_head=False)
    app.router.add_get(EVENTS_PATH, stream, allow_head=False)
    app.router.add_options(EVENTS_PATH, preflight)
    app.router.add_get(HEALTH_PATH, health)
    return app


def _cors(origin: str | None, options: Options) -> dict[str, str]:
    """What lets a browser's page read the stream; who may not was refused before."""
    if origin is None:
        return {}
    if "*" in options.origins:
        return {"Access-Control-Allow-Origin": "*"}
    allowed = {"Access-Control-Allow-Origin": origin} if origin in options.origins else {}
    return allowed | {"Vary": "Origin"}


def _bound(host: str, port: int) -> socket.socket:
    """A socket to listen on; what is set on it holds for the connections, too."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    bound = socket.socket(family)
    try:
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _SEND_BUFFER)
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        if hasattr(socket, "TCP_USER_TIMEOUT"):  # Linux
            bound.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, _UNANSWERED_MS)
        bound.bind((host, port))
    except BaseException:
        bound.close()
        raise
    return bound


def _raise_descriptor_limit(wanted: int) -> None:
    """Let the process have as many open files as it may have connections: many systems begin with 1,024."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    most = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
    if soft != resource.RLIM_INFINITY and soft < most:
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))
