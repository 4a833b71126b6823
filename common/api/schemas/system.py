"""The service itself."""

from datetime import datetime
from typing import Annotated, Literal

from msgspec import Meta, Struct


class DataState(Struct, kw_only=True):
    """How fresh the data are."""

    latest: Annotated[datetime | None, Meta(description="The newest hour of any city")]
    age_minutes: int | None
    cities_current: Annotated[int, Meta(description="Cities with an index not older than 3 hours")]
    cities: int


class SourceState(Struct, kw_only=True):
    """How a source did in the last 7 days."""

    state: Annotated[
        Literal["ok", "failing", "resting"],
        Meta(
            description="How its last run went; resting: it is left alone for a while, because it has kept "
            "failing or has asked for it"
        ),
    ]
    resting_until: datetime | None
    last_run: datetime
    last_success: datetime | None
    lag_minutes: Annotated[int | None, Meta(description="Age of the newest reading it gave")]
    reason: Annotated[str | None, Meta(description="Why its last run failed; null where it went well")]
    failures_24h: Annotated[dict[str, int], Meta(description="By reason")]


class Health(Struct, kw_only=True):
    """Whether the service works; `reasons` says what keeps it from being healthy."""

    status: Literal["healthy", "degraded", "starting", "unhealthy"]
    timestamp: datetime
    database: Literal["connected", "disconnected"]
    cache: Literal["available"] = "available"
    version: str
    reasons: list[str]
    simulated: bool | None = None
    data: DataState | None = None
    models: Annotated[int | None, Meta(description="Models that are served")] = None
    sources: dict[str, SourceState] | None = None


class Metrics(Struct, kw_only=True):
    """What a monitor watches: how the sources do."""

    timestamp: datetime
    data_age_minutes: Annotated[int | None, Meta(description="Age of the newest hour of any city")]
    sources: dict[str, SourceState]
