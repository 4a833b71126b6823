"""TLS with the database's server, as libpq's ``sslmode``, ``sslrootcert``, ``sslcert`` and ``sslkey`` ask for it."""

from __future__ import annotations

import ssl
from contextlib import contextmanager
from typing import TYPE_CHECKING

from common.domain.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

FILES = ("sslrootcert", "sslcert", "sslkey")
ENCRYPTED = ("require", "verify-ca", "verify-full")
"""Modes that insist on TLS."""
MODES = ("disable", "allow", "prefer", *ENCRYPTED)
_SYSTEM = "system"


def tls_context(query: Mapping[str, str]) -> ssl.SSLContext | None:
    """How to speak TLS; None where it must not be spoken. `query`: what stands behind the ``?`` of the address.

    ``sslmode`` means what it means to libpq: without one, and with ``allow`` or ``prefer``, TLS where the server
    has it, whoever the server is; ``require`` insists on TLS, and on a known authority where ``sslrootcert``
    names one; ``verify-ca`` on a known authority, ``verify-full`` on the host's name too. Without
    ``sslrootcert`` the system's authorities are known.

    Raises:
        ConfigError: when the mode is none, or a file of certificates cannot be read or stands beside a mode that
            does not use it.
    """
    mode = query.get("sslmode", "prefer")
    if mode not in MODES:
        raise ConfigError(f"DATABASE_URL: sslmode must be one of {', '.join(MODES)}")
    named = [name for name in FILES if name in query]
    if named and mode not in ENCRYPTED:  # libpq would go without: whoever names an authority wants protection
        raise ConfigError(
            f"DATABASE_URL: {named[0]} needs sslmode=verify-full, verify-ca or require beside it"
        )
    if mode == "disable":
        return None
    authority = query.get("sslrootcert", _SYSTEM)
    if mode in ("verify-ca", "verify-full") or authority != _SYSTEM:
        with _readable("sslrootcert", authority):
            context = ssl.create_default_context(cafile=None if authority == _SYSTEM else authority)
        context.check_hostname = mode == "verify-full"
    else:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    if "sslcert" in query:
        with _readable("sslcert", query["sslcert"]):
            context.load_cert_chain(query["sslcert"], query.get("sslkey"), password="")
    return context


@contextmanager
def _readable(name: str, path: str) -> Iterator[None]:
    try:
        yield
    except OSError as error:  # includes contents that are not certificates
        raise ConfigError(
            f"DATABASE_URL: {name} names no file of certificates that can be read: {path}"
        ) from error
