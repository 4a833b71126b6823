"""The public record: where we lose."""

from typing import Annotated, Literal

from pydantic import Field

from common.api.schemas import ABSENT, ApiModel, Mark, example
from common.api.schemas.public_record import Bound, CityName, Code, Filter, Hours, Modes, Note, Unit
from common.domain.forecast import Mode, Target


class LossesQuery(Filter):
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
