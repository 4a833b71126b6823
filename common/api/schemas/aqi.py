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
    Parameters,
    Stale,
    StandardName,
    StandardQuery,
    example,
)
from common.api.schemas.files import FILES_TOO, FormatName

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
    format: FormatName | None = None


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
        content=FILES_TOO,
    )


def _given(name: str, unit: str = "µg/m³") -> Any:
    return Field(None, ge=0, le=100_000, allow_inf_nan=False, description=f"{name} in {unit}")


class ConvertQuery(Parameters):
    """Concentrations of air that was the same all day."""

    pm25: float | None = _given("PM2.5")
    pm10: float | None = _given("PM10")
    no2: float | None = _given("NO2")
    so2: float | None = _given("SO2")
    nh3: float | None = _given("NH3")
    co: float | None = _given("CO", "mg/m³")
    o3: float | None = _given("O3")


class BandShown(ApiModel):
    """A straight piece between two breakpoints of a standard, in the unit of the pollutant."""

    concentration_low: float
    concentration_high: float
    index_low: int
    index_high: int


class ConvertedPollutant(ApiModel):
    """What a standard makes of one concentration."""

    concentration: float
    unit: str
    sub_index: int | None
    category: str | None
    window: Annotated[str, Field(description="What the concentration is taken as, such as 24 h mean")]
    band: BandShown | None
    withheld: Annotated[str | None, Field(description="Why there is no sub-index")]


class ConvertedIndex(ApiModel):
    """The index of one standard."""

    aqi: int | None
    category: str | None
    dominant_pollutant: str | None
    withheld: Annotated[str | None, Field(description="Why there is no index")]
    missing: Annotated[list[str], Field(description="Pollutants of the standard that have no sub-index")]
    pollutants: dict[str, ConvertedPollutant]
    rules: list[str]


class Converted(ApiModel):
    """Both indices of some concentrations, each explained."""

    model_config = example(
        {
            "assumed": "the air was the same in each of the last 24 hours",
            "indices": {
                "in-naqi": {
                    "aqi": None,
                    "category": None,
                    "dominant_pollutant": None,
                    "withheld": "sub-indices of 1 pollutants; the AQI needs at least 3",
                    "missing": ["pm10", "no2", "so2", "nh3", "co", "o3"],
                    "pollutants": {
                        "pm25": {
                            "concentration": 34,
                            "unit": "µg/m³",
                            "sub_index": 57,
                            "category": "Satisfactory",
                            "window": "24 h mean",
                            "band": {
                                "concentration_low": 30,
                                "concentration_high": 60,
                                "index_low": 50,
                                "index_high": 100,
                            },
                            "withheld": None,
                        }
                    },
                    "rules": [
                        "AQI = highest sub-index, given at least 3 of them, one of PM2.5 or PM10; capped at 500"
                    ],
                }
            },
        }
    )

    assumed: str
    indices: Annotated[dict[str, ConvertedIndex], Field(description="By standard: in-naqi and us-epa")]
