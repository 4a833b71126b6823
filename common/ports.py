"""What the code needs of the world outside, as protocols; `common.adapters` has the implementations."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Any, Protocol

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
