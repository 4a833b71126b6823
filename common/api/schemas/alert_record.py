"""How alerts did: a rule replayed on the record, scores of those that were given, and the public feed."""

from typing import Annotated, Any, Literal

from pydantic import AwareDatetime, Field, PlainValidator, WithJsonSchema

from common.alerts.rule import Basis, Language, Target
from common.api.schemas import ABSENT, ApiModel, Body, HourEnd, Mark, Parameters, example
from common.api.schemas.alerts import AlertWhen, When
from common.domain.errors import Fault, NotFound
from common.domain.forecast import Mode

_WHEN: dict[str, Any] = {
    "on": "forecast",
    "target": "aqi",
    "above": 300,
    "clear_below": 280,
    "within_hours": 24,
    "probability": 0.5,
    "dwell": 2,
}
_COUNTS: dict[str, Any] = {
    "hits": 8,
    "false_alarms": 3,
    "misses": 2,
    "pod": 0.8,
    "far": 0.273,
    "csi": 0.615,
    "median_warning_hours": 14.0,
}
_EXCEEDANCE: dict[str, Any] = {
    "from": "2025-11-04T17:30:00Z",
    "to": "2025-11-05T06:30:00Z",
    "peak": 342,
    "outcome": "hit",
    "warned_at": "2025-11-04T03:30:00Z",
    "warning_hours": 14.0,
}
Outcome = Annotated[Literal["hit", "miss"] | None, Field(description="null: it cannot be judged, or not yet")]
Hits = Annotated[int, Field(description="Exceedances that an alert warned of")]
FalseAlarms = Annotated[int, Field(description="Alerts after which none came")]
Misses = Annotated[int, Field(description="Exceedances that none warned of")]
Share = Annotated[float | None, Field(description="0 to 1; null where there is nothing to divide by")]
Warning_ = Annotated[
    float | None,
    Field(
        description="Of the hits. On forecasts: hours from the alert to the beginning. On measured hours: how long it "
        "still lasted after the alert. null where there is none"
    ),
]


class PreviewBody(Body):
    """A rule to be replayed, and on what."""

    model_config = example({"city": "Delhi", "when": _WHEN})

    city: str = Field(min_length=1, max_length=100, description="Name or alias")
    when: When = Field(description="When it fires, and when it is over")
    from_: AwareDatetime = Field(
        ABSENT,
        alias="from",
        description="By itself 92 days before the end",
        examples=["2025-08-01T00:30:00Z"],
    )
    to: AwareDatetime = Field(
        ABSENT,
        description="By itself, and at the latest: now. At most 366 days after from",
        examples=["2025-11-01T00:30:00Z"],
    )


class Exceeded(ApiModel):
    """Hours at or above the threshold, joined over gaps of less than 6 hours."""

    from_: Annotated[HourEnd, Field(alias="from")]
    to: Annotated[HourEnd, Field(description="End of its last hour")]
    peak: Annotated[float, Field(description="AQI, or µg/m³")]
    outcome: Outcome
    warned_at: Annotated[
        HourEnd | None, Field(description="Hour or origin of the forecast that the alert fired on")
    ]
    warning_hours: float | None


class Preview(ApiModel):
    """What a rule would have done."""

    model_config = example(
        {
            "city": "Delhi",
            "when": _WHEN,
            "from": "2025-08-05T10:30:00Z",
            "to": "2025-11-05T10:30:00Z",
            "mode": "live",
            "hours": 2197,
            "issues": 2208,
            "alerts": 12,
            **_COUNTS,
            "late": 1,
            "episodes": [_EXCEEDANCE],
            "simulated": False,
        }
    )

    city: str
    when: AlertWhen
    from_: Annotated[AwareDatetime, Field(alias="from")]
    to: AwareDatetime
    mode: Annotated[
        Mode | None,
        Field(description="Whose forecasts: live, or of a replay where none were live; null without"),
    ]
    hours: Annotated[int, Field(description="Hours whose value is known; the others count for nobody")]
    issues: Annotated[
        int | None, Field(description="Forecasts as issued that it was replayed on; null if measured")
    ]
    alerts: Annotated[int, Field(description="How often it would have fired")]
    hits: Hits
    false_alarms: FalseAlarms
    misses: Misses
    pod: Share
    far: Share
    csi: Share
    median_warning_hours: Warning_
    late: Annotated[int, Field(description="Alerts while it went on already; neither hit nor false alarm")]
    note: Annotated[str, Field(description="Why there is nothing")] = ABSENT
    episodes: list[Exceeded]
    simulated: Mark


