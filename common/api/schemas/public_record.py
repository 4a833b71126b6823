"""The public record: what was issued and what came, by city, season and lead time, on the same hours for all."""

from datetime import date
from typing import Annotated, Any, Literal

from pydantic import AwareDatetime, BeforeValidator, Field

from common.api.schemas import ABSENT, ApiModel, HourEnd, Instant, Mark, Parameters, example
from common.domain.forecast import NAIVE, Mode, Target

Code = Literal["DJF", "MAM", "JJAS", "ON"]
CSV_TOO = {"text/csv": {"schema": {"type": "string"}}}


def _number(value: Any) -> Any:
    """A whole number of an address, which arrives as text."""
    return int(value) if isinstance(value, str) else value


CityName = Annotated[str, Field(description="Name or alias of a city; all if nothing is said")]
Lead = Annotated[
    Literal[1, 3, 6, 12, 24, 48],
    BeforeValidator(_number),
    Field(description="Lead time in hours; all if nothing is said"),
]
Season = Annotated[
    Code,
    Field(
        description="Season of the hours that were forecast, by the initials of its months; all if nothing is said"
    ),
]
ModeName = Annotated[
    Mode,
    Field(
        description="The live record, or a replay of history. If nothing is said: live, or replay where nothing is live"
    ),
]
TargetName = Annotated[Target, Field(description="Indian AQI, or PM2.5 in µg/m³")]
Format = Annotated[Literal["json", "csv"], Field(description="Goes before the Accept header")]

Unit = Annotated[str, Field(description="Of errors and widths")]
Modes = Annotated[list[Mode], Field(description="Modes of which there is a record of this target")]
Day = Annotated[date | None, Field(description="Indian day; null where nothing is recorded")]
Hours = Annotated[int, Field(description="Hours compared")]
Enough = Annotated[bool, Field(description="At least 30 hours: with fewer, read nothing into it")]
Skill = Annotated[
    float | None,
    Field(
        description="1 − MAE / MAE of the best naive forecast in hindsight; null where that one made no error"
    ),
]
Bound = Annotated[
    float | None,
    Field(
        description="Bound of the skill's 95 % interval, by a bootstrap of blocks of days; null with fewer than 5 days"
    ),
]
Note = Annotated[str, Field(description="Why there is nothing")]
NaiveName = Annotated[str, Field(description=f"One of {', '.join(NAIVE)}")]


class _Filter(Parameters):
    lead: Lead | None = None
    season: Season | None = None
    target: TargetName = "aqi"
    mode: ModeName | None = None


class ScoresQuery(_Filter):
    """Which scores."""

    city: CityName | None = None
    format: Format | None = None


class CityScoresQuery(_Filter):
    """Which scores of a city."""

    format: Format | None = None


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
    """Scores as columns. Errors, widths: three significant digits; shares: three decimals. CSV has all digits."""

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
        content=CSV_TOO,
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
        content=CSV_TOO,
    )

    city: str
    target: Target
    unit: Unit
    mode: Mode
    modes: Modes
    simulated: Mark
    note: Note = ABSENT
    cells: list[Cell]


class DaysQuery(Parameters):
    """Which days of a city."""

    lead: Annotated[
        Literal[1, 3, 6, 12, 24, 48], BeforeValidator(_number), Field(description="Hours ahead")
    ] = 24
    season: Season | None = None
    target: TargetName = "aqi"
    mode: ModeName | None = None
    format: Format | None = None


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
        content=CSV_TOO,
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


class StatedQuery(Parameters):
    """Which part of the record of stated probabilities; they are stated of the AQI."""

    city: CityName | None = None
    lead: Lead | None = None
    season: Season | None = None
    mode: ModeName | None = None


class ReliabilityBin(ApiModel):
    """Probabilities that were stated alike, and the share of them that came true."""

    above: Annotated[float, Field(description="Probabilities from this")]
    below: Annotated[float, Field(description="to this, which belongs to the next but for 1")]
    n: Annotated[int, Field(description="How often it was stated")]
    enough: Annotated[bool, Field(description="At least 30 times: with fewer, read nothing into it")]
    stated: Annotated[float, Field(description="Mean of what was stated")]
    realised: Annotated[float, Field(description="Share of them that came true")]


