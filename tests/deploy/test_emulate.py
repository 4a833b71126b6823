"""What `make emulate-gcp` and `make emulate-aws` start: a schedule leads to forecasts, and nothing stays behind."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import httpx
import pytest
from processes import free_ports, gone, killed_afterwards, of_folder, temporary_folder, until
from providers import open_meteo
from stubs import Stub, refusing
from synthetic import put_model
from templates import ROOT

from common.adapters.object_store import UrlObjectStore
from common.bootstrap.container import system_clock
from common.domain.forecast import TARGETS
from common.domain.messages import ARCHIVE
from common.domain.observation import HOUR, last_full_hour
from common.sources import BASE_URLS

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from common.store.engine import Database

pytestmark = pytest.mark.slow
PATIENCE_S = 120.0
SCHEDULE = {"gcp": b"", "aws": (ROOT / "tests" / "events" / "aws" / "schedule.json").read_bytes()}
BACKFILL = json.dumps({"type": "vayu.collect", "data": {"cities": ["Delhi"], "days": 3}}).encode()


@pytest.fixture
def home() -> Iterator[Path]:
    """A folder of its own; whatever happens, nothing of it runs afterwards."""
    with temporary_folder("vayu emulated ") as folder:
        yield folder / "home"
        gone(folder, PATIENCE_S)


class Emulated:
    """A running emulation."""

    def __init__(self, cloud: str, home: Path, **env: str) -> None:
        self.cloud = cloud
        self.port = free_ports(7)
        home.mkdir(exist_ok=True)
        self._log = home.with_name("log.txt")
        inherited = {
            name: os.environ[name] for name in ("PATH", "HOME", "LANG", "TMPDIR") if name in os.environ
        }
        with self._log.open("wb") as log:
            self.process = subprocess.Popen(
                [sys.executable, ROOT / "scripts" / "emulate.py", cloud],
                env=inherited | {"VAYU_HOME": str(home), "PORT": str(self.port)} | env,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        until(self._is_ready, PATIENCE_S)

    @property
    def log(self) -> str:
        return self._log.read_text(encoding="utf-8")

    def _is_ready(self) -> bool:
        assert self.process.poll() is None, self.log
        return "Ready." in self.log

    def api(self, path: str) -> dict[str, Any] | None:
        """What the API shows; None where it has nothing yet. It may be asked twice a second, no oftener."""
        answer = httpx.get(f"http://127.0.0.1:{self.port}/api/v1{path}", timeout=30)
        result: dict[str, Any] = answer.json()
        return result if answer.status_code == 200 else None

    def collect(self, content: bytes) -> dict[str, Any]:
        """What `collect` answers to an event, or to the schedule where there is no content."""
        path = {"gcp": "", "aws": "/2015-03-31/functions/vayu-local-collect/invocations"}[self.cloud]
        answer = httpx.post(f"http://127.0.0.1:{self.port + 1}{path}", content=content, timeout=PATIENCE_S)
        assert answer.status_code == 200, answer.text
        result: dict[str, Any] = answer.json()
        return result


@contextmanager
def emulated(cloud: str, home: Path, **env: str) -> Iterator[Emulated]:
    running = Emulated(cloud, home, **env)
    with killed_afterwards(running):
        yield running


@pytest.fixture
def providers() -> Iterator[dict[str, str]]:
    """The settings that make a stand-in for Open-Meteo the only provider."""
    with Stub() as stub, refusing() as closed:
        stub.answer("/air", open_meteo)
        stub.answer("/weather", open_meteo)
        yield dict.fromkeys(BASE_URLS, f"{closed}/x") | {
            "OPEN_METEO_AIR_URL": f"{stub.url}/air",
            "OPEN_METEO_WEATHER_URL": f"{stub.url}/weather",
        }


@pytest.fixture
def cloud(request: pytest.FixtureRequest) -> str:
    name: str = request.param
    if name == "aws" and not (ROOT / ".vayu/osls/node_modules/serverless-offline").exists():
        pytest.skip("serverless-offline is not here: make osls")
    return name


@pytest.mark.parametrize("cloud", ["gcp", "aws"], indirect=True)
def test_a_schedule_leads_to_forecasts(
    cloud: str, home: Path, database: Database, providers: dict[str, str]
) -> None:
    with emulated(cloud, home, DATABASE_URL=database.url, **providers) as running:
        for target in TARGETS:
            put_model(
                database, UrlObjectStore((home / "models").as_uri()), target, "persistence", city="Delhi"
            )
        assert running.api("/aqi/current/delhi") is None
        before = system_clock()
        assert running.collect(SCHEDULE[cloud])["cities"] == 56
        shown = until(lambda: running.api("/aqi/current/delhi"), PATIENCE_S, poll_s=1.0)
        assert shown["timestamp"] >= f"{last_full_hour(before) - HOUR:%Y-%m-%dT%H:%M}"
        assert running.collect(BACKFILL)["filled"] > 0  # a forecast needs more than a day
        forecast = until(lambda: running.api("/forecast/delhi"), PATIENCE_S, poll_s=1.0)
        assert len(forecast["forecast"]) == 48
        running.process.send_signal(signal.SIGINT)
        assert running.process.wait(PATIENCE_S) == 0, running.log
        assert of_folder(home) == []
    assert running.log.endswith("Stopped.\n")


def test_on_google_open_data_are_written_by_the_function_train(
    home: Path, database: Database, providers: dict[str, str]
) -> None:
    archive = (home / "archive").as_uri()
    with emulated("gcp", home, DATABASE_URL=database.url, VAYU_ARCHIVE_URL=archive, **providers) as running:
        assert running.collect(SCHEDULE["gcp"])["cities"] == 56
        order = {"tables": ["observations"], "cities": ["Delhi"], "format": "csv"}
        start = f"{system_clock() - 24 * HOUR:%Y-%m-%dT%H:%M:%SZ}"
        answer = httpx.post(f"http://127.0.0.1:{running.port}/api/v1/exports", json=order | {"start": start})
        assert answer.status_code == 202, answer.text
        # As Cloud Scheduler does.
        done = httpx.post(f"http://127.0.0.1:{running.port + 3}", json={"type": ARCHIVE}, timeout=PATIENCE_S)
        assert (done.status_code, done.json()["left"]) == (200, []), done.text
        manifest = running.api("/archive/manifest.json")
        assert manifest is not None
        assert len(manifest["files"]) == done.json()["files"] >= 56

        def exported() -> bool:
            state = running.api(f"/exports/{answer.json()['id']}")
            return state is not None and state["state"] == "done"

        until(exported, PATIENCE_S, poll_s=1.0)


@pytest.mark.parametrize("cloud", ["gcp", "aws"], indirect=True)
def test_killed_it_leaves_nothing_behind(cloud: str, home: Path, providers: dict[str, str]) -> None:
    with emulated(cloud, home, **providers) as running:  # the embedded server too
        assert running.collect(SCHEDULE[cloud])["cities"] == 56
        assert [line for line in of_folder(home) if "postgres" in line]
        running.process.kill()
    gone(home, PATIENCE_S)
