"""Live connections where a platform holds the sockets: what comes from clients, and what events send to them.

`Live.push` sends what was committed since the last time to everybody who has said hello; a hello is sent what came
before it by the function that answers it. Each client gets its events in order, and once; twice where a function ended
before its time. Whoever cannot be reached is forgotten, and comes back with the number of the last event that it has.
"""

from __future__ import annotations

import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from datetime import timedelta
from typing import TYPE_CHECKING
from uuid import uuid4

from aws_lambda_powertools import Logger
from msgspec import structs

from common.domain import live_protocol
from common.domain.errors import StoreError, Transient
from common.domain.live_protocol import Hello, ProtocolError
from common.ports import ConnectionGone, LiveConnection
from common.store import api_keys
from common.store.events import advance_cursor, cursor, events_after, newest_seq, note_pushes

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from common.domain.messages import Message
    from common.ports import Clock, LiveConnections, LiveTurn
    from common.store.engine import Database
    from common.store.events import Event

CONSUMER = "live"
"""Whose cursor in the table of events it is."""
AT_ONCE = 16
"""Connections that are sent something at the same time."""
PING_EVERY = timedelta(minutes=8)
"""API Gateway hangs up after ten minutes without a message, in either direction."""
GREETING = timedelta(seconds=60)
"""A greeting that lasts longer has died with its function."""
CATCH_UP = 500
"""A client that has missed more events than this is to read everything anew."""
TURN_S = 70
"""Longer than the function may take: a turn that was not given back ends by itself."""
WAIT_S = 5.0
"""How long to wait for a turn; another who has it sends our events too, or the schedule of the next minute does."""
SPARE_S = 10.0
"""Nothing more is sent when so little is left of the function's time."""
MOMENT_S = 5.0
"""For so long something is sent whatever is left."""
_PAGE = 500

log = Logger(service="vayu", child=True)


