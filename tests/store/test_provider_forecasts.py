"""What providers said of the hours to come: kept as it came, and never read before it had."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from factories import count
from msgspec import structs

from common.domain.observation import HOUR, ProviderForecast
from common.store.engine import Database, run
from common.store.provider_forecasts import Received, insert_provider_forecasts, provider_forecasts_between

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

SECOND = timedelta(seconds=1)


def issue_of(
    issued_at: datetime, *values: Mapping[str, float] | None, source: str = "m"
) -> list[ProviderForecast]:
    """One of each hour after `issued_at`, from the first of `values` on; None: nothing was said of it."""
    return [
        ProviderForecast(source, "Delhi", issued_at, issued_at + (lead + 1) * HOUR, values_of_hour)
        for lead, values_of_hour in enumerate(values)
        if values_of_hour is not None
    ]


def keep(database: Database, outlooks: list[ProviderForecast], now: datetime) -> None:
    with database.transaction() as connection:
        insert_provider_forecasts(connection, outlooks, now=now)


def read(database: Database, *args: Any, **kwargs: Any) -> list[Received]:
    with database.transaction() as connection:
        return provider_forecasts_between(connection, ["Delhi"], *args, **kwargs)["Delhi"]


def test_it_stays_as_it_came(database: Database, now: datetime) -> None:
    issue = issue_of(now, {"temperature": 20.0}, None, {"temperature": 22.0, "rain": 1.5})
    keep(database, issue, now)
    keep(database, issue, now)
    keep(
        database, [structs.replace(forecast, values={"temperature": 30.0}) for forecast in issue], now + HOUR
    )
    assert read(database, "weather", ["temperature", "rain", "humidity"], now - HOUR, now + HOUR) == [
        Received("m", now, now + HOUR, {"temperature": [20.0, None, 22.0], "rain": [None, None, 1.5]})
    ]
    keep(database, issue_of(now + 6 * HOUR, {"temperature": 30.0}), now + 7 * HOUR)
    assert [
        received.received_at
        for received in read(database, "weather", ["temperature"], now - HOUR, now + 9 * HOUR)
    ] == [
        now,
        now + 7 * HOUR,
    ]


def test_of_a_round_that_came_in_part_the_whole_is_kept_beside(database: Database, now: datetime) -> None:
    whole = issue_of(now, *[{"temperature": 20.0, "rain": 0.0}] * 10)
    keep(database, [structs.replace(forecast, values={"temperature": 20.0}) for forecast in whole], now)
    keep(database, whole, now + HOUR)
    keep(database, [*whole, *issue_of(now, *[None] * 10, {"temperature": 9.0})], now + 2 * HOUR)
    assert [
        (received.received_at, set(received.values))
        for received in read(database, "weather", ["temperature", "rain"], now - HOUR, now + 3 * HOUR)
    ] == [(now, {"temperature"}), (now + HOUR, {"temperature", "rain"})]


def test_air_and_weather_are_kept_apart(database: Database, now: datetime) -> None:
    keep(database, issue_of(now, {"temperature": 20.0, "pm25": 80.0}), now)
    keep(database, issue_of(now, {"pm25": 99.0}), now + HOUR)
    assert count(database, "provider_forecast") == 2
    assert read(database, "air", ["pm25", "co"], now - HOUR, now + HOUR) == [
        Received("m", now, now + HOUR, {"pm25": [80.0]})
    ]
    with pytest.raises(ValueError, match="temperature"):
        read(database, "air", ["temperature"], now, now)


def test_nothing_is_read_before_it_came_or_of_too_long_ago(database: Database, now: datetime) -> None:
    keep(database, issue_of(now - HOUR, {"rain": 1.0}), now)
    assert not read(database, "weather", ["rain"], now - HOUR, now - SECOND)
    assert len(read(database, "weather", ["rain"], now - HOUR, now)) == 1
    assert not read(database, "weather", ["rain"], now, now + HOUR)


def test_the_newest_of_each_source(database: Database, now: datetime) -> None:
    for ago in (12, 6, 0):
        for source in ("a", "b"):
            keep(database, issue_of(now - ago * HOUR, {"rain": float(ago)}, source=source), now - ago * HOUR)
    keep(database, issue_of(now + HOUR, {"humidity": 50.0}, source="b"), now + HOUR)
    newest = read(database, "weather", ["rain"], now - 24 * HOUR, now + HOUR, newest=True)
    assert [(received.source, received.received_at) for received in newest] == [("a", now), ("b", now)]


def test_hours_end_as_indian_hours_do(database: Database, now: datetime) -> None:
    whole = now.replace(minute=0)
    keep(database, [ProviderForecast("m", "Delhi", whole, whole + HOUR, {"rain": 1.0})], now)
    (received,) = read(database, "weather", ["rain"], now - HOUR, now)
    assert received.first == now + HOUR


def test_thousands_at_once(database: Database, now: datetime) -> None:
    keep(database, issue_of(now, *[{"temperature": float(lead), "pm25": 1.0} for lead in range(1000)]), now)
    (received,) = read(database, "weather", ["temperature"], now - HOUR, now)
    assert received.values["temperature"] == [float(lead) for lead in range(1000)]
    with database.transaction() as connection:
        assert run(connection, "SELECT kind, known FROM provider_forecast ORDER BY kind") == [
            ("air", 1000),
            ("weather", 1000),
        ]
