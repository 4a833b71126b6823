"""The public record: all forecasts that were issued for one hour."""

from typing import Annotated

from pydantic import AwareDatetime, Field

from common.api.schemas import ABSENT, ApiModel, HourEnd, Instant, Mark, Parameters, example
from common.api.schemas.public_record import ModeName, TargetName, Unit
from common.domain.forecast import Mode, Target


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