class AlertScore(ApiModel):
    """How the alerts of some rules did."""

    city: Annotated[str | None, Field(description="null: all cities that are listed")]
    on: Basis
    target: Target
    rules: Annotated[
        Literal["public", "private"],
        Field(
            description="public: those of the feed; private: those of users, where at least 5 of them have outcomes"
        ),
    ]
    n: Annotated[int, Field(description="Hits, misses and false alarms together")]
    hits: Hits
    false_alarms: FalseAlarms
    misses: Misses
    pod: Share
    far: Share
    csi: Share
    median_warning_hours: Warning_


_SCORE = {"city": "Delhi", "on": "forecast", "target": "aqi", "rules": "public", "n": 13, **_COUNTS}


class AlertScores(ApiModel):
    """How the alerts did that were really given: all cities first, then by city."""

    model_config = example({"scores": [_SCORE], "fewest_owners": 5, "simulated": False})

    scores: list[AlertScore]
    fewest_owners: Annotated[int, Field(description="Fewer users than this have no common score")]
    simulated: Mark


class JudgedItem(ApiModel):
    """An exceedance or an alert of a rule, and what came of it."""

    kind: Literal["hit", "miss", "false alarm", "late"]
    time: Annotated[
        HourEnd, Field(description="Beginning of the exceedance; of a false or late alert, when it fired")
    ]
    until: Annotated[HourEnd | None, Field(description="End of the exceedance, so far")]
    peak: float | None
    warned_at: HourEnd | None
    warning_hours: float | None


class RuleScore(ApiModel):
    """How the alerts of a rule of yours did."""

    model_config = example(
        {
            "id": "0b0f5b0e-5d6c-4d0e-9a55-3f3f7c1f9c10",
            "n": 13,
            **_COUNTS,
            "late": 1,
            "outcomes": [
                {
                    "kind": "hit",
                    "time": "2025-11-04T17:30:00Z",
                    "until": "2025-11-05T06:30:00Z",
                    "peak": 342,
                    "warned_at": "2025-11-04T03:30:00Z",
                    "warning_hours": 14.0,
                }
            ],
        }
    )

    id: str
    n: Annotated[int, Field(description="Hits, misses and false alarms together")]
    hits: Hits
    false_alarms: FalseAlarms
    misses: Misses
    pod: Share
    far: Share
    csi: Share
    median_warning_hours: Warning_
    late: Annotated[int, Field(description="Alerts while it went on already; neither hit nor false alarm")]
    outcomes: Annotated[list[JudgedItem], Field(description="The latest 100, newest first")]


class FeedQuery(Parameters):
    """Which public alerts, and in which language."""

    language: Annotated[Language, Field(description="English or Hindi")] = "en"
    city: Annotated[str, Field(description="Name or alias of a city; all if nothing is said")] | None = None


def _seq(text: str) -> int:
    # Numbers are bigint: 19 digits may be more.
    if text.isascii() and text.isdecimal() and len(text) <= 19 and text[0] != "0" and int(text) < 2**63:
        return int(text)
    fault = Fault(
        "parameter", "seq", text[:40], "the number of a public alert, as /api/v1/alerts/feed.atom has them"
    )
    raise NotFound("no public alert has that number; /api/v1/alerts/feed.atom lists them", faults=(fault,))


class CapPath(Parameters):
    """Part of an address: a public alert."""

    seq: Annotated[
        int,
        PlainValidator(_seq),
        WithJsonSchema({"type": "integer", "minimum": 1}),
        Field(description="Number of its event", json_schema_extra={"example": 1042}),
    ]
