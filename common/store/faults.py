"""What is said of a database that does not answer as it should; one sentence for each thing that can be done."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

UNREACHABLE = "the database cannot be reached; see that DATABASE_URL is right and the server is up"
BUSY = "all connections to the database that this process may have are in use; try again"
TOO_SLOW = "the database took too long to answer"
NO_TABLE = "the database lacks a table; run: vayu migrate"
FULL = "the disk of the database's server is full; make room on it, and try again"
DISTURBED = "another process changed the same rows at the same time; try again"
LESSER = (
    "the database was set up on a server with TimescaleDB's community edition, which this server does not offer; "
    "what is compressed cannot be read here: serve it by the former server, or see docs/storage.md"
)
NO_TLS = "the database does not offer TLS, which sslmode in DATABASE_URL asks for"

_TOLD = {
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
"""SQLSTATE → what to say of a server error that is no fault of the statement."""
_GONE = ("08", "57P", "53", "58")
"""Connection trouble, operator intervention, out of resources, the server's own system; see UNREACHABLE."""


def fields(error: BaseException | None) -> Mapping[str, str]:
    """What the server said in an error of the driver's, by the protocol's letters; empty where it said nothing."""
    first = error.args[0] if error is not None and error.args else None
    return first if isinstance(first, dict) else {}


def sqlstate(error: BaseException) -> str:
    """The five-character code of an error of the server's, translated or not; empty where it said nothing."""
    return (fields(error) or fields(error.__cause__)).get("C", "")


def message(error: BaseException) -> str:
    """What the server said of an error, translated or not; empty where it said nothing."""
    return (fields(error) or fields(error.__cause__)).get("M", "")


def told(error: BaseException | None) -> str | None:
    """What to say of an error of the driver's that is no fault of the statement; None where it is one."""
    said = fields(error)
    state = said.get("C", "")
    if state in _TOLD:
        return _TOLD[state]
    if state == "42P01" and said.get("R") == "parserOpenTable":
        return NO_TABLE
    if state in ("0A000", "58P01") and "timescale" in said.get("M", "").lower():
        return LESSER
    if "refuses SSL" in str(error):
        return NO_TLS
    return UNREACHABLE if lost(error) else None


def lost(error: BaseException | None) -> bool:
    """Whether the connection is of no use after this error of the driver's."""
    state = fields(error).get("C", "")
    return state.startswith(_GONE) or type(error).__name__ in ("InterfaceError", "OperationalError")


def untrusted(error: OSError) -> str | None:
    """What to say where TLS failed; None where something else did."""
    import ssl  # loaded already where it failed

    if isinstance(error, ssl.SSLCertVerificationError):
        return (
            f"the certificate of the database's server is not trusted: {error.verify_message.rstrip('.')}; "
            "see sslrootcert, sslmode and the host in DATABASE_URL"
        )
    return f"no TLS with the database's server: {error.reason}" if isinstance(error, ssl.SSLError) else None
