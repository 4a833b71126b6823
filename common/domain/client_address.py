"""Whose a client's address is, for limits that are to hold for a household or an office and not for each port of it."""

from __future__ import annotations

from functools import lru_cache
from ipaddress import IPv6Address, ip_address


@lru_cache(maxsize=4096)
def network_of(text: str) -> str:
    """The address, of an IPv6 one its /64: so much of it a single household has to choose from; empty where it is none.

    A port behind the address, or brackets around it, are left out.
    """
    bare = text
    if text.startswith("["):
        bare = text[1:].partition("]")[0]
    elif text.count(":") == 1:  # an IPv4 address and a port, as some proxies write it
        bare = text.partition(":")[0]
    try:
        address = ip_address(bare.partition("%")[0])
    except ValueError:
        return ""
    if isinstance(address, IPv6Address):
        if address.ipv4_mapped is not None:
            return str(address.ipv4_mapped)
        return f"{IPv6Address(int(address) >> 64 << 64)}/64"
    return str(address)
