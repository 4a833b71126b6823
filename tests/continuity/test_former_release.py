"""While a release is rolled out, the former one still reads: its API, over the schema and the rows of this one."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
import tarfile
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import pytest
from api_rows import hour, issued, put_forecasts, put_hours, put_models, token_for, trained
from processes import free_port, temporary_folder, until

from common.domain.observation import HOUR, last_full_hour
from common.services.verification import refresh_cells
from common.store.engine import Database, run
from common.store.forecasts import score
from common.store.models import promote
from common.store.source_runs import SourceRun, record_run
from common.store.verification_cells import roll_up_days

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

ROOT = Path(__file__).parents[2]
MIGRATIONS = "common/store/migrations/versions"
CITIES = ("Delhi", "Mumbai", "Navi Mumbai")
READS = {
    "/health": 200,
    "/cities/": 200,
    "/cities/rankings?window=24h": 200,
    "/cities/compare?cities=Delhi,Mumbai&days=2": 200,
    "/aqi/current/Delhi?explain=true": 200,
    "/aqi/current/Mumbai?standard=us-epa": 200,
    "/aqi/current/Atlantis": 404,
    "/aqi/history/Delhi?hours=30": 200,
    "/aqi/history/Delhi?days=3&interval=day": 200,
    "/aqi/history/Delhi?hours=0": 400,
    "/aqi/pollutants/Delhi": 200,
    "/forecast/Delhi?hours=48": 200,
    "/forecast/confidence/Delhi": 200,
    "/models/list?city=Delhi": 200,
    "/models/performance/Delhi": 200,
    "/record/scores?city=Delhi": 200,
    "/events?after=0": 200,
    "/metrics": 200,
}
"""What is read, and the status of its answer."""
NO_ADDRESS = "there is nothing at this address"
MOST_ADDED = 2
"""So many of these addresses may be newer than the former release; more would leave too little to compare."""
OF_ITS_PROCESS = {"/health", "/metrics"}
"""Answers that speak of the process that gives them: their values are no other's."""
OF_ITS_REQUEST = {"request_id"}


class Answer(NamedTuple):
    status: int
    body: Any


class Api:
    """The API of a folder of code, in a process of its own."""

    def __init__(self, code: Path, database_url: str, folder: Path) -> None:
        self._base = f"http://127.0.0.1:{(port := free_port())}/api/v1"
        self._log = folder / f"api-{port}.log"
        env = os.environ | {
            "DATABASE_URL": database_url,
            "PYTHONPATH": str(code),
            "VAYU_API_READS": "token",
            "VAYU_CACHE_MB": "0",
            "VAYU_DASHBOARD": "none",
            "VAYU_HOME": str(folder),
            "VAYU_RATE_ANONYMOUS": "unlimited",
            "VAYU_RATE_TOKEN": "unlimited",
        }
        with self._log.open("wb") as log:
            self.process = subprocess.Popen(
                [
                    sys.executable, "-m", "gunicorn", "--bind", f"127.0.0.1:{port}", "--worker-class", "gthread",
                    "--threads", "2", "--worker-tmp-dir", str(folder), "common.bootstrap.api:build()",
                ],
                cwd=code,
                env=env,
                stdout=log,
                stderr=log,
            )  # fmt: skip
        whose = subprocess.run(
            [sys.executable, "-c", "import common; print(common.__file__)"],
            cwd=code, env=env, capture_output=True, text=True, check=True,
        )  # fmt: skip
        assert Path(whose.stdout.strip()).is_relative_to(code)

    def get(self, path: str, token: str = "") -> Answer:
        headers = {"X-API-Key": token} if token else {}
        try:
            with urlopen(Request(self._base + path, headers=headers), timeout=30) as answer:
                return Answer(answer.status, json.loads(answer.read()))
        except HTTPError as error:
            with error:
                return Answer(error.code, json.loads(error.read()))

    def await_health(self) -> None:
        until(self._answers, 60, str(self._log))

    def _answers(self) -> bool:
        assert self.process.poll() is None, self._log.read_text()
        try:
            return self.get("/health").status == 200
        except OSError:
            return False


def git(*words: str) -> bytes | None:
    """What git says; None where it does not know, or is not there."""
    try:
        return subprocess.run(["git", *words], cwd=ROOT, capture_output=True, check=True).stdout
    except (OSError, subprocess.CalledProcessError):
        return None


def former_release() -> str | None:
    """The newest tag before this commit; without tags, the commit before the newest migration."""
    tag = git("describe", "--tags", "--abbrev=0", "HEAD^")
    if tag:
        return tag.decode().strip()
    newest = git("log", "-1", "--diff-filter=A", "--format=%H", "--", MIGRATIONS)
    return f"{newest.decode().strip()}^" if newest else None


