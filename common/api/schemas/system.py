"""The service itself."""

from typing import Annotated, Literal

from pydantic import ConfigDict, Field

from common.api.schemas import ABSENT, ApiModel, Instant, example

CauseCode = Literal[
    "backup_stream",
    "cache",
    "database",
    "dead_messages",
    "no_backup",
    "no_data",
    "no_models",
    "old_backup",
    "old_data",
    "old_drill",
    "old_models",
    "read_replica",
    "slow_queue",
]


class DataState(ApiModel):
    """How fresh the data are."""

    latest: Annotated[Instant | None, Field(description="The newest hour of any city")]
    age_minutes: int | None
    cities_current: Annotated[int, Field(description="Cities with an index not older than 3 hours")]
    cities: int


class SourceState(ApiModel):
    """How a source did in the last 7 days."""

    state: Annotated[
        Literal["ok", "failing", "resting"],
        Field(
            description="How its last run went; resting: it is left alone for a while, because it has kept "
            "failing or has asked for it"
        ),
    ]
    resting_until: Instant | None
    last_run: Instant
    last_success: Instant | None
    lag_minutes: Annotated[int | None, Field(description="Age of the newest reading it gave")]
    reason: Annotated[str | None, Field(description="Why its last run failed; null where it went well")]
    failures_24h: Annotated[dict[str, int], Field(description="By reason")]


class QueueState(ApiModel):
    """The messages that the functions wake each other with; of a queue outside of PostgreSQL: of followed jobs."""

    waiting: Annotated[int, Field(description="Due, or in the hands of a worker")]
    oldest_minutes: Annotated[int | None, Field(description="For how long the first that is due has waited")]
    dead_24h: Annotated[int, Field(description="Failed for good in the last 24 hours")]


class BackupsState(ApiModel):
    """The backups that `scripts/backup` makes; null where none were noted, as on databases that back up themselves."""

    backup_at: Annotated[Instant | None, Field(description="End of the newest base backup")]
    backup_age_hours: int | None
    streaming: Annotated[
        bool | None,
        Field(description="Whether every change is being kept beside the base backups at the moment"),
    ]
    drill_at: Annotated[Instant | None, Field(description="When a restore was last tried, and went well")]
    drill_age_hours: int | None
    drill_rpo_s: Annotated[float | None, Field(description="So many seconds of changes would have been lost")]
    drill_rto_s: Annotated[float | None, Field(description="So long it took to restore")]


class Cause(ApiModel):
    """What keeps the service from being healthy, for programs and for pages in other languages."""

    code: CauseCode
    number: Annotated[
        int | None,
        Field(
            description="minutes of old_data and slow_queue; days of old_models, old_backup and old_drill; "
            "messages of dead_messages; of the others null"
        ),
    ]


class LeaseState(ApiModel):
    """The lease on collecting, as it was taken last: by each run of the schedule, in whatever region."""

    token: Annotated[
        int, Field(description="One more each time; who has an older one cannot write what it has collected")
    ]
    taken_at: Annotated[Instant, Field(description="By the clock of the database")]


class Health(ApiModel):
    """Whether the service works; `reasons` says what keeps it from being healthy."""

    status: Annotated[
        Literal["healthy", "degraded", "starting", "unhealthy"],
        Field(description="unhealthy comes with 503; the others with 200: what is asked for is answered"),
    ]
    timestamp: Instant
    database: Literal["connected", "disconnected"]
    cache: Annotated[
        Literal["available", "unavailable"],
        Field(description="unavailable: Redis does not answer; each process keeps what it can"),
    ] = "available"
    version: str
    reasons: Annotated[
        list[str],
        Field(description="Why a database does not answer is told in full to holders of a token alone"),
    ]
    causes: Annotated[list[Cause], Field(description="Each of `reasons`, in the same order")]
    simulated: bool | None = None
    data: DataState | None = None
    models: Annotated[int | None, Field(description="Models that are served")] = None
    models_trained_at: Annotated[
        Instant | None, Field(description="When the newest of the models that are served was trained")
    ] = None
    queue: QueueState | None = None
    sources: dict[str, SourceState] | None = None
    backups: BackupsState | None = None
    collecting: Annotated[LeaseState | None, Field(description="null: no schedule has collected yet")] = None
    read_replica: Annotated[
        Literal["used", "behind", "unavailable"] | None,
        Field(
            description="The copy that reads go to; from one that is behind or away, they go to the database itself"
        ),
    ] = None


class Times(ApiModel):
    """Response times in ms; percentiles to the upper bound of their class."""

    mean: float
    p50: float
    p95: float
    p99: float


class EndpointCounts(ApiModel):
    """What was counted of an endpoint."""

    method: str
    path: str
    requests: int
    errors: Annotated[int, Field(description="Answers of 500 and above")]
    response_ms: Times


class Requests(ApiModel):
    """Requests since the server started, of all its workers."""

    total: int
    by_status: dict[str, int]
    per_second: Annotated[float, Field(description="In about the last minute")]
    error_rate: Annotated[
        float, Field(description="Share of answers of 500 and above in about the last minute")
    ]
    response_ms: Times | None
    by_endpoint: list[EndpointCounts]


class Workers(ApiModel):
    """The processes that answer."""

    number: int
    cpu_seconds: Annotated[float, Field(description="Of all, those included that have ended")]
    memory_mb: float


class DatabaseState(ApiModel):
    """The database's server."""

    connections: Annotated[int, Field(description="To this database, of whomever")]
    most: int = Field(
        default=ABSENT,
        exclude_if=lambda most: most is None,
        description="That the server takes in all; shown to holders of a token",
    )


class CacheCounts(ApiModel):
    """How often an answer was known already."""

    hits: int
    misses: int
    hit_rate: float | None


class Metrics(ApiModel):
    """What a monitor watches. Without a database only what the workers have counted is there."""

    model_config = ConfigDict(openapi_extra={"content": {"text/plain": {"schema": {"type": "string"}}}})  # type: ignore[typeddict-unknown-key]

    timestamp: Instant
    version: str
    requests: Requests
    workers: Workers
    cache: CacheCounts
    database: DatabaseState | None = None
    queue: QueueState | None = None
    data_age_minutes: Annotated[int | None, Field(description="Age of the newest hour of any city")] = None
    sources: dict[str, SourceState]


class Cleared(ApiModel):
    """Every process has forgotten its answers, and so has Redis where it is used."""

    model_config = example({"redis": True, "redis_answers": 214})

    redis: Annotated[
        bool | None, Field(description="Whether Redis could be reached; null where none is used")
    ]
    redis_answers: Annotated[int, Field(description="Answers that were dropped from Redis")]
