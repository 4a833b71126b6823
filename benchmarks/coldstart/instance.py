"""A new instance of a function, what it has used, and the events it is sent."""

from __future__ import annotations

import json
import os
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

TESTS = Path(__file__).parents[2] / "tests"
sys.path.insert(0, str(TESTS / "packaging"))

from lambda_server import Failed, LambdaInstance  # noqa: E402 - that of the tests

if TYPE_CHECKING:
    from collections.abc import Mapping

_PATIENCE_S = 60
_TICK_S = 1 / os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True)
class Used:
    """What a process has used since it was started."""

    user_s: float
    system_s: float
    wall_s: float
    memory_mb: float

    @property
    def cpu_s(self) -> float:
        """User and system."""
        return self.user_s + self.system_s


class Instance(LambdaInstance):
    """One that is waited for and looked at; use it as a context."""

    def __init__(self, *given: Any, **limits: Any) -> None:
        self._began = time.perf_counter()
        super().__init__(*given, **limits)
        self._server.handle_error = lambda *_: None  # that an instance hangs up when it is ended

    def wait_for_init(self) -> None:
        """Wait until it asks for its first event.

        Raises:
            Failed: when it never does.
        """
        for _ in range(_PATIENCE_S * 10):
            if self._exchange.was_asked.wait(0.1):
                return
            if self._process.poll() is not None:
                break
        raise Failed("".join(self.log))

    def used(self) -> Used:
        """Until now; to the hundredth of a second of CPU."""
        wall_s = time.perf_counter() - self._began
        process = Path(f"/proc/{self._process.pid}")
        stat = (process / "stat").read_text().rpartition(")")[2].split()
        [peak] = [line for line in (process / "status").read_text().splitlines() if line.startswith("VmHWM")]
        return Used(int(stat[11]) * _TICK_S, int(stat[12]) * _TICK_S, wall_s, int(peak.split()[1]) / 1000)


def request(path: str, query: str = "") -> dict[str, Any]:
    """An HTTP API event of the recorded shape."""
    event = _recorded("http_get") | {"rawPath": path, "rawQueryString": query}
    event.pop("queryStringParameters", None)
    event["requestContext"]["http"]["path"] = path
    return event


def batch(type_: str, data: Mapping[str, Any]) -> dict[str, Any]:
    """An SQS batch of one message, of the recorded shape."""
    event = _recorded("sqs_one")
    event["Records"][0]["body"] = json.dumps({"type": type_, "data": data})
    return event


def _recorded(name: str) -> dict[str, Any]:
    result: dict[str, Any] = json.loads((TESTS / "events" / "aws" / f"{name}.json").read_text())
    return result
