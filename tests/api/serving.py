"""The function's application in a real server, as it is deployed: gunicorn with threads."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.error import HTTPError
from urllib.request import Request, urlopen

from processes import free_port, until

if TYPE_CHECKING:
    from types import TracebackType
    from typing import Self


class Served:
    """gunicorn over a database; settings are those of the environment."""

    def __init__(self, database_url: str, folder: Path, *, workers: int = 1, **settings: str) -> None:
        self.port = free_port()
        self.log = folder / f"gunicorn-{self.port}.log"
        settings = {"VAYU_DASHBOARD": "none"} | settings
        settings |= {"DATABASE_URL": database_url, "VAYU_HOME": str(folder), "TMPDIR": str(folder)}
        with self.log.open("wb") as log:
            self._process = subprocess.Popen(
                [
                    sys.executable, "-m", "gunicorn", "--bind", f"127.0.0.1:{self.port}", "--workers", str(workers),
                    "--worker-class", "gthread", "--threads", "4", "--worker-tmp-dir", str(folder),
                    "--graceful-timeout", "2", "common.bootstrap.api:build()",
                ],
                stdout=log,
                stderr=subprocess.STDOUT,
                env=os.environ | settings,
            )  # fmt: skip

    def __enter__(self) -> Self:
        until(self._answers, 30, "gunicorn answers")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._process.terminate()
        self._process.wait(20)

    def _answers(self) -> bool:
        try:
            return self.get("/api/v1/health")[0] == 200
        except OSError:
            assert self._process.poll() is None, self.log.read_text()
            return False

    def get(self, path: str, **headers: str) -> tuple[int, dict[str, str], bytes]:
        """(status, headers, body)."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        request = Request(f"http://127.0.0.1:{self.port}{path}", headers=named)
        try:
            with urlopen(request, timeout=30) as answer:
                return answer.status, dict(answer.headers), answer.read()
        except HTTPError as error:
            with error:
                return error.code, dict(error.headers), error.read()

    def workers(self) -> list[int]:
        """The processes that answer."""
        pid = self._process.pid
        result = Path(f"/proc/{pid}/task/{pid}/children").read_text()
        return [int(worker) for worker in result.split()]

    def say(self, *parts: bytes) -> bytes:
        """What comes back until the server closes the connection, or for three seconds."""
        with socket.create_connection(("127.0.0.1", self.port), timeout=3) as connection:
            message = b""
            with suppress(BrokenPipeError, ConnectionResetError):  # it has heard enough
                for part in parts:
                    connection.sendall(part)
            try:
                while more := connection.recv(65536):
                    message += more
            except (TimeoutError, ConnectionResetError):
                pass
            return message
