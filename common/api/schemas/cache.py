"""What is kept of answers."""

from typing import Annotated

from msgspec import Meta, Struct


class Cleared(Struct, kw_only=True):
    """Every process has forgotten its answers, and so has Redis where it is used."""

    redis: Annotated[bool | None, Meta(description="Whether Redis could be reached; null where none is used")]
    redis_answers: Annotated[int, Meta(description="Answers that were dropped from Redis")]
