"""`vayu backfill` as a process that is killed, and as two processes at once."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from contextlib import contextmanager
from datetime import UTC, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from open_meteo_stub import Past, past, rows
from processes import until

from common.bootstrap.container import system_clock
from common.sources.open_meteo import SOURCE
from common.store.engine import Database, run

if TYPE_CHECKING:
    from collections.abc import Iterator

    from open_meteo_stub import Question
    from stubs import Answer, Seen

CITIES = ("Delhi", "Mumbai")
DAYS = 70
UNITS = 1 + 3
"""The days that can still change, and 68 days by 31."""


@pytest.fixture
def provider() -> Iterator[Past]:
    with past() as running:
        yield running


@contextmanager
def backfill(environment: dict[str, str], provider: Past, *more: str) -> Iterator[subprocess.Popen[bytes]]:
    cities = [part for city in CITIES for part in ("--city", city)]
    process = subprocess.Popen(
        [
            sys.executable,
            "-m",
            "common.cli",
            "backfill",
            f"--days={DAYS}",
            *cities,
            "--source=open-meteo",
            *more,
        ],
        env={"PATH": os.environ["PATH"], **environment, **provider.urls},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def ended(process: subprocess.Popen[bytes]) -> dict[str, Any]:
    out, err = process.communicate(timeout=120)
    assert process.returncode == 0, err.decode()
    result: dict[str, Any] = json.loads(out)
    return result


def days_filled(database: Database) -> int:
    with database.transaction() as connection:
        return int(run(connection, "SELECT count(*) FROM backfilled")[0][0])


def settled(provider: Past) -> dict[Question, int]:
    """How often each question came about days that had settled before this test began."""
    recent = (system_clock() - timedelta(days=SOURCE.settles_days + 2)).strftime("%Y-%m-%d")
    return {question: times for question, times in provider.questions.items() if question[3] < recent}


@pytest.mark.parametrize("call", [3, 6, 8], ids="killed_at_call_{}".format)
def test_a_killed_backfill_goes_on_where_it_was(
    call: int, environment: dict[str, str], database: Database, provider: Past
) -> None:
    """Units are two calls each. What is asked again is the unit in hand and nothing else."""
    reached = threading.Event()

    def hold(_: Seen) -> Answer | None:
        if provider.calls == call:
            reached.set()
            until(lambda: process.poll() is not None, 60)
        return None

    provider.before = hold
    with backfill(environment, provider) as process:
        until(lambda: reached.is_set() or process.poll() is not None, 60)
        assert reached.is_set()
        process.kill()
    filled = days_filled(database)
    assert filled < len(CITIES) * (DAYS + 1)

    provider.before = lambda _: None
    with backfill(environment, provider, "--json") as process:
        report = ended(process)
    assert report["left"] == 0
    assert filled + report["filled"] == len(CITIES) * (DAYS + 1)
    again = {question: times for question, times in provider.questions.items() if times > 1}
    assert len(again) in (1, 2)  # of the unit in hand, what its two servers had been asked by then
    assert len({question[1:] for question in again}) == 1
    assert set(again.values()) == {2}
    assert provider.calls == 2 * UNITS + len(again)


def test_killed_while_it_stores_and_as_often_as_it_gets_further(
    environment: dict[str, str], database: Database, provider: Past, server: str, template: str
) -> None:
    """Killed each time that something more was noted; the rows are those of one that was not killed."""
    from tier_servers import fresh_database

    kills, seen = 0, 0

    def further() -> bool:
        return process.poll() is not None or days_filled(database) > seen

    while True:
        with backfill(environment, provider, "--json") as process:
            until(further, 90)
            if process.poll() is not None:
                report = ended(process)
                break
        kills, seen = kills + 1, days_filled(database)
    assert kills >= 2
    assert report["left"] == 0
    assert max(provider.questions.values()) <= 2
    assert sum(times - 1 for times in provider.questions.values()) <= 2 * kills
    midnight = system_clock().astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    with fresh_database(server, f"TEMPLATE {template}") as url, past() as other:
        with backfill(environment | {"DATABASE_URL": url}, other, "--json") as process:
            assert ended(process)["left"] == 0
        uninterrupted = Database(url)
        assert rows(uninterrupted, midnight) == rows(database, midnight)
        uninterrupted.close()
    assert len(rows(database, midnight)["reading"]) == len(CITIES) * DAYS * 24


def test_two_processes_at_once_share_the_work(
    environment: dict[str, str], database: Database, provider: Past
) -> None:
    with (
        backfill(environment, provider, "--json") as first,
        backfill(environment, provider, "--json") as other,
    ):
        reports = [ended(first), ended(other)]
    assert [report["left"] for report in reports] == [0, 0]
    assert sum(report["filled"] for report in reports) == len(CITIES) * (DAYS + 1)
    assert set(provider.questions.values()) == {1}
    assert provider.calls == 2 * UNITS
    with database.transaction() as connection:
        [(counted,)] = run(connection, "SELECT sum(calls) FROM source_usage WHERE source = 'open-meteo'")
    assert counted == pytest.approx(provider.weight)
