"""DATABASE_URL as PostgreSQL's own programs read it."""

from __future__ import annotations

import ssl
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec
from sqlalchemy import make_url
from sqlalchemy.exc import ArgumentError

from common.domain.errors import ConfigError
from common.store.tls import ENCRYPTED, FILES, tls_context

if TYPE_CHECKING:
    from sqlalchemy import URL

_UNUSED = ("channel_binding", "connect_timeout", "gssencmode", "keepalives", "target_session_attrs")
"""What libpq may be told and pg8000 does by itself or has no use for."""
_USED = ("host", "sslmode", "application_name", *FILES)
_PORT = 5432
_APPLICATION = "vayu"
"""What the server's lists of sessions say, unless the address names something else."""


class Dsn(msgspec.Struct, frozen=True):
    """Where a database is and how to log in."""

    host: str
    port: int
    unix_socket: str | None
    """Path of the server's Unix socket, used in place of host and port."""
    tls: ssl.SSLContext | None
    """None: no TLS."""
    tls_required: bool
    login: Mapping[str, str | None]
    """Arguments of `pg8000.Connection`: user, password, database, application_name."""


def parse(address: str) -> Dsn:
    """Read an address; see `common.store.tls` for what is about TLS, which Unix sockets do without.

    Raises:
        ConfigError: when the address is none, or holds something that is not understood.
    """
    try:
        url = make_url(address, keep_blank_values=True)
    except (ArgumentError, ValueError):  # their texts hold the password
        raise ConfigError("DATABASE_URL must look like postgresql://user:password@host:5432/name") from None
    query = _understood(url)
    host = query.get("host", "") or url.host or "localhost"
    port = url.port or _PORT
    local = host.startswith("/")
    tls = tls_context(query)
    return Dsn(
        host=host,
        port=port,
        unix_socket=str(Path(host) / f".s.PGSQL.{port}") if local else None,
        tls=None if local else tls,
        tls_required=query.get("sslmode") in ENCRYPTED,
        login={
            "user": url.username,
            "password": url.password or "",
            "database": url.database or None,
            "application_name": query.get("application_name", _APPLICATION),
        },
    )


def _understood(url: URL) -> dict[str, str]:
    unknown = url.query.keys() - {*_USED, *_UNUSED}
    if unknown:
        raise ConfigError(f"DATABASE_URL: {', '.join(sorted(unknown))} behind the '?' is not understood")
    twice = sorted(name for name, value in url.query.items() if not isinstance(value, str))
    if twice:
        raise ConfigError(f"DATABASE_URL: {', '.join(twice)} stands behind the '?' more than once")
    return {name: str(value) for name, value in url.query.items() if name in _USED}
