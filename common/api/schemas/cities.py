"""Cities."""

from datetime import date
from typing import Annotated, Literal

from pydantic import Field

from common.api.schemas import (
    HOUR_EXAMPLE,
    UNITS_EXAMPLE,
    ApiModel,
    CityError,
    Concentrations,
    Index,
    Instant,
    Mark,
    StandardName,
    StandardQuery,
    example,
)

By = Literal["aqi", "pm25", "pm10", "no2", "so2", "co", "o3", "nh3"]
HoursByBasis = Annotated[
    dict[str, int], Field(description="measured, implied and modelled: hours by what the values come from")
]


class CityEntry(ApiModel):
    """A city that is served; degrees of its centre."""

    name: str
    slug: str
    state: str
    latitude: float
    longitude: float
    aliases: tuple[str, ...]
    latest: Index | None
    """Its latest index within 48 hours."""


class Cities(ApiModel):
    """All cities."""

    model_config = example(
        {
            "count": 1,
            "standard": "in-naqi",
            "simulated": False,
            "cities": [
                {
                    "name": "Delhi",
                    "slug": "delhi",
                    "state": "Delhi",
                    "latitude": 28.6139,
                    "longitude": 77.209,
                    "aliases": ["New Delhi"],
                    "latest": HOUR_EXAMPLE,
                }
            ],
        }
    )

    count: int
    standard: StandardName
    simulated: Mark
    cities: list[CityEntry]


class RankingsQuery(StandardQuery):
    """Parameters of a ranking."""

    window: Annotated[
        Literal["24h", "7d", "30d"],
        Field(description="The last 24 hours, or the last Indian days, the present one included"),
    ] = "24h"
    by: Annotated[By, Field(description="The index, or a pollutant's concentration")] = "aqi"
    order: Annotated[Literal["desc", "asc"], Field(description="Worst air first, or best")] = "desc"
    limit: Annotated[int, Field(ge=1, le=56, description="Cities at most")] = 56


class RankedCity(ApiModel):
    """A city at its place."""

    rank: Annotated[
        int, Field(description="Equal values share a rank; the next follows as many places later")
    ]
    tied: Annotated[bool, Field(description="Whether others have the same value")]
    city: str
    state: str
    value: Annotated[float, Field(description="Mean over the hours that are there")]
    category: Annotated[str | None, Field(description="Of the index; null for a pollutant")]
    hours: Annotated[int, Field(description="Hours that there are data of; compare hours_expected")]
    basis: HoursByBasis


class Rankings(ApiModel):
    """Cities by their mean over a time, and those that no data tell of, which have no rank."""

    model_config = example(
        {
            "window": "24h",
            "by": "aqi",
            "standard": "in-naqi",
            "unit": None,
            "order": "desc",
            "start": "2025-11-04T10:30:00Z",
            "end": "2025-11-05T10:30:00Z",
            "hours_expected": 24,
            "count": 55,
            "simulated": False,
            "cities": [
                {
                    "rank": 1,
                    "tied": False,
                    "city": "Delhi",
                    "state": "Delhi",
                    "value": 312.4,
                    "category": "Very Poor",
                    "hours": 24,
                    "basis": {"measured": 24},
                }
            ],
            "without_data": ["Gangtok"],
        }
    )

    window: str
    by: By
    standard: StandardName
    unit: Annotated[str | None, Field(description="Of the values; null for the index")]
    order: str
    start: Instant
    end: Instant
    hours_expected: Annotated[int, Field(description="Hours that have ended in the window")]
    count: Annotated[int, Field(description="Cities that have a rank, also those beyond the limit")]
    simulated: Mark
    cities: list[RankedCity]
    without_data: list[str]


class CompareQuery(StandardQuery):
    """Parameters of a comparison."""

    cities: Annotated[
        list[Annotated[str, Field(max_length=50, pattern="^[^,]*[^, ][^,]*$")]],
        Field(
            min_length=2,
            max_length=10,
            description="Names or aliases, separated by commas",
            json_schema_extra={"example": ["Delhi", "Mumbai"]},
        ),
    ]
    days: Annotated[
        int, Field(ge=1, le=366, description="The last Indian days, the present one included")
    ] = 30


class ComparedCity(ApiModel):
    """A city over some days; the index of a day is the mean over its hours."""

    city: str
    state: str
    hours: Annotated[int, Field(description="Hours that there are data of; compare hours_expected")]
    days: Annotated[int, Field(description="Days that there are data of")]
    aqi_mean: Annotated[float | None, Field(description="Mean over all hours")]
    aqi_max: Annotated[int | None, Field(description="Index of the worst day")]
    aqi_max_date: date | None
    aqi_min: Annotated[int | None, Field(description="Index of the best day")]
    aqi_min_date: date | None
    aqi_highest_hour: Annotated[int | None, Field(description="Highest index of any hour")]
    category_days: Annotated[dict[str, int], Field(description="Days by the category of their index")]
    pollutants: Annotated[Concentrations, Field(description="Means over all hours")]
    basis: HoursByBasis


class Comparison(ApiModel):
    """Cities side by side, in the order asked for, and what was asked for in vain."""

    model_config = example(
        {
            "days": 30,
            "standard": "in-naqi",
            "start": "2025-10-06T18:30:00Z",
            "end": "2025-11-05T10:30:00Z",
            "hours_expected": 712,
            "units": UNITS_EXAMPLE,
            "simulated": False,
            "cities": [
                {
                    "city": "Delhi",
                    "state": "Delhi",
                    "hours": 712,
                    "days": 30,
                    "aqi_mean": 248.3,
                    "aqi_max": 391,
                    "aqi_max_date": "2025-10-21",
                    "aqi_min": 96,
                    "aqi_min_date": "2025-10-08",
                    "aqi_highest_hour": 428,
                    "category_days": {
                        "Good": 0,
                        "Satisfactory": 2,
                        "Moderate": 6,
                        "Poor": 12,
                        "Very Poor": 10,
                        "Severe": 0,
                    },
                    "pollutants": {"pm25": 121.4, "pm10": 239.8, "no2": 48.1},
                    "basis": {"measured": 712},
                }
            ],
            "errors": [
                {
                    "city": "Mumbay",
                    "status": 404,
                    "detail": "unknown city 'Mumbay'; the 56 cities are listed at /api/v1/cities/; "
                    "did you mean Mumbai?",
                    "nearest": ["Mumbai"],
                }
            ],
        }
    )

    days: int
    standard: StandardName
    start: Instant
    end: Instant
    hours_expected: Annotated[int, Field(description="Hours that have ended in those days")]
    units: dict[str, str]
    simulated: Mark
    cities: list[ComparedCity]
    errors: list[CityError]
