"""What the mean of an Indian day is made of; one text for every tier, so that all give the same numbers."""

from collections.abc import Iterable

from common.domain.observation import POLLUTANTS

INDICES = ("aqi", "aqi_us")
MEANS = (*POLLUTANTS, *INDICES)
HIGHEST = tuple(f"{index}_max" for index in INDICES)
VALUES = ("basis", "source", "hours", *MEANS, *HIGHEST)
"""Columns of city_day beside the city, the day, and when it was rolled up."""

WITH_AIR = "basis IS NOT NULL"
"""City-hours that count; the others have weather alone."""

DAY = "CAST((time - interval '1 minute') AT TIME ZONE 'Asia/Kolkata' AS date)"
"""The Indian day of a city-hour: hours are named by their ends, so that midnight belongs to the day it ends."""

_AGGREGATE = {
    # Ties go to the first by code points: what comes first otherwise differs from server to server.
    **{name: f'mode() WITHIN GROUP (ORDER BY {name} COLLATE "C")' for name in ("basis", "source")},
    "hours": "count(*)::smallint",
    **{name: f"avg({name})::real" for name in MEANS},
    **{f"{index}_max": f"max({index})" for index in INDICES},
}


def aggregates(names: Iterable[str]) -> str:
    """SELECT list that makes of city-hours these of `VALUES`, in that order."""
    return ", ".join(f"{_AGGREGATE[name]} AS {name}" for name in names)


AGGREGATES = aggregates(VALUES)
