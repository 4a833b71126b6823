"""What the operator decides about who may ask, how often, and what is kept."""

from dataclasses import dataclass, field
from typing import Literal, NamedTuple

Kind = Literal["anonymous", "token", "writes"]
KINDS: tuple[Kind, ...] = ("anonymous", "token", "writes")
"""As what a request counts: of an address; of a token, for reading; of a token, for what changes something."""


class Rate(NamedTuple):
    """So many requests in so many seconds."""

    number: int
    seconds: int


@dataclass(frozen=True, slots=True)
class Policy:
    """By itself: open reads, nothing counted, nothing kept, as in a test that is about something else."""

    reads_need_token: bool = False
    rates: dict[Kind, Rate] = field(default_factory=dict)
    """Who is not named is not limited."""
    trusted_proxies: int = 0
    """How many proxies of ours stand before the API, each of which appends to X-Forwarded-For."""
    origins: tuple[str, ...] = ("*",)
    """Whose pages may read answers in a browser; ``*``: everybody's."""
    cache_bytes: int = 0
    """What this process may keep of finished answers; 0: nothing is kept, here or in Redis."""
    redis_url: str | None = field(default=None, repr=False)
