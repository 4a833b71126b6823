"""Whose token a request carries, and what it allows."""

from collections.abc import Callable
from hmac import compare_digest
from threading import Lock
from time import monotonic
from typing import TYPE_CHECKING

from common.api.blueprint import Scope
from common.api.middleware.request_context import Caller, Refusal
from common.domain.errors import StoreError
from common.ports import Clock
from common.store import api_keys
from common.store.engine import Database
from common.store.errors import UNREACHABLE

if TYPE_CHECKING:
    from wsgiref.types import WSGIEnvironment

_NOTE_EVERY_S = 60.0
_CHALLENGE = 'Bearer realm="vayu"'


def given_token(environ: "WSGIEnvironment") -> str | Refusal | None:
    """The token of a request, from either header; None where there is none."""
    named: str | None = environ.get("HTTP_X_API_KEY")
    authorization: str | None = environ.get("HTTP_AUTHORIZATION")
    if authorization is not None:
        scheme, _, token = authorization.partition(" ")
        if scheme.lower() == "bearer":
            token = token.strip()
            if named is not None and named.strip() != token:
                return Refusal(400, "Authorization and X-API-Key give different tokens; send one of them")
            return token
    return None if named is None else named.strip()


def unauthorized(detail: str, *, wrong: bool) -> Refusal:
    """A 401; `wrong`: a token was given."""
    challenge = f'{_CHALLENGE}, error="invalid_token"' if wrong else _CHALLENGE
    return Refusal(401, detail, "urn:vayu:problem:unauthorized", [("WWW-Authenticate", challenge)])


def refusal(caller: Caller, scope: Scope) -> Refusal | None:
    """Why a caller may not do what needs a token of this scope; None where he may."""
    if caller.may(scope):
        return None
    if caller.scopes is None:
        return unauthorized(
            f"this needs a token that allows {scope}, as Authorization: Bearer … or X-API-Key: …", wrong=False
        )
    allowed = ", ".join(sorted(caller.scopes))
    return Refusal(
        403,
        f"the token allows {allowed}; this needs {scope}",
        "urn:vayu:problem:forbidden",
        [("WWW-Authenticate", f'{_CHALLENGE}, error="insufficient_scope", scope="{scope}"')],
    )


class KeyRing:
    """The keys in force, all of them, so that a token that nobody has costs no question to the database.

    They are read anew whenever their version has changed, which is looked at every second.
    """

    def __init__(self, database: Database, clock: Clock, *, tick: Callable[[], float] = monotonic) -> None:
        self._database = database
        self._clock = clock
        self._tick = tick
        self._reading = Lock()
        self._version: int | None = None
        self._locks: dict[str, api_keys.Lock] = {}
        self._used: set[str] = set()
        self._note_at = tick() + _NOTE_EVERY_S

    def caller(self, token: str, version: int | None) -> Caller | None:
        """The holder of a token, where it is in force; `version`: of the keys, None where that was never known.

        Raises:
            StoreError: when the keys were never read, and cannot be.
        """
        if version is None:
            raise StoreError(UNREACHABLE)
        if version != self._version:
            self._read(version)
        prefix = token[: api_keys.PREFIX_LENGTH]
        key = self._locks.get(prefix) or _NOBODY
        right = compare_digest(api_keys.hashed(token), key.hash)
        if not right or (key.expires_at is not None and key.expires_at <= self._clock()):
            return None
        self._used.add(prefix)
        if self._tick() >= self._note_at:
            self._note()
        return Caller(prefix, key.scopes)

    def _read(self, version: int) -> None:
        with self._reading:
            if version == self._version:
                return
            try:
                with self._database.reading() as connection:
                    self._locks = api_keys.locks(connection)
                self._version = version
            except StoreError:
                if self._version is None:
                    raise

    def _note(self) -> None:
        self._note_at = self._tick() + _NOTE_EVERY_S
        used, self._used = self._used, set()
        try:
            with self._database.transaction() as connection:
                api_keys.note_use(connection, used, now=self._clock())
        except StoreError:
            self._used |= used


_NOBODY = api_keys.Lock(bytes(32), frozenset(), None)
"""What a token of an unknown prefix is compared with, so that it takes as long as another."""
