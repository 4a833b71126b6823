"""The one listener of a process: a thread that follows the table of events and hands them to the event loop."""

from __future__ import annotations

import socket
import threading
from contextlib import ExitStack, suppress
from time import monotonic
from typing import TYPE_CHECKING, Protocol

from common.domain.errors import StoreError
from common.entry.message_runner import log
from common.live.hub import RECENT
from common.store.events import CHANNEL, Event, events_after, newest_seq, note_pushes
from common.store.listen import Listener, NotificationsUnavailable, listening

if TYPE_CHECKING:
    from collections.abc import Sequence

    from common.ports import Clock
    from common.store.engine import Database

_POLL_S = 1.0
_LOOK_ANYWAY_S = 10.0
"""How often the table is read while no notification comes: one may be lost with its connection."""
_LISTEN_AGAIN_S = 30.0
_PAGE = 500


class Receiver(Protocol):
    """Takes what was read; called from the follower's thread."""

    def begin(self, position: int) -> None: ...
    def publish(self, events: Sequence[Event], newest: int) -> None: ...


class Follower(threading.Thread):
    """Follows the events, by notifications on a connection of `notifier`, else by looking every second.

    `notifier` is the database by a way that lets notifications through; None: there is none.
    """

    def __init__(
        self, database: Database, notifier: Database | None, receiver: Receiver, clock: Clock
    ) -> None:
        super().__init__(name="live-follow", daemon=True)
        self._database = database
        self._clock = clock
        self._notifier = notifier
        self._receiver = receiver
        self._position: int | None = None
        self._begun = False
        self._listen_at = 0.0
        self._ended, self._end = socket.socketpair()
        self._stopping = threading.Event()
        self.way = "starting"
        """``notify`` or ``polling``."""
        self.reachable: bool | None = None
        """Whether the database answered last; None before it was asked."""

    def run(self) -> None:
        """Follow until `stop`; what goes wrong with the database is noted once, and tried again."""
        while not self._stopping.is_set():
            try:
                self._follow()
            except StoreError as error:
                self._note_away(error)
                self._stopping.wait(_POLL_S)

    def stop(self) -> None:
        """End soon."""
        self._stopping.set()
        self._end.send(b"\0")

    def _follow(self) -> None:
        self._read()
        with ExitStack() as stack:
            listener = self._listener(stack)
            self._note_way("polling" if listener is None else "notify")
            while not self._stopping.is_set():
                self._read()
                if listener is not None:
                    listener.wait(_LOOK_ANYWAY_S)
                elif self._notifier is not None and monotonic() >= self._listen_at:
                    return  # try to listen again
                else:
                    self._stopping.wait(_POLL_S)

    def _listener(self, stack: ExitStack) -> Listener | None:
        if self._notifier is None:
            return None
        try:
            return stack.enter_context(listening(self._notifier, self._database, CHANNEL, self._ended))
        except NotificationsUnavailable:
            self._notifier = None  # it will not be otherwise, and to try takes two seconds without events
        except StoreError:
            self._listen_at = monotonic() + _LISTEN_AGAIN_S
        return None

    def _read(self) -> None:
        """Hand on everything that has been committed since the last time.

        Raises:
            StoreError: when the database does not answer.
        """
        if self._position is None:
            self._begin()
        while True:
            with self._database.reading() as connection:
                page = events_after(connection, self._position, limit=_PAGE)
            if page.reload:
                self._position = page.next
                self._receiver.begin(page.next)
            elif page.next != self._position or not self._begun:
                fresh, self._position, self._begun = self._begun, page.next, True
                self._receiver.publish(page.events, page.next)
                if fresh:  # those before the process began were pushed by another, if by any
                    self._note_pushes(page.events)
            self._note_there()
            if len(page.events) < _PAGE:
                return

    def _note_pushes(self, events: Sequence[Event]) -> None:
        seqs = [event.seq for event in events if event.kind == "forecast"]
        if seqs:
            # A note that is lost costs one value of a percentile; the events went out.
            with suppress(StoreError), self._database.transaction() as connection:
                note_pushes(connection, seqs, now=self._clock())

    def _begin(self) -> None:
        """Begin some way back, so that clients that come back after a restart find what they missed in memory."""
        with self._database.reading() as connection:
            start = max(newest_seq(connection) - RECENT, 0)
            page = events_after(connection, start, limit=1)
        if page.reload and page.oldest is not None:
            start = page.oldest - 1
        self._receiver.begin(start)
        self._position = start

    def _note_away(self, error: StoreError) -> None:
        if self.reachable is not False:
            log().warning("events cannot be read", extra={"error": str(error)})
        self.reachable = False

    def _note_there(self) -> None:
        if self.reachable is False:
            log().warning("events are read again", extra={"seq": self._position})
        self.reachable = True

    def _note_way(self, way: str) -> None:
        if way != self.way:
            log().warning("following the events", extra={"by": way})
        self.way = way
