"""Files by key, kept wherever a URL points: a folder, S3, Google Cloud Storage."""

from __future__ import annotations

from contextlib import contextmanager
from datetime import timedelta
from functools import cached_property
from typing import TYPE_CHECKING

import obstore
from obstore import store
from obstore.exceptions import BaseError

from common.domain.errors import ConfigError, NotFound, StoreError

if TYPE_CHECKING:
    from collections.abc import Iterator

SCHEMES = ("file", "s3", "gs", "memory")


class UrlObjectStore:
    """Objects under ``file:///folder``, ``s3://bucket/prefix`` or ``gs://bucket/prefix``.

    Keys are paths with ``/``, relative to the URL. Credentials are the platform's own: the function's role,
    or the vendor's variables. ``memory:`` keeps everything in this process.
    """

    def __init__(self, url: str, *, setting: str = "MODEL_STORE_URL") -> None:
        """Nothing is opened before the first use. `setting`: where the address comes from, for its error.

        Raises:
            ConfigError: when the address is of another kind.
        """
        if url.partition(":")[0] not in SCHEMES:
            raise ConfigError(
                f"{setting} must start with file://, s3:// or gs://, not be {url.partition('?')[0]!r}"
            )
        self.url = url

    def put(self, key: str, data: bytes) -> None:
        """Keep `data` under `key`, in place of what was there; readers see all of it or none.

        Raises:
            StoreError: when the store cannot be reached or refuses.
        """
        with self._translated(key):
            obstore.put(self._store, key, data)

    def get(self, key: str) -> bytes:
        """What is kept under `key`.

        Raises:
            NotFound: when nothing is.
            StoreError: when the store cannot be reached or refuses.
        """
        with self._translated(key):
            return bytes(obstore.get(self._store, key).bytes())

    def size(self, key: str) -> int:
        """How many bytes are kept under `key`; raises NotFound and StoreError as `get` does."""
        with self._translated(key):
            return int(obstore.head(self._store, key)["size"])

    def get_range(self, key: str, start: int, end: int) -> bytes:
        """Those bytes from `start` to before `end`; raises NotFound and StoreError as `get` does."""
        with self._translated(key):
            return bytes(obstore.get_range(self._store, key, start=start, end=end))

    def exists(self, key: str) -> bool:
        """Whether something is kept under `key`; raises StoreError as `get` does."""
        try:
            with self._translated(key):
                obstore.head(self._store, key)
        except NotFound:
            return False
        return True

    def signed_url(self, key: str, valid_for: timedelta) -> str | None:
        """An address from which anybody may get `key` for so long; None where the store has no such addresses.

        Raises:
            StoreError: when the credentials do not allow to sign.
        """
        with self._translated(key):
            if not isinstance(self._store, store.S3Store | store.GCSStore):
                return None
            return obstore.sign(self._store, "GET", key, valid_for)

    def delete(self, key: str) -> None:
        """Forget `key`; where nothing is kept under it, nothing happens. Raises StoreError as `get` does."""
        try:
            with self._translated(key):
                obstore.delete(self._store, key)
        except NotFound:
            return

    def list(self, prefix: str = "") -> list[str]:
        """The keys in the folder `prefix` and below it, sorted. Raises StoreError as `get` does."""
        with self._translated(prefix):
            return sorted(entry["path"] for entry in obstore.list(self._store, prefix or None).collect())

    @contextmanager
    def _translated(self, key: str) -> Iterator[None]:
        try:
            yield
        except FileNotFoundError as error:
            if "NoSuchBucket" in str(error):
                raise StoreError(f"{self.url} does not exist") from error
            raise NotFound(f"{key} is not in {self.url}") from error
        except (BaseError, OSError, ValueError) as error:
            first_line = str(error).partition("\n")[0]  # the rest is the library's own debugging text
            raise StoreError(f"{key} in {self.url}: {first_line}") from error

    @cached_property
    def _store(self) -> store.ObjectStore:
        if self.url.startswith("memory:"):
            return store.MemoryStore()
        if self.url.startswith("file:"):
            return store.LocalStore.from_url(self.url, mkdir=True)
        return store.from_url(
            self.url,
            client_options={
                "allow_http": True,  # only a stand-in that the operator named has such an address
                "connect_timeout": timedelta(seconds=5),
                "timeout": timedelta(seconds=60),
            },
            retry_config={"max_retries": 3, "retry_timeout": timedelta(seconds=30)},
        )
