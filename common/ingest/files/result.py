"""What reading a file gave: hourly readings, and where every value of the file went."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

import pandas as pd

from common.domain.errors import DataError
from common.domain.observation import Reading
from common.ingest.files.columns import INDEX
from common.ingest.files.hours import hourly, intervals_needed, without_loose_directions, without_repeats

if TYPE_CHECKING:
    from common.tables.file import Table

EXPORT = "cpcb-export"
"""Source of what CPCB's portal exports, its official AQI tables included."""
LONG = "long-table"
"""Source of what comes as a long table, whoever made it."""


@dataclass(slots=True)
class ImportResult:
    """Readings of one file. ``values_read == values_kept + sum(rejected.values())``."""

    file: str
    layout: str
    source: str
    stations: tuple[str, ...] = ()
    """Empty text: the whole city."""
    readings: list[Reading] = field(default_factory=list)
    rows_read: int = 0
    values_read: int = 0
    """Cells of the columns that are kept, empty ones included."""
    values_kept: int = 0
    """Those that are in a reading, alone or in an hour's mean."""
    rejected: Counter[str] = field(default_factory=Counter)
    """Values by reason: missing, not_a_number, implausible, bad_time, future, duplicate, conflict (with an
    earlier value for the same time, which is kept), too_few, no_speed, wrong_width, other_city,
    other_station, unknown_variable, flagged (by the table itself)."""
    interval_minutes: int = 60
    hourly_values: int = 0
    """Values of the readings, a wind's two components counted as one."""
    hours_short: int = 0
    """Hours of one variable that had values, but too few for a mean: those are ``too_few``."""
    notes: list[str] = field(default_factory=list)

    def close_rows(self, table: Table, values_in_row: int) -> None:
        """After the last row: account for those that `table` skipped.

        Raises:
            DataError: when there was none.
        """
        self.rows_read += table.damaged
        self.values_read += table.damaged * values_in_row
        self.rejected["wrong_width"] += table.damaged * values_in_row
        if table.cut_off:
            self.notes.append("the last row is incomplete: the file may have been cut off")
        if not self.rows_read:
            raise DataError(f"{self.file}: there are no rows under the headings")

    @property
    def station(self) -> str:
        """The stations, or an empty text where the readings stand for the whole city."""
        return "; ".join(self.stations)

    @property
    def first(self) -> datetime | None:
        """The time of the earliest reading."""
        return min((reading.time for reading in self.readings), default=None)

    @property
    def last(self) -> datetime | None:
        """The time of the latest reading."""
        return max((reading.time for reading in self.readings), default=None)


def settle(
    result: ImportResult,
    city: str,
    values: pd.DataFrame,
    minutes: int,
    *,
    now: datetime,
    shift: timedelta = timedelta(),
) -> None:
    """Make the readings of a file's values; time + `shift` is the end of the `minutes` that a value stands for.

    Raises:
        DataError: when the values are means of more than an hour.
    """
    result.interval_minutes = minutes
    _check_interval(result, minutes)
    result.stations = tuple(sorted({*result.stations, *values["station"].unique()}))
    unique = without_repeats(values, result.rejected)
    unique = unique.assign(time=unique["time"] + shift)
    future = unique["time"] > pd.Timestamp(now)
    result.rejected["future"] += int(future.sum())
    hours = hourly(without_loose_directions(unique[~future], result.rejected), minutes)
    result.values_kept += hours.values_used
    result.hourly_values += hours.means
    result.hours_short += hours.short
    result.rejected["too_few"] += hours.values_short
    result.readings += _readings(result.source, city, hours.values)
    result.rejected = +result.rejected  # without the reasons that did not occur


def note_disorder(result: ImportResult, stamps: pd.DataFrame, lanes: list[str]) -> None:
    """Say how many rows come before an earlier one of their lane."""
    latest = stamps.groupby(lanes, observed=True)["time"].cummax()
    backwards = int((stamps["time"] < latest).sum())
    if backwards:
        result.notes.append(f"out_of_order: {backwards} rows were not in order of time; sorted")


def check_length(table: str, minutes: int) -> None:
    """Refuse means of a day, a month or a year by their name.

    Raises:
        DataError: when `minutes`, the usual distance of the values, is a day or more.
    """
    days = minutes / 1440
    name = next(
        (
            name
            for least, name in ((360, "yearly"), (28, "monthly"), (7, "weekly"), (1, "daily"))
            if days >= least
        ),
        None,
    )
    if name:
        raise DataError(
            f"{table}: these are {name} means: the values stand {minutes} minutes apart; give hourly values"
        )


def _check_interval(result: ImportResult, minutes: int) -> None:
    check_length(result.file, minutes)
    if minutes < 1 or minutes > 60 or 60 % minutes:
        raise DataError(
            f"{result.file}: the values stand {minutes} minutes apart; "
            "give hourly values, or finer ones that divide an hour evenly"
        )
    if minutes < 60:
        result.notes.append(
            f"{minutes}-minute values; an hour needs {intervals_needed(minutes)} of {60 // minutes}"
        )


def _readings(source: str, city: str, hours: pd.DataFrame) -> list[Reading]:
    """One reading a station and time, in this order."""
    if hours.empty:
        return []
    table = hours.pivot(index=["station", "time"], columns="variable", values="value").sort_index()
    stations, times = (table.index.get_level_values(name) for name in ("station", "time"))
    names = list(table.columns)
    known = table.notna().to_numpy()
    readings = []
    for station, time, row, there in zip(
        stations, times.to_pydatetime(), table.to_numpy(), known, strict=True
    ):
        values: dict[str, float] = {}
        published: dict[str, int] = {}
        for name, value, has in zip(names, row.tolist(), there.tolist(), strict=True):
            if has and name.startswith(INDEX):
                published[name.removeprefix(INDEX)] = round(value)
            elif has:
                values[name] = value
        readings.append(Reading(source, city, time, "measured", values, station, published))
    return readings
