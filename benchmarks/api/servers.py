"""gunicorn with two workers of four threads, and what its workers have computed."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.error import HTTPError
from urllib.request import Request, urlopen

if TYPE_CHECKING:
    from collections.abc import Mapping

WORKERS, THREADS = 2, 4
_WRK = str(Path(__file__).parents[2] / "scripts" / "wrk")
_SCRIPT = str(Path(__file__).with_name("load.lua"))
_TICK_S = 1 / os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True)
class Call:
    """One kind of request."""

    name: str
    path: str
    method: str = "GET"
    body: str = ""
    header: tuple[str, str] | None = None
    status: int = 200


class Server:
    """A running gunicorn; `application` is a function of `benchmarks.api.served`."""

    def __init__(
        self, application: str, port: int, folder: Path, env: Mapping[str, str], *, workers: int = WORKERS
    ) -> None:
        self.address = f"http://127.0.0.1:{port}"
        self._log = (folder / f"{application}-{port}.log").open("wb")
        self._process = subprocess.Popen(
            [
                sys.executable, "-m", "gunicorn", "--bind", f"127.0.0.1:{port}", "--workers", str(workers),
                "--worker-class", "gthread", "--threads", str(THREADS), "--keep-alive", "75",
                "--worker-tmp-dir", str(folder), f"benchmarks.api.served:{application}()",
            ],
            stdout=self._log,
            stderr=subprocess.STDOUT,
            env=os.environ | env,
        )  # fmt: skip

    def stop(self) -> None:
        """End it and its workers."""
        self._process.terminate()
        self._process.wait(30)
        self._log.close()

    def ready(self, path: str) -> None:
        """Wait until it answers."""
        for _ in range(300):
            try:
                self.ask(Call("", path))
            except OSError:
                time.sleep(0.1)
            else:
                return
        sys.exit(f"{self.address} does not answer; its log: {self._log.name}")

    def ask(self, call: Call) -> tuple[int, Mapping[str, str], bytes]:
        """One request; (status, headers, body)."""
        headers = dict([call.header] if call.header else [])
        if call.body:
            headers["Content-Type"] = "application/json"
        request = Request(  # noqa: S310 — of ours
            self.address + call.path, call.body.encode() or None, headers, method=call.method
        )
        try:
            with urlopen(request, timeout=60) as answer:  # noqa: S310
                return answer.status, answer.headers, answer.read()
        except HTTPError as error:
            return error.code, error.headers, error.read()

    def load(self, call: Call, *, connections: int, seconds: int) -> dict[str, Any]:
        """So many connections for so long: what wrk says, and the workers' user CPU a request."""
        status, _, body = self.ask(call)
        assert status == call.status, (call, status, body[:300])
        header = call.header or ()
        before = self._computed_s()
        done = subprocess.run(
            [
                _WRK, "--threads", "1", "--connections", str(connections), "--duration", f"{seconds}s",
                "--timeout", "10s", "--script", _SCRIPT, self.address + call.path, "--", call.method, call.body,
                *header,
            ],
            capture_output=True,
            text=True,
            check=True,
        )  # fmt: skip
        result: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
        result["user_ms"] = (self._computed_s() - before) * 1000 / result["requests"]
        result["bytes"] = len(body)
        return result

    def workers(self) -> list[int]:
        """Numbers of the processes that answer."""
        pid = self._process.pid
        return [int(worker) for worker in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]

    def _computed_s(self) -> float:
        """User CPU of the workers so far, in seconds."""
        stats = (
            Path(f"/proc/{worker}/stat").read_text().rpartition(")")[2].split() for worker in self.workers()
        )
        return sum(int(stat[11]) for stat in stats) * _TICK_S
