"""The whole product on one machine, as a user starts, stops and kills it. One first fill, about two minutes."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from processes import gone, until

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.slow
ROOT = Path(__file__).parents[2]


class Run:
    """One `vayu dev`, its output in a file."""

    def __init__(self, home: Path, *options: str, port: int, env: dict[str, str] | None = None) -> None:
        self.port = port
        self._log = home.parent / f"{home.name}-{time.monotonic_ns()}.log"
        with self._log.open("wb") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "common.cli", "dev", *options],
                cwd=ROOT,
                env=os.environ | {"VAYU_HOME": str(home), "PORT": str(port)} | (env or {}),
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    @property
    def output(self) -> str:
        return self._log.read_text(encoding="utf-8")

    def says(self, words: str) -> bool:
        assert self.process.poll() is None or words in self.output, f"it ended:\n{self.output}"
        return words in self.output

    def get(self, path: str) -> Any:
        """The JSON of an answer; None while nothing answers, or it is no 2xx."""
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/api/v1{path}", timeout=10) as answer:
                return json.load(answer)
        except (OSError, urllib.error.HTTPError):
            return None

    def stop(self) -> int:
        self.process.send_signal(signal.SIGINT)
        return self.process.wait(60)


@pytest.fixture
def home() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="vy", ignore_cleanup_errors=True) as folder:
        yield Path(folder) / "h"
        gone(Path(folder), 60)


@pytest.fixture
def port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def test_first_start_stop_second_start_and_kill(home: Path, port: int) -> None:
    first = Run(home, "--offline", port=port)
    health = until(lambda: first.get("/health"), 90, "the API answers")
    assert (health["status"], health["database"]) == ("starting", "connected")
    assert not first.says("Ready")
    until(lambda: first.says("Ready"), 400, "the first fill is over")
    cities = first.get("/cities/")["cities"]
    assert sum(1 for city in cities if city["latest"]) == 56
    forecast = first.get("/forecast/delhi")
    assert len(forecast["forecast"]) == 48
    assert forecast["simulated"]
    models = first.get("/models/list?per_page=1")["total"]
    assert first.stop() == 0
    assert "Stopped." in first.output
    gone(home, 20)

    started = time.monotonic()
    second = Run(home, "--offline", port=port)
    until(lambda: second.says("Ready"), 60, "the second start is ready")
    assert time.monotonic() - started < 15
    assert second.get("/models/list?per_page=1")["total"] >= models
    assert len(second.get("/forecast/delhi")["forecast"]) == 48
    second.process.kill()
    second.process.wait()
    gone(home, 60)

    third = Run(home, "--offline", port=port)
    until(lambda: third.says("Ready"), 60, "it starts after a kill")
    assert third.get("/health")["status"] == "healthy"
    assert third.stop() == 0


@pytest.mark.parametrize(
    "moment", ["Starting the database", "The API answers", "Filling 92 days of history: 7"]
)
def test_a_kill_at_any_moment_needs_no_repair(home: Path, port: int, moment: str) -> None:
    killed = Run(home, "--offline", port=port)
    until(lambda: killed.says(moment), 120, moment)
    killed.process.kill()
    killed.process.wait()
    gone(home, 60)
    again = Run(home, "--offline", port=port)
    assert until(lambda: again.get("/health"), 90, "it answers again")["database"] == "connected"
    assert again.stop() == 0


def test_without_a_network_it_works_on_simulated_data_and_says_so(home: Path, port: int) -> None:
    closed = "http://127.0.0.1:1/"
    names = ("OPEN_METEO_AIR_URL", "OPEN_METEO_WEATHER_URL", "CPCB_FEED_URL")
    run = Run(home, port=port, env=dict.fromkeys(names, closed))
    until(lambda: run.says("No provider can be reached: working on simulated data."), 120)
    until(lambda: run.get("/health"), 90, "the API answers")
    assert run.stop() == 0


def test_a_taken_port_is_told_and_nothing_is_started(home: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = int(taken.getsockname()[1])
        run = Run(home, "--offline", port=port)
        assert run.process.wait(60) == 1
        assert f"port {port} is taken" in run.output
        assert "Traceback" not in run.output
    assert not (home / "postgres").exists()
