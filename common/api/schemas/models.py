"""Models and their record."""

from typing import Annotated, Any, Literal

from msgspec import UNSET, Meta, Struct, UnsetType

from common.api.schemas.common import Instant, Mark
from common.domain.forecast import Family, Mode, Target

Status = Literal["candidate", "champion", "retired", "rejected"]


class ModelsQuery(Struct, frozen=True):
    """Parameters of the list of models."""

    page: Annotated[int, Meta(ge=1, le=100_000, description="Counts from 1")] = 1
    per_page: Annotated[int, Meta(ge=1, le=100, description="Models a page")] = 20
    city: Annotated[str, Meta(description="Name or alias")] | UnsetType = UNSET
    family: Annotated[Family, Meta(description="Kind of model")] | UnsetType = UNSET
    status: Annotated[Status, Meta(description="Where the model stands")] | UnsetType = UNSET
    target: Annotated[Target, Meta(description="What is forecast")] | UnsetType = UNSET
    mode: Annotated[Mode, Meta(description="Real time, or driven through history")] | UnsetType = UNSET


class Model(Struct, kw_only=True):
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
    checksum: Annotated[str, Meta(description="SHA-256 of the model file")]
    promoted_at: Instant | None
    metrics: Annotated[dict[str, Any], Meta(description="On held-out data; lists leave out the lead times")]


class Models(Struct, kw_only=True):
    """A page of models, newest first."""

    page: int
    per_page: int
    pages: int
    total: int
    """Models that match; 10,000 where there are so many or more."""
    simulated: Mark
    models: list[Model]
