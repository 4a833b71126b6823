"""How forecasts did: errors and skill, intervals, warnings of bad air, stated probabilities."""

from typing import Annotated, Literal

from msgspec import UNSET, Meta, Struct, UnsetType

from common.api.schemas.common import Instant, Mark
from common.api.schemas.models import Model
from common.domain.forecast import NAIVE, Family, Mode, Target

Season = Literal["winter", "pre-monsoon", "monsoon", "post-monsoon"]
Days = Annotated[int, Meta(ge=1, le=366, description="Days of the live record")]
Leads = Annotated[str, Meta(description="A block of lead times in hours, such as 7-12")]
Pairs = Annotated[int, Meta(description="Hours compared")]
Skill = Annotated[
    float | None, Meta(description="1 − MAE / MAE of the best naive forecast on the same hours")
]


class PerformanceQuery(Struct, frozen=True):
    """Parameters of a performance report."""

    target: Annotated[Target, Meta(description="What is forecast")] = "aqi"
    days: Days = 30
    family: Annotated[Family, Meta(description="Only forecasts of this kind of model")] | UnsetType = UNSET
    season: Annotated[Season, Meta(description="Only forecasts issued in this season")] | UnsetType = UNSET


class ConfidenceQuery(Struct, frozen=True):
    """Parameters of a report on intervals and probabilities."""

    target: Annotated[Target, Meta(description="What is forecast")] = "aqi"
    mode: Annotated[Mode, Meta(description="The live record, or all of a replay of history")] = "live"
    days: Days = 90
    family: Annotated[Family, Meta(description="Only forecasts of this kind of model")] | UnsetType = UNSET
    season: Annotated[Season, Meta(description="Only forecasts issued in this season")] | UnsetType = UNSET


class Champion(Struct, kw_only=True):
    """The model that is served."""

    version: str
    family: str
    since: Instant | None


class Scores(Struct, kw_only=True):
    """Forecasts against what then happened; errors in the target's unit."""

    lead: int | UnsetType = UNSET
    leads: Leads | UnsetType = UNSET
    n: Pairs
    mae: float
    rmse: float
    bias: Annotated[float, Meta(description="Mean of forecast − truth")]
    mape: Annotated[float | None, Meta(description="Mean of |error| / truth, as a fraction")]
    r2: float | None
    skill: Skill
    best_naive: Annotated[
        str,
        Meta(
            description=f"The one with the smallest MAE of {', '.join(NAIVE)}: of those that all these forecasts "
            "were issued with"
        ),
    ]
    coverage_80: Annotated[float, Meta(description="Share of the truth within the 80 % interval")]
    coverage_95: float


class FamilyScores(Struct, kw_only=True):
    """Scores of one kind of model."""

    pooled: Scores
    by_lead: list[Scores]


class VersionScores(Struct, kw_only=True):
    """Scores of one model; its version is null where it is not known any more."""

    version: str | None
    family: str
    scores: Scores


class RivalScores(Struct, kw_only=True):
    """A rival on the hours that both forecast, as known when ours was issued."""

    leads: Leads | UnsetType = UNSET
    n: Pairs
    mae: float
    our_mae: float
    skill: Skill
    our_skill: Skill


class Rival(Struct, kw_only=True):
    """Who else forecast the same hours: a provider, or a kind of model that is followed beside the champion."""

    name: str
    kind: Literal["provider", "model"]
    pooled: RivalScores
    by_block: list[RivalScores]


class Foreseen(Struct, kw_only=True):
    """Hours of bad air against what was forecast of them."""

    hits: int
    misses: int
    false_alarms: int
    pod: Annotated[
        float | None, Meta(description="Probability of detection: share of the bad hours foreseen")
    ]
    far: Annotated[float | None, Meta(description="False alarm ratio: share of the warnings that were wrong")]
    csi: Annotated[float | None, Meta(description="Critical success index: hits / (hits + misses + false)")]


class Warned(Struct, kw_only=True):
    """How an AQI above a value was foreseen within a block of lead times."""

    above: int
    leads: Leads
    ours: Foreseen
    persistence: Annotated[Foreseen, Meta(description="The last known value, on the same hours")]
    rivals: Annotated[dict[str, Foreseen], Meta(description="Each on the hours it forecast")]


class Record(Struct, kw_only=True):
    """How the issued forecasts of a time did."""

    start: Annotated[Instant, Meta(description="First origin")]
    end: Annotated[Instant, Meta(description="Last origin")]
    pooled: Scores
    by_lead: list[Scores]
    by_block: list[Scores]
    by_family: dict[str, FamilyScores]
    by_version: list[VersionScores]
    by_season: dict[str, Scores]
    rivals: list[Rival]
    warnings: Annotated[
        list[Warned], Meta(description="Of an AQI above 200, 300 and 400; of target aqi only")
    ]


class Performance(Struct, kw_only=True):
    """How models did at training, live, and in replayed history; null where nothing is recorded."""

    city: str
    target: Target
    days: int
    simulated: Mark
    champion: Champion | None
    training: Annotated[dict[str, Model] | None, Meta(description="By family: the latest live training")]
    live: Record | None
    replay: Record | None


class Coverage(Struct, kw_only=True):
    """An interval: how often it should hold the truth, and how often it did."""

    nominal: float
    realised: float
    width: Annotated[float, Meta(description="Mean width in the target's unit")]


class Calibration(Struct, kw_only=True):
    """Intervals against what then happened."""

    lead: int | UnsetType = UNSET
    leads: Leads | UnsetType = UNSET
    n: Pairs
    interval_80: Coverage
    interval_95: Coverage
    pinball: Annotated[float, Meta(description="Mean pinball loss of the four bounds")]


class Stated(Struct, kw_only=True):
    """Probabilities that were stated alike, and the share of them that came true."""

    above: Annotated[float, Meta(description="Probabilities from this")]
    below: Annotated[float, Meta(description="to this, which belongs to the next but for 1")]
    n: Annotated[int, Meta(description="How often it was stated")]
    stated: Annotated[float, Meta(description="Mean of what was stated")]
    realised: Annotated[float, Meta(description="Share of them that came true")]


class Reliability(Struct, kw_only=True):
    """Stated probabilities against what happened; of target aqi only."""

    category: Annotated[list[Stated], Meta(description="That the stated category is right: confidence")]
    exceedance: Annotated[dict[str, list[Stated]], Meta(description="That the AQI is above 200, 300, 400")]


class Confidence(Struct, kw_only=True):
    """How far a city's intervals and probabilities can be trusted; null and empty where nothing is recorded."""

    city: str
    target: Target
    mode: Mode
    days: Annotated[int | None, Meta(description="Null for a replay: all of it")]
    simulated: Mark
    start: Annotated[Instant | None, Meta(description="First origin")]
    end: Annotated[Instant | None, Meta(description="Last origin")]
    pooled: Calibration | None
    by_block: list[Calibration]
    by_lead: list[Calibration]
    reliability: Reliability | None
