"""What the code needs of the world outside, as protocols; `common.adapters` has the implementations."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Any, Protocol

import msgspec

Clock = Callable[[], datetime]
"""Gives the present time, aware, in UTC. Only the composition root makes one."""

Secrets = Callable[[str], Mapping[str, str]]
"""Gives the settings at the address of VAYU_SECRETS; raises ConfigError when they cannot be read."""


class Queue(Protocol):
    """Where messages are sent; they arrive at least once."""

    @property
    def in_database(self) -> bool:
        """Whether a message is a row of the table `job`, so that a transaction may add it."""
        ...

    def send(
        self, type_: str, subject: str, data: Mapping[str, Any], *, delay: timedelta = timedelta(0)
    ) -> str:
        """Send a message; returns its id.

        Raises:
            StoreError: when the queue cannot be reached.
        """
        ...


class PublishedFiles(Protocol):
    """Files by key that are given away. Every method raises StoreError when the store cannot be reached."""

    def get(self, key: str) -> bytes:
        """The bytes under `key`; raises NotFound when there are none."""
        ...

    def size(self, key: str) -> int:
        """How many bytes there are under `key`; raises NotFound when there are none."""
        ...

    def get_range(self, key: str, start: int, end: int) -> bytes:
        """Those bytes from `start` to before `end`, which is after `start`; raises NotFound as `get` does."""
        ...

    def signed_url(self, key: str, valid_for: timedelta) -> str | None:
        """An address from which anybody may get `key` for so long; None where the store has no such addresses."""
        ...


class ObjectStore(PublishedFiles, Protocol):
    """Files by key. Keys are paths with ``/``. Every method raises StoreError when the store cannot be reached."""

    def put(self, key: str, data: bytes) -> None:
        """Store `data` under `key`, in place of what was there; readers see all of it or none."""
        ...

    def exists(self, key: str) -> bool:
        """Whether there is something under `key`."""
        ...

    def delete(self, key: str) -> None:
        """Remove `key`; nothing happens where it is not there."""
        ...

    def list(self, prefix: str = "") -> list[str]:
        """The keys in the folder `prefix` and below it, sorted."""
        ...


class Mailer(Protocol):
    """One way to notify people. It raises whatever its protocol's library does."""

    def __call__(self, id_: str, /, *, subject: str, text: str) -> None:
        """Send one message; repeated, it has the same `id_`."""
        ...


class LiveConnection(msgspec.Struct, frozen=True):
    """A client that has said hello, where a platform holds the sockets and functions come and go."""

    id: str
    seq: int
    """Events up to this number were sent, or need not be"""
    cities: tuple[str, ...] | None = None
    """Which events it wants; None: of all cities"""
    kinds: tuple[str, ...] | None = None
    greeting: str | None = None
    """Of the hello that is being answered; None once what had been missed was sent by whoever answers it"""
    greeted_at: datetime | None = None


class ConnectionGone(Exception):
    """There is no such connection any more."""


class LiveConnections(Protocol):
    """Who is connected, and the way to them. Every method raises StoreError when the platform does not answer."""

    def put(self, connection: LiveConnection, *, now: datetime) -> None:
        """Store a connection, or its new state."""
        ...

    def delete(self, id_: str) -> None:
        """Forget a connection; nothing happens where it is not known."""
        ...

    def get(self, id_: str) -> LiveConnection | None:
        """A connection; None where it has not said hello."""
        ...

    def settle(self, id_: str, seq: int, *, greeting: str) -> bool:
        """End a greeting: all events up to `seq` were sent.

        False where others wait for its end, by `postpone`, and where another hello came meanwhile.
        """
        ...

    def postpone(self, id_: str, seq: int) -> LiveConnection | None:
        """Leave the events up to `seq` to whoever greets this connection.

        Returns the connection where its greeting has ended meanwhile, so that they are still to be sent.
        """
        ...

    def all(self, *, now: datetime) -> list[LiveConnection]:
        """Every connection, those put just before included."""
        ...

    def post(self, id_: str, text: str) -> None:
        """Send a message; raises ConnectionGone where nobody is there."""
        ...

    def close(self, id_: str) -> None:
        """Hang up; nothing happens where nobody is there."""
        ...

    def take_turn(self, *, now: datetime, seconds: int) -> LiveTurn | None:
        """The right to send events, for at most so long; None while another has it."""
        ...

    def end_turn(self, turn: LiveTurn, *, pinged: datetime) -> None:
        """Give the right back, and say when all connections were pinged last."""
        ...


class LiveTurn(msgspec.Struct, frozen=True):
    """The right to send events: two at a time would send each event twice."""

    holder: str
    pinged: datetime | None
    """When all connections were pinged last"""


class AlertMessage(msgspec.Struct, frozen=True):
    """One alert in words and as data, on its way to one address."""

    id: str
    """The same at each attempt; webhooks carry it as ``webhook-id``"""
    sent_at: datetime
    subject: str
    text: str
    html: str | None
    data: Mapping[str, Any]
    """What webhooks get as JSON"""
    language: str = "en"
    unsubscribe_url: str | None = None
    """E-mail only: one click, by POST, ends it (RFC 8058)"""


class AlertAddress(msgspec.Struct, frozen=True):
    """Where an alert goes; never logged."""

    address: str
    secrets: tuple[str, ...] = ()
    """Webhooks only: the secrets (``whsec_…``) that sign it; two while one replaces the other"""


class NotDelivered(Exception):
    """An alert was not taken. The message names a reason, and neither address nor answer."""

    def __init__(
        self,
        reason: str,
        *,
        status: int | None = None,
        retry_after: timedelta | None = None,
        final: bool = False,
        permanent: bool = False,
    ) -> None:
        super().__init__(reason)
        self.status = status
        """HTTP or SMTP status of the answer; None without an answer"""
        self.retry_after = retry_after
        """How long the receiver wants to be left alone"""
        self.final = final
        """Whether this address is gone for good, so that nothing more may be sent to it"""
        self.permanent = permanent
        """Whether it is useless to send this message again; the next one may be taken"""


class AlertChannel(Protocol):
    """One way to deliver alerts."""

    def check(self, address: str) -> str:
        """The address in the form in which it is stored.

        Raises:
            DataError: when this channel cannot or may not deliver there, with a sentence for its owner.
        """
        ...

    def send(self, message: AlertMessage, to: AlertAddress) -> int | None:
        """Deliver within 15 seconds; returns the status of the answer where there is one.

        Raises:
            NotDelivered: when it was not taken.
        """
        ...


class Seal(Protocol):
    """Keeps what must not be read from the database, under a key that is not in it."""

    def seal(self, plain: bytes) -> bytes:
        """Encrypted and authenticated; never the same twice."""
        ...

    def open(self, sealed: bytes) -> bytes:
        """What was sealed.

        Raises:
            ConfigError: when it was sealed under another key, or changed since.
        """
        ...

    def digest(self, purpose: str, data: bytes) -> bytes:
        """32 bytes by which to compare, or to prove, what `data` were; another for each purpose and key."""
        ...
