"""Whose request it is, by address."""

from functools import lru_cache
from ipaddress import IPv6Address, ip_address
from typing import TYPE_CHECKING

from werkzeug.middleware.proxy_fix import ProxyFix

if TYPE_CHECKING:
    from wsgiref.types import WSGIApplication, WSGIEnvironment


def behind_proxies(app: "WSGIApplication", trusted: int) -> "WSGIApplication":
    """The application where so many proxies of ours stand before it, each of which appends to X-Forwarded-For."""
    return ProxyFix(app, x_for=trusted, x_proto=0) if trusted else app


def client_ip(environ: "WSGIEnvironment") -> str:
    """The client's address, an IPv6 one as its /64: so much of it a single household has to choose from.

    The peer's own where the proxies tell none.
    """
    told: str = environ.get("REMOTE_ADDR") or ""
    before = environ.get("werkzeug.proxy_fix.orig")
    peer: str = (before["REMOTE_ADDR"] if before else told) or ""
    return _network(told) or _network(peer) or peer


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
