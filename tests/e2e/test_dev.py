"""The whole product on one machine, as a process: starts, serves, stops, and is never in need of repair.

A first start trains every city, most of the time of these tests: the product that is started here is a copy that knows
eight of them, or all where VAYU_TEST_THOROUGH is set.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import urllib.error
import urllib.request
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import psutil
import pytest
from processes import free_ports, gone, killed_afterwards, listens, of_folder, temporary_folder, until
from providers import open_meteo
from stubs import Stub, refusing
from websockets.sync.client import connect

from common.sources import BASE_URLS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from contextlib import AbstractContextManager

    Start = Callable[..., AbstractContextManager["Dev"]]

pytestmark = pytest.mark.slow
ROOT = Path(__file__).parents[2]
THOROUGH = bool(os.environ.get("VAYU_TEST_THOROUGH"))
CITIES = 56 if THOROUGH else 8
"""More than are filled by one message"""
PATIENCE_S = 60.0
FIRST_FILL_S = 600.0
SECOND_START_S = 15.0


def environment(home: Path, **more: str) -> dict[str, str]:
    inherited = {name: os.environ[name] for name in ("PATH", "HOME", "LANG", "TMPDIR") if name in os.environ}
    return inherited | {"VAYU_HOME": str(home), "VAYU_DASHBOARD": "none"} | more


class Dev:
    """A running ``vayu dev``."""

    def __init__(self, product: Path, home: Path, *arguments: str, **env: str) -> None:
        self.port = free_ports(2)  # the API's, and the one of live connections above it
        self.home = home
        home.mkdir(exist_ok=True)
        self._log = home.with_name(f"{home.name}-{self.port}.log")
        with self._log.open("wb") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "common.cli", "dev", *arguments],
                cwd=product,
                env=environment(home, PORT=str(self.port), **env),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    @property
    def log(self) -> str:
        return self._log.read_text(encoding="utf-8")

    def tells(self, text: str, seconds: float = PATIENCE_S) -> re.Match[str]:
        """Wait until the log holds what the pattern says."""

        def matched() -> re.Match[str] | None:
            result = re.search(text, self.log)
            assert result or self.process.poll() is None, self.log
            return result

        return until(matched, seconds, text)

    def listens(self, port: int) -> None:
        """Wait until a process does at the port."""
        try:
            until(lambda: listens(port), PATIENCE_S, f"listens at {port}")
        except AssertionError as error:
            error.add_note(self.log)
            raise

    def get(self, path: str) -> tuple[int, dict[str, Any]]:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/api/v1{path}", timeout=30) as answer:
                return answer.status, json.loads(answer.read())
        except urllib.error.HTTPError as answer:
            with answer:
                return answer.code, json.loads(answer.read())

    def end(self, *signals: signal.Signals) -> int:
        """Send the signals; the exit status."""
        for number in signals:
            self.process.send_signal(number)
        return self.process.wait(PATIENCE_S)


@pytest.fixture(scope="module")
def product() -> Iterator[Path]:
    """A folder with the code that is started."""
    with temporary_folder("vayu code ") as folder:
        # With the bytecode, so that not every process compiles anew.
        shutil.copytree(ROOT / "common", folder / "common")
        leave_cities(folder, CITIES)
        yield folder


def leave_cities(product: Path, number: int) -> None:
    """Have the code in that folder know so many cities, the last of the list among them."""
    names = product / "common" / "domain" / "cities.json"
    cities = json.loads(names.read_text(encoding="utf-8"))
    assert len(cities) == 56
    assert cities[-1]["name"] == "Warangal"
    names.write_text(json.dumps([*cities[: number - 1], cities[-1]]), encoding="utf-8")


@contextmanager
def running_dev(product: Path, home: Path, *arguments: str, **env: str) -> Iterator[Dev]:
    """``vayu dev`` of the code in a folder, in a home of its own; killed at the end, if it still runs."""
    running = Dev(product, home, *arguments, **env)
    with killed_afterwards(running):
        yield running


@pytest.fixture
def dev(product: Path) -> Start:
    """The same, of the product with few cities."""
    return partial(running_dev, product)


@pytest.fixture
def home() -> Iterator[Path]:
    """A folder of its own; whatever happens, nothing of it runs afterwards."""
    with temporary_folder("vayu dev ") as folder:
        yield folder / "home"
        gone(folder, PATIENCE_S)


@pytest.fixture(scope="module")
def filled() -> Iterator[Path]:
    """A folder for the one first start that runs through, and for the starts after it."""
    with temporary_folder("vayu dev ") as folder:
        yield folder / "home"
        gone(folder, PATIENCE_S)


def test_the_first_start(dev: Start, filled: Path) -> None:
    with dev(filled, "--offline") as running:
        running.tells(f"The API answers at http://127.0.0.1:{running.port}/api/v1/health")
        _, health = running.get("/health")
        assert "Ready" not in running.log
        assert health["database"] == "connected"
        assert running.get("/forecast/delhi")[0] in (404, 503)

        running.tells(
            r"Ready after \d+ s: http://127.0.0.1:\d+/api/v1/forecast/delhi  \(simulated data\)", FIRST_FILL_S
        )
        assert f"Filling 92 days of history: 0 of {CITIES}" in running.log
        assert re.search(rf"Training first models: \d+ of {CITIES}", running.log)
        assert f"Filling 92 days of history: {CITIES} of {CITIES}" in running.log
        assert "Issuing first forecasts: 1 of 1" in running.log
        assert len(running.log.splitlines()) < 150
        assert "ended with status" not in running.log

        status, health = running.get("/health")
        assert (status, health["status"], health["simulated"]) == (200, "healthy", True), health
        for city in ("delhi", "warangal"):
            status, forecast = running.get(f"/forecast/{city}")
            assert status == 200, forecast
            assert len(forecast["forecast"]) == 48
        assert running.end(signal.SIGINT) == 0
        assert running.log.endswith("Stopping …\nStopped.\n")
        assert of_folder(filled) == []


def test_the_second_start_is_quick_and_everything_is_kept(dev: Start, product: Path, filled: Path) -> None:
    with dev(filled, "--offline") as running:
        running.tells("Ready after", SECOND_START_S)
        assert "Filling" not in running.log
        assert running.get("/forecast/delhi")[0] == 200
        address = running.get("/live")[1]["websocket"]
        running.listens(int(urlsplit(address).port or 0))
        with connect(address, proxy=None, origin=f"http://127.0.0.1:{running.port}") as live:
            live.send('{"type":"hello"}')
            assert json.loads(live.recv(timeout=PATIENCE_S))["type"] == "welcome"

        second = Dev(product, filled, "--offline")
        assert second.process.wait(PATIENCE_S) == 1
        assert (
            second.log
            == f"error: vayu dev runs already in {filled}; stop it, or set VAYU_HOME to another folder\n"
        )

        command = [sys.executable, "-m", "common.cli", "status", "--json"]
        done = subprocess.run(command, cwd=product, env=environment(filled), capture_output=True, check=True)
        result = json.loads(done.stdout)
        assert (result["dataset"], result["totals"]["cities"]) == ("simulated", CITIES)
        assert result["totals"]["city_hours"] >= CITIES * 92 * 24
        assert running.get("/health")[0] == 200  # that command has left the server to us

        assert running.end(signal.SIGINT, signal.SIGINT, signal.SIGTERM) == 0
        assert of_folder(filled) == []


def test_without_a_terminal_that_listens(dev: Start, filled: Path) -> None:
    """What ``vayu dev | head`` and a closed window do."""
    with dev(filled) as running:  # goes on with the simulated data, without being told to
        running.tells("Ready after", SECOND_START_S)
        assert running.end(signal.SIGHUP) == 0
        assert of_folder(filled) == []


def test_killed_at_any_moment_it_starts_again(dev: Start, home: Path) -> None:
    with dev(home, "--offline") as running:
        until((home / "postgres.partial").exists, PATIENCE_S)
        running.end(signal.SIGKILL)
        gone(home)
    with dev(home, "--offline") as running:
        running.tells("The API answers")
        running.end(signal.SIGKILL)
    with dev(home, "--offline") as running:  # at once: what was killed last is still on its way out
        running.tells(rf"Training first models: [1-9]\d* of {CITIES}", 2 * PATIENCE_S)
        running.end(signal.SIGKILL)
        gone(home)
    with dev(home, "--offline") as running:
        # Some are done already.
        running.tells(rf"Filling 92 days of history: 0 of (?!{CITIES})\d+", PATIENCE_S)
        [worker] = until(lambda: [line for line in of_folder(home) if "vayu.collect" in line], PATIENCE_S)
        psutil.Process(int(worker.split()[0])).kill()
        running.tells("worker ended with status -9; starting it again")
        running.tells("Filling 92 days of history: [1-9]", 2 * PATIENCE_S)
        assert running.end(signal.SIGTERM) == 0
        assert of_folder(home) == []


def test_interrupted_while_the_database_is_made(dev: Start, home: Path) -> None:
    for sign in ("postgres.partial", "postgres/postmaster.pid"):
        with dev(home, "--offline") as running:
            until((home / sign).exists, PATIENCE_S)
            assert running.end(signal.SIGINT) == 0
            gone(home, 10)  # initdb, which hears the signal too, may end a moment later


def test_where_no_provider_answers(dev: Start, home: Path) -> None:
    with refusing() as closed:
        nowhere = dict.fromkeys(BASE_URLS, f"{closed}/x")
        with dev(home, **nowhere) as running:
            running.tells("No provider can be reached: working on simulated data.", 30)
            assert "open-meteo: refused" in running.log
            running.tells(f"Filling 92 days of history: 0 of {CITIES}")
            until(lambda: running.get("/health")[1]["simulated"], PATIENCE_S)
            assert running.end(signal.SIGINT) == 0
            assert of_folder(home) == []


def test_where_providers_answer(dev: Start, home: Path) -> None:
    with Stub() as stub, refusing() as closed:
        stub.answer("/air", open_meteo)
        stub.answer("/weather", open_meteo)
        addresses = dict.fromkeys(BASE_URLS, f"{closed}/x")
        addresses |= {
            "OPEN_METEO_AIR_URL": f"{stub.url}/air",
            "OPEN_METEO_WEATHER_URL": f"{stub.url}/weather",
        }
        with dev(home, **addresses) as running:
            running.tells(f"Filling 92 days of history: 0 of {CITIES}")
            status, current = running.get("/aqi/current/delhi")
            assert (status, current["source"], current["basis"]) == (200, "open-meteo", "modelled")
            assert not running.get("/health")[1]["simulated"]
            assert running.end(signal.SIGINT) == 0
            assert of_folder(home) == []


def test_a_taken_port(dev: Start, home: Path) -> None:
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        held.listen()
        port = held.getsockname()[1]
        with dev(home, "--offline", "--port", str(port)) as running:
            assert running.process.wait(PATIENCE_S) == 1
            assert running.log.startswith(f"error: port {port} is taken; choose another: ")
            assert len(running.log.splitlines()) == 1
            assert not (home / "postgres").exists()