class EventReliability(ApiModel):
    """Stated probabilities of one event, by tenths; a tenth that was never stated is absent."""

    n: Annotated[int, Field(description="Stated probabilities: one an hour and lead time")]
    base_rate: Annotated[
        float, Field(description="How often it happened: the horizontal line of the diagram")
    ]
    bins: list[ReliabilityBin]


class RecordReliability(ApiModel):
    """Stated probabilities against what happened, over all cities, lead times and seasons that are not named."""

    model_config = example(
        {
            "city": "Delhi",
            "lead": 24,
            "season": None,
            "mode": "live",
            "modes": ["live"],
            "simulated": False,
            "events": {
                "300": {
                    "n": 810,
                    "base_rate": 0.207,
                    "bins": [
                        {
                            "above": 0.0,
                            "below": 0.1,
                            "n": 561,
                            "enough": True,
                            "stated": 0.021,
                            "realised": 0.029,
                        },
                        {
                            "above": 0.9,
                            "below": 1.0,
                            "n": 74,
                            "enough": True,
                            "stated": 0.958,
                            "realised": 0.932,
                        },
                    ],
                }
            },
        }
    )

    city: Annotated[str | None, Field(description="Null: all")]
    lead: Annotated[int | None, Field(description="Null: all")]
    season: Annotated[Code | None, Field(description="Null: all")]
    mode: Mode
    modes: Modes
    simulated: Mark
    note: Note = ABSENT
    events: Annotated[
        dict[str, EventReliability],
        Field(description="category: that the stated category is right; 200, 300, 400: an AQI above that"),
    ]


class WarningsQuery(StatedQuery):
    """Which part of the record, and how probable bad air must be for a warning."""

    percent: Annotated[
        Literal[10, 20, 30, 40, 50, 60, 70, 80, 90],
        BeforeValidator(_number),
        Field(description="A warning is a stated probability of at least so many percent"),
    ] = 50


class WarningScore(ApiModel):
    """Warnings of an AQI above a value at one lead time, hour by hour."""

    above: int
    lead: int
    n: Hours
    observed: Annotated[int, Field(description="Hours in which the AQI was above")]
    base_rate: Annotated[float, Field(description="observed / n")]
    warned: Annotated[int, Field(description="Hours with a warning")]
    hits: int
    misses: int
    false_alarms: int
    pod: Annotated[
        float | None,
        Field(
            description="Probability of detection: hits / observed; null where there was nothing to detect"
        ),
    ]
    far: Annotated[
        float | None, Field(description="False alarm ratio: false alarms / warned; null without a warning")
    ]
    csi: Annotated[
        float | None, Field(description="Critical success index: hits / (hits + misses + false alarms)")
    ]
    enough: Annotated[bool, Field(description="The AQI was above in at least 30 hours")]


class RecordWarnings(ApiModel):
    """How bad air was foreseen, over all cities and seasons that are not named."""

    model_config = example(
        {
            "city": "Delhi",
            "season": None,
            "mode": "live",
            "modes": ["live"],
            "simulated": False,
            "probability": 0.5,
            "warnings": [
                {
                    "above": 300,
                    "lead": 24,
                    "n": 810,
                    "observed": 168,
                    "base_rate": 0.207,
                    "warned": 151,
                    "hits": 121,
                    "misses": 47,
                    "false_alarms": 30,
                    "pod": 0.72,
                    "far": 0.199,
                    "csi": 0.611,
                    "enough": True,
                }
            ],
        }
    )

    city: Annotated[str | None, Field(description="Null: all")]
    season: Annotated[Code | None, Field(description="Null: all")]
    mode: Mode
    modes: Modes
    simulated: Mark
    probability: Annotated[float, Field(description="A warning is a stated probability of at least this")]
    note: Note = ABSENT
    warnings: list[WarningScore]


class LossesQuery(_Filter):
    """Which part of the record."""

    city: CityName | None = None
    limit: Annotated[int, Field(ge=1, le=3000, description="Losses at most, worst first")] = 100


class Loss(ApiModel):
    """A cell in which a rival did better."""

    city: str
    season: Code
    lead: int
    rival: Annotated[str, Field(description="The best naive forecast in hindsight, or a provider")]
    kind: Literal["naive", "provider"]
    n: Hours
    days: int
    mae: Annotated[float, Field(description="The rival's")]
    our_mae: float
    skill: Annotated[float, Field(description="1 − our MAE / the rival's: below 0")]
    skill_low: Bound
    skill_high: Bound
    significant: Annotated[bool, Field(description="The whole interval is below 0")]


