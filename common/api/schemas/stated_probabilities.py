"""The public record: probabilities as they were stated, and warnings made of them, against what came."""

from typing import Annotated, Literal

from pydantic import BeforeValidator, Field

from common.api.schemas import ABSENT, ApiModel, Mark, Parameters, example
from common.api.schemas.public_record import (
    CityName,
    Code,
    Hours,
    Lead,
    ModeName,
    Modes,
    Note,
    Season,
    number,
)
from common.domain.forecast import Mode


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
        BeforeValidator(number),
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
