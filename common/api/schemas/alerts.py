"""Alerts: rules as their owners send them and see them, and what became of each message."""

from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import Field, PlainValidator, WithJsonSchema

from common.alerts.rule import Basis, ChannelName, Condition, Language, Target
from common.api.schemas import ABSENT, ApiModel, Body, Instant, Mark, Parameters, example
from common.domain.errors import Fault, NotFound

RuleState = Literal["unconfirmed", "active", "disabled"]
PhaseName = Literal["clear", "pending", "firing", "clearing"]
DeliveryKind = Literal["firing", "repeat", "clear", "test", "confirm", "disabled"]
DeliveryStatus = Literal["held", "pending", "delivered", "failed", "skipped"]

CLOCK = r"^([01][0-9]|2[0-3]):[0-5][0-9]$"
LONGEST_ADDRESS = 2048
LONGEST_ZONE = 64

_WHEN: dict[str, Any] = {
    "on": "forecast",
    "target": "aqi",
    "above": 300,
    "clear_below": 280,
    "within_hours": 24,
    "probability": 0.5,
    "dwell": 2,
}
_QUIET = {"from": "22:00", "to": "06:00", "zone": "Asia/Kolkata"}
_ID = "0b0f5b0e-5d6c-4d0e-9a55-3f3f7c1f9c10"
_RULE: dict[str, Any] = {
    "id": _ID,
    "city": "Delhi",
    "state": "active",
    "disabled_because": None,
    "when": _WHEN,
    "to": {"channel": "webhook", "address": "https://example.org/…"},
    "language": "en",
    "quiet_hours": _QUIET,
    "repeat_after_hours": 12,
    "phase": "clear",
    "since": "2025-11-05T10:30:00Z",
    "created_at": "2025-11-05T10:42:00Z",
    "simulated": False,
}
_DELIVERY: dict[str, Any] = {
    "id": "5f2f8c8e-52a4-4f6e-8a39-0f35c9f1f0b7",
    "kind": "firing",
    "episode": "8e03978e-40d5-53e8-bc93-6894a57f9324",
    "event": 1042,
    "status": "delivered",
    "attempts": 1,
    "response_status": 204,
    "error": None,
    "created_at": "2025-11-05T11:42:00Z",
    "next_attempt_at": None,
    "delivered_at": "2025-11-05T11:42:01Z",
}


class When(Body):
    """The condition of a rule."""

    model_config = example(_WHEN)

    on: Annotated[
        Basis, Field(description="measured: the hours as they are known; forecast: its issued probabilities")
    ]
    target: Annotated[Target, Field(description="Indian AQI, or PM2.5 in µg/m³")]
    above: float = Field(
        ge=1,
        le=2000,
        allow_inf_nan=False,
        description="It fires at this value or higher; for the AQI at most 499. "
        "On forecasts: the probability of a higher value counts",
    )
    clear_below: float = Field(
        ABSENT,
        ge=0.5,
        le=2000,
        allow_inf_nan=False,
        description="It is over below this value, which is not higher than above; by itself a tenth less than above",
    )
    within_hours: int = Field(
        ABSENT, ge=1, le=48, description="On forecasts only: how far ahead; by itself 24"
    )
    probability: float = Field(
        ABSENT,
        ge=0.01,
        le=1,
        allow_inf_nan=False,
        description="On forecasts only: the issued probability from which it fires; by itself 0.5",
    )
    dwell: int = Field(
        2,
        ge=1,
        le=24,
        description="So many consecutive hours, or issues of the forecast (of one more), must agree",
    )


class To(Body):
    """Where a rule's messages go."""

    channel: Annotated[ChannelName, Field(description="How it is delivered")]
    address: str = Field(
        min_length=3,
        max_length=LONGEST_ADDRESS,
        description="An https address, an e-mail address, or a telephone number such as +919812345678",
    )


class QuietHoursBody(Body):
    """Hours in which nobody is disturbed; they may span midnight."""

    from_: str = Field(
        alias="from", pattern=CLOCK, description="Local time, such as 22:00", examples=["22:00"]
    )
    to: str = Field(pattern=CLOCK, description="Local time, such as 06:00; not the same", examples=["06:00"])
    zone: str = Field(
        "Asia/Kolkata",
        min_length=1,
        max_length=LONGEST_ZONE,
        description="IANA name of the time zone, such as Asia/Kolkata",
    )


class AlertBody(Body):
    """A new rule."""

    model_config = example(
        {
            "city": "Delhi",
            "when": _WHEN,
            "to": {"channel": "webhook", "address": "https://example.org/hook"},
            "quiet_hours": _QUIET,
            "repeat_after_hours": 12,
        }
    )

    city: str = Field(min_length=1, max_length=100, description="Name or alias")
    when: When = Field(description="When it fires, and when it is over")
    to: To = Field(description="Where its messages go; without a token only channel email")
    language: Language = Field("en", description="Of its messages: English or Hindi")
    quiet_hours: QuietHoursBody | None = Field(None, description="When messages are held; null: never")
    repeat_after_hours: int | None = Field(
        None, ge=1, le=168, description="While it lasts, it is repeated after so many hours; null: never"
    )


class AlertChange(Body):
    """What is to change of a rule; what is left out stays."""

    model_config = example({"quiet_hours": None, "state": "active"})

    when: When = Field(ABSENT, description="Replaces the condition, and ends what fires, silently")
    to: To = Field(ABSENT, description="Replaces the address; a new e-mail address must be confirmed")
    language: Language = Field(ABSENT, description="Of its messages: English or Hindi")
    quiet_hours: QuietHoursBody | None = Field(ABSENT, description="When messages are held; null: never")
    repeat_after_hours: int | None = Field(
        ABSENT, ge=1, le=168, description="While it lasts, it is repeated after so many hours; null: never"
    )
    state: Literal["active", "disabled"] = Field(
        ABSENT, description="disabled: it rests until it is active again"
    )
    rotate_secret: bool = Field(
        ABSENT, description="Webhooks only: a new secret, shown once; both sign for 24 hours"
    )


