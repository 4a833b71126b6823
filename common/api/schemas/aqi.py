"""Air quality: now and before."""

from datetime import date, datetime
from typing import Annotated, Any, Literal

from msgspec import UNSET, Meta, Struct, UnsetType

from common.api.schemas.common import (
    BasisName,
    Concentrations,
    Flags,
    HourEnd,
    Instant,
    Mark,
    Stale,
    StandardName,
    StandardQuery,
)

DAYS_MOST = 3660
HOURS_MOST = 24 * DAYS_MOST


AsOf = (
    Annotated[
        datetime,
        Meta(
            tz=True,
            description="ISO 8601 with offset; answer with what was known then, before later corrections",
        ),
    ]
    | UnsetType
)
AsOfShown = Annotated[Instant, Meta(description="When this was what was known; absent for now")] | UnsetType


class CurrentQuery(StandardQuery, frozen=True):
    """Parameters of the current index."""

    explain: Annotated[
        bool, Meta(description="Say how the index came about, from which readings; not with as_of")
    ] = False
    as_of: AsOf = UNSET


class Current(Struct, kw_only=True):
    """The latest hour of a city that has an index; concentrations are means of that hour."""

    city: str
    state: str
    aqi: int
    category: str
    standard: StandardName
    dominant_pollutant: str | None
    pm25: float | UnsetType = UNSET
    pm10: float | UnsetType = UNSET
    no2: float | UnsetType = UNSET
    so2: float | UnsetType = UNSET
    nh3: float | UnsetType = UNSET
    co: float | UnsetType = UNSET
    o3: float | UnsetType = UNSET
    units: dict[str, str]
    timestamp: HourEnd
    age_minutes: int
    stale: Stale
    source: str | None
    basis: BasisName
    stations: Annotated[int, Meta(description="Stations that made the hour")]
    flags: Flags
    simulated: Mark
    as_of: AsOfShown = UNSET
    explanation: dict[str, Any] | UnsetType = UNSET


class Pollutant(Struct, kw_only=True):
    """One pollutant of an hour: its hourly value, and what its sub-index was made from."""

    concentration: Annotated[float | None, Meta(description="Mean of the hour")]
    unit: str
    sub_index: int | None
    category: str | None
    window: Annotated[str | None, Meta(description="What the standard averages over, such as 24 h mean")]
    window_mean: Annotated[float | None, Meta(description="The average that the sub-index was read off for")]
    hours_present: int | None
    hours_required: int | None
    hours_window: int | None
    dominant: bool
    withheld: Annotated[str | None, Meta(description="Why there is no sub-index")]


class Pollutants(Struct, kw_only=True):
    """The pollutants of a city's latest hour with an index; if none has one, of the latest hour."""

    city: str
    state: str
    aqi: int | None
    category: str | None
    standard: StandardName
    dominant_pollutant: str | None
    withheld: Annotated[str | None, Meta(description="Why there is no index")]
    timestamp: HourEnd
    age_minutes: int
    stale: Stale
    source: str | None
    basis: BasisName
    stations: int
    flags: Flags
    simulated: Mark
    pollutants: dict[str, Pollutant]


class HistoryQuery(StandardQuery, frozen=True):
    """Parameters of a history: a length that ends at `end`, or `start` and `end`."""

    hours: (
        Annotated[int, Meta(ge=1, le=HOURS_MOST, description="Length in hours; 24 if nothing is said")]
        | UnsetType
    ) = UNSET
    days: Annotated[int, Meta(ge=1, le=DAYS_MOST, description="Length in days")] | UnsetType = UNSET
    start: (
        Annotated[datetime, Meta(tz=True, description="ISO 8601 with offset; hours that end after it")]
        | UnsetType
    ) = UNSET
    end: (
        Annotated[
            datetime,
            Meta(
                tz=True,
                description="ISO 8601 with offset; hours that end by it; the last full hour by default",
            ),
        ]
        | UnsetType
    ) = UNSET
    as_of: AsOf = UNSET
    interval: Annotated[
        Literal["hour", "day"], Meta(description="Hours, or days of Indian time (30 if nothing is said)")
    ] = "hour"
    format: (
        Annotated[Literal["json", "csv"], Meta(description="Goes before the Accept header")] | UnsetType
    ) = UNSET


class HourPoint(Struct, kw_only=True):
    """One hour, named by its end."""

    time: Instant
    aqi: int | None
    category: str | None
    dominant_pollutant: str | None
    basis: BasisName
    source: str | None
    flags: Flags
    pollutants: Concentrations


class DayPoint(Struct, kw_only=True):
    """One day of Indian time: means over its hours."""

    date: date
    aqi: int | None
    aqi_max: int | None
    category: str | None
    hours: Annotated[int, Meta(description="Hours of the day that have any value")]
    basis: BasisName
    source: str | None
    pollutants: Concentrations


class History(Struct, kw_only=True, tag_field="interval"):
    """A stretch of a city's past, oldest first. What is not known is absent: compare count and expected."""

    city: str
    state: str
    standard: StandardName
    start: Instant
    end: Instant
    count: int
    expected: int
    units: dict[str, str]
    simulated: Mark
    as_of: AsOfShown = UNSET


class HourHistory(History, kw_only=True, tag="hour"):
    """Hours of a city."""

    points: list[HourPoint]


class DayHistory(History, kw_only=True, tag="day"):
    """Days of a city."""

    points: list[DayPoint]
