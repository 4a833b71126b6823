"""DATABASE_URL as PostgreSQL's own programs read it, turned into what the driver understands."""

from __future__ import annotations

import ssl
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sqlalchemy import make_url

from common.domain.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from sqlalchemy import URL

_NEEDLESS = ("channel_binding", "connect_timeout", "gssencmode", "keepalives", "target_session_attrs")
"""What libpq may be told and pg8000 does by itself or has no use for."""
_FILES = ("sslrootcert", "sslcert", "sslkey")
_UNDERSTOOD = ("host", "sslmode", "application_name", *_FILES)
_ENCRYPTED = ("require", "verify-ca", "verify-full")
_SSL_MODES = ("disable", "allow", "prefer", *_ENCRYPTED)
_SYSTEM = "system"
_APPLICATION = "vayu"
"""What the server's lists of sessions say, unless the address names something else."""


def driver_arguments(raw: str) -> tuple[URL, dict[str, Any]]:
    """The address without what stands behind its ``?``, and the arguments of pg8000 that this asks for.

    ``sslmode`` means what it means to libpq: without one, and with ``allow`` or ``prefer``, TLS where the server
    has it, whoever the server is; ``require`` insists on TLS, and on a known authority where ``sslrootcert``
    names one; ``verify-ca`` on a known authority, ``verify-full`` on the host's name too. Without
    ``sslrootcert`` the system's authorities are known. Unix sockets need no TLS.

    Raises:
        ConfigError: when the address holds something that neither understands, or names a file of
            certificates that cannot be read.
    """
    url = make_url(raw)
    query = _understood(url.query)
    arguments: dict[str, Any] = {"application_name": query.get("application_name", _APPLICATION)}
    host = query.get("host", "")
    tls = _tls(query)
    if host.startswith("/"):
        arguments["unix_sock"] = str(Path(host) / f".s.PGSQL.{url.port or 5432}")
        tls = False
    elif host:
        url = url.set(host=host)
    return url.set(query={}), arguments | {"ssl_context": tls}


def _understood(query: Mapping[str, str | tuple[str, ...]]) -> dict[str, str]:
    unknown = query.keys() - {*_UNDERSTOOD, *_NEEDLESS}
    if unknown:
        raise ConfigError(f"DATABASE_URL: {', '.join(sorted(unknown))} behind the '?' is not understood")
    twice = sorted(name for name, value in query.items() if not isinstance(value, str))
    if twice:
        raise ConfigError(f"DATABASE_URL: {', '.join(twice)} stands behind the '?' more than once")
    return {name: value for name, value in query.items() if isinstance(value, str) and name in _UNDERSTOOD}


def _tls(query: Mapping[str, str]) -> ssl.SSLContext | bool | None:
    """A context where TLS must be; None where it may be, False where it must not."""
    mode = query.get("sslmode", "prefer")
    if mode not in _SSL_MODES:
        raise ConfigError(f"DATABASE_URL: sslmode must be one of {', '.join(_SSL_MODES)}")
    if mode not in _ENCRYPTED:
        named = [name for name in _FILES if name in query]
        if named:  # libpq would go without: whoever names an authority wants to be protected by it
            raise ConfigError(
                f"DATABASE_URL: {named[0]} needs sslmode=verify-full, verify-ca or require beside it"
            )
        return False if mode == "disable" else None
    authority = query.get("sslrootcert", _SYSTEM)
    with _readable("sslrootcert", authority):
        context = ssl.create_default_context(cafile=None if authority == _SYSTEM else authority)
    if mode != "verify-full":
        context.check_hostname = False
    if mode == "require" and authority == _SYSTEM:
        context.verify_mode = ssl.CERT_NONE
    if "sslcert" in query:
        with _readable("sslcert", query["sslcert"]):
            context.load_cert_chain(query["sslcert"], query.get("sslkey"), password="")
    return context


@contextmanager
def _readable(name: str, path: str) -> Iterator[None]:
    try:
        yield
    except OSError as error:  # what is wrong with the contents too
        raise ConfigError(
            f"DATABASE_URL: {name} names no file of certificates that can be read: {path}"
        ) from error
