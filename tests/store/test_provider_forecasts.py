"""What providers said of the hours to come: kept as it came, and never read before it had."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from made import count

from common.domain.observation import HOUR, Outlook
from common.store.engine import Database, run
from common.store.provider_forecasts import Received, insert_provider_forecasts, provider_forecasts_between

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

SECOND = timedelta(seconds=1)


def told(issued_at: datetime, *values: Mapping[str, float] | None, source: str = "m") -> list[Outlook]:
    """One of each hour after `issued_at`, from the first of `values` on; None: nothing was said of it."""
    return [
        Outlook(source, "Delhi", issued_at, issued_at + (lead + 1) * HOUR, one)
        for lead, one in enumerate(values)
        if one is not None
    ]


def keep(database: Database, outlooks: list[Outlook], now: datetime) -> None:
    with database.transaction() as connection:
        insert_provider_forecasts(connection, outlooks, now=now)


def read(database: Database, *args: Any, **kwargs: Any) -> list[Received]:
    with database.transaction() as connection:
        return provider_forecasts_between(connection, ["Delhi"], *args, **kwargs)["Delhi"]


def test_it_stays_as_it_came(database: Database, now: datetime) -> None:
    issue = told(now, {"temperature": 20.0}, None, {"temperature": 22.0, "rain": 1.5})
    keep(database, issue, now)
    keep(database, issue, now)
    keep(database, [replace(one, values={"temperature": 30.0}) for one in issue], now + HOUR)
    assert read(database, "weather", ["temperature", "rain", "humidity"], now - HOUR, now + HOUR) == [
        Received("m", now, now + HOUR, {"temperature": [20.0, None, 22.0], "rain": [None, None, 1.5]})
    ]
    keep(database, told(now + 6 * HOUR, {"temperature": 30.0}), now + 7 * HOUR)
    assert [
        one.received_at for one in read(database, "weather", ["temperature"], now - HOUR, now + 9 * HOUR)
    ] == [
        now,
        now + 7 * HOUR,
    ]


def test_of_a_round_that_came_in_part_the_whole_is_kept_beside(database: Database, now: datetime) -> None:
    whole = told(now, *[{"temperature": 20.0, "rain": 0.0}] * 10)
    keep(database, [replace(one, values={"temperature": 20.0}) for one in whole], now)
    keep(database, whole, now + HOUR)
    keep(database, [*whole, *told(now, *[None] * 10, {"temperature": 9.0})], now + 2 * HOUR)
    assert [
        (one.received_at, set(one.values))
        for one in read(database, "weather", ["temperature", "rain"], now - HOUR, now + 3 * HOUR)
    ] == [(now, {"temperature"}), (now + HOUR, {"temperature", "rain"})]


def test_air_and_weather_are_kept_apart(database: Database, now: datetime) -> None:
    keep(database, told(now, {"temperature": 20.0, "pm25": 80.0}), now)
    keep(database, told(now, {"pm25": 99.0}), now + HOUR)
    assert count(database, "provider_forecast") == 2
    assert read(database, "air", ["pm25", "co"], now - HOUR, now + HOUR) == [
        Received("m", now, now + HOUR, {"pm25": [80.0]})
    ]
    with pytest.raises(ValueError, match="temperature"):
        read(database, "air", ["temperature"], now, now)


def test_nothing_is_read_before_it_came_or_of_too_long_ago(database: Database, now: datetime) -> None:
    keep(database, told(now - HOUR, {"rain": 1.0}), now)
    assert not read(database, "weather", ["rain"], now - HOUR, now - SECOND)
    assert len(read(database, "weather", ["rain"], now - HOUR, now)) == 1
    assert not read(database, "weather", ["rain"], now, now + HOUR)


def test_the_newest_of_each_source(database: Database, now: datetime) -> None:
    for ago in (12, 6, 0):
        for source in ("a", "b"):
            keep(database, told(now - ago * HOUR, {"rain": float(ago)}, source=source), now - ago * HOUR)
    keep(database, told(now + HOUR, {"humidity": 50.0}, source="b"), now + HOUR)
    found = read(database, "weather", ["rain"], now - 24 * HOUR, now + HOUR, newest=True)
    assert [(one.source, one.received_at) for one in found] == [("a", now), ("b", now)]


def test_hours_end_as_indian_hours_do(database: Database, now: datetime) -> None:
    whole = now.replace(minute=0)
    keep(database, [Outlook("m", "Delhi", whole, whole + HOUR, {"rain": 1.0})], now)
    (one,) = read(database, "weather", ["rain"], now - HOUR, now)
    assert one.first == now + HOUR


def test_thousands_at_once(database: Database, now: datetime) -> None:
    keep(database, told(now, *[{"temperature": float(lead), "pm25": 1.0} for lead in range(1000)]), now)
    (one,) = read(database, "weather", ["temperature"], now - HOUR, now)
    assert one.values["temperature"] == [float(lead) for lead in range(1000)]
    with database.transaction() as connection:
        assert run(connection, "SELECT kind, known FROM provider_forecast ORDER BY kind") == [
            ("air", 1000),
            ("weather", 1000),
        ]
