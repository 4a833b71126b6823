"""Forecasts."""

from typing import Annotated, Literal

from msgspec import UNSET, Meta, Struct, UnsetType

from common.api.schemas.common import BasisName, CityError, Instant, Mark
from common.domain.forecast import HORIZON, Target

Lead = Annotated[int, Meta(ge=1, le=HORIZON, description="How many hours ahead")]


class ForecastQuery(Struct, frozen=True):
    """Parameters of a forecast."""

    hours: Lead = HORIZON
    target: Annotated[Target, Meta(description="Indian AQI, or PM2.5 alone")] = "aqi"
    explain: Annotated[
        bool, Meta(description="Also what the forecast is made of: each expert's own forecast and its weight")
    ] = False


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


class ExpertWeight(Struct, kw_only=True):
    """What an expert counts in a block of lead times."""

    first_lead: Lead
    last_lead: Lead
    weight: Annotated[float, Meta(ge=0, le=1)]


class Expert(Struct, kw_only=True):
    """One of the forecasts that a forecast is made of."""

    name: str
    kind: Annotated[
        Literal["model", "mean", "corrected", "provider", "naive"],
        Meta(
            description="A trained model; their mean; that mean corrected by its errors; a provider's; a naive one"
        ),
    ]
    share: Annotated[float, Meta(description="Its mean weight over all 48 lead times", ge=0, le=1)]
    weights: Annotated[list[ExpertWeight], Meta(description="By how it did of late: see docs/models.md")]
    values: Annotated[
        list[float | None], Meta(description="Its own forecast, hour by hour, in the target's unit")
    ]


class Explanation(Struct, kw_only=True):
    """How a forecast came about: each hour is exp(Σ weight · log(value + floor)) − floor, rounded."""

    floor: Annotated[float, Meta(description="Added before logarithms, in the target's unit")]
    experts: list[Expert]


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
    naive: Annotated[
        bool,
        Meta(description="There is too little history to learn from: only naive forecasts are behind it"),
    ]
    note: str | UnsetType = UNSET
    basis: BasisName
    source: str | None
    simulated: Mark
    hours: int
    forecast: list[ForecastPoint]
    explanation: Explanation | UnsetType = UNSET


class Batch(Struct, kw_only=True):
    """Forecasts of several cities, and what was asked for in vain."""

    hours_ahead: int
    count: int
    simulated: Mark
    forecasts: list[Forecast]
    errors: list[CityError]
