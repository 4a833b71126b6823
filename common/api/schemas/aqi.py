"""Air quality: now and before."""

from datetime import date
from typing import Annotated, Any, Literal

from pydantic import AwareDatetime, Field, RootModel

from common.api.schemas import (
    ABSENT,
    HOUR_EXAMPLE,
    UNITS_EXAMPLE,
    ApiModel,
    BasisName,
    Concentrations,
    Flags,
    HourEnd,
    Instant,
    Mark,
    Stale,
    StandardName,
    StandardQuery,
    example,
)

DAYS_MOST = 3660
HOURS_MOST = 24 * DAYS_MOST


AsOf = Annotated[
    AwareDatetime | None,
    Field(description="ISO 8601 with offset; answer with what was known then, before later corrections"),
]
AsOfShown = Annotated[Instant, Field(description="When this was what was known; absent for now")]


class CurrentQuery(StandardQuery):
    """Parameters of the current index."""

    explain: Annotated[
        bool, Field(description="Say how the index came about, from which readings; not with as_of")
    ] = False
    as_of: AsOf = None


class Current(ApiModel):
    """The latest hour of a city that has an index; concentrations are means of that hour."""

    model_config = example(
        {
            "city": "Delhi",
            "state": "Delhi",
            "aqi": 187,
            "category": "Moderate",
            "standard": "in-naqi",
            "dominant_pollutant": "pm25",
            "pm25": 78.5,
            "pm10": 132.4,
            "units": {"pm25": "µg/m³", "pm10": "µg/m³"},
            "timestamp": "2025-11-05T10:30:00Z",
            "age_minutes": 12,
            "stale": False,
            "source": "cpcb",
            "basis": "measured",
            "stations": 36,
            "flags": [],
            "simulated": False,
        }
    )

    city: str
    state: str
    aqi: int
    category: str
    standard: StandardName
    dominant_pollutant: str | None
    pm25: float = ABSENT
    pm10: float = ABSENT
    no2: float = ABSENT
    so2: float = ABSENT
    nh3: float = ABSENT
    co: float = ABSENT
    o3: float = ABSENT
    units: dict[str, str]
    timestamp: HourEnd
    age_minutes: int
    stale: Stale
    source: str | None
    basis: BasisName
    stations: Annotated[int, Field(description="Stations that made the hour")]
    flags: Flags
    simulated: Mark
    as_of: AsOfShown = ABSENT
    explanation: dict[str, Any] = ABSENT


class Pollutant(ApiModel):
    """One pollutant of an hour: its hourly value, and what its sub-index was made from."""

    concentration: Annotated[float | None, Field(description="Mean of the hour")]
    unit: str
    sub_index: int | None
    category: str | None
    window: Annotated[str | None, Field(description="What the standard averages over, such as 24 h mean")]
    window_mean: Annotated[float | None, Field(description="The average that the sub-index was read off for")]
    hours_present: int | None
    hours_required: int | None
    hours_window: int | None
    dominant: bool
    withheld: Annotated[str | None, Field(description="Why there is no sub-index")]


class Pollutants(ApiModel):
    """The pollutants of a city's latest hour with an index; if none has one, of the latest hour."""

    model_config = example(
        {
            "city": "Delhi",
            "state": "Delhi",
            "standard": "in-naqi",
            "withheld": None,
            "source": "cpcb",
            "stations": 36,
            "flags": [],
            "simulated": False,
            **HOUR_EXAMPLE,
            "pollutants": {
                "pm25": {
                    "concentration": 78.5,
                    "unit": "µg/m³",
                    "sub_index": 187,
                    "category": "Moderate",
                    "window": "24 h mean",
                    "window_mean": 86.1,
                    "hours_present": 24,
                    "hours_required": 16,
                    "hours_window": 24,
                    "dominant": True,
                    "withheld": None,
                }
            },
        }
    )

    city: str
    state: str
    aqi: int | None
    category: str | None
    standard: StandardName
    dominant_pollutant: str | None
    withheld: Annotated[str | None, Field(description="Why there is no index")]
    timestamp: HourEnd
    age_minutes: int
    stale: Stale
    source: str | None
    basis: BasisName
    stations: int
    flags: Flags
    simulated: Mark
    pollutants: dict[str, Pollutant]


class HistoryQuery(StandardQuery):
    """Parameters of a history: a length that ends at `end`, or `start` and `end`."""

    hours: int | None = Field(None, ge=1, le=HOURS_MOST, description="Length in hours; 24 if nothing is said")
    days: int | None = Field(None, ge=1, le=DAYS_MOST, description="Length in days")
    start: AwareDatetime | None = Field(None, description="ISO 8601 with offset; hours that end after it")
    end: AwareDatetime | None = Field(
        None, description="ISO 8601 with offset; hours that end by it; the last full hour by default"
    )
    as_of: AsOf = None
    interval: Literal["hour", "day"] = Field(
        "hour", description="Hours, or days of Indian time (30 if nothing is said)"
    )
    format: Literal["json", "csv"] | None = Field(None, description="Goes before the Accept header")


class HourPoint(ApiModel):
    """One hour, named by its end."""

    time: Instant
    aqi: int | None
    category: str | None
    dominant_pollutant: str | None
    basis: BasisName
    source: str | None
    flags: Flags
    pollutants: Concentrations


class DayPoint(ApiModel):
    """One day of Indian time: means over its hours."""

    date: date
    aqi: int | None
    aqi_max: int | None
    category: str | None
    hours: Annotated[int, Field(description="Hours of the day that have any value")]
    basis: BasisName
    source: str | None
    pollutants: Concentrations


class _History(ApiModel):
    interval: Literal["hour", "day"]
    city: str
    state: str
    standard: StandardName
    start: Instant
    end: Instant
    count: int
    expected: int
    units: dict[str, str]
    simulated: Mark
    as_of: AsOfShown = ABSENT


class HourHistory(_History):
    """Hours of a city, oldest first. What is not known is absent: compare count and expected."""

    interval: Literal["hour"]
    points: list[HourPoint]


class DayHistory(_History):
    """Days of a city, oldest first. What is not known is absent: compare count and expected."""

    interval: Literal["day"]
    points: list[DayPoint]


class History(ApiModel, RootModel[Annotated[HourHistory | DayHistory, Field(discriminator="interval")]]):
    """A stretch of a city's past."""

    model_config = example(
        {
            "interval": "hour",
            "city": "Delhi",
            "state": "Delhi",
            "standard": "in-naqi",
            "start": "2025-11-04T10:30:00Z",
            "end": "2025-11-05T10:30:00Z",
            "count": 1,
            "expected": 24,
            "units": UNITS_EXAMPLE,
            "simulated": False,
            "points": [
                {
                    "time": "2025-11-05T10:30:00Z",
                    "aqi": 187,
                    "category": "Moderate",
                    "dominant_pollutant": "pm25",
                    "basis": "measured",
                    "source": "cpcb",
                    "flags": [],
                    "pollutants": {"pm25": 78.5, "pm10": 132.4},
                }
            ],
        },
        content={"text/csv": {"schema": {"type": "string"}}},
    )
