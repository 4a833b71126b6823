"""The public record: scores by city, season and lead time, on the same hours for all."""

from datetime import date
from typing import Annotated

from pydantic import Field

from common.api.schemas import ABSENT, ApiModel, Mark, example
from common.api.schemas.files import FILES_TOO, FormatName
from common.api.schemas.public_record import (
    Bound,
    CityName,
    Code,
    Day,
    Enough,
    Filter,
    Hours,
    Modes,
    NaiveName,
    Note,
    Skill,
    Unit,
)
from common.domain.forecast import NAIVE, Mode, Target


class ScoresQuery(Filter):
    """Which scores."""

    city: CityName | None = None
    format: FormatName | None = None


class CityScoresQuery(Filter):
    """Which scores of a city."""

    format: FormatName | None = None


class SeasonMonths(ApiModel):
    """A season of India."""

    name: Annotated[str, Field(description="As in the season= of /models/performance")]
    months: Annotated[list[int], Field(description="1 to 12")]


_SEASONS = {
    "DJF": {"name": "winter", "months": [12, 1, 2]},
    "MAM": {"name": "pre-monsoon", "months": [3, 4, 5]},
    "JJAS": {"name": "monsoon", "months": [6, 7, 8, 9]},
    "ON": {"name": "post-monsoon", "months": [10, 11]},
}


class CellColumns(ApiModel):
    """Scores by city, season and lead time: element i of each array belongs to the same cell."""

    city: list[str]
    season: list[Code]
    lead: list[int]
    n: list[Hours]
    days: Annotated[list[int], Field(description="Days that the hours belong to")]
    enough: list[Enough]
    mae: list[float]
    rmse: list[float]
    bias: Annotated[list[float], Field(description="Mean of forecast − truth")]
    best_naive: Annotated[list[int], Field(description="Index into `naive_names`")]
    skill: list[Skill]
    skill_low: list[Bound]
    skill_high: list[Bound]
    coverage_80: Annotated[list[float], Field(description="Share of the truth within the 80 % interval")]
    coverage_95: list[float]
    width_80: Annotated[list[float], Field(description="Mean width of the 80 % interval")]
    width_95: list[float]
    naive_mae: Annotated[
        dict[str, list[float | None]],
        Field(
            description="MAE of each naive forecast on the same hours; null where some of them were issued without it"
        ),
    ]


class ProviderColumns(ApiModel):
    """Providers' own forecasts: element i of each array is of one provider in one cell, on the hours both forecast."""

    cell: Annotated[list[int], Field(description="Index into the arrays of `cells`")]
    provider: list[str]
    n: list[Hours]
    enough: list[Enough]
    mae: list[float]
    our_mae: list[float]
    our_skill: Annotated[list[float | None], Field(description="1 − our MAE / the provider's MAE")]
    our_skill_low: list[Bound]
    our_skill_high: list[Bound]


class ScoreTable(ApiModel):
    """Scores as columns. Errors, widths: three significant digits; shares: three decimals. Files have all digits."""

    model_config = example(
        {
            "target": "aqi",
            "unit": "AQI",
            "mode": "live",
            "modes": ["live", "replay"],
            "simulated": False,
            "first_day": "2025-10-01",
            "last_day": "2025-11-04",
            "leads": [1, 3, 6, 12, 24, 48],
            "seasons": _SEASONS,
            "naive_names": list(NAIVE),
            "count": 2,
            "cells": {
                "city": ["Delhi", "Delhi"],
                "season": ["ON", "ON"],
                "lead": [1, 24],
                "n": [810, 810],
                "days": [35, 35],
                "enough": [True, True],
                "mae": [4.12, 31.5],
                "rmse": [6.03, 42.8],
                "bias": [-0.31, -4.2],
                "best_naive": [0, 2],
                "skill": [0.118, 0.204],
                "skill_low": [0.061, -0.013],
                "skill_high": [0.169, 0.371],
                "coverage_80": [0.812, 0.795],
                "coverage_95": [0.953, 0.944],
                "width_80": [14.2, 98.4],
                "width_95": [24.7, 161],
                "naive_mae": {
                    "persistence": [4.67, 44.1],
                    "daily": [41.2, 44.1],
                    "mean24": [33.8, 39.6],
                    "weekly": [52.3, 51.9],
                },
            },
            "providers": {
                "cell": [0, 1],
                "provider": ["open-meteo", "open-meteo"],
                "n": [790, 790],
                "enough": [True, True],
                "mae": [58.2, 60.1],
                "our_mae": [4.15, 31.7],
                "our_skill": [0.929, 0.473],
                "our_skill_low": [0.901, 0.322],
                "our_skill_high": [0.944, 0.566],
            },
        },
        content=FILES_TOO,
    )

    target: Target
    unit: Unit
    mode: Mode
    modes: Modes
    simulated: Mark
    first_day: Day
    last_day: Day
    leads: list[int]
    seasons: dict[Code, SeasonMonths]
    naive_names: list[str]
    count: Annotated[int, Field(description="Cells; one without any hour is absent")]
    note: Note = ABSENT
    cells: CellColumns
    providers: ProviderColumns


