"""What all live connections of a process share, and what is seen to for all of them."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Protocol

from common.domain.errors import StoreError
from common.domain.live_protocol import GOING_AWAY, REFUSED, TRY_AGAIN_LATER
from common.entry.message_runner import log
from common.store.errors import UNREACHABLE

if TYPE_CHECKING:
    from aiohttp import web

    from common.live.admission import Door, Options
    from common.live.archive import Archive, Pass
    from common.live.hub import Hub

_LOOK_EVERY_S = 1.0
_NOTE_EVERY = 60
_STUCK_CLOSE_S = 5.0
_LAST_CLOSE_S = 2.0
_BEGIN_S = 5.0
"""How long a client waits for a process that has just begun to read the events."""


class Stream(Protocol):
    """An open connection, of either kind."""

    blocked_since: float | None
    """Since when the client has taken nothing, by the loop's time; None: nothing waits"""
    shown: Pass | None
    """The token that let it in, where one is needed"""

    async def close(self, code: int, reason: str, /, *, within_s: float) -> None:
        """End it, by force after so many seconds."""


class Service:
    """The hub, the archive and the door, with the streams that are open."""

    def __init__(self, options: Options, hub: Hub, archive: Archive, door: Door) -> None:
        self.options = options
        self.hub = hub
        self.archive = archive
        self.door = door
        self.streams: set[Stream] = set()
        self.ending = False
        self._closing: set[asyncio.Task[None]] = set()
        self._noted = 0

    async def position(self, after: int | None) -> tuple[int, bool]:
        """Where a client goes on that has seen the events up to `after`, and whether it must reload first.

        Raises:
            StoreError: when that cannot be seen, because the database does not answer.
        """
        try:
            async with asyncio.timeout(_BEGIN_S):
                await self.hub.begun.wait()
        except TimeoutError:
            raise StoreError(UNREACHABLE) from None
        if after is None:
            return self.hub.newest, False
        if self.hub.covers(after):
            return after, False
        page = await self.archive.page(after)
        return (page.next, True) if page.reload else (after, False)

    async def watch(self) -> None:
        """Every second, end the connections of those who do not read; now and then, those whose token has ended."""
        loop = asyncio.get_running_loop()
        rounds = 0
        while True:
            await asyncio.sleep(_LOOK_EVERY_S)
            rounds += 1
            for stream in list(self.streams):
                since = stream.blocked_since
                if since is not None and loop.time() - since > self.options.stall_s:
                    stream.blocked_since = None
                    self._end(
                        stream, TRY_AGAIN_LATER, "events are read too slowly; connect again with your seq"
                    )
            if rounds % max(1, round(self.options.ping_s)) == 0:
                await self._look_at_tokens()
            if rounds % _NOTE_EVERY == 0:
                self._note()

    async def close(self) -> None:
        """End all connections: the server goes away."""
        self.ending = True
        ends = [
            stream.close(GOING_AWAY, "the server ends; connect again with your seq", within_s=_LAST_CLOSE_S)
            for stream in list(self.streams)
        ]
        await asyncio.gather(*ends, *self._closing, return_exceptions=True)

    def _end(self, stream: Stream, code: int, reason: str) -> None:
        task = asyncio.create_task(stream.close(code, reason, within_s=_STUCK_CLOSE_S))
        self._closing.add(task)
        task.add_done_callback(self._closing.discard)

    async def _look_at_tokens(self) -> None:
        for stream in list(self.streams):
            try:
                valid = stream.shown is None or await self.archive.is_valid(stream.shown)
            except StoreError:
                return
            if not valid:
                self._end(stream, REFUSED, "the token has expired or was revoked")

    def _note(self) -> None:
        """Note how many connections were refused, where any were."""
        refused = self.door.refused - self._noted
        if refused:
            log().warning("live connections refused", extra={"refused": refused, "open": self.door.open})
        self._noted = self.door.refused


def is_cancelled() -> bool:
    """Whether this task itself is to end, and not something that it waited for."""
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0


def given_token(request: web.Request) -> str | None:
    """The token of a request's headers, where it has one."""
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() == "bearer":
        return token.strip() or None
    return request.headers.get("X-API-Key", "").strip() or None
