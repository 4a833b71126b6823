"""Values of minutes into values of hours: means, vector means of the wind, sums of the rain.

Values are tables of the columns ``station``, ``variable``, ``time`` (UTC) and ``value``, one value a row.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from common.ingest.files.columns import DIRECTION

if TYPE_CHECKING:
    from collections import Counter

COVERAGE = 0.75
"""Share of an hour's intervals that must have a value, else the hour has none."""
KEY = ["station", "variable", "time"]
_GRID = pd.Timedelta(minutes=30)
"""Indian hours end at half past the hour of UTC."""


@dataclass(frozen=True, slots=True)
class Hours:
    """Hourly values, and what became of the values that went in."""

    values: pd.DataFrame
    """As those that went in, `time` being the end of the averaging time; the wind as its two components."""
    values_used: int
    values_short: int
    means: int
    short: int
    """Hours of one variable that had values, but too few."""


def table_of(stations: object, variables: object, times: object, values: object) -> pd.DataFrame:
    """Values as a table; names as categories, for there may be millions of rows."""
    table = pd.DataFrame({"station": stations, "variable": variables, "time": times, "value": values})
    return table.astype({"station": "category", "variable": "category"})


def intervals_needed(minutes: int) -> int:
    """How many of an hour's intervals must have a value: 3 of 4 quarters, 1 of 1."""
    return math.ceil(60 // minutes * COVERAGE)


def interval_minutes(stamps: pd.DataFrame, series: list[str]) -> int | None:
    """The most common distance of neighbouring times within each of the `series`; None where none has two."""
    ordered = stamps.drop_duplicates([*series, "time"]).sort_values([*series, "time"])
    return common_minutes(ordered.groupby(series, observed=True)["time"].diff())


def common_minutes(lengths: pd.Series) -> int | None:
    """The most common of some lengths of time, in minutes, the shortest of those; None where there is none."""
    usual = lengths.dropna().mode()
    return None if usual.empty else round(usual.iloc[0].total_seconds() / 60)


def without_repeats(values: pd.DataFrame, rejected: Counter[str]) -> pd.DataFrame:
    """The first value of each variable and time; the others are counted as duplicates or conflicts."""
    again = values.duplicated(KEY)
    if not again.any():
        return values
    first = values[~again]
    pairs = values[again].merge(first, on=KEY, suffixes=("", "_kept"))
    same = int((pairs["value"] == pairs["value_kept"]).sum())
    rejected["duplicate"] += same
    rejected["conflict"] += len(pairs) - same
    return first


def without_loose_directions(values: pd.DataFrame, rejected: Counter[str]) -> pd.DataFrame:
    """Without the wind directions that have no speed beside them; those that have become wind_u and wind_v."""
    is_direction = values["variable"] == DIRECTION
    if not is_direction.any():
        return values
    others = values[~is_direction]
    speeds = others.loc[others["variable"] == "wind_speed", ["station", "time", "value"]]
    winds = values[is_direction].merge(speeds, on=["station", "time"], suffixes=("", "_speed"))
    rejected["no_speed"] += int(is_direction.sum()) - len(winds)
    angle = np.radians(winds["value"])
    names = others["variable"].cat.categories.union(["wind_u", "wind_v"])
    return pd.concat(
        [others.assign(variable=others["variable"].cat.set_categories(names))]
        + [
            winds[["station", "time"]].assign(
                variable=pd.Categorical([name] * len(winds), names), value=-winds["value_speed"] * part(angle)
            )
            for name, part in (("wind_u", np.sin), ("wind_v", np.cos))
        ],
        ignore_index=True,
    )


def hourly(values: pd.DataFrame, minutes: int) -> Hours:
    """Hours out of intervals of `minutes`, each belonging to the Indian hour in which it ends.

    Intervals of an hour are left as they are, with their own stamps. Rain is summed over the intervals that have a
    value; all else is the arithmetic mean, that of the wind's components the mean of vectors.
    """
    need = 1
    if minutes < 60:
        need = intervals_needed(minutes)
        values = values.assign(time=(values["time"] - _GRID).dt.ceil("h") + _GRID)
    groups = values.groupby(KEY, observed=True, sort=True)["value"]
    table = groups.agg(["mean", "count"]).reset_index()
    table["value"] = table["mean"].where(table["variable"] != "rain", table["mean"] * table["count"])
    enough = table["count"] >= need
    # The two components of a wind are one value that was read.
    counted = table["variable"] != "wind_v"
    short = table[~enough & counted]
    return Hours(
        table.loc[enough, [*KEY, "value"]],
        values_used=int(table.loc[enough & counted, "count"].sum()),
        values_short=int(short["count"].sum()),
        means=int((enough & counted).sum()),
        short=len(short),
    )
