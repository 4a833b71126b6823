"""Who may ask how often: minutes are waited for, longer windows are not, and a backfill gets its share."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from common.domain.errors import QuotaExhausted, StoreError
from common.ingest.quota import BACKFILL, MINUTE, SCHEDULE, Meter, limits_of
from common.sources import REGISTRY
from common.sources.http import Quota
from common.sources.open_meteo import weight
from common.store.engine import Database

if TYPE_CHECKING:
    from factories import Clock

    from common.sources.interface import Source

SOURCE = replace(REGISTRY["waqi"], quota=Quota(minute=10, hour=30, day=90))


def test_what_has_no_quota_is_not_counted(clock: Clock) -> None:
    nowhere = Database("postgresql+pg8000://nobody@127.0.0.1:1/none")
    assert Meter(nowhere, clock).take(REGISTRY["cpcb-feed"], 1000) == 0
    with pytest.raises(StoreError):
        Meter(nowhere, clock).take(SOURCE, 1)


def test_a_minute_is_waited_for_and_an_hour_is_not(database: Database, clock: Clock) -> None:
    meter = Meter(database, clock)
    assert meter.take(SOURCE, 10) == 0
    wait_s = meter.take(SOURCE, 1)
    assert 60 < wait_s <= 63
    for _ in range(2):
        clock.now += timedelta(seconds=wait_s)
        assert meter.take(SOURCE, 10) == 0
    with pytest.raises(QuotaExhausted, match="30 of the 30 calls that may be made in an hour") as caught:
        meter.take(SOURCE, 1)
    assert caught.value.reason == "spent"
    assert caught.value.retry_after is not None
    clock.now += timedelta(seconds=caught.value.retry_after)
    assert meter.take(SOURCE, 1) == 0
    with pytest.raises(QuotaExhausted, match="counts as 31 calls, more than the 10"):
        meter.take(SOURCE, 31)


def test_a_backfill_stops_where_the_schedule_goes_on(database: Database, clock: Clock) -> None:
    backfill, schedule = Meter(database, clock, BACKFILL), Meter(database, clock, SCHEDULE)
    taken = 0
    while taken < 100:
        try:
            wait_s = backfill.take(SOURCE, 1)
        except QuotaExhausted:
            break
        taken += wait_s == 0
        clock.now += timedelta(seconds=wait_s)
    assert taken == 20  # two thirds of 30
    clock.now += timedelta(minutes=2)
    assert schedule.take(SOURCE, 10) == 0
    assert backfill.opens_at(SOURCE, 1) is not None
    clock.now += timedelta(hours=1, seconds=2)
    assert backfill.opens_at(SOURCE, 20) is None
    assert backfill.opens_at(SOURCE, 2000) is None  # never more than fits; a new hour is empty


@pytest.mark.parametrize(
    ("places", "variables", "days", "calls"),
    [
        (1, 1, 1, 1),
        (56, 10, 14, 56),
        (56, 6, 2, 56),
        (56, 6, 92, 56 * 0.6 * 92 / 14),
        (56, 8, 92, 294.4),
        (14, 9, 31, 27.9),
        (10, 20, 14, 20),
    ],
)
def test_how_open_meteo_counts(places: int, variables: int, days: int, calls: float) -> None:
    assert weight(places, variables, days) == pytest.approx(calls)


@pytest.mark.parametrize(
    "source", [item for item in REGISTRY.values() if item.backfill_days], ids=lambda item: item.name
)
def test_a_unit_fits_into_what_a_backfill_may_use(source: Source) -> None:
    calls = source.unit_calls(source.unit_cities, source.unit_days)
    assert source.unit_cities == 1 or source.name in ("open-meteo", "simulated")
    assert 0 < source.unit_days <= source.backfill_days
    for window, limit in limits_of(source.quota, BACKFILL).items():
        assert window == MINUTE or calls < limit / 2
