"""What live connections read of the database: events that are no longer in memory, and the tokens in force."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from time import monotonic
from typing import TYPE_CHECKING, TypeVar

from common.store import api_keys
from common.store.events import EventPage, events_after

if TYPE_CHECKING:
    from collections.abc import Callable

    from common.ports import Clock
    from common.store.engine import Connection, Database

Result = TypeVar("Result")
_PAGE = 200
_READERS = 2
_KEYS_FOR_S = 5.0
"""How long a token that was revoked may still be taken."""


@dataclass(frozen=True, slots=True)
class Pass:
    """What is remembered of a token that was let in."""

    prefix: str
    digest: bytes


class Archive:
    """Reads in a few threads of its own, so that a thousand clients that come back at once wait for each other."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock
        self._threads = ThreadPoolExecutor(_READERS, thread_name_prefix="live-read")
        self._keys: dict[str, api_keys.Lock] = {}
        self._keys_read_at: float | None = None
        self._reading_keys = asyncio.Lock()

    async def page(self, after: int) -> EventPage:
        """The events after a number, a page of them.

        Raises:
            StoreError: when they cannot be read.
        """
        return await self._read(lambda connection: events_after(connection, after, limit=_PAGE))

    async def holder(self, token: str) -> Pass | None:
        """Who shows that token; None where it does not allow to read.

        Raises:
            StoreError: when the keys cannot be read.
        """
        shown = Pass(token[: api_keys.PREFIX_LENGTH], api_keys.hashed(token))
        return shown if await self.is_valid(shown) else None

    async def is_valid(self, shown: Pass) -> bool:
        """Whether a token that was shown allows to read, now.

        Raises:
            StoreError: when the keys cannot be read.
        """
        async with self._reading_keys:
            if self._keys_read_at is None or monotonic() - self._keys_read_at > _KEYS_FOR_S:
                self._keys = await self._read(api_keys.locks)
                self._keys_read_at = monotonic()
        key = self._keys.get(shown.prefix, api_keys.NOBODYS)
        return key.opens_to(shown.digest, self._clock()) and bool({"read", "admin"} & key.scopes)

    def close(self) -> None:
        """Begin no more reads."""
        self._threads.shutdown(wait=False, cancel_futures=True)

    async def _read(self, question: Callable[[Connection], Result]) -> Result:
        def ask() -> Result:
            with self._database.reading() as connection:
                return question(connection)

        return await asyncio.get_running_loop().run_in_executor(self._threads, ask)
