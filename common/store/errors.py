"""Errors of the database, translated into sentences that say what can be done."""

from __future__ import annotations

import ssl
from typing import TYPE_CHECKING

from pg8000 import InterfaceError, NotSupportedError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from common.domain.errors import StoreError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sqlalchemy.engine import ExceptionContext

UNREACHABLE = "the database cannot be reached; see that DATABASE_URL is right and the server is up"
UNCONFIRMED = (
    "the database did not say in time that the change is kept; it may be. See that the server answers, and the standby "
    "that it waits for, where synchronous_standby_names has one"
)
BUSY = "all connections to the database that this process may have are in use; try again"
TOO_SLOW = "the database took too long to answer"
NO_TABLE = "the database lacks a table; run: vayu migrate"
FULL = "the disk of the database's server is full; make room on it, and try again"
TROUBLED = "the database's server lacks memory, a file or a higher limit for this; its log says which"
DISTURBED = "another process changed the same rows at the same time; try again"
LESSER = (
    "the database was set up on a server with TimescaleDB's community edition, which this server does not offer; "
    "what is compressed cannot be read here: serve it by the former server, or see docs/storage.md"
)
NO_TLS = "the database does not offer TLS, which sslmode in DATABASE_URL asks for"

_SENTENCES = {
    "57014": TOO_SLOW,
    "55P03": TOO_SLOW,
    "53100": FULL,
    "40001": DISTURBED,
    "40P01": DISTURBED,
    "53300": "the database takes no more connections; raise max_connections, or put PgBouncer before it",
    "28P01": "the database does not take the user and password of DATABASE_URL",
    "28000": "the database does not let the user of DATABASE_URL in from here; see pg_hba.conf, and sslmode",
    "3D000": "the server has no database of the name in DATABASE_URL",
    "25006": "the database can only be read: the server is a standby",
}
"""SQLSTATE → the sentence for a server error that is no fault of the statement."""
_IN_TROUBLE = ("53", "58")
"""Classes of SQLSTATE: out of resources, the server's own system."""
_LOST = ("08", "57P", *_IN_TROUBLE)
"""Also connection trouble and operator intervention."""


def sqlstate(error: BaseException) -> str:
    """The five-character code of a server error, translated or not; empty where the server said nothing."""
    return (_fields(error) or _fields(error.__cause__)).get("C", "")


def message(error: BaseException) -> str:
    """The server's text of an error, translated or not; empty where the server said nothing."""
    return (_fields(error) or _fields(error.__cause__)).get("M", "")


def timed_out(error: StoreError) -> bool:
    """Whether an answer did not come in time, and would not if it were asked for again."""
    return error.__cause__ is not None and isinstance(error.__cause__.__cause__, TimeoutError)


def translate(context: ExceptionContext) -> None:
    """Raise StoreError where an error is no fault of the statement; a handler of SQLAlchemy's ``handle_error``.

    Errors that are the fault of the statement go on as SQLAlchemy's DBAPIError.

    Raises:
        StoreError: see the constants of this module.
        RuntimeError: when a transaction in which a statement failed was to be committed.
    """
    error = context.original_exception
    if _lost(error):
        context.is_disconnect = True
    if context.is_pre_ping:
        return  # the pool replaces the connection
    if "in failed transaction block" in str(error):
        raise RuntimeError("a transaction in which a statement failed cannot be kept")
    sentence = _sentence(error)
    if sentence is not None:
        raise StoreError(sentence)


def _sentence(error: BaseException) -> str | None:
    fields = _fields(error)
    state = fields.get("C", "")
    if state == "08P01" and "authentication failed" in fields.get("M", ""):
        state = "28P01"  # as PgBouncer says it, of its own clients and where the database refuses it
    if state in _SENTENCES:
        return _SENTENCES[state]
    if state == "42P01" and fields.get("R") == "parserOpenTable":
        return NO_TABLE
    if state in ("0A000", "58P01") and "timescale" in fields.get("M", "").lower():
        return LESSER
    if isinstance(error, PoolTimeout):
        return BUSY
    if isinstance(error, NotSupportedError):  # raised by `common.store.connection` alone
        return str(error)
    return _of_lost(error, state) if _lost(error) else None


def _of_lost(error: BaseException, state: str) -> str:
    return TROUBLED if state.startswith(_IN_TROUBLE) else _tls(error.__cause__) or UNREACHABLE


def _lost(error: BaseException) -> bool:
    """Whether the connection is of no use after this error."""
    if "in failed transaction block" in str(error):
        return False
    return sqlstate(error).startswith(_LOST) or isinstance(error, (InterfaceError, OperationalError, OSError))


def _tls(cause: BaseException | None) -> str | None:
    if isinstance(cause, ssl.SSLCertVerificationError):
        return (
            f"the certificate of the database's server is not trusted: {cause.verify_message.rstrip('.')}; "
            "see sslrootcert, sslmode and the host in DATABASE_URL"
        )
    return f"no TLS with the database's server: {cause.reason}" if isinstance(cause, ssl.SSLError) else None


def _fields(error: BaseException | None) -> Mapping[str, str]:
    """What the server said, by the letters of its protocol; empty where it said nothing."""
    error = getattr(error, "orig", error)
    first = error.args[0] if error is not None and error.args else None
    return first if isinstance(first, dict) else {}
