"""Forecasts."""

from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field

from common.api.schemas import (
    ABSENT,
    ApiModel,
    BasisName,
    Body,
    CityError,
    Instant,
    Mark,
    Parameters,
    example,
)
from common.api.schemas.files import FILES_TOO, FormatName
from common.domain.forecast import HORIZON, Target


def _whole(value: Any) -> Any:
    """24.0 is as whole a number as 24, in JSON."""
    return int(value) if isinstance(value, float) and value.is_integer() else value


Lead = Annotated[int, Field(ge=1, le=HORIZON, description="How many hours ahead"), BeforeValidator(_whole)]

_BAND = {"value": 79.4, "lower_80": 61.2, "upper_80": 98.0, "lower_95": 50.3, "upper_95": 117.5}
_POINT = {
    "time": "2025-11-05T11:30:00Z",
    "lead_hours": 1,
    "aqi": 190,
    "category": "Moderate",
    "confidence": 0.71,
    "lower_80": 176,
    "upper_80": 204,
    "lower_95": 165,
    "upper_95": 219,
    "probabilities": {
        "Good": 0.0,
        "Satisfactory": 0.01,
        "Moderate": 0.71,
        "Poor": 0.28,
        "Very Poor": 0.0,
        "Severe": 0.0,
    },
    "exceedance": {"200": 0.28, "300": 0.0, "400": 0.0},
    "pm25": _BAND,
}
_FORECAST = {
    "city": "Delhi",
    "state": "Delhi",
    "standard": "in-naqi",
    "target": "aqi",
    "issued_at": "2025-11-05T10:42:00Z",
    "origin": "2025-11-05T10:30:00Z",
    "known_until": "2025-11-05T10:30:00Z",
    "stale": False,
    "model": {"version": "delhi-aqi-xgboost-20251105T0230Z-1f0c9a2e", "family": "xgboost"},
    "naive": False,
    "basis": "measured",
    "source": "cpcb",
    "simulated": False,
    "record": "/api/v1/record/scores/delhi?target=aqi&season=ON&lead=24",
    "hours": 1,
    "forecast": [_POINT],
}


class ForecastQuery(Parameters):
    """Parameters of a forecast."""

    hours: Lead = HORIZON
    target: Annotated[Target, Field(description="Indian AQI, or PM2.5 alone")] = "aqi"
    explain: Annotated[
        bool,
        Field(
            description="Also what the forecast is made of: each expert's own forecast and its weight; JSON alone"
        ),
    ] = False
    format: FormatName | None = None


class BatchBody(Body):
    """Cities to forecast."""

    model_config = example({"cities": ["Delhi", "Mumbai"], "hours_ahead": 24})

    cities: Annotated[list[str], Field(min_length=1, max_length=56, description="Names or aliases")]
    hours_ahead: Lead = 24


class Interval(ApiModel):
    """A value with the ranges that should hold the truth 80 and 95 times of a hundred."""

    value: float
    lower_80: float
    upper_80: float
    lower_95: float
    upper_95: float


class ForecastPoint(ApiModel):
    """One hour ahead, named by its end. For target pm25 there is only `pm25`."""

    time: Instant
    lead_hours: int
    aqi: int = ABSENT
    category: str = ABSENT
    confidence: Annotated[float, Field(description="Probability that the stated category is right")] = ABSENT
    lower_80: int = ABSENT
    upper_80: int = ABSENT
    lower_95: int = ABSENT
    upper_95: int = ABSENT
    probabilities: dict[str, float] = ABSENT
    exceedance: Annotated[
        dict[str, float], Field(description="Probability of an AQI above 200, 300, 400")
    ] = ABSENT
    pm25: Annotated[Interval, Field(description="µg/m³")] = ABSENT


class ForecastModel(ApiModel):
    """What made a forecast."""

    version: str | None
    family: str


class ExpertWeight(ApiModel):
    """What an expert counts in a block of lead times."""

    first_lead: Lead
    last_lead: Lead
    weight: Annotated[float, Field(ge=0, le=1)]


class Expert(ApiModel):
    """One of the forecasts that a forecast is made of."""

    name: str
    kind: Annotated[
        Literal["model", "mean", "corrected", "provider", "naive"],
        Field(
            description="A trained model; their mean; that mean corrected by its errors; a provider's; a naive one"
        ),
    ]
    share: Annotated[float, Field(description="Its mean weight over all 48 lead times", ge=0, le=1)]
    weights: Annotated[list[ExpertWeight], Field(description="By how it did of late: see docs/models.md")]
    values: Annotated[
        list[float | None], Field(description="Its own forecast, hour by hour, in the target's unit")
    ]


class Explanation(ApiModel):
    """How a forecast came about: each hour is exp(Σ weight · log(value + floor)) − floor, rounded."""

    floor: Annotated[float, Field(description="Added before logarithms, in the target's unit")]
    experts: list[Expert]


class Forecast(ApiModel):
    """The newest forecast of a city, as it was issued."""

    model_config = example(_FORECAST, content=FILES_TOO)

    city: str
    state: str
    standard: Annotated[str, Field(description="The index that is forecast: the Indian one")]
    target: Target
    issued_at: Instant
    origin: Annotated[Instant, Field(description="Lead times count from here")]
    known_until: Annotated[Instant, Field(description="The last hour that was known when it was issued")]
    stale: Annotated[bool, Field(description="Issued more than 3 hours ago")]
    model: ForecastModel
    naive: Annotated[
        bool,
        Field(description="There is too little history to learn from: only naive forecasts are behind it"),
    ]
    note: str = ABSENT
    basis: BasisName
    source: str | None
    simulated: Mark
    record: Annotated[
        str,
        Field(
            description="Where to read how good such forecasts were: of this city, 24 hours ahead, in this season"
        ),
    ]
    hours: int
    forecast: list[ForecastPoint]
    explanation: Explanation = ABSENT


class Batch(ApiModel):
    """Forecasts of several cities, and what was asked for in vain."""

    model_config = example(
        {
            "hours_ahead": 1,
            "count": 1,
            "simulated": False,
            "forecasts": [_FORECAST],
            "errors": [
                {"city": "Mumbai", "status": 404, "detail": "no forecast has been issued for Mumbai yet"}
            ],
        }
    )

    hours_ahead: int
    count: int
    simulated: Mark
    forecasts: list[Forecast]
    errors: list[CityError]
