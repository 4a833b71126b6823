"""What every source of data is: a `Source` whose `fetch` turns a `Request` into a `Batch`.

One bad reading is turned down and counted in `Batch.rejected` under one of these words, never fatal:

================ ============================================================================
``time``         its stamp cannot be read
``future``       its stamp lies ahead of the clock
``stale``        its stamp is older than the source's readings may be
``duplicate``    the same station and hour came twice
``no_values``    nothing in it could be used
``not_a_number`` a value is something other than a number
``implausible``  a value outside `common.domain.units.LIMITS`, a fill value, NaN
``unit``         a value in a unit that means nothing for it
``flagged``      the provider itself doubts the value
``neighbour``    the answer is about another town than the one asked about
``elsewhere``    the station lies outside the city it was given for
``shape``        a part of the payload is not built as documented
``part:reason``  that part of what was asked (``air``, ``city`` …) failed for that `reason`
``out_of_time``  a city was not asked, or not to the end, because the time of the run was over
================ ============================================================================

A missing value (``null``, ``NA``) is absent and not counted. An answer of which nothing can be used raises
one of the errors of `common.domain.errors.SourceError`.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from common.domain.aqi import implied_concentration
from common.domain.errors import DataError, OutOfTime, QuotaExhausted, SourceError, Transient
from common.domain.observation import Batch
from common.domain.units import LIMITS, plausible, scale, wind_components
from common.sources.http import Quota

if TYPE_CHECKING:
    from collections import Counter
    from collections.abc import Callable, Mapping, Sequence
    from datetime import tzinfo

    from common.domain.breakpoints import Standard
    from common.domain.cities import City
    from common.domain.observation import Basis
    from common.sources.http import Http

AHEAD = timedelta(minutes=5)
"""How far another clock may go before ours."""
_EARTH_KM = 6371.0
_NO_INDEX = 9999
"""A fill value; indices of almost 2000 have been published."""
_GOLDEN = (math.sqrt(5) - 1) / 2


@dataclass(frozen=True, slots=True)
class Request:
    """What is wanted: readings of `cities` whose time lies in (start, end], and what is expected after them."""

    cities: Sequence[City]
    start: datetime
    end: datetime
    now: datetime
    """The present; nothing stamped later is a reading, but for minutes by which clocks differ."""
    forecast_hours: int = 0
    """For how many hours after `now` it is wanted what a provider expects of weather and air; 0: none."""
    base_urls: Mapping[str, str] = field(default_factory=dict)
    """Setting → address, of the settings in `Source.base_urls`: a stand-in can take a provider's place."""
    key: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class Source:
    """One provider of data."""

    name: str
    provides: frozenset[str]
    """The variables its readings and forecasts may hold; nothing else ever comes out of it."""
    basis: Basis
    key: str | None
    """The setting that holds its key, such as ``WAQI_TOKEN``; None: it needs none."""
    backfill_days: int
    """How far back one can ask; 0: only the latest hour is given, whatever is asked."""
    attribution: str
    """The credit its licence asks for, shown wherever its data is."""
    fetch: Callable[[Request, Http], Batch]
    base_urls: Mapping[str, str] = field(default_factory=dict)
    """Setting → where the provider is asked unless the setting says otherwise."""
    index: Standard = "in-naqi"
    """The standard of the indices that its values are implied by, where they are."""
    invented: bool = False
    """Never chosen unless VAYU_SOURCES names it: invented data must not slip in among the real."""
    archivable: bool = True
    """False where the terms forbid keeping its data: shown live, never stored."""
    cities_per_hour: int | None = None
    """Most cities its free plan serves in an hour, to be taken in turns; None: all."""
    quota: Quota = field(default_factory=Quota)
    """What `Http` keeps to, over all processes, by the weight that each call is made with."""
    unit_cities: int = 1
    """Cities that a backfill asks for in one piece: one, where each is asked for by itself."""
    unit_days: int = 31
    """Days that a backfill asks for in one piece."""
    unit_calls: Callable[[int, int], float] = lambda cities, _: cities
    """Cities and days of such a piece → as how many calls it counts, at most."""
    settles_days: int = 2
    """Days after which it does not change any more what it says of a day."""


def admit(variable: str, raw: object, unit: str, rejected: Counter[str]) -> float | None:
    """A provider's value in the unit of `UNITS`; None, and counted, where it cannot be used.

    None for `raw` means missing, which is not counted.
    """
    if raw is None:
        return None
    if isinstance(raw, bool) or not isinstance(raw, int | float):
        rejected["not_a_number"] += 1
        return None
    try:
        factor, offset = scale(variable, unit)
    except DataError:
        rejected["unit"] += 1
        return None
    value = float(raw) * factor + offset if -1e15 < raw < 1e15 else math.nan
    if not plausible(variable, value):
        rejected["implausible"] += 1
        return None
    return value