class Tally(ApiModel):
    """In how many cells of at least 30 hours we did better than a kind of rival."""

    cells: int
    better: Annotated[int, Field(description="The whole interval of the skill is above 0")]
    worse: Annotated[int, Field(description="It is below 0")]
    undecided: Annotated[int, Field(description="It holds 0, or there is none")]


class Losses(ApiModel):
    """Where we lose: cells of at least 30 hours whose skill is below 0, worst first."""

    model_config = example(
        {
            "target": "aqi",
            "unit": "AQI",
            "mode": "live",
            "modes": ["live"],
            "simulated": False,
            "naive": {"cells": 336, "better": 241, "worse": 9, "undecided": 86},
            "provider": {"cells": 336, "better": 336, "worse": 0, "undecided": 0},
            "too_few": 12,
            "count": 1,
            "losses": [
                {
                    "city": "Shillong",
                    "season": "ON",
                    "lead": 48,
                    "rival": "mean24",
                    "kind": "naive",
                    "n": 620,
                    "days": 31,
                    "mae": 11.2,
                    "our_mae": 12.9,
                    "skill": -0.152,
                    "skill_low": -0.301,
                    "skill_high": -0.022,
                    "significant": True,
                }
            ],
        }
    )

    target: Target
    unit: Unit
    mode: Mode
    modes: Modes
    simulated: Mark
    naive: Annotated[Tally, Field(description="Against the best naive forecast in hindsight")]
    provider: Annotated[Tally, Field(description="Against providers, each cell and provider by itself")]
    too_few: Annotated[int, Field(description="Cells of fewer than 30 hours, which are left out")]
    count: Annotated[int, Field(description="Losses there are; `losses` has up to `limit` of them")]
    note: Note = ABSENT
    losses: list[Loss]


class PlumeQuery(Parameters):
    """Which hour."""

    time: (
        Annotated[
            AwareDatetime,
            Field(
                description="ISO 8601 with offset: the hour that contains it; the last one whose truth is known if "
                "nothing is said"
            ),
        ]
        | None
    ) = None
    target: TargetName = "aqi"
    mode: ModeName | None = None


class PlumeColumns(ApiModel):
    """The forecasts as issued, by lead time: element i of each array belongs to the same forecast."""

    lead: Annotated[list[int], Field(description="Hours ahead; one that was not issued is absent")]
    origin: list[Instant]
    issued_at: list[Instant]
    family: list[str]
    version: list[str | None]
    value: list[float]
    lower_80: list[float]
    upper_80: list[float]
    lower_95: list[float]
    upper_95: list[float]
    exceedance: Annotated[
        dict[str, list[float]], Field(description="Probability of an AQI above 200, 300, 400; of target aqi")
    ] = ABSENT
    naive: dict[str, list[float | None]]
    providers: Annotated[dict[str, list[float | None]], Field(description="Providers' own forecasts")]


class Plume(ApiModel):
    """All forecasts that were issued for one hour, as they were issued, and the truth."""

    model_config = example(
        {
            "city": "Delhi",
            "target": "aqi",
            "unit": "AQI",
            "mode": "live",
            "simulated": False,
            "time": "2025-11-05T10:30:00Z",
            "truth": 187,
            "counts": False,
            "forecasts": {
                "lead": [1],
                "origin": ["2025-11-05T09:30:00Z"],
                "issued_at": ["2025-11-05T09:42:00Z"],
                "family": ["xgboost"],
                "version": ["delhi-aqi-xgboost-20251105T0230Z-1f0c9a2e"],
                "value": [190.0],
                "lower_80": [176.0],
                "upper_80": [204.0],
                "lower_95": [165.0],
                "upper_95": [219.0],
                "exceedance": {"200": [0.28], "300": [0.0], "400": [0.0]},
                "naive": {"persistence": [184.0], "daily": [203.0], "mean24": [196.2], "weekly": [171.4]},
                "providers": {"open-meteo": [142.0]},
            },
        }
    )

    city: str
    target: Target
    unit: Unit
    mode: Mode
    simulated: Mark
    time: HourEnd
    truth: Annotated[float | None, Field(description="Null while it is not known")]
    counts: Annotated[bool, Field(description="Whether the scores count this hour, once its day is over")]
    forecasts: PlumeColumns
