"""DATABASE_URL as PostgreSQL's own programs read it, turned into what the driver understands."""

from __future__ import annotations

import re
from collections import Counter
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, unquote

from common.domain.errors import ConfigError

if TYPE_CHECKING:
    import ssl
    from collections.abc import Iterator, Mapping

_URL = re.compile(
    r"[^:]+://(?:(?P<user>[^:@]*)(?::(?P<password>[^@]*))?@)?"
    r"(?:\[(?P<bracketed>[^\]]*)\]|(?P<host>[^:/?]*))(?::(?P<port>\d+))?/(?P<database>[^?]*)(?:\?(?P<query>.*))?"
)
_NEEDLESS = ("channel_binding", "connect_timeout", "gssencmode", "keepalives", "target_session_attrs")
"""What libpq may be told and pg8000 does by itself or has no use for."""
_FILES = ("sslrootcert", "sslcert", "sslkey")
_UNDERSTOOD = ("host", "sslmode", "application_name", *_FILES)
_ENCRYPTED = ("require", "verify-ca", "verify-full")
_SSL_MODES = ("disable", "allow", "prefer", *_ENCRYPTED)
_SYSTEM = "system"
_PORT = 5432
_APPLICATION = "vayu"
"""What the server's lists of sessions say, unless the address names something else."""


def driver_arguments(raw: str) -> dict[str, Any]:
    """The arguments of pg8000 that the address asks for.

    ``sslmode`` means what it means to libpq: without one, and with ``allow`` or ``prefer``, TLS where the server
    has it, whoever the server is; ``require`` insists on TLS, and on a known authority where ``sslrootcert``
    names one; ``verify-ca`` on a known authority, ``verify-full`` on the host's name too. Without
    ``sslrootcert`` the system's authorities are known. Unix sockets need no TLS.

    Raises:
        ConfigError: when the address is none, holds something that neither understands, or names a file of
            certificates that cannot be read.
    """
    parts = _URL.fullmatch(raw)
    if parts is None:
        raise ConfigError("DATABASE_URL must look like postgresql://user:password@host:5432/name")
    query = _understood(parts["query"] or "")
    port = int(parts["port"] or _PORT)
    arguments: dict[str, Any] = {
        "user": None if parts["user"] is None else unquote(parts["user"]),
        "database": parts["database"] or None,
        "application_name": query.get("application_name", _APPLICATION),
        "ssl_context": _tls(query),
    }
    if parts["password"] is not None:
        arguments["password"] = unquote(parts["password"])
    host = query.get("host", "") or parts["bracketed"] or parts["host"]
    if host.startswith("/"):
        return arguments | {"unix_sock": str(Path(host) / f".s.PGSQL.{port}"), "ssl_context": False}
    return arguments | {"host": host or "localhost", "port": port}


def _understood(given: str) -> dict[str, str]:
    pairs = parse_qsl(given, keep_blank_values=True)
    counts = Counter(name for name, _ in pairs)
    unknown = counts.keys() - {*_UNDERSTOOD, *_NEEDLESS}
    if unknown:
        raise ConfigError(f"DATABASE_URL: {', '.join(sorted(unknown))} behind the '?' is not understood")
    twice = sorted(name for name, number in counts.items() if number > 1)
    if twice:
        raise ConfigError(f"DATABASE_URL: {', '.join(twice)} stands behind the '?' more than once")
    return {name: value for name, value in pairs if name in _UNDERSTOOD}


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
    import ssl  # what a connection to this machine does without

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
