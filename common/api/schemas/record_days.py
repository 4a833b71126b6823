"""The public record: what a city's scores are made of, day by day."""

from datetime import date
from typing import Annotated, Literal

from pydantic import BeforeValidator, Field

from common.api.schemas import ABSENT, ApiModel, Mark, Parameters, example
from common.api.schemas.files import FILES_TOO, FormatName
from common.api.schemas.public_record import (
    Code,
    Hours,
    ModeName,
    Modes,
    Note,
    Season,
    TargetName,
    Unit,
    number,
)
from common.domain.forecast import Mode, Target


class DaysQuery(Parameters):
    """Which days of a city."""

    lead: Annotated[
        Literal[1, 3, 6, 12, 24, 48], BeforeValidator(number), Field(description="Hours ahead")
    ] = 24
    season: Season | None = None
    target: TargetName = "aqi"
    mode: ModeName | None = None
    format: FormatName | None = None


class DayColumns(ApiModel):
    """Sums over the hours of each day: element i of each array belongs to the same Indian day, oldest first."""

    day: list[date]
    n: list[Hours]
    error: Annotated[list[float], Field(description="Sum of the absolute errors")]
    squared: Annotated[list[float], Field(description="Sum of the squared errors")]
    bias: Annotated[list[float], Field(description="Sum of forecast − truth")]
    within_80: Annotated[list[int], Field(description="Hours whose truth lay within the 80 % interval")]
    within_95: list[int]
    width_80: Annotated[list[float], Field(description="Sum of the widths of the 80 % interval")]
    width_95: list[float]
    naive_error: Annotated[
        dict[str, list[float | None]],
        Field(description="Sums of the naive forecasts' absolute errors; null where no hour has one"),
    ]
    weekly_n: Annotated[list[int], Field(description="Hours that have the naive forecast `weekly`")]


class ProviderDayColumns(ApiModel):
    """Sums over the hours that a provider forecast as well as we did, by Indian day."""

    day: list[date]
    n: list[Hours]
    error: Annotated[list[float], Field(description="Sum of the provider's absolute errors")]
    our_error: Annotated[list[float], Field(description="Sum of ours")]


class Days(ApiModel):
    """What the scores of one city and lead time are made of: a cell's MAE is its sum of `error` / its sum of `n`."""

    model_config = example(
        {
            "city": "Delhi",
            "lead": 24,
            "season": "ON",
            "target": "aqi",
            "unit": "AQI",
            "mode": "live",
            "modes": ["live"],
            "simulated": False,
            "days": {
                "day": ["2025-11-04"],
                "n": [24],
                "error": [756.1],
                "squared": [31204.9],
                "bias": [-101.3],
                "within_80": [19],
                "within_95": [23],
                "width_80": [2361.6],
                "width_95": [3868.8],
                "naive_error": {
                    "persistence": [1058.4],
                    "daily": [1058.4],
                    "mean24": [950.4],
                    "weekly": [1245.6],
                },
                "weekly_n": [24],
            },
            "providers": {
                "open-meteo": {"day": ["2025-11-04"], "n": [24], "error": [1442.4], "our_error": [756.1]}
            },
        },
        content=FILES_TOO,
    )

    city: str
    lead: int
    season: Annotated[Code | None, Field(description="Null: all")]
    target: Target
    unit: Unit
    mode: Mode
    modes: Modes
    simulated: Mark
    note: Note = ABSENT
    days: DayColumns
    providers: dict[str, ProviderDayColumns]
