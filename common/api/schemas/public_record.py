"""The public record: what its questions and answers have in common."""

from datetime import date
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field

from common.api.schemas import Parameters
from common.domain.forecast import NAIVE, Mode, Target

Code = Literal["DJF", "MAM", "JJAS", "ON"]


def number(value: Any) -> Any:
    """A whole number of an address, which arrives as text."""
    return int(value) if isinstance(value, str) else value


CityName = Annotated[str, Field(description="Name or alias of a city; all if nothing is said")]
Lead = Annotated[
    Literal[1, 3, 6, 12, 24, 48],
    BeforeValidator(number),
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


class Filter(Parameters):
    """Which part of the record."""

    lead: Lead | None = None
    season: Season | None = None
    target: TargetName = "aqi"
    mode: ModeName | None = None
