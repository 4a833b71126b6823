"""The newest events, in memory, and who waits for the next of them.

A client is a position in the row of events, not a queue: however many there are, an event is held once.
"""

from __future__ import annotations

import asyncio
import json
from bisect import bisect_right
from dataclasses import dataclass
from enum import Enum, auto
from typing import TYPE_CHECKING

from common.domain.live_protocol import EVERYTHING, Filter, event_body, event_message

if TYPE_CHECKING:
    from collections.abc import Sequence

    from common.live.archive import Archive
    from common.store.events import Event

RECENT = 1000
"""Events that are held in memory at least."""
_AT_ONCE = 100


@dataclass(frozen=True, slots=True)
class Recent:
    """An event, as it is sent."""

    seq: int
    kind: str
    cities: tuple[str, ...]
    message: str
    """Of a WebSocket"""
    data: bytes
    """Of an SSE stream, without its id"""


def prepared(event: Event) -> Recent:
    """The event with its texts, which are the same for all clients."""
    data = json.dumps(event_body(event), ensure_ascii=False, separators=(",", ":"))
    return Recent(
        event.seq,
        event.kind,
        event.cities,
        event_message(event),
        f"event: {event.kind}\ndata: {data}\n".encode(),
    )


class Hub:
    """Events with numbers above `start` and up to `newest`; used in the event loop's thread alone."""

    def __init__(self, recent: int = RECENT) -> None:
        self._recent = recent
        self._events: list[Recent] = []
        self._waiting: set[Subscription] = set()
        self.begun = asyncio.Event()
        """Set once events were read."""
        self.start = 0
        self.newest = 0

    @property
    def ready(self) -> bool:
        """Whether events were ever read."""
        return self.begun.is_set()

    def begin(self, position: int) -> None:
        """Begin anew at this number; who has been listening reads everything anew."""
        self._events.clear()
        self.start = self.newest = position
        if self.ready:
            for subscription in self._waiting:
                subscription.renumbered = True
        self._wake()

    def publish(self, events: Sequence[Event], newest: int) -> None:
        """Take in the events up to `newest`, and wake those who wait for them."""
        self._events += map(prepared, events)
        self.newest = newest
        if len(self._events) > 2 * self._recent:
            del self._events[: -self._recent]
            self.start = self._events[0].seq - 1
        self.begun.set()
        self._wake()

    def covers(self, position: int) -> bool:
        """Whether all events after that number are in memory."""
        return self.start <= position <= self.newest

    def after(self, position: int) -> Sequence[Recent]:
        """Some of the events after a number that is covered; empty where there are none."""
        first = bisect_right(self._events, position, key=lambda event: event.seq)
        return self._events[first : first + _AT_ONCE]

    def _wake(self) -> None:
        for subscription in self._waiting:
            subscription.wake.set()

    def join(self, subscription: Subscription) -> None:
        """Let it be woken by what comes."""
        self._waiting.add(subscription)

    def leave(self, subscription: Subscription) -> None:
        """Forget it."""
        self._waiting.discard(subscription)


class Sign(Enum):
    """What a subscription gives beside events."""

    IDLE = auto()
    """Nothing has come for a while."""
    RELOAD = auto()
    """Events that were not sent are no longer kept."""


class Subscription:
    """The events of one client, after its position."""

    def __init__(self, hub: Hub, archive: Archive, position: int, wanted: Filter = EVERYTHING) -> None:
        self._hub = hub
        self._archive = archive
        self._wanted = wanted
        self.position = position
        self.wake = asyncio.Event()
        self.renumbered = False
        hub.join(self)

    def close(self) -> None:
        """No more is wanted."""
        self._hub.leave(self)

    async def next(self, idle_s: float) -> Sequence[Recent] | Sign:
        """The next events, or a sign after `idle_s` seconds at the latest. The position has gone past the events.

        Raises:
            StoreError: when events that are not in memory cannot be read; ask again later.
        """
        try:
            async with asyncio.timeout(idle_s):
                while True:
                    self.wake.clear()
                    events = await self._events()
                    if events is not None:
                        return events
                    await self.wake.wait()
        except TimeoutError:
            return Sign.IDLE

    async def _events(self) -> Sequence[Recent] | Sign | None:
        """What there is; None where it is to be waited for."""
        while True:
            if self.renumbered:
                self.renumbered = False
                self.position = self._hub.newest
                return Sign.RELOAD
            if self._hub.covers(self.position):
                events = self._hub.after(self.position)
                newest = events[-1].seq if events else self._hub.newest
            elif self.position > self._hub.newest:
                return None  # another process of ours was faster; `begin` tells where it is otherwise
            else:
                page = await self._archive.page(self.position)
                if page.reload:
                    self.position = page.next
                    return Sign.RELOAD
                events, newest = [prepared(event) for event in page.events], page.next
            if newest == self.position:
                return None
            self.position = newest
            wanted = [event for event in events if self._wanted.wants(event.kind, event.cities)]
            if wanted:
                return wanted
