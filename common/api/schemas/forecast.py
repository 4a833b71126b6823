"""Forecasts."""

from typing import Annotated

from msgspec import UNSET, Meta, Struct, UnsetType

from common.api.schemas.common import BasisName, CityError, Instant, Mark
from common.domain.forecast import HORIZON, Target

Lead = Annotated[int, Meta(ge=1, le=HORIZON, description="How many hours ahead")]


class ForecastQuery(Struct, frozen=True):
    """Parameters of a forecast."""

    hours: Lead = HORIZON
    target: Annotated[Target, Meta(description="Indian AQI, or PM2.5 alone")] = "aqi"


class BatchBody(Struct, frozen=True, forbid_unknown_fields=True):
    """Cities to forecast."""

    cities: Annotated[list[str], Meta(min_length=1, max_length=56, description="Names or aliases")]
    hours_ahead: Lead = 24


class Interval(Struct, kw_only=True):
    """A value with the ranges that should hold the truth 80 and 95 times of a hundred."""

    value: float
    lower_80: float
    upper_80: float
    lower_95: float
    upper_95: float


class ForecastPoint(Struct, kw_only=True):
    """One hour ahead, named by its end. For target pm25 there is only `pm25`."""

    time: Instant
    lead_hours: int
    aqi: int | UnsetType = UNSET
    category: str | UnsetType = UNSET
    confidence: (
        Annotated[float, Meta(description="Probability that the stated category is right")] | UnsetType
    ) = UNSET
    lower_80: int | UnsetType = UNSET
    upper_80: int | UnsetType = UNSET
    lower_95: int | UnsetType = UNSET
    upper_95: int | UnsetType = UNSET
    probabilities: dict[str, float] | UnsetType = UNSET
    exceedance: (
        Annotated[dict[str, float], Meta(description="Probability of an AQI above 200, 300, 400")] | UnsetType
    ) = UNSET
    pm25: Annotated[Interval, Meta(description="µg/m³")] | UnsetType = UNSET


class ForecastModel(Struct, kw_only=True):
    """What made a forecast."""

    version: str | None
    family: str


class Forecast(Struct, kw_only=True):
    """The newest forecast of a city, as it was issued."""

    city: str
    state: str
    standard: Annotated[str, Meta(description="The index that is forecast: the Indian one")]
    target: Target
    issued_at: Instant
    origin: Annotated[Instant, Meta(description="Lead times count from here")]
    known_until: Annotated[Instant, Meta(description="The last hour that was known when it was issued")]
    stale: Annotated[bool, Meta(description="Issued more than 3 hours ago")]
    model: ForecastModel
    naive: Annotated[bool, Meta(description="No model beats the naive forecast here, so that one is served")]
    note: str | UnsetType = UNSET
    basis: BasisName
    source: str | None
    simulated: Mark
    hours: int
    forecast: list[ForecastPoint]


class Batch(Struct, kw_only=True):
    """Forecasts of several cities, and what was asked for in vain."""

    hours_ahead: int
    count: int
    simulated: Mark
    forecasts: list[Forecast]
    errors: list[CityError]
