"""Whose request it is, by address."""

from functools import lru_cache
from ipaddress import IPv6Address, ip_address
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from wsgiref.types import WSGIEnvironment

_LONGEST = 2048
"""Characters of X-Forwarded-For that are looked at."""


def client_address(environ: "WSGIEnvironment", trusted_proxies: int) -> str:
    """The client's address, an IPv6 one as its /64: so much of it a single household has to choose from.

    Of X-Forwarded-For only the part is believed that our own proxies wrote: the last so many entries.
    """
    peer: str = environ.get("REMOTE_ADDR") or ""
    if trusted_proxies:
        named = environ.get("HTTP_X_FORWARDED_FOR", "")[-_LONGEST:].split(",")
        if len(named) >= trusted_proxies:
            return _network(named[-trusted_proxies].strip()) or _network(peer) or peer
    return _network(peer) or peer


@lru_cache(maxsize=4096)
def _network(text: str) -> str:
    """The address, or the /64 it is in; empty where it is none."""
    bare = text
    if text.startswith("["):
        bare = text[1:].partition("]")[0]
    elif text.count(":") == 1:  # an IPv4 address and a port, as some proxies write it
        bare = text.partition(":")[0]
    try:
        found = ip_address(bare.partition("%")[0])
    except ValueError:
        return ""
    if isinstance(found, IPv6Address):
        if found.ipv4_mapped is not None:
            return str(found.ipv4_mapped)
        return f"{IPv6Address(int(found) >> 64 << 64)}/64"
    return str(found)
