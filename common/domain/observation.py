"""What is measured: variables, their units, readings and city-hours.

Every hour is named by its **end**, in UTC. Indian clocks run at UTC+05:30, so Indian hours end at half past
the UTC hour: the hour 15:00–16:00 in Delhi is ``10:30Z``. A reading belongs to the city-hour in whose
sixty minutes its own stamp falls.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from datetime import MAXYEAR, MINYEAR, UTC, date, datetime, timedelta, timezone
from typing import Literal

import msgspec

from common.domain.errors import DataError, QuotaExhausted, SourceError

Basis = Literal["measured", "implied", "modelled"]
"""Where a value comes from, best first: an instrument; an index turned back into a concentration; a model."""

BASES: tuple[Basis, ...] = ("measured", "implied", "modelled")
POLLUTANTS = ("pm25", "pm10", "no2", "so2", "nh3", "co", "o3")
WEATHER = (
    "temperature",
    "humidity",
    "wind_speed",
    "wind_u",
    "wind_v",
    "rain",
    "solar_radiation",
    "pressure",
    "dew_point",
    "boundary_layer_height",
)
VARIABLES = POLLUTANTS + WEATHER
UNITS: Mapping[str, str] = {
    "pm25": "µg/m³",
    "pm10": "µg/m³",
    "no2": "µg/m³",
    "so2": "µg/m³",
    "nh3": "µg/m³",
    "co": "mg/m³",
    "o3": "µg/m³",
    "temperature": "°C",
    "humidity": "%",
    "wind_speed": "m/s",
    "wind_u": "m/s",
    "wind_v": "m/s",
    "rain": "mm",
    "solar_radiation": "W/m²",
    "pressure": "hPa",
    "dew_point": "°C",
    "boundary_layer_height": "m",
}
"""The one unit each variable is kept in."""

HOUR = timedelta(hours=1)
IST = timezone(timedelta(hours=5, minutes=30), "IST")
_GRID = timedelta(minutes=30)


class Reading(msgspec.Struct, frozen=True):
    """What one station, or one model cell standing for a city, reported for the time up to `time`."""

    source: str
    city: str
    time: datetime
    """End of the averaging time, UTC."""
    basis: Basis
    values: Mapping[str, float]
    """Variable → value in `UNITS`. A missing value is absent, never 0."""
    station: str = ""
    """Empty where the reading stands for the whole city."""
    published: Mapping[str, int] = msgspec.field(default_factory=dict)
    """Indian indices as the provider publishes them: ``aqi`` and sub-indices by pollutant."""


class ProviderForecast(msgspec.Struct, frozen=True):
    """Weather and air that a provider expected for `time`."""

    source: str
    city: str
    issued_at: datetime
    """Start of the round of the provider's model that it is taken to come from; when it came is known to the store."""
    time: datetime
    values: Mapping[str, float]


class Batch(msgspec.Struct):
    """What one fetch gave: readings, what is expected, and how many were turned down for which reason."""

    readings: list[Reading] = msgspec.field(default_factory=list)
    forecasts: list[ProviderForecast] = msgspec.field(default_factory=list)
    rejected: Counter[str] = msgspec.field(default_factory=Counter)
    retry_after: float | None = None
    """Seconds in which the provider wants no further question, where it said so after a part of the answer."""

    def heed(self, error: SourceError) -> None:
        """Remember for how long the provider wants to be left alone, if that is what `error` says."""
        if isinstance(error, QuotaExhausted) and error.reason == QuotaExhausted.reason:
            self.retry_after = error.retry_after


def hour_ending(time: datetime) -> datetime:
    """The end of the Indian hour that holds `time`; a stamp exactly on the end belongs to that hour.

    Raises:
        DataError: when `time` has no zone, or lies in the first or last year a datetime can hold.
    """
    shifted = _shifted(time)
    floor = shifted.replace(minute=0, second=0, microsecond=0)
    return (floor if floor == shifted else floor + HOUR) + _GRID


def indian_day(hour: datetime) -> date:
    """The Indian day of the hour that ends then; midnight belongs to the day that it ends."""
    return (hour - timedelta(minutes=1)).astimezone(IST).date()


def last_full_hour(now: datetime) -> datetime:
    """The end of the latest Indian hour that is over at `now`.

    Raises:
        DataError: as `hour_ending` does.
    """
    return _shifted(now).replace(minute=0, second=0, microsecond=0) + _GRID


def _shifted(time: datetime) -> datetime:
    """`time` in UTC, moved so that Indian hours end on whole hours."""
    # Without a zone, astimezone would quietly take the machine's own.
    if time.tzinfo is None or not MINYEAR < time.year < MAXYEAR:
        raise DataError(f"{time} is no usable time: it needs a zone and a plausible year")
    return time.astimezone(UTC) - _GRID
