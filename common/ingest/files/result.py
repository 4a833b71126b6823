"""What reading a file gave: hourly readings, and where every value of the file went."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from common.domain.errors import DataError
from common.domain.observation import Reading
from common.ingest.files.columns import INDEX
from common.ingest.files.hours import Series, drop_loose_directions, hourly, intervals_needed

if TYPE_CHECKING:
    from collections.abc import Mapping

    from common.ingest.files.table import Table

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


class Samples:
    """Values of a file by station and stamp, in whatever order they come. What comes twice is kept once."""

    def __init__(self, result: ImportResult) -> None:
        self.result = result
        self.series: dict[str, Series] = {}
        self._latest: dict[tuple[str, str], datetime] = {}
        self._backwards = 0

    def add(self, station: str, stamp: datetime, values: dict[str, float], *, lane: str = "") -> None:
        """Take in the values of one row; `lane` tells apart the rows that need not be in order."""
        latest = self._latest.get((station, lane), stamp)
        if stamp < latest:
            self._backwards += 1
        else:
            self._latest[station, lane] = stamp
        known = self.series.setdefault(station, {}).setdefault(stamp, values)
        if known is values:
            return
        for name, value in values.items():
            if name not in known:
                known[name] = value
            else:
                self.result.rejected["duplicate" if known[name] == value else "conflict"] += 1

    def finish(self, city: str, minutes: int, *, now: datetime, shift: timedelta = timedelta()) -> None:
        """Make the readings; stamp + `shift` is the end of the `minutes` that a value stands for.

        Raises:
            DataError: when the values are means of more than an hour.
        """
        result = self.result
        result.interval_minutes = minutes
        self._check_interval(minutes)
        if self._backwards:
            result.notes.append(f"out_of_order: {self._backwards} rows were not in order of time; sorted")
        for station, stamps in sorted(self.series.items()):
            ended: Series = {}
            for stamp, values in stamps.items():
                if stamp + shift > now:
                    result.rejected["future"] += len(values)
                else:
                    ended[stamp + shift] = values
            result.rejected["no_speed"] += drop_loose_directions(ended)
            hours = hourly(ended, minutes)
            result.values_kept += hours.values_used
            result.hourly_values += hours.means
            result.hours_short += hours.short
            result.rejected["too_few"] += hours.values_short
            result.readings += [
                _reading(result.source, city, station, time, values) for time, values in hours.rows
            ]
        result.stations = tuple(sorted(self.series))
        result.rejected = +result.rejected  # without the reasons that did not occur

    def _check_interval(self, minutes: int) -> None:
        if minutes < 1 or minutes > 60 or 60 % minutes:
            raise DataError(
                f"{self.result.file}: the values stand {minutes} minutes apart; "
                "give hourly values, or finer ones that divide an hour evenly"
            )
        if minutes < 60:
            self.result.notes.append(
                f"{minutes}-minute values; an hour needs {intervals_needed(minutes)} of {60 // minutes}"
            )


def _reading(source: str, city: str, station: str, time: datetime, values: Mapping[str, float]) -> Reading:
    return Reading(
        source=source,
        city=city,
        station=station,
        time=time,
        basis="measured",
        values={name: value for name, value in values.items() if not name.startswith(INDEX)},
        published={
            name.removeprefix(INDEX): round(value) for name, value in values.items() if name.startswith(INDEX)
        },
    )
