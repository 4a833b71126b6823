"""Trainings that were asked for."""

from typing import Annotated, Any, Literal

from msgspec import UNSET, Meta, Struct, UnsetType

from common.api.schemas.common import Instant
from common.domain.forecast import Target

Trained = Literal["linear", "random_forest", "xgboost", "lstm"]
State = Annotated[
    Literal["queued", "running", "done", "failed", "dead"],
    Meta(
        description="failed: the last attempt went wrong, and there will be another; dead: there will be none. "
        "done and dead are final"
    ),
]


class RetrainBody(Struct, frozen=True, forbid_unknown_fields=True):
    """What to train; all of it may be left out."""

    families: (
        Annotated[
            list[Trained],
            Meta(
                min_length=1, max_length=4, description="Kinds of model that compete; all if nothing is said"
            ),
        ]
        | UnsetType
    ) = UNSET
    force: Annotated[
        bool, Meta(description="false: only if the city is due by the rule of the daily planner")
    ] = True


class RetrainHeaders(Struct, frozen=True, rename={"idempotency_key": "Idempotency-Key"}):
    """Headers of a request for a training."""

    idempotency_key: (
        Annotated[
            str,
            Meta(
                min_length=1,
                max_length=200,
                pattern="^[!-~]+$",
                description="Chosen by the client, such as a UUID: the same request again is the same job",
                examples=["8e03978e-40d5-43e8-bc93-6894a57f9324"],
            ),
        ]
        | UnsetType
    ) = UNSET


class Outcome(Struct, kw_only=True):
    """What came of a training, by target."""

    city: str
    left: (
        Annotated[str, Meta(description="Why nothing was trained, where nothing needed to be")] | UnsetType
    ) = UNSET
    promoted: (
        Annotated[dict[Target, str], Meta(description="Version of the model that is served now")] | UnsetType
    ) = UNSET
    reasons: Annotated[dict[Target, str], Meta(description="Why it was promoted")] | UnsetType = UNSET
    switched: (
        Annotated[dict[Target, str], Meta(description="The model before, where it was of another family")]
        | UnsetType
    ) = UNSET
    kept: Annotated[dict[Target, str], Meta(description="Why the model before stays")] | UnsetType = UNSET
    failed: Annotated[dict[Target, str], Meta(description="Why nothing could be trained")] | UnsetType = UNSET
    left_out: (
        Annotated[dict[str, str], Meta(description="Family that cannot be trained here → why")] | UnsetType
    ) = UNSET
    metrics: (
        Annotated[dict[Target, dict[str, dict[str, Any]]], Meta(description="By family: held-out scores")]
        | UnsetType
    ) = UNSET


class Job(Struct, kw_only=True):
    """A training that was asked for, and how it does."""

    id: Annotated[int, Meta(ge=1)]
    city: str
    state: State
    attempts: Annotated[int, Meta(ge=0, description="Attempts begun")]
    max_attempts: int
    created_at: Instant
    started_at: Annotated[Instant | None, Meta(description="Begin of the last attempt")]
    finished_at: Instant | None
    retry_at: Annotated[Instant | None, Meta(description="Earliest next attempt, where that is known")]
    families: Annotated[list[str] | None, Meta(description="Null for all")]
    force: bool
    error: Annotated[str | None, Meta(description="What went wrong at the last attempt that failed")]
    outcome: Annotated[Outcome | None, Meta(description="Null until done")]
