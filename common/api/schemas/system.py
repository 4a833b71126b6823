"""The service itself."""

from typing import Annotated, Literal

from msgspec import UNSET, Meta, Struct, UnsetType

from common.api.schemas.common import Instant


class DataState(Struct, kw_only=True):
    """How fresh the data are."""

    latest: Annotated[Instant | None, Meta(description="The newest hour of any city")]
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
    resting_until: Instant | None
    last_run: Instant
    last_success: Instant | None
    lag_minutes: Annotated[int | None, Meta(description="Age of the newest reading it gave")]
    reason: Annotated[str | None, Meta(description="Why its last run failed; null where it went well")]
    failures_24h: Annotated[dict[str, int], Meta(description="By reason")]


class QueueState(Struct, kw_only=True):
    """The messages that the functions wake each other with; of a queue outside of PostgreSQL: of followed jobs."""

    waiting: Annotated[int, Meta(description="Due, or in the hands of a worker")]
    oldest_minutes: Annotated[int | None, Meta(description="For how long the first that is due has waited")]
    dead_24h: Annotated[int, Meta(description="Failed for good in the last 24 hours")]


class Health(Struct, kw_only=True):
    """Whether the service works; `reasons` says what keeps it from being healthy."""

    status: Annotated[
        Literal["healthy", "degraded", "starting", "unhealthy"],
        Meta(description="unhealthy comes with 503; the others with 200: what is asked for is answered"),
    ]
    timestamp: Instant
    database: Literal["connected", "disconnected"]
    cache: Annotated[
        Literal["available", "unavailable"],
        Meta(description="unavailable: Redis does not answer; each process keeps what it can"),
    ] = "available"
    version: str
    reasons: Annotated[
        list[str],
        Meta(description="Why a database does not answer is told in full to holders of a token alone"),
    ]
    simulated: bool | None = None
    data: DataState | None = None
    models: Annotated[int | None, Meta(description="Models that are served")] = None
    models_trained_at: Annotated[
        Instant | None, Meta(description="When the newest of the models that are served was trained")
    ] = None
    queue: QueueState | None = None
    sources: dict[str, SourceState] | None = None


class Times(Struct, kw_only=True):
    """Response times in ms; percentiles to the upper bound of their class."""

    mean: float
    p50: float
    p95: float
    p99: float


class EndpointCounts(Struct, kw_only=True):
    """What was counted of an endpoint."""

    method: str
    path: str
    requests: int
    errors: Annotated[int, Meta(description="Answers of 500 and above")]
    response_ms: Times


class Requests(Struct, kw_only=True):
    """Requests since the server started, of all its workers."""

    total: int
    by_status: dict[str, int]
    per_second: Annotated[float, Meta(description="In about the last minute")]
    error_rate: Annotated[
        float, Meta(description="Share of answers of 500 and above in about the last minute")
    ]
    response_ms: Times | None
    by_endpoint: list[EndpointCounts]


class Workers(Struct, kw_only=True):
    """The processes that answer."""

    number: int
    cpu_seconds: Annotated[float, Meta(description="Of all, those included that have ended")]
    memory_mb: float


class DatabaseState(Struct, kw_only=True):
    """The database's server."""

    connections: Annotated[int, Meta(description="To this database, of whomever")]
    most: (
        Annotated[int, Meta(description="That the server takes in all; told to holders of a token")]
        | UnsetType
    ) = UNSET


class CacheCounts(Struct, kw_only=True):
    """How often an answer was known already."""

    hits: int
    misses: int
    hit_rate: float | None


class Metrics(Struct, kw_only=True):
    """What a monitor watches. Without a database only what the workers have counted is there."""

    timestamp: Instant
    version: str
    requests: Requests
    workers: Workers
    cache: CacheCounts
    database: DatabaseState | None = None
    queue: QueueState | None = None
    data_age_minutes: Annotated[int | None, Meta(description="Age of the newest hour of any city")] = None
    sources: dict[str, SourceState] = {}


class Cleared(Struct, kw_only=True):
    """Every process has forgotten its answers, and so has Redis where it is used."""

    redis: Annotated[bool | None, Meta(description="Whether Redis could be reached; null where none is used")]
    redis_answers: Annotated[int, Meta(description="Answers that were dropped from Redis")]
