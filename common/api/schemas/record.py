"""How forecasts did: errors and skill, intervals, warnings of bad air, stated probabilities."""

from typing import Annotated, Literal

from pydantic import Field

from common.api.schemas import ABSENT, ApiModel, Instant, Mark, Parameters
from common.api.schemas.models import Model
from common.domain.forecast import NAIVE, Family, Mode, Target

Season = Literal["winter", "pre-monsoon", "monsoon", "post-monsoon"]
Days = Annotated[int, Field(ge=1, le=366, description="Days of the live record")]
Leads = Annotated[str, Field(description="A block of lead times in hours, such as 7-12")]
Pairs = Annotated[int, Field(description="Hours compared")]
Skill = Annotated[
    float | None, Field(description="1 − MAE / MAE of the best naive forecast on the same hours")
]


class PerformanceQuery(Parameters):
    """Parameters of a performance report."""

    target: Annotated[Target, Field(description="What is forecast")] = "aqi"
    days: Days = 30
    family: Annotated[Family, Field(description="Only forecasts of this kind of model")] | None = None
    season: Annotated[Season, Field(description="Only forecasts issued in this season")] | None = None


class ConfidenceQuery(Parameters):
    """Parameters of a report on intervals and probabilities."""

    target: Annotated[Target, Field(description="What is forecast")] = "aqi"
    mode: Annotated[Mode, Field(description="The live record, or all of a replay of history")] = "live"
    days: Days = 90
    family: Annotated[Family, Field(description="Only forecasts of this kind of model")] | None = None
    season: Annotated[Season, Field(description="Only forecasts issued in this season")] | None = None


class Champion(ApiModel):
    """The model that is served."""

    version: str
    family: str
    since: Instant | None


class Scores(ApiModel):
    """Forecasts against what then happened; errors in the target's unit."""

    lead: int = ABSENT
    leads: Leads = ABSENT
    n: Pairs
    mae: float
    rmse: float
    bias: Annotated[float, Field(description="Mean of forecast − truth")]
    mape: Annotated[float | None, Field(description="Mean of |error| / truth, as a fraction")]
    r2: float | None
    skill: Skill
    best_naive: Annotated[
        str,
        Field(
            description=f"The one with the smallest MAE of {', '.join(NAIVE)}: of those that all these forecasts "
            "were issued with"
        ),
    ]
    coverage_80: Annotated[float, Field(description="Share of the truth within the 80 % interval")]
    coverage_95: float


class FamilyScores(ApiModel):
    """Scores of one kind of model."""

    pooled: Scores
    by_lead: list[Scores]


class VersionScores(ApiModel):
    """Scores of one model; its version is null where it is not known any more."""

    version: str | None
    family: str
    scores: Scores


class RivalScores(ApiModel):
    """A rival on the hours that both forecast, as known when ours was issued."""

    leads: Leads = ABSENT
    n: Pairs
    mae: float
    our_mae: float
    skill: Skill
    our_skill: Skill


class Rival(ApiModel):
    """Who else forecast the same hours: a provider, or a kind of model that is followed beside the champion."""

    name: str
    kind: Literal["provider", "model"]
    pooled: RivalScores
    by_block: list[RivalScores]


class Foreseen(ApiModel):
    """Hours of bad air against what was forecast of them."""

    hits: int
    misses: int
    false_alarms: int
    pod: Annotated[
        float | None, Field(description="Probability of detection: share of the bad hours foreseen")
    ]
    far: Annotated[
        float | None, Field(description="False alarm ratio: share of the warnings that were wrong")
    ]
    csi: Annotated[float | None, Field(description="Critical success index: hits / (hits + misses + false)")]


class Warned(ApiModel):
    """How an AQI above a value was foreseen within a block of lead times."""

    above: int
    leads: Leads
    ours: Foreseen
    persistence: Annotated[Foreseen, Field(description="The last known value, on the same hours")]
    rivals: Annotated[dict[str, Foreseen], Field(description="Each on the hours it forecast")]


class Record(ApiModel):
    """How the issued forecasts of a time did."""

    start: Annotated[Instant, Field(description="First origin")]
    end: Annotated[Instant, Field(description="Last origin")]
    pooled: Scores
    by_lead: list[Scores]
    by_block: list[Scores]
    by_family: dict[str, FamilyScores]
    by_version: list[VersionScores]
    by_season: dict[str, Scores]
    rivals: list[Rival]
    warnings: Annotated[
        list[Warned], Field(description="Of an AQI above 200, 300 and 400; of target aqi only")
    ]


class Performance(ApiModel):
    """How models did at training, live, and in replayed history; null where nothing is recorded."""

    city: str
    target: Target
    days: int
    simulated: Mark
    champion: Champion | None
    training: Annotated[dict[str, Model] | None, Field(description="By family: the latest live training")]
    live: Record | None
    replay: Record | None


class Coverage(ApiModel):
    """An interval: how often it should hold the truth, and how often it did."""

    nominal: float
    realised: float
    width: Annotated[float, Field(description="Mean width in the target's unit")]


class Calibration(ApiModel):
    """Intervals against what then happened."""

    lead: int = ABSENT
    leads: Leads = ABSENT
    n: Pairs
    interval_80: Coverage
    interval_95: Coverage
    pinball: Annotated[float, Field(description="Mean pinball loss of the four bounds")]


class Stated(ApiModel):
    """Probabilities that were stated alike, and the share of them that came true."""

    above: Annotated[float, Field(description="Probabilities from this")]
    below: Annotated[float, Field(description="to this, which belongs to the next but for 1")]
    n: Annotated[int, Field(description="How often it was stated")]
    stated: Annotated[float, Field(description="Mean of what was stated")]
    realised: Annotated[float, Field(description="Share of them that came true")]


class Reliability(ApiModel):
    """Stated probabilities against what happened; of target aqi only."""

    category: Annotated[list[Stated], Field(description="That the stated category is right: confidence")]
    exceedance: Annotated[dict[str, list[Stated]], Field(description="That the AQI is above 200, 300, 400")]


class Confidence(ApiModel):
    """How far a city's intervals and probabilities can be trusted; null and empty where nothing is recorded."""

    city: str
    target: Target
    mode: Mode
    days: Annotated[int | None, Field(description="Null for a replay: all of it")]
    simulated: Mark
    start: Annotated[Instant | None, Field(description="First origin")]
    end: Annotated[Instant | None, Field(description="Last origin")]
    pooled: Calibration | None
    by_block: list[Calibration]
    by_lead: list[Calibration]
    reliability: Reliability | None
