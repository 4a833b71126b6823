"""Who may connect: limits of connections by address and in all, and the pages that a browser may connect from."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from hmac import compare_digest
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from limits import RateLimitItemPerSecond
from limits.storage import MemoryStorage
from limits.strategies import FixedWindowRateLimiter

from common.domain.client_address import network_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from multidict import CIMultiDictProxy

_WINDOW_S = 10


@dataclass(frozen=True, slots=True)
class Options:
    """What the settings decide of live connections; times in seconds."""

    needs_token: bool = False
    """Whether reading needs a token"""
    origins: tuple[str, ...] = ("*",)
    """Of VAYU_CORS_ORIGINS"""
    trusted_proxies: int = 0
    proxy_token: str | None = field(default=None, repr=False)
    connections: int = 2000
    per_address: int = 100
    ping_s: float = 25.0
    hello_s: float = 10.0
    """How long a client may take to ask for something"""
    stall_s: float = 10.0
    """How long a client may take nothing of what is sent to it"""


class Door:
    """Counts connections. What is refused here has cost little yet."""

    def __init__(self, options: Options) -> None:
        self._options = options
        self._rate = RateLimitItemPerSecond(options.per_address, _WINDOW_S)
        self._limiter = FixedWindowRateLimiter(MemoryStorage())
        self._by_address: Counter[str] = Counter()
        self.refused = 0

    @property
    def open(self) -> int:
        """Streams that are open."""
        return self._by_address.total()

    def too_fast(self, address: str) -> bool:
        """Whether more connections begin from the address than it may have, in ten seconds."""
        if self._limiter.hit(self._rate, address):
            return False
        self.refused += 1
        return True

    def enter(self, address: str) -> tuple[int, str] | None:
        """Let a stream in, which is to `leave`; else status and sentence of the refusal."""
        refusal = None
        if self.open >= self._options.connections:
            refusal = 503, f"there are {self._options.connections} live connections, as many as may be"
        elif self._by_address[address] >= self._options.per_address:
            refusal = 429, f"an address may have {self._options.per_address} live connections; close some"
        if refusal is not None:
            self.refused += 1
            return refusal
        self._by_address[address] += 1
        return None

    def leave(self, address: str) -> None:
        """A stream that was let in has ended."""
        self._by_address[address] -= 1
        if not self._by_address[address]:
            del self._by_address[address]


def client_address(peer: str, headers: CIMultiDictProxy[str], options: Options) -> str:
    """The client's address, behind as many trusted proxies as there are; the peer's where they name none."""
    if options.trusted_proxies and _is_from_proxy(headers, options.proxy_token):
        hops = [hop.strip() for value in headers.getall("X-Forwarded-For", ()) for hop in value.split(",")]
        if len(hops) >= options.trusted_proxies:
            return network_of(hops[-options.trusted_proxies]) or network_of(peer) or peer
    return network_of(peer) or peer


def _is_from_proxy(headers: CIMultiDictProxy[str], token: str | None) -> bool:
    if token is None:
        return True
    shown = headers.get("X-Vayu-Proxy", "").encode("utf-8", "surrogateescape")
    return compare_digest(shown, token.encode())


def may_connect_from(origin: str | None, host: str, origins: Sequence[str]) -> bool:
    """Whether a page of that origin may connect.

    Programs send no origin. A page of the host itself always may, whatever the port: locally the API has another.
    """
    if origin is None or "*" in origins or origin.rstrip("/") in origins:
        return True
    try:
        return urlsplit(origin).hostname == urlsplit(f"//{host}").hostname is not None
    except ValueError:
        return False
