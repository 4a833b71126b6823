"""Cities over a period: their means, and what sets one beside another; from daily means wherever there are any.

Each answer is one statement. Days that were not rolled up yet, or whose hours have changed since, are made from their
hours, which `start` and `end` bound by constants: only those parts of the table are looked at.
"""

from __future__ import annotations

from datetime import date, datetime, timedelta
from functools import cache
from typing import TYPE_CHECKING

import msgspec

from common.domain.observation import HOUR, IST, POLLUTANTS, last_full_hour
from common.store import sql
from common.store.daily_aggregates import WITH_AIR, aggregates
from common.store.engine import run, with_columns

if TYPE_CHECKING:
    from collections.abc import Iterable

    from sqlalchemy import TextualSelect

    from common.domain.aqi import Standard
    from common.store.engine import Connection

_INDEX = {"in-naqi": "aqi", "us-epa": "aqi_us"}
_MEAN = "sum({name} * hours) / sum(hours) FILTER (WHERE {name} IS NOT NULL)"
"""Over all hours, each day counting by its number of them."""


class Period(msgspec.Struct, frozen=True):
    """What ends after `start` and by `end`."""

    start: datetime
    end: datetime

    @classmethod
    def of_hours(cls, hours: int, now: datetime) -> Period:
        """The last `hours` that are over."""
        end = last_full_hour(now)
        return cls(end - hours * HOUR, end)

    @classmethod
    def of_days(cls, days: int, now: datetime) -> Period:
        """The last Indian `days`, the present one as far as its hours are over; midnight belongs to the day it ends."""
        end = last_full_hour(now)
        last = (end - HOUR).astimezone(IST).replace(hour=0)
        return cls((last - timedelta(days=days - 1)).astimezone(end.tzinfo), end)

    @property
    def hours(self) -> int:
        """How many hours end in it."""
        return (self.end - self.start) // HOUR

    def days(self) -> dict[str, str]:
        """The first and the last Indian day, as parameters."""
        last = (self.end - HOUR).astimezone(IST).date()
        return {"first": self.start.astimezone(IST).date().isoformat(), "last": last.isoformat()}


class CityMean(msgspec.Struct, frozen=True):
    """The mean of a city over its hours with a value."""

    city: str
    value: float
    hours: int
    basis: dict[str, int]
    """Basis → hours"""


class CityPeriod(msgspec.Struct, frozen=True):
    """How a city's air was in Indian days."""

    city: str
    hours: int
    days: int
    aqi_mean: float | None
    aqi_max: float | None
    """Mean of the worst day"""
    aqi_max_date: date | None
    aqi_min: float | None
    aqi_min_date: date | None
    aqi_highest_hour: int | None
    daily_aqi: list[float]
    """Of the days that have one, in no order"""
    concentrations: dict[str, float | None]
    """Means by pollutant, in `UNITS`"""
    basis: dict[str, int]
    """Basis → hours"""


def city_means(
    connection: Connection, cities: Iterable[str], by: str, standard: Standard, period: Period, *, daily: bool
) -> list[CityMean]:
    """Of each of `cities` that has values in the period, in no order.

    `by` is ``aqi`` or a pollutant; `daily`: the period consists of Indian days, else of hours.
    """
    rows = run(
        connection,
        _means(by, standard, daily),
        cities=sql.text_array(tuple(cities)),
        **_bounds(period, daily=daily),
    )
    return [CityMean(*row) for row in rows]


@cache
def _means(by: str, standard: Standard, daily: bool) -> TextualSelect:
    column = _INDEX[standard] if by == "aqi" else by
    days = (
        _days([column], column)
        if daily
        else sql.load("city_hours_of_period", columns=column, with_air=WITH_AIR)
    )
    return with_columns(sql.load("city_means", days=days, column=column), *CityMean.__struct_fields__)


def city_periods(
    connection: Connection, cities: Iterable[str], standard: Standard, period: Period
) -> list[CityPeriod]:
    """Those of `cities` with data in the period of Indian days, in no order."""
    rows = run(
        connection, _comparison(standard), cities=sql.text_array(tuple(cities)), **_bounds(period, daily=True)
    )
    return [CityPeriod(*(*row[:-1], msgspec.json.decode(row[-1]))) for row in rows]


@cache
def _comparison(standard: Standard) -> TextualSelect:
    index = _INDEX[standard]
    statement = sql.load(
        "city_comparison",
        days=_days(
            [index, f"{index}_max", *POLLUTANTS],
            ", ".join((f"{index} AS aqi", f"{index}_max AS highest", *POLLUTANTS)),
        ),
        mean_of_aqi=_MEAN.format(name="aqi"),
        pollutants=", ".join(f"'{name}', {_MEAN.format(name=name)}" for name in POLLUTANTS),
    )
    return with_columns(statement, *CityPeriod.__struct_fields__)


def _days(needed: list[str], columns: str) -> str:
    """Days with these `columns`, which are made of the `needed` ones of `VALUES`."""
    return sql.load(
        "city_days_of_period",
        columns=columns,
        aggregates=aggregates(["basis", "hours", *needed]),
        with_air=WITH_AIR,
    )


def _bounds(period: Period, *, daily: bool) -> dict[str, datetime | str]:
    return {"start": period.start, "end": period.end, **(period.days() if daily else {})}
