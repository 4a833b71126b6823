"""What is usual of each pollutant: the limits by which a reading is held to be doubtful.

They are set by what was found in 1.3 million hours of 16 stations (see docs/quality.md).
"""

from __future__ import annotations

from typing import NamedTuple

Values = list[float | None]


class Limits(NamedTuple):
    """Of one pollutant, in its unit."""

    blank: float
    """At most this may be the detection limit, at which instruments rest for days."""
    jump: float
    """A peak rises by more than this: half of a band of the Indian index and more."""


LIMITS = {
    "pm25": Limits(5, 50),
    "pm10": Limits(10, 100),
    "no2": Limits(5, 50),
    "so2": Limits(10, 40),
    "nh3": Limits(5, 50),
    "co": Limits(0.3, 2),
    "o3": Limits(10, 60),
}
SOFTENED = {"pm25": 5.0, "pm10": 10.0, "no2": 5.0, "so2": 5.0, "nh3": 5.0, "co": 0.2, "o3": 5.0}
"""Added before ratios are formed: next to nothing is not many times nothing."""
TWIN = {"pm25": "pm10", "pm10": "pm25"}
"""The other particle size, which rises in the same hour."""
