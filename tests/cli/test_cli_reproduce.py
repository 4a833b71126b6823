"""``reproduce``: from this machine, over HTTP, and by the page's own script."""

from __future__ import annotations

import re
import subprocess
import sys
import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from commands import Vayu, complaint, parsed
from werkzeug.serving import make_server

from common.adapters.object_store import UrlObjectStore
from common.adapters.postgres.queue import PostgresQueue
from common.api import ApiContext, create_app
from common.domain.model_files import model_key
from common.store.engine import Database, run

if TYPE_CHECKING:
    from collections.abc import Iterator

PAGE = Path(__file__).parents[2] / "docs" / "reproduce.md"


@pytest.fixture
def issued(vayu: Vayu) -> Vayu:
    parsed(vayu("backfill", "--offline", "--days", 30, "--city", "Delhi", "--json"))
    parsed(vayu("train", "delhi", "--family", "linear", "--json"))
    assert parsed(vayu("forecast", "Delhi", "--json"))["issued"] == 2
    return vayu


@pytest.fixture
def files(environment: dict[str, str]) -> UrlObjectStore:
    return UrlObjectStore((Path(environment["VAYU_HOME"]) / "models").absolute().as_uri())


@pytest.fixture
def site(database: Database, files: UrlObjectStore) -> Iterator[str]:
    """The installation over HTTP."""
    context = ApiContext(
        database,
        lambda: datetime.now(UTC),
        PostgresQueue(database, lambda: datetime.now(UTC)),
        open_object_store=lambda: files,
    )
    server = make_server("127.0.0.1", 0, create_app(context), threaded=True)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


def test_a_forecast_is_computed_again(issued: Vayu, site: str, files: UrlObjectStore) -> None:
    here = parsed(issued("reproduce", "delhi", "--json"))
    assert (here["city"], here["target"], here["agrees"], here["simulated"]) == ("Delhi", "aqi", True, True)
    assert [hour["lead_hours"] for hour in here["hours"]] == list(range(1, 49))
    assert all(hour["agrees"] for hour in here["hours"])
    assert here["largest_difference"] < 1e-6
    over_http = parsed(issued("reproduce", "Delhi", "--url", site, "--json"))
    assert over_http["hours"] == here["hours"]
    for address in (f"{site}/", f"{site}/api/v1"):
        assert parsed(issued("reproduce", "Delhi", "--url", address, "--json"))["agrees"]

    table = issued("reproduce", "Delhi", "--target", "pm25")
    assert table.exit_code == 0
    assert "all 48 hours agree" in table.stdout
    assert "Delhi pm25, issued" in table.stdout
    assert re.search(r"\b48 h\b", table.stdout)

    script = re.search(r"```python\n(.*?)```", PAGE.read_text(), re.DOTALL)
    assert script is not None
    done = subprocess.run(
        [sys.executable, "-c", script[1], site, "delhi"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert len(lines) == 48
    for line, hour in zip(lines, here["hours"], strict=True):
        assert float(line.split()[3]) == hour["issued"]
        assert float(line.split()[5]) == pytest.approx(hour["recomputed"], rel=1e-6)

    key = model_key(here["model"])
    data = files.get(key)
    files.put(key, data[:100] + b"\0" + data[101:])
    for arguments in ((), ("--url", site)):
        assert "the model has the SHA-256" in complaint(issued("reproduce", "Delhi", *arguments), 1)
    assert "AssertionError: model" in subprocess.run(
        [sys.executable, "-c", script[1], site, "delhi"], capture_output=True, text=True, check=False
    ).stderr  # fmt: skip
    files.delete(key)
    assert "answers 404" in complaint(issued("reproduce", "Delhi"), 1)


def test_one_that_differs(issued: Vayu, database: Database) -> None:
    with database.transaction() as connection:
        run(
            connection, "SET LOCAL session_replication_role = replica"
        )  # no trigger: somebody with full access
        run(connection, "UPDATE forecast SET y[3] = y[3] + 1 WHERE target = 'aqi'")
    result = issued("reproduce", "Delhi", "--json")
    body = parsed(result, 1)
    assert [hour["lead_hours"] for hour in body["hours"] if not hour["agrees"]] == [3]
    table = issued("reproduce", "Delhi")
    assert table.exit_code == 1
    assert "1 of 48 hours differ" in table.stdout


def test_one_that_is_not_there(vayu: Vayu, site: str) -> None:
    assert "no forecast of aqi had been issued for Pune yet" in complaint(vayu("reproduce", "Pune"), 1)
    assert "answers 404" in complaint(vayu("reproduce", "Pune", "--url", site), 1)


def test_what_is_not_kept(issued: Vayu, database: Database) -> None:
    with database.transaction() as connection:
        run(connection, "DELETE FROM forecast_inputs")
    assert "not kept any more" in complaint(issued("reproduce", "Delhi"), 1)


def test_misuse(vayu: Vayu) -> None:
    assert "unknown city" in complaint(vayu("reproduce", "Oz"), 2)
    assert "http://" in complaint(vayu("reproduce", "Delhi", "--url", "ftp://x"), 2)
    assert "no time" in complaint(vayu("reproduce", "Delhi", "--issued", "soon"), 2)
    assert "target" in complaint(vayu("reproduce", "Delhi", "--target", "no2"), 2)
    nobody = complaint(vayu("reproduce", "Delhi", "--url", "http://127.0.0.1:1"), 1)
    assert "cannot be fetched from http://127.0.0.1:1" in nobody
    old = datetime.now(UTC) - timedelta(days=900)
    assert "had been issued" in complaint(vayu("reproduce", "Delhi", "--issued", old.isoformat()), 1)