def _uuid(text: str) -> UUID:
    try:
        given = UUID(text)
    except ValueError:
        given = None
    if given is None or str(given) != text.lower():
        fault = Fault("parameter", "id", text[:40], "the id of an alert of yours, as GET /alerts lists them")
        raise NotFound("you have no alert of that id; GET /alerts lists yours", faults=(fault,))
    return given


_UUID = Annotated[
    UUID,
    PlainValidator(_uuid),
    WithJsonSchema({"type": "string", "format": "uuid", "pattern": "^[0-9a-fA-F-]{36}$"}),
]


class AlertPath(Parameters):
    """Part of an address: a rule."""

    id: Annotated[_UUID, Field(description="Id of the alert", json_schema_extra={"example": _ID})]


class DeliveryPath(AlertPath):
    """Part of an address: a message of a rule."""

    delivery: Annotated[
        _UUID, Field(description="Id of the delivery", json_schema_extra={"example": _DELIVERY["id"]})
    ]


class AlertTokenPath(Parameters):
    """Part of an address: what a mail's link carries."""

    token: Annotated[
        str,
        Field(
            min_length=1,
            max_length=200,
            description="From the link of a mail",
            json_schema_extra={"example": "x"},
        ),
    ]


class DeliveriesQuery(Parameters):
    """Parameters of the list of deliveries."""

    cursor: (
        Annotated[
            str,
            Field(
                min_length=1,
                max_length=100,
                pattern="^[A-Za-z0-9_-]+$",
                description="next of the page before",
            ),
        ]
        | None
    ) = None
    limit: Annotated[int, Field(ge=1, le=100, description="Deliveries a page")] = 50


class AlertWhen(ApiModel):
    """The condition of a rule, whole."""

    on: Basis
    target: Target
    above: float
    clear_below: float
    within_hours: int | None
    probability: float | None
    dwell: int


class AlertTo(ApiModel):
    """Where a rule's messages go."""

    channel: ChannelName
    address: Annotated[str, Field(description="Masked")]


class AlertQuiet(ApiModel):
    """Hours in which messages are held."""

    from_: str = Field(alias="from")
    to: str
    zone: str


class Alert(ApiModel):
    """A rule of yours, and where it stands."""

    model_config = example(_RULE)

    id: str
    city: str
    state: Annotated[RuleState, Field(description="unconfirmed: its address must be confirmed first")]
    disabled_because: str | None
    when: AlertWhen
    to: AlertTo
    language: Language
    quiet_hours: AlertQuiet | None
    repeat_after_hours: int | None
    phase: PhaseName
    since: Annotated[
        Instant, Field(description="When it came into this phase; of what fires, when that began")
    ]
    created_at: Instant
    simulated: Mark
    secret: str = Field(ABSENT, description="Of a new webhook, or a new secret: shown this once")


class Alerts(ApiModel):
    """Your rules, the newest first."""

    model_config = example({"alerts": [_RULE]})

    alerts: list[Alert]


class Delivery(ApiModel):
    """One message, and what became of it."""

    model_config = example(_DELIVERY)

    id: str
    kind: DeliveryKind
    episode: str | None
    event: Annotated[int | None, Field(description="Number of its event, which is its webhook-id too")]
    status: Annotated[
        DeliveryStatus, Field(description="held: by quiet hours; skipped: it was overtaken, see error")
    ]
    attempts: int
    response_status: Annotated[int | None, Field(description="Of the last answer, where there was one")]
    error: Annotated[str | None, Field(description="Why the last attempt failed, or why it was skipped")]
    created_at: Instant
    next_attempt_at: Instant | None
    delivered_at: Instant | None


class Deliveries(ApiModel):
    """Messages of a rule, the newest first; they are kept for 90 days."""

    model_config = example({"deliveries": [_DELIVERY], "next": None})

    deliveries: list[Delivery]
    next: Annotated[str | None, Field(description="The cursor of the next page; null on the last")]


def faults_of(when: When) -> list[Fault]:
    """What is contradictory in a condition whose parts are allowed each for itself; pointers begin at ``/when``."""
    faults = []
    if when.target == "aqi" and when.above > 499:
        faults.append(Fault("pointer", "/when/above", f"{when.above:g}", "an index from 1 to 499"))
    if when.clear_below is not None and when.clear_below > when.above:
        allowed = f"not higher than above, which is {when.above:g}"
        faults.append(Fault("pointer", "/when/clear_below", f"{when.clear_below:g}", allowed))
    if when.on == "measured":
        allowed = "only on forecasts: leave it out, or set on to forecast"
        faults += [
            Fault("pointer", f"/when/{name}", f"{given:g}", allowed)
            for name, given in (("within_hours", when.within_hours), ("probability", when.probability))
            if given is not None
        ]
    return faults


def condition_of(when: When) -> Condition:
    """The condition, with what was left out."""
    ahead = when.on == "forecast"
    return Condition(
        on=when.on,
        target=when.target,
        above=when.above,
        clear_below=when.above * 0.9 if when.clear_below is None else when.clear_below,
        within_hours=(when.within_hours or 24) if ahead else None,
        probability=(when.probability or 0.5) if ahead else None,
        dwell=when.dwell,
    )
