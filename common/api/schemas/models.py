"""Models, and trainings that were asked for; how models do: see `common.api.schemas.record`."""

from typing import Annotated, Any, Literal

from pydantic import Field, PlainValidator, WithJsonSchema

from common.api.schemas import ABSENT, ApiModel, Body, Instant, Mark, Parameters, example
from common.domain.errors import Fault, NotFound
from common.domain.forecast import Family, Mode, Target

Status = Literal["candidate", "champion", "retired", "rejected"]


def _job_number(text: str) -> int:
    if not text.isascii() or not text.isdecimal() or not 1 <= len(text) <= 18:
        fault = Fault("parameter", "job", text[:40], "the number of a job, as retrain gave it")
        raise NotFound(f"there is no job {text[:40]!r}", faults=(fault,))
    return int(text)


class ModelsQuery(Parameters):
    """Parameters of the list of models."""

    page: Annotated[int, Field(ge=1, le=100_000, description="Counts from 1")] = 1
    per_page: Annotated[int, Field(ge=1, le=100, description="Models a page")] = 20
    city: Annotated[str, Field(description="Name or alias")] | None = None
    family: Annotated[Family, Field(description="Kind of model")] | None = None
    status: Annotated[Status, Field(description="Where the model stands")] | None = None
    target: Annotated[Target, Field(description="What is forecast")] | None = None
    mode: Annotated[Mode, Field(description="Real time, or driven through history")] | None = None


class Model(ApiModel):
    """A trained model: the data it saw, and how it did on data it had not seen."""

    version: str
    city: str
    target: Target
    mode: Mode
    family: str
    status: Status
    reason: str
    trained_at: Instant
    window_start: Instant
    window_end: Instant
    samples: int
    features_hash: str
    checksum: Annotated[str, Field(description="SHA-256 of the model file")]
    promoted_at: Instant | None
    metrics: Annotated[dict[str, Any], Field(description="On held-out data; lists leave out the lead times")]


class Models(ApiModel):
    """A page of models, newest first."""

    page: int
    per_page: int
    pages: int
    total: int
    """Models that match; 10,000 where there are so many or more."""
    simulated: Mark
    models: list[Model]


Trained = Literal["linear", "random_forest", "xgboost", "lstm"]
State = Annotated[
    Literal["queued", "running", "done", "failed", "dead"],
    Field(
        description="failed: the last attempt went wrong, and there will be another; dead: there will be none. "
        "done and dead are final"
    ),
]


class RetrainBody(Body):
    """What to train; all of it may be left out."""

    model_config = example({"families": ["linear", "xgboost"]}, required=False)

    families: list[Trained] = Field(
        ABSENT,
        min_length=1,
        max_length=4,
        description="Kinds of model that compete; all if nothing is said",
    )
    force: bool = Field(True, description="false: only if the city is due by the rule of the daily planner")


class RetrainHeader(Parameters):
    """Headers of a request for a training."""

    idempotency_key: str | None = Field(
        None,
        alias="Idempotency-Key",
        min_length=1,
        max_length=200,
        pattern="^[!-~]+$",
        description="Chosen by the client, such as a UUID: the same request again is the same job",
        json_schema_extra={"example": "8e03978e-40d5-43e8-bc93-6894a57f9324"},
    )


class JobPath(Parameters):
    """Part of an address: a job."""

    job: Annotated[
        int,
        PlainValidator(_job_number),
        WithJsonSchema({"type": "integer", "minimum": 1, "maximum": 10**18 - 1}),
        Field(description="Number of the job, as retrain gave it", json_schema_extra={"example": 42}),
    ]


class Outcome(ApiModel):
    """What came of a training, by target."""

    city: str
    left: str = Field(ABSENT, description="Why nothing was trained, where nothing needed to be")
    promoted: dict[Target, str] = Field(ABSENT, description="Version of the model that is served now")
    reasons: dict[Target, str] = Field(ABSENT, description="Why it was promoted")
    switched: dict[Target, str] = Field(
        ABSENT, description="The model before, where it was of another family"
    )
    kept: dict[Target, str] = Field(ABSENT, description="Why the model before stays")
    failed: dict[Target, str] = Field(ABSENT, description="Why nothing could be trained")
    left_out: dict[str, str] = Field(ABSENT, description="Family that cannot be trained here → why")
    metrics: dict[Target, dict[str, dict[str, Any]]] = Field(ABSENT, description="By family: held-out scores")


class Job(ApiModel):
    """A training that was asked for, and how it does."""

    model_config = example(
        {
            "id": 42,
            "city": "Delhi",
            "state": "done",
            "attempts": 1,
            "max_attempts": 5,
            "created_at": "2025-11-05T10:42:00Z",
            "started_at": "2025-11-05T10:42:01Z",
            "finished_at": "2025-11-05T10:43:27Z",
            "retry_at": None,
            "families": None,
            "force": True,
            "error": None,
            "outcome": {
                "city": "Delhi",
                "promoted": {"aqi": "delhi-aqi-xgboost-20251105T0230Z-1f0c9a2e"},
                "reasons": {"aqi": "MAE 21.3 against 24.8 of the best naive forecast on the same hours"},
                "switched": {},
                "kept": {"pm25": "the champion did better on the same hours"},
                "failed": {},
                "metrics": {"aqi": {"xgboost": {"mae": 21.3, "rmse": 30.2, "r2": 0.79}}},
                "left_out": {},
            },
        }
    )

    id: Annotated[int, Field(ge=1)]
    city: str
    state: State
    attempts: Annotated[int, Field(ge=0, description="Attempts begun")]
    max_attempts: int
    created_at: Instant
    started_at: Annotated[Instant | None, Field(description="Begin of the last attempt")]
    finished_at: Instant | None
    retry_at: Annotated[Instant | None, Field(description="Earliest next attempt, where that is known")]
    families: Annotated[list[str] | None, Field(description="Null for all")]
    force: bool
    error: Annotated[str | None, Field(description="What went wrong at the last attempt that failed")]
    outcome: Annotated[Outcome | None, Field(description="Null until done")]
