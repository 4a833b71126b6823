"""What the tools answer: the API's answers, cut to what a reader needs, with units, sources and provenance.

Fields that are not in an answer of the API are null here, so that every result fits its schema.
"""

from __future__ import annotations

from datetime import date, datetime
from typing import Annotated

from pydantic import BaseModel, Field

Simulated = Annotated[
    bool, Field(description="True: invented by a simulation, not real air. Say so to people")
]
Address = Annotated[str, Field(description="Where this was read: cite it")]
Basis = Annotated[
    str | None,
    Field(
        description="measured by instruments, implied (an index turned back into a concentration) or modelled"
    ),
]
Index = Annotated[
    int | None, Field(description="Air quality index: a number without a unit, worse if higher")
]
Units = Annotated[dict[str, str], Field(description="Unit of each concentration: µg/m³, of co mg/m³")]


class Concentrations(BaseModel):
    """Mean concentrations in the `units` of the answer; null where not known."""

    pm25: float | None = None
    pm10: float | None = None
    no2: float | None = None
    so2: float | None = None
    nh3: float | None = None
    co: float | None = None
    o3: float | None = None


class CurrentAir(Concentrations):
    """The latest hour of a city; concentrations are means of that hour, not of a day."""

    city: str
    state: str
    aqi: Index
    category: str | None
    standard: str
    dominant_pollutant: str | None
    units: Units
    timestamp: Annotated[datetime, Field(description="End of the hour, UTC")]
    age_minutes: int
    stale: Annotated[bool, Field(description="Older than 2 hours: do not call it the present air")]
    source: Annotated[str | None, Field(description="Provider of the data")]
    basis: Basis
    stations: int
    flags: Annotated[list[str], Field(description="What is doubtful in the hour")]
    simulated: Simulated
    read_from: Address


class Interval(BaseModel):
    """PM2.5 in µg/m³, with the ranges that hold the truth 80 and 95 times of a hundred."""

    value: float
    lower_80: float
    upper_80: float
    lower_95: float
    upper_95: float


class ForecastHour(BaseModel):
    """One hour ahead. The 80 % interval holds the truth 80 times of a hundred, the 95 % interval 95 times."""

    time: Annotated[datetime, Field(description="End of the hour, UTC")]
    lead_hours: int
    aqi: Index = None
    category: str | None = None
    confidence: Annotated[float | None, Field(description="Probability that the category is right")] = None
    lower_80: int | None = None
    upper_80: int | None = None
    lower_95: int | None = None
    upper_95: int | None = None
    exceedance: Annotated[
        dict[str, float] | None, Field(description="Probability of an AQI above 200, 300, 400")
    ] = None
    pm25: Interval | None = None


class CityForecast(BaseModel):
    """The newest forecast of a city, as it was issued."""

    city: str
    state: str
    standard: str
    target: Annotated[str, Field(description="aqi, or pm25 in µg/m³")]
    issued_at: datetime
    origin: Annotated[datetime, Field(description="Lead times count from here")]
    stale: Annotated[bool, Field(description="Issued more than 3 hours ago")]
    naive: Annotated[bool, Field(description="Too little history: only naive forecasts are behind it")]
    note: str | None = None
    source: str | None
    basis: Basis
    simulated: Simulated
    record: Annotated[str, Field(description="Where to read how good such forecasts were")]
    forecast: list[ForecastHour]
    read_from: Address


class ProviderCell(BaseModel):
    """A provider's own forecasts on the same hours."""

    provider: str
    n: int
    enough: bool
    mae: float
    our_mae: float


class Cell(BaseModel):
    """Scores of one season and lead time, in the unit of the record."""

    season: Annotated[str, Field(description="Initials of its months: DJF, MAM, JJAS, ON")]
    lead: Annotated[int, Field(description="Hours ahead")]
    n: Annotated[int, Field(description="Hours compared")]
    days: int
    first_day: date
    last_day: date
    enough: Annotated[bool, Field(description="False: fewer than 30 hours, read nothing into it")]
    mae: Annotated[float, Field(description="Mean absolute error")]
    rmse: float
    bias: Annotated[float, Field(description="Mean of forecast − truth")]
    best_naive: str
    naive_mae: dict[str, float]
    skill: Annotated[
        float | None, Field(description="1 − mae / mae of the best naive forecast; below 0: worse")
    ]
    skill_low: Annotated[float | None, Field(description="Lower bound of its 95 % interval")]
    skill_high: Annotated[float | None, Field(description="Upper bound of its 95 % interval")]
    coverage_80: Annotated[float, Field(description="Share of the truth within the 80 % interval")]
    coverage_95: float
    providers: list[ProviderCell]


class CityRecord(BaseModel):
    """How the forecasts of a city turned out."""

    city: str
    target: str
    unit: Annotated[str, Field(description="Of errors and widths")]
    mode: Annotated[str, Field(description="live, or replay: made afterwards from past data")]
    note: Annotated[str | None, Field(description="Why there is nothing")] = None
    simulated: Simulated
    cells: list[Cell]
    read_from: Address


class ComparedCity(BaseModel):
    """A city over the days; the index of a day is the mean over its hours."""

    city: str
    state: str
    hours: Annotated[int, Field(description="Hours that there are data of; compare hours_expected")]
    days: int
    aqi_mean: float | None
    aqi_max: Annotated[int | None, Field(description="Index of the worst day")]
    aqi_max_date: date | None
    aqi_min: Annotated[int | None, Field(description="Index of the best day")]
    aqi_min_date: date | None
    aqi_highest_hour: int | None
    category_days: Annotated[dict[str, int], Field(description="Days by the category of their index")]
    pollutants: Concentrations
    basis: Annotated[dict[str, int], Field(description="Hours measured, implied and modelled")]


class NotServed(BaseModel):
    """A city that was asked for in vain."""

    city: str
    detail: str


class Comparison(BaseModel):
    """Cities side by side, in the order asked for."""

    days: int
    standard: str
    start: datetime
    end: datetime
    hours_expected: int
    units: Units
    simulated: Simulated
    cities: list[ComparedCity]
    errors: list[NotServed]
    read_from: Address