class Live:
    """The connections of one WebSocket API, over the table of events."""

    def __init__(
        self,
        database: Database,
        connections: LiveConnections,
        clock: Clock,
        *,
        origins: Sequence[str] = ("*",),
        needs_token: bool = False,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        """`origins`: of pages that may connect; ``*``: all. `needs_token`: whether a hello must carry one."""
        self._database = database
        self._connections = connections
        self._clock = clock
        self._origins = frozenset(origins)
        self._needs_token = needs_token
        self._sleep = sleep

    def may_connect(self, origin: str | None) -> bool:
        """Whether a page of this origin may; what is no browser names none, and may."""
        return origin is None or not self._origins.isdisjoint(("*", origin.rstrip("/")))

    def disconnected(self, id_: str) -> None:
        """Forget a connection that has ended.

        Raises:
            StoreError: when the table of connections cannot be reached.
        """
        self._connections.delete(id_)

    def received(self, id_: str, text: str | bytes) -> None:
        """Answer a message of a client.

        Raises:
            StoreError: when it cannot be answered; the client has been hung up on where that was possible.
        """
        try:
            with self._or_hang_up(id_):
                self._answer(id_, text)
        except ConnectionGone:
            self._connections.delete(id_)

    def push(self, message: Message) -> Mapping[str, object]:
        """Send everybody the events since the last time, and now and then a sign of life.

        Raises:
            StoreError: when the database or the table of connections cannot be reached.
            Transient: when the time did not suffice; all is sent again, so some clients get events twice.
        """
        turn = self._take_turn()
        if turn is None:
            return {"left": "another sends them"}
        left = message.seconds_left
        until = None if left is None else time.monotonic() + max(MOMENT_S, left - SPARE_S)
        sent: Counter[str] = Counter()
        pinged = turn.pinged or self._clock()
        try:
            while self._push_page(sent, until):
                pass
            if self._clock() - pinged >= PING_EVERY:
                pinged = self._clock()
                sent["pings"] = self._to_all(self._connections.all(now=pinged), self._ping, until)
        finally:
            self._connections.end_turn(turn, pinged=pinged)
        return dict(sent)

    def _answer(self, id_: str, text: str | bytes) -> None:
        try:
            message = live_protocol.parse_message(text)
        except ProtocolError as error:
            self._connections.post(id_, live_protocol.error(str(error)))
            return
        if isinstance(message, Hello):
            self._greet(id_, message)
        elif message == "ping":
            self._connections.post(id_, live_protocol.pong())

    def _greet(self, id_: str, hello: Hello) -> None:
        """Welcome a client, and send what it has missed.

        It is stored first, as one that is being greeted: `push`, which reads connections after events, sends it
        nothing, but has the greeting go on until it has sent what was committed meanwhile.
        """
        refusal = self._refusal(hello) if self._needs_token else None
        if refusal is not None:
            self._connections.post(id_, live_protocol.error(refusal))
            self._connections.close(id_)
            return
        seq, must_reload = self._position(hello)
        now, greeting = self._clock(), uuid4().hex
        greeted = LiveConnection(id_, seq, hello.cities, hello.kinds, greeting, now)
        self._connections.put(greeted, now=now)
        self._connections.post(id_, live_protocol.welcome(seq))
        if must_reload:
            self._connections.post(id_, live_protocol.reload())
        while True:
            missed, seq = self._missed(hello, seq)
            if missed and not self._is_greeted(greeted):
                return
            for event in missed:
                self._connections.post(id_, live_protocol.event_message(event))
            if self._connections.settle(id_, seq, greeting=greeting) or not self._is_greeted(greeted):
                return

    def _is_greeted(self, connection: LiveConnection) -> bool:
        """Whether it is still by that hello; another may have come, or the client has gone."""
        current = self._connections.get(connection.id)
        return current is not None and current.greeting == connection.greeting

    def _position(self, hello: Hello) -> tuple[int, bool]:
        """From which event on a client is sent more, and whether it must read everything anew first."""
        with self._database.transaction() as connection:
            if hello.after is None:
                return newest_seq(connection), False
            page = events_after(
                connection, hello.after, kinds=hello.kinds, cities=hello.cities, limit=CATCH_UP
            )
            if not page.reload and len(page.events) < CATCH_UP:
                return hello.after, False
            return newest_seq(connection), True

    def _missed(self, hello: Hello, seq: int) -> tuple[Sequence[Event], int]:
        """The events after a number that a client wants, and the newest number."""
        with self._database.transaction() as connection:
            page = events_after(connection, seq, kinds=hello.kinds, cities=hello.cities, limit=_PAGE)
        return page.events, page.next

    def _refusal(self, hello: Hello) -> str | None:
        """What is wrong with the token of a hello, if anything is."""
        if hello.token is None:
            return "reading needs a token here: send it as token in the hello"
        with self._database.transaction() as connection:
            keys = api_keys.locks(connection)
        key = keys.get(hello.token[: api_keys.PREFIX_LENGTH], api_keys.NOBODYS)
        if not key.opens_to(api_keys.hashed(hello.token), self._clock()):
            return "the token is not known here, has expired, or was revoked"
        if not key.scopes & {"read", "admin"}:
            return f"the token allows {', '.join(sorted(key.scopes))}; this needs read"
        return None

    def _push_page(self, sent: Counter[str], until: float | None) -> bool:
        """Send a page of events; False where there were none."""
        with self._database.transaction() as connection:
            start = cursor(connection, CONSUMER)
            page = events_after(connection, start, limit=_PAGE)
            if page.reload:  # long after the last time; whoever is connected said hello later
                page = events_after(connection, None, limit=_PAGE)
        if page.events:
            texts = [(event, live_protocol.event_message(event)) for event in page.events]
            known = self._connections.all(now=self._clock())
            sent["events"] += len(texts)
            sent["messages"] += self._to_all(known, lambda to: self._send(to, texts, page.next), until)
        if page.next <= start:
            return False
        with self._database.transaction() as connection:
            advance_cursor(connection, CONSUMER, page.next)
            if page.events:
                note_pushes(connection, [event.seq for event in page.events], now=self._clock())
        return True

    def _to_all(
        self,
        connections: Sequence[LiveConnection],
        send: Callable[[LiveConnection], int],
        until: float | None,
    ) -> int:
        """Send to connections, `AT_ONCE` at a time; one that fails costs no other. How many messages were sent.

        Raises:
            Transient: when the time is over before everybody had a turn.
        """

        def in_time(connection: LiveConnection) -> int | None:
            if until is not None and time.monotonic() > until:
                return None
            try:
                return send(connection)
            except ConnectionGone:
                self._give_up(connection.id)
            except StoreError as error:
                log.warning("a live connection is given up", extra={"error": str(error)})
                self._give_up(connection.id)
                with suppress(StoreError):
                    self._connections.close(connection.id)
            return 0

        if not connections:
            return 0
        with ThreadPoolExecutor(min(AT_ONCE, len(connections))) as pool:
            counts = [count for count in pool.map(in_time, connections) if count is not None]
        if len(counts) < len(connections):
            raise Transient(f"the time sufficed for {len(counts)} of {len(connections)} live connections")
        return sum(counts)

    def _send(self, to: LiveConnection, texts: Sequence[tuple[Event, str]], newest: int) -> int:
        """Send a connection what it wants of a page of events up to `newest`."""
        if to.greeted_at is not None and self._clock() - to.greeted_at < GREETING:
            settled = self._connections.postpone(to.id, newest)
            return 0 if settled is None else self._send(settled, texts, newest)
        if to.greeting is not None or to.seq > newest:
            # Its greeting has died with what was left to it; or numbers began anew, as in a backup that is restored.
            self._connections.post(to.id, live_protocol.reload())
            self._connections.put(structs.replace(to, seq=newest, greeting=None), now=self._clock())
            return 1
        wanted = Hello(None, to.cities, to.kinds).filter
        due = [text for event, text in texts if event.seq > to.seq and wanted.wants(event.kind, event.cities)]
        for text in due:
            self._connections.post(to.id, text)
        return len(due)

    def _ping(self, to: LiveConnection) -> int:
        self._connections.post(to.id, live_protocol.ping())
        return 1

    def _give_up(self, id_: str) -> None:
        with suppress(StoreError):  # its row ends by itself
            self._connections.delete(id_)

    def _take_turn(self) -> LiveTurn | None:
        end = time.monotonic() + WAIT_S
        while True:
            turn = self._connections.take_turn(now=self._clock(), seconds=TURN_S)
            if turn is not None or time.monotonic() > end:
                return turn
            self._sleep(0.1)

    @contextmanager
    def _or_hang_up(self, id_: str) -> Iterator[None]:
        """Have a client come back later where the store does not answer it now."""
        try:
            yield
        except StoreError:
            with suppress(StoreError, ConnectionGone):
                self._connections.post(
                    id_, live_protocol.error("the store does not answer; connect again soon")
                )
            with suppress(StoreError):
                self._connections.close(id_)
            raise
