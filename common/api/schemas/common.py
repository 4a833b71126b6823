"""What several answers share."""

from datetime import datetime
from typing import Annotated, Any

from msgspec import UNSET, Meta, Raw, Struct, UnsetType

from common.domain.aqi import Standard

StandardName = Annotated[Standard, Meta(description="Indian NAQI (CPCB 2014) or US EPA AQI (2024)")]
Mark = Annotated[bool, Meta(description="Whether the data are simulated rather than measured or modelled")]
BasisName = Annotated[
    str | None,
    Meta(
        description="measured by instruments, implied (an index turned back into a concentration) or modelled"
    ),
]


Flags = Annotated[
    list[str],
    Meta(
        description="What is doubtful in the hour, such as spike:pm10, stuck:co, outlier:no2, pm25>pm10, gap, stopped; "
        "excluded:pm10 where a doubtful value is not counted. Empty where nothing is"
    ),
]
Instant = Annotated[datetime, Meta(tz=True)]
"""A time in UTC, to the second."""
HourEnd = Annotated[datetime, Meta(tz=True, description="End of the hour, UTC")]
Stale = Annotated[bool, Meta(description="Older than 2 hours")]


class StandardQuery(Struct, frozen=True):
    """The index to answer with."""

    standard: StandardName = "in-naqi"


class Concentrations(Struct, kw_only=True):
    """Hourly mean concentrations; one that is not known is absent. CO in mg/m³, all others in µg/m³."""

    pm25: float | UnsetType = UNSET
    pm10: float | UnsetType = UNSET
    no2: float | UnsetType = UNSET
    so2: float | UnsetType = UNSET
    nh3: float | UnsetType = UNSET
    co: float | UnsetType = UNSET
    o3: float | UnsetType = UNSET


class Index(Struct, kw_only=True):
    """An index of a city at one hour."""

    aqi: int | None
    category: str | None
    dominant_pollutant: str | None
    timestamp: HourEnd
    age_minutes: int
    stale: Stale
    basis: BasisName


class CityError(Struct, kw_only=True):
    """A city that could not be served."""

    city: str
    status: Annotated[int, Meta(description="As if it had been asked for alone")]
    detail: str
    nearest: Annotated[list[str], Meta(description="Names of cities that were perhaps meant")] | UnsetType = (
        UNSET
    )


def raw(text: str) -> Any:
    """JSON that the database made, put into an answer as it is; the field's type says what it is."""
    return Raw(text.encode())
