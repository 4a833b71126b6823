"""Cities."""

from datetime import date
from typing import Annotated, Literal

from msgspec import Meta, Struct

from common.api.schemas.common import (
    CityError,
    Concentrations,
    Index,
    Instant,
    Mark,
    StandardName,
    StandardQuery,
)

By = Literal["aqi", "pm25", "pm10", "no2", "so2", "co", "o3", "nh3"]
HoursByBasis = Annotated[
    dict[str, int], Meta(description="measured, implied and modelled: hours by what the values come from")
]


class CityEntry(Struct, kw_only=True):
    """A city that is served; degrees of its centre."""

    name: str
    slug: str
    state: str
    latitude: float
    longitude: float
    aliases: tuple[str, ...]
    latest: Index | None
    """Its latest index within 48 hours."""


class Cities(Struct, kw_only=True):
    """All cities."""

    count: int
    standard: StandardName
    simulated: Mark
    cities: list[CityEntry]


class RankingsQuery(StandardQuery, frozen=True):
    """Parameters of a ranking."""

    window: Annotated[
        Literal["24h", "7d", "30d"],
        Meta(description="The last 24 hours, or the last Indian days, the present one included"),
    ] = "24h"
    by: Annotated[By, Meta(description="The index, or a pollutant's concentration")] = "aqi"
    order: Annotated[Literal["desc", "asc"], Meta(description="Worst air first, or best")] = "desc"
    limit: Annotated[int, Meta(ge=1, le=56, description="Cities at most")] = 56


class RankedCity(Struct, kw_only=True):
    """A city at its place."""

    rank: Annotated[int, Meta(description="Equal values share a rank; the next follows as many places later")]
    tied: Annotated[bool, Meta(description="Whether others have the same value")]
    city: str
    state: str
    value: Annotated[float, Meta(description="Mean over the hours that are there")]
    category: Annotated[str | None, Meta(description="Of the index; null for a pollutant")]
    hours: Annotated[int, Meta(description="Hours that there are data of; compare hours_expected")]
    basis: HoursByBasis


class Rankings(Struct, kw_only=True):
    """Cities by their mean over a time, and those that no data tell of, which have no rank."""

    window: str
    by: By
    standard: StandardName
    unit: Annotated[str | None, Meta(description="Of the values; null for the index")]
    order: str
    start: Instant
    end: Instant
    hours_expected: Annotated[int, Meta(description="Hours that have ended in the window")]
    count: Annotated[int, Meta(description="Cities that have a rank, also those beyond the limit")]
    simulated: Mark
    cities: list[RankedCity]
    without_data: list[str]


class CompareQuery(StandardQuery, frozen=True, kw_only=True):
    """Parameters of a comparison."""

    cities: Annotated[
        list[Annotated[str, Meta(max_length=50, pattern="^[^,]*[^, ][^,]*$")]],
        Meta(
            min_length=2,
            max_length=10,
            description="Names or aliases, separated by commas",
            examples=[["Delhi", "Mumbai"]],
        ),
    ]
    days: Annotated[int, Meta(ge=1, le=366, description="The last Indian days, the present one included")] = (
        30
    )


class ComparedCity(Struct, kw_only=True):
    """A city over some days; the index of a day is the mean over its hours."""

    city: str
    state: str
    hours: Annotated[int, Meta(description="Hours that there are data of; compare hours_expected")]
    days: Annotated[int, Meta(description="Days that there are data of")]
    aqi_mean: Annotated[float | None, Meta(description="Mean over all hours")]
    aqi_max: Annotated[int | None, Meta(description="Index of the worst day")]
    aqi_max_date: date | None
    aqi_min: Annotated[int | None, Meta(description="Index of the best day")]
    aqi_min_date: date | None
    aqi_highest_hour: Annotated[int | None, Meta(description="Highest index of any hour")]
    category_days: Annotated[dict[str, int], Meta(description="Days by the category of their index")]
    pollutants: Annotated[Concentrations, Meta(description="Means over all hours")]
    basis: HoursByBasis


class Comparison(Struct, kw_only=True):
    """Cities side by side, in the order asked for, and what was asked for in vain."""

    days: int
    standard: StandardName
    start: Instant
    end: Instant
    hours_expected: Annotated[int, Meta(description="Hours that have ended in those days")]
    units: dict[str, str]
    simulated: Mark
    cities: list[ComparedCity]
    errors: list[CityError]