class ProviderScore(ApiModel):
    """A provider's own forecasts against ours, on the hours that both forecast."""

    provider: str
    n: Hours
    days: int
    enough: Enough
    mae: float
    our_mae: float
    our_skill: Annotated[float | None, Field(description="1 − our MAE / the provider's MAE")]
    our_skill_low: Bound
    our_skill_high: Bound


class Cell(ApiModel):
    """Scores of one season and lead time, all digits."""

    season: Code
    lead: int
    n: Hours
    days: Annotated[int, Field(description="Days that the hours belong to")]
    first_day: Annotated[date, Field(description="First Indian day")]
    last_day: Annotated[date, Field(description="Last Indian day")]
    enough: Enough
    mae: float
    rmse: float
    bias: Annotated[float, Field(description="Mean of forecast − truth")]
    best_naive: NaiveName
    skill: Skill
    skill_low: Bound
    skill_high: Bound
    coverage_80: Annotated[float, Field(description="Share of the truth within the 80 % interval")]
    coverage_95: float
    width_80: Annotated[float, Field(description="Mean width of the 80 % interval")]
    width_95: float
    naive_mae: Annotated[
        dict[str, float],
        Field(description="Of the naive forecasts that all these hours have"),
    ]
    providers: list[ProviderScore]


class CityScores(ApiModel):
    """The record of one city, by season and lead time."""

    model_config = example(
        {
            "city": "Delhi",
            "target": "aqi",
            "unit": "AQI",
            "mode": "live",
            "modes": ["live"],
            "simulated": False,
            "cells": [
                {
                    "season": "ON",
                    "lead": 24,
                    "n": 810,
                    "days": 35,
                    "first_day": "2025-10-01",
                    "last_day": "2025-11-04",
                    "enough": True,
                    "mae": 31.502469135802468,
                    "rmse": 42.81360493827161,
                    "bias": -4.203703703703703,
                    "best_naive": "mean24",
                    "skill": 0.2044831531363,
                    "skill_low": -0.0131,
                    "skill_high": 0.3714,
                    "coverage_80": 0.7950617283950617,
                    "coverage_95": 0.9444444444444444,
                    "width_80": 98.4,
                    "width_95": 161.2,
                    "naive_mae": {"persistence": 44.1, "daily": 44.1, "mean24": 39.6, "weekly": 51.9},
                    "providers": [
                        {
                            "provider": "open-meteo",
                            "n": 790,
                            "days": 35,
                            "enough": True,
                            "mae": 60.1,
                            "our_mae": 31.7,
                            "our_skill": 0.4725,
                            "our_skill_low": 0.3221,
                            "our_skill_high": 0.5664,
                        }
                    ],
                }
            ],
        },
        content=FILES_TOO,
    )

    city: str
    target: Target
    unit: Unit
    mode: Mode
    modes: Modes
    simulated: Mark
    note: Note = ABSENT
    cells: list[Cell]
