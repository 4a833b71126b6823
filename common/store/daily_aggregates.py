"""What the mean of an Indian day is made of; one text for every tier, so that all give the same numbers."""

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

AGGREGATES = ", ".join(
    (
        # Ties go to the first by code points: what comes first otherwise differs from server to server.
        *(f'mode() WITHIN GROUP (ORDER BY {name} COLLATE "C") AS {name}' for name in ("basis", "source")),
        "count(*)::smallint AS hours",
        *(f"avg({name})::real AS {name}" for name in MEANS),
        *(f"max({index}) AS {index}_max" for index in INDICES),
    )
)
"""SELECT list that makes of city-hours what `VALUES` names, in that order."""
