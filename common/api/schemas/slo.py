"""How soon hours come, and whose fault it is where they do not."""

from typing import Annotated, Any

from pydantic import Field

from common.api.schemas import ApiModel, Instant, Mark, example
from common.domain.slo import Verdict

_STAGE = {"hours": 1296, "p50_minutes": 7.2, "p95_minutes": 67.4}
_WINDOW: dict[str, Any] = {
    "hours": 23,
    "met": 23,
    "missed_by_source": 0,
    "missed_by_us": 0,
    "share": 1.0,
    "budget_left": 1.0,
    "collected": _STAGE,
    "committed": {"hours": 1296, "p50_minutes": 9.6, "p95_minutes": 70.1},
    "forecast": {"hours": 1190, "p50_minutes": 10.4, "p95_minutes": 71.0},
    "pushed": None,
}


class Objective(ApiModel):
    """What is aimed at."""

    share: Annotated[float, Field(description="Of the hours that are to be collected in time")]
    within_minutes: Annotated[int, Field(description="From the end of the hour")]


class StageDelays(ApiModel):
    """How long hours took, from their end until they came so far."""

    hours: Annotated[int, Field(description="Hours of cities that came so far")]
    p50_minutes: float
    p95_minutes: float


class SloWindow(ApiModel):
    """How a source did in a stretch of time."""

    hours: Annotated[int, Field(description="Hours that were due, since the source was first asked")]
    met: Annotated[
        int, Field(description="Hours of which half as many cities as usual, or more, were collected in time")
    ]
    missed_by_source: Annotated[int, Field(description="Missed though it was asked in time")]
    missed_by_us: Annotated[
        int,
        Field(
            description="Missed because it was not asked, or could not be through a fault that is not its own"
        ),
    ]
    share: Annotated[float | None, Field(description="met / hours")]
    budget_left: Annotated[
        float | None,
        Field(description="Share of the error budget that is left; below 0 where it is overdrawn"),
    ]
    collected: Annotated[
        StageDelays | None, Field(description="Until the start of the run that had the hour first")
    ]
    committed: Annotated[StageDelays | None, Field(description="Until the end of that run")]
    forecast: Annotated[
        StageDelays | None,
        Field(description="Until the first forecast from the hour, where this source spoke for the city"),
    ]
    pushed: Annotated[
        StageDelays | None, Field(description="Until that forecast was pushed; null where nobody listened")
    ]


class SourceSlo(ApiModel):
    """How a source did."""

    verdict: Annotated[
        Verdict,
        Field(
            description="Whose fault the hours missed in the last 24 h are: fine where no more are missed than the "
            "objective allows, us, source, or unknown where no hour was due"
        ),
    ]
    last_24h: SloWindow
    last_30d: SloWindow


class Slo(ApiModel):
    """How soon hours come, by source."""

    model_config = example(
        {
            "as_of": "2025-11-05T10:30:00Z",
            "objective": {"share": 0.95, "within_minutes": 90},
            "simulated": False,
            "sources": {"cpcb": {"verdict": "fine", "last_24h": _WINDOW, "last_30d": _WINDOW}},
        }
    )

    as_of: Annotated[Instant, Field(description="End of the last full hour")]
    objective: Objective
    simulated: Mark
    sources: dict[str, SourceSlo]
