"""Events, and where to be told of them at once."""

from typing import Annotated, Any, Literal

from pydantic import Field

from common.api.schemas import ApiModel, Instant, Parameters, example

Kind = Literal["hours", "forecast", "model", "source", "alert"]
_LARGEST = 10**18 - 1
_PAGE: dict[str, Any] = {
    "events": [
        {
            "seq": 4711,
            "kind": "hours",
            "cities": ["Delhi", "Pune"],
            "time": "2025-11-05T10:38:12Z",
            "data_version": 1762339092345678,
            "detail": {"first": "2025-11-05T09:30:00Z", "last": "2025-11-05T10:30:00Z", "hours": 3},
        }
    ],
    "next": 4711,
    "oldest": 1042,
    "reload": False,
}


class EventsQuery(Parameters):
    """Which events."""

    after: Annotated[
        int | None,
        Field(ge=0, le=_LARGEST, description="The number of the last event seen; by itself from the oldest"),
    ] = None
    kinds: Annotated[
        list[Kind] | None,
        Field(
            min_length=1,
            max_length=5,
            description="Only these kinds, separated by commas",
            json_schema_extra={"example": ["forecast", "alert"]},
        ),
    ] = None
    cities: Annotated[
        list[Annotated[str, Field(max_length=50, pattern="^[^,]*[^, ][^,]*$")]] | None,
        Field(
            min_length=1,
            max_length=56,
            description="Only what concerns one of these cities, or all; names or aliases, separated by commas",
            json_schema_extra={"example": ["Delhi"]},
        ),
    ] = None
    limit: Annotated[int, Field(ge=1, le=1000, description="Most events of one answer")] = 100


class EventsHeader(Parameters):
    """Where an event stream goes on."""

    last_event_id: str | None = Field(
        None,
        alias="Last-Event-ID",
        max_length=18,
        pattern="^[0-9]{0,18}$",
        description="Sent by EventSource when it comes again: as `after`, which it stands above",
        json_schema_extra={"example": "4711"},
    )


class EventEntry(ApiModel):
    """Something that has changed."""

    seq: Annotated[int, Field(description="Rises with each change; after a failure numbers may be left out")]
    kind: Annotated[
        Kind,
        Field(
            description="hours: new or corrected hours; forecast: issued; model: another is served; source: a "
            "provider begins to fail or is back; alert: one fires or is over"
        ),
    ]
    cities: Annotated[list[str], Field(description="Whom it concerns; empty: all")]
    time: Instant
    data_version: Annotated[
        int | None,
        Field(description="Of the data after it; null where nothing changed that answers are made of"),
    ]
    detail: Annotated[dict[str, Any], Field(description="By kind; more names may come")]


class Events(ApiModel):
    """Events in their order; as an event stream, where `Accept` prefers that."""

    model_config = example(_PAGE, content={"text/event-stream": {"schema": {"type": "string"}}})

    events: list[EventEntry]
    next: Annotated[int, Field(description="The `after` to ask with next")]
    oldest: Annotated[
        int | None, Field(description="The oldest event that is there; null where there is none")
    ]
    reload: Annotated[
        bool,
        Field(
            description="Events after `after` are gone, or it is no number of this service: read everything anew, "
            "then go on at `next`"
        ),
    ]


class Live(ApiModel):
    """Where to be told of events at once."""

    model_config = example({"websocket": "wss://live.example.org/live/ws", "events": "/api/v1/events"})

    websocket: Annotated[str | None, Field(description="Address of a WebSocket; null where there is none")]
    events: Annotated[str, Field(description="Path of the events, as JSON or as an event stream")]