def admit_column(
    variable: str, raws: Sequence[object], unit: str, rejected: Counter[str]
) -> list[float | None]:
    """`admit` for many values of one variable and unit, five times as fast where most are as they should be."""
    try:
        factor, offset = scale(variable, unit)
    except DataError:
        return [admit(variable, raw, unit, rejected) for raw in raws]
    low, high = LIMITS[variable]
    return [
        value
        if type(raw) is float and low <= (value := raw * factor + offset) <= high
        else admit(variable, raw, unit, rejected)
        for raw in raws
    ]


def admit_us_index(pollutant: str, raw: object, rejected: Counter[str]) -> float | None:
    """The concentration that a US EPA sub-index implies; None, and counted, where it is no index.

    None for `raw` means missing, which is not counted. At the end of its scale and beyond, as some publish it
    (501 and more), the index only tells the least that the concentration can have been; the city-hour says so
    with the flag ``at_least``.
    """
    if raw is None:
        return None
    if isinstance(raw, bool) or not isinstance(raw, int | float):
        rejected["not_a_number"] += 1
        return None
    if not 0 <= raw < _NO_INDEX:
        rejected["implausible"] += 1
        return None
    return implied_concentration(pollutant, raw, "us-epa").value


def admit_wind(speed: object, direction: object, rejected: Counter[str]) -> dict[str, float]:
    """Speed (m/s) and, where the direction (degrees) is one, its components."""
    admitted = admit("wind_speed", speed, "m/s", rejected)
    if admitted is None:
        return {}
    if isinstance(direction, bool) or not isinstance(direction, int | float) or not 0 <= direction <= 360:
        return {"wind_speed": admitted}
    u, v = wind_components(admitted, direction)
    return {"wind_speed": admitted, "wind_u": u, "wind_v": v}


def time_fault(time: datetime | None, now: datetime, stale_after: timedelta) -> str:
    """Why nothing stamped with `time` can be a reading of the present; empty where it can."""
    if time is None:
        return "time"
    if time > now + AHEAD:
        return "future"
    return "stale" if time < now - stale_after else ""


def km_from(city: City, latitude: object, longitude: object) -> float:
    """Distance from the city's centre along the sphere, km; infinite where that is no place."""
    if not isinstance(latitude, int | float) or not isinstance(longitude, int | float):
        return math.inf
    if not (-90 <= latitude <= 90 and -180 <= longitude <= 180):
        return math.inf
    here, there = math.radians(city.latitude), math.radians(latitude)
    north, east = there - here, math.radians(longitude - city.longitude)
    half = math.sin(north / 2) ** 2 + math.cos(here) * math.cos(there) * math.sin(east / 2) ** 2
    return 2 * _EARTH_KM * math.asin(min(1.0, math.sqrt(half)))


def read_time(stamp: object, zone: tzinfo = UTC) -> datetime | None:
    """The instant of an ISO 8601 stamp, in UTC, one without a zone being of `zone`; None where it is none."""
    try:
        time = datetime.fromisoformat(stamp) if isinstance(stamp, str) else None
        return time and (time if time.tzinfo else time.replace(tzinfo=zone)).astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def issue_time(now: datetime) -> datetime:
    """When the weather forecast known at `now` was issued: weather models run at 0, 6, 12 and 18 UTC."""
    utc = now.astimezone(UTC)
    return utc.replace(hour=utc.hour - utc.hour % 6, minute=0, second=0, microsecond=0)


def most_telling(errors: Sequence[SourceError]) -> SourceError:
    """The one error to raise for several: what must wait, before what may be tried again, before the rest."""
    for kind in (QuotaExhausted, Transient):
        for error in errors:
            if isinstance(error, kind):
                return error
    return errors[0]


def in_turn(cities: Sequence[City], now: datetime) -> list[City]:
    """The cities in the order of this hour: where not all can be asked in time, none waits long for its turn.

    Each hour begins a golden section of the list further on, so that those of any some hours lie evenly over it.
    """
    begin = int(int(now.timestamp()) // 3600 * _GOLDEN % 1 * len(cities))
    return [*cities[begin:], *cities[:begin]]


def ask_each(cities: Sequence[City], ask: Callable[[City, Batch], None], *, patience: int = 3) -> Batch:
    """The batch of a provider that is asked city by city; `ask` adds what it says about one city.

    A city that fails is counted as ``city:REASON`` and the rest go on, except where asking on is useless: the
    key is refused, the quota is spent, `patience` cities in a row met a provider that is down, or the time of
    the run is over; then what there is counts.

    Raises:
        SourceError: when no city gave anything and at least one failed.
    """
    batch = Batch()
    errors: list[SourceError] = []
    failures = 0
    for number, city in enumerate(cities):
        try:
            ask(city, batch)
            failures = 0
        except OutOfTime as error:
            errors.append(error)
            batch.rejected["out_of_time"] += len(cities) - number
            break
        except SourceError as error:
            errors.append(error)
            batch.rejected[f"city:{error.reason}"] += 1
            failures += isinstance(error, Transient)
            batch.heed(error)
            if isinstance(error, QuotaExhausted) or error.reason == "key" or failures >= patience:
                break
    if errors and not batch.readings and not batch.forecasts:
        raise most_telling(errors)
    return batch
