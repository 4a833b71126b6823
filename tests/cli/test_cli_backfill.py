"""``vayu backfill``: what it fills, shows, and says of what is left."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest
from commands import Vayu, complaint, parsed
from factories import city_hours, count
from open_meteo_stub import Past, past
from stubs import Answer

from common.bootstrap.container import system_clock
from common.store.engine import Database, run

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture
def provider() -> Iterator[Past]:
    with past() as running:
        yield running


def used_up(database: Database, calls: float) -> None:
    """Let others have made so many calls of Open-Meteo half an hour ago."""
    with database.transaction() as connection:
        run(
            connection,
            "INSERT INTO source_usage (source, until, calls) VALUES ('open-meteo', :until, :calls)",
            until=system_clock() - timedelta(minutes=30),
            calls=calls,
        )


def test_it_fills_whole_days_and_today_so_far(vayu: Vayu, database: Database) -> None:
    report = parsed(vayu("backfill", "--offline", "--days", 3, "--city", "Delhi", "--json"))
    assert (report["filled"], report["left"], report["again_at"], report["cities"]) == (4, 0, None, ["Delhi"])
    fill = report["sources"]["simulated"]
    assert (fill["filled"], fill["left"], fill["failed"], fill["failures"]) == (4, 0, 0, {})
    hours = city_hours(database)
    assert fill["readings"] == fill["new"] == len(hours)
    assert min(hours).astimezone(UTC).strftime("%H:%M") == "00:30"
    assert (system_clock().date() - min(hours).astimezone(UTC).date()).days == 3
    again = parsed(vayu("backfill", "--offline", "--days", 3, "--city", "Delhi", "--json"))
    assert (again["filled"], again["left"], again["hours"]) == (0, 0, 0)


def test_progress_goes_to_standard_error(vayu: Vayu, provider: Past) -> None:
    result = vayu("backfill", "--days", 40, "--city", "Delhi", "--source", "open-meteo", env=provider.urls)
    assert result.exit_code == 0
    assert "Filling the past: 0 of 41 " in result.stderr
    assert "readings: 41 of 41 " in result.stderr
    assert "41 days of cities filled, 0 left" in result.stdout


def test_what_failed_is_listed_by_reason(vayu: Vayu, provider: Past, database: Database) -> None:
    provider.before = lambda seen: Answer(status=401) if seen.path == "/weather" else None
    arguments = ("backfill", "--days", 40, "--city", "Delhi", "--source", "open-meteo")
    result = vayu(*arguments, "--json", env=provider.urls)
    message = complaint(result, 1)
    assert "41 of 41 days of cities are left, which failed: key (3)" in message
    assert "run the same command again" in message
    assert parsed(result, 1)["sources"]["open-meteo"]["failures"] == {"key": 3}
    assert "key: 3 days" in vayu(*arguments, env=provider.urls).stdout
    assert count(database, "backfilled") == 0


def test_a_used_up_quota_says_when_to_go_on(vayu: Vayu, provider: Past, database: Database) -> None:
    used_up(database, 3300)
    arguments = ("backfill", "--days", 40, "--source", "open-meteo")
    result = vayu(*arguments, "--json", env=provider.urls)
    item, report = complaint(result, 1), parsed(result, 1)
    # The days that can still change of 14 cities had room, no more.
    assert (provider.calls, report["filled"]) == (2, 14 * 3)
    total = 56 * 41
    assert f"{total - 42} of {total} days of cities are left: open-meteo may not be asked more now" in item
    assert "or with --wait: it goes on where it was" in item
    again_at = datetime.fromisoformat(report["again_at"])
    assert again_at.strftime("after %Y-%m-%d %H:%M UTC") in item
    assert timedelta(minutes=25) < again_at - system_clock() < timedelta(minutes=31)
    shown = vayu(*arguments, env=provider.urls)
    assert shown.exit_code == 1
    assert "go on at" in shown.stdout


def test_the_schedule_is_not_asked_to_wait_by_a_backfill(
    vayu: Vayu, provider: Past, database: Database
) -> None:
    used_up(database, 3334)
    backfill = vayu("backfill", "--days", 9, "--city", "Delhi", "--source", "open-meteo", env=provider.urls)
    assert "may not be asked more now" in complaint(backfill, 1)
    assert provider.calls == 0
    collect = ("collect", "--city", "Delhi", "--source", "open-meteo", "--json")
    assert parsed(vayu(*collect, env=provider.urls))["sources"]["open-meteo"]["failure"] is None
    used_up(database, 0)
    with database.transaction() as connection:
        run(connection, "UPDATE source_usage SET calls = 5000")
    calls = provider.calls
    result = vayu(*collect, env=provider.urls)
    assert parsed(result, 1)["sources"]["open-meteo"]["failure"].startswith("spent: ")
    assert provider.calls == calls


def test_a_source_without_a_past_cannot_be_asked_for_it(vayu: Vayu) -> None:
    assert "keeps a past" in complaint(vayu("backfill", "--days", 3, "--source", "cpcb-feed"), 1)
