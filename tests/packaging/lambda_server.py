"""A Lambda instance on this machine: AWS's own runtime client against a small server of the Runtime API.

https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html
"""

from __future__ import annotations

import json
import os
import queue
import subprocess
import threading
import time
import uuid
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any, Self

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

_PATIENCE_S = 120
_API = "/2018-06-01/runtime"


class Failed(Exception):
    """What the function answered instead of a result."""


@dataclass
class _Exchange:
    """Events that wait, and what came of them."""

    events: queue.Queue[tuple[str, bytes]] = field(default_factory=queue.Queue)
    answers: queue.Queue[tuple[str, bytes]] = field(default_factory=queue.Queue)
    was_asked: threading.Event = field(default_factory=threading.Event)


class LambdaInstance:
    """One instance of a function, which sees nothing but `paths` and `environment`; use it as a context.

    `seconds`: the time limit that the function is told of, by the clock that it sees.
    """

    def __init__(
        self,
        python: str,
        handler: str,
        paths: Sequence[Path],
        environment: Mapping[str, str],
        *,
        seconds: float = 300.0,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._exchange = exchange = _Exchange()
        self._seconds = seconds

        class Api(_RuntimeApi):
            shared = exchange
            ends_at = staticmethod(lambda: clock() + seconds)

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Api)
        self._server.daemon_threads = True
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()
        self._process = subprocess.Popen(
            [python, "-m", "awslambdaric", handler],
            cwd=paths[0],
            env={
                "AWS_LAMBDA_RUNTIME_API": f"127.0.0.1:{self._server.server_address[1]}",
                "AWS_LAMBDA_FUNCTION_NAME": handler,
                "AWS_LAMBDA_FUNCTION_VERSION": "$LATEST",
                "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "1024",
                "LAMBDA_TASK_ROOT": str(paths[0]),
                "PATH": os.defpath,
                "PYTHONPATH": os.pathsep.join(map(str, paths)),
                "PYTHONNOUSERSITE": "1",
                "PYTHONDONTWRITEBYTECODE": "1",  # as where nothing can be written
                "TZ": ":UTC",
                **environment,
            },
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        self.log: list[str] = []
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        assert self._process.stdout is not None
        self.log.extend(self._process.stdout)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        self._process.wait()
        self._reader.join(5)
        self._process.stdout.close()  # type: ignore[union-attr]
        self._server.shutdown()
        self._server.server_close()

    def invoke(self, event: Any) -> Any:
        """The function's result.

        Raises:
            Failed: when it answers with an error, cannot be loaded, or dies.
        """
        self._exchange.events.put((uuid.uuid4().hex, json.dumps(event).encode()))
        end = time.monotonic() + max(self._seconds, _PATIENCE_S)
        while time.monotonic() < end:
            try:
                kind, body = self._exchange.answers.get(timeout=0.2)
            except queue.Empty:
                if self._process.poll() is not None:
                    raise Failed("".join(self.log)) from None
                continue
            if kind != "response":
                raise Failed(body.decode())
            return json.loads(body)
        raise Failed("no answer; it said:\n" + "".join(self.log))

    def cpu_s(self) -> float:
        """Seconds of user CPU so far."""
        with open(f"/proc/{self._process.pid}/stat") as stat:  # noqa: PTH123
            return int(stat.read().rpartition(")")[2].split()[11]) / os.sysconf("SC_CLK_TCK")


class _RuntimeApi(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = -1
    shared: _Exchange
    ends_at: Callable[[], float]

    def log_message(self, *_: object) -> None:
        """Say nothing."""

    def do_GET(self) -> None:
        assert self.path == f"{_API}/invocation/next", self.path
        self.shared.was_asked.set()
        id_, event = self.shared.events.get()
        self.send_response(200)
        self.send_header("Lambda-Runtime-Aws-Request-Id", id_)
        self.send_header("Lambda-Runtime-Deadline-Ms", str(int(self.ends_at() * 1000)))
        self.send_header(
            "Lambda-Runtime-Invoked-Function-Arn", "arn:aws:lambda:ap-south-1:123456789012:function:it"
        )
        self.send_header("Lambda-Runtime-Trace-Id", "Root=1-5759e988-bd862e3fe1be46a994272793;Sampled=0")
        self._body(event)

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self.shared.answers.put((self.path.rpartition("/")[2], body))
        self.send_response(202)
        self._body(b'{"status":"OK"}')

    def _body(self, body: bytes) -> None:
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
        self.wfile.flush()