@pytest.fixture
def folder() -> Iterator[Path]:
    with temporary_folder("vayu-former-") as path:
        yield path


@pytest.fixture
def former(folder: Path) -> Path:
    """The code of the former release, in a folder."""
    release = former_release()
    archive = release and git("archive", release, "common")
    if not archive:
        pytest.skip("the former release is not in git's history here (a shallow clone, or no repository)")
    with tarfile.open(fileobj=io.BytesIO(archive)) as tar:
        tar.extractall(folder / "former", filter="data")
    return folder / "former"


@pytest.fixture
def token(database: Database) -> str:
    """It may read; the database is filled with what the functions of this release leave, up to the present hour."""
    now = datetime.now(UTC)
    newest = last_full_hour(now)
    for city in CITIES:
        put_hours(database, *(hour(city, newest - ago * HOUR, aqi=150 + ago) for ago in range(72)), at=now)
        put_forecasts(database, *(issued(city, newest - ago * HOUR) for ago in (0, 12, 36, 60)))
    put_models(database, trained("v1", now - timedelta(days=9)), trained("v2", now - timedelta(days=2)))
    with database.transaction() as connection:
        promote(connection, "v1", reason="better", now=now)
        record_run(connection, SourceRun("cpcb", now - timedelta(minutes=9), now - timedelta(minutes=8), 55))
        assert score(connection, mode="live", now=now)
        while cells := roll_up_days(connection, mode="live", now=now):
            refresh_cells(connection, cells, mode="live")
    return token_for(database, now, "read")


@contextmanager
def running(codes: Mapping[str, Path], database_url: str, folder: Path) -> Iterator[dict[str, Api]]:
    """The API of each of these, answering."""
    with ExitStack() as stack:
        apis = {}
        for name, code in codes.items():
            apis[name] = api = Api(code, database_url, folder)
            stack.callback(api.process.wait, 30)
            stack.callback(api.process.terminate)
        for api in apis.values():
            api.await_health()
        yield apis


def differences(before: Any, after: Any, where: str = "") -> Iterator[str]:
    """Where two answers say something else under the same name; what only one of them has is its own."""
    if isinstance(before, dict) and isinstance(after, dict):
        for name in (before.keys() & after.keys()) - OF_ITS_REQUEST:
            yield from differences(before[name], after[name], f"{where}.{name}")
    elif isinstance(before, list) and isinstance(after, list) and len(before) == len(after):
        for number, pair in enumerate(zip(before, after, strict=True)):
            yield from differences(*pair, f"{where}[{number}]")
    elif before != after:
        yield f"{where}: {before!r} was, {after!r} is"


def both(apis: dict[str, Api], path: str, token: str) -> tuple[Answer, Answer]:
    """The former release's answer and this one's, of the same minute."""

    def one_after_another() -> tuple[Answer, Answer] | None:
        before, former, after = (apis[name].get(path, token) for name in ("this", "former", "this"))
        steady = path in OF_ITS_PROCESS or before.status >= 400 or before == after
        return (former, after) if steady else None

    return until(one_after_another, 30, f"two equal answers to {path}")  # type: ignore[return-value]


def test_the_former_release_reads_what_this_one_migrated_and_wrote(
    database_url: str, folder: Path, former: Path, token: str, database: Database
) -> None:
    with running({"former": former, "this": ROOT}, database_url, folder) as apis:
        added = []
        for path, status in READS.items():
            was, now = both(apis, path, token)
            if was.status == 404 and was.body.get("detail") == NO_ADDRESS:
                added.append(path)  # nobody asks the former release for what it does not have
                assert now.status == status
                continue
            assert (was.status, now.status) == (status, status), f"{path}: {was.body} {now.body}"
            if path not in OF_ITS_PROCESS:
                assert list(differences(was.body, now.body)) == [], path
        assert len(added) <= MOST_ADDED, added
        assert apis["former"].get("/cities/").status == 401, "the former release reads the keys"
        with database.transaction() as connection:
            run(connection, "UPDATE city_hour SET aqi = 301, aqi_us = 301 WHERE city = 'Delhi'")
        assert until(lambda: apis["former"].get("/aqi/current/Delhi", token).body["aqi"] == 301, 20)


def test_a_difference_is_seen() -> None:
    before = {"a": 1, "b": [{"c": 2, "only here": 1}], "request_id": "x"}
    assert list(differences(before, {"a": 1, "b": [{"c": 2, "new": 3}], "request_id": "y"})) == []
    assert list(differences(before, {"a": 2, "b": [{"c": 2}]})) == [".a: 1 was, 2 is"]
    assert list(differences(before, {"b": [{"c": 3}]})) == [".b[0].c: 2 was, 3 is"]
    assert list(differences(before, {"b": []}))
