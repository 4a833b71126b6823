"""Keys of the API: who may do what. A token is shown when it is made and kept nowhere.

Kept is its SHA-256. A slow hash is for passwords, which can be guessed one by one; a token is 256 random bits, of
which nobody can try enough at any speed, and it is looked at with every request.
"""

from __future__ import annotations

from datetime import datetime
from hashlib import sha256
from hmac import compare_digest
from typing import TYPE_CHECKING

import msgspec
from msgspec import structs
from sqlalchemy import select, update
from sqlalchemy.dialects.postgresql import insert

from common.domain.errors import DataError, NotFound
from common.store.engine import run
from common.store.schema import api_key

if TYPE_CHECKING:
    from collections.abc import Collection

    from common.store.engine import Connection


SCOPES = ("read", "retrain", "alerts", "admin")
"""What a key may allow; ``admin`` allows all."""
MARK = "vayu_"
"""How every token begins, so that one that leaked can be found by those who search for such."""
PREFIX_LENGTH = len(MARK) + 8
_RANDOM_BYTES = 32


class Key(msgspec.Struct, frozen=True):
    """A key as it may be shown."""

    prefix: str
    name: str
    scopes: tuple[str, ...]
    created_at: datetime
    expires_at: datetime | None = None
    revoked_at: datetime | None = None
    last_used_at: datetime | None = None


class Lock(msgspec.Struct, frozen=True):
    """What a token is compared with."""

    hash: bytes
    scopes: frozenset[str]
    expires_at: datetime | None

    def opens_to(self, digest: bytes, now: datetime) -> bool:
        """Whether a token of that hash is the right one, and in force; takes as long for any wrong one."""
        return compare_digest(digest, self.hash) and not has_expired(self.expires_at, now)


NOBODYS = Lock(bytes(32), frozenset(), None)
"""What a token of an unknown prefix is compared with."""


def has_expired(expires_at: datetime | None, now: datetime) -> bool:
    """Whether a key that ends then, or never where it is None, is over without having been revoked."""
    return expires_at is not None and expires_at <= now


def hashed(token: str) -> bytes:
    """What is kept of a token."""
    return sha256(token.encode()).digest()


def create_key(
    connection: Connection,
    name: str,
    scopes: Collection[str],
    *,
    now: datetime,
    expires_at: datetime | None = None,
) -> tuple[str, Key]:
    """Make a key; returns its token, which cannot be had again, and what is kept of it.

    Raises:
        DataError: when another key that is not revoked has that name.
    """
    from secrets import token_urlsafe  # not for those who only check tokens

    token = MARK + token_urlsafe(_RANDOM_BYTES)
    chosen = tuple(scope for scope in SCOPES if scope in scopes)
    new = insert(api_key).values(
        prefix=token[:PREFIX_LENGTH],
        hash=hashed(token),
        name=name,
        scopes=list(chosen),
        created_at=now,
        expires_at=expires_at,
    )
    if not run(connection, new.on_conflict_do_nothing().returning(api_key.c.prefix)):
        raise DataError(f"there is a key named {name!r} already; revoke it first, or choose another name")
    return token, Key(token[:PREFIX_LENGTH], name, chosen, now, expires_at)


def all_keys(connection: Connection) -> list[Key]:
    """Every key that was ever made, the newest first."""
    rows = run(connection, _SHOWN.order_by(api_key.c.created_at.desc(), api_key.c.prefix))
    return [_key(row) for row in rows]


def revoke_key(connection: Connection, which: str, *, now: datetime) -> Key:
    """End a key, by its name or by how its token begins; one that is revoked already stays as it is.

    Raises:
        NotFound: when there is none.
    """
    named = (api_key.c.name == which) | (api_key.c.prefix == which)
    run(connection, update(api_key).where(named, api_key.c.revoked_at.is_(None)).values(revoked_at=now))
    latest = _SHOWN.where(named).order_by(api_key.c.revoked_at.desc(), api_key.c.created_at.desc()).limit(1)
    rows = run(connection, latest)
    if not rows:
        raise NotFound(f"there is no key {which[:40]!r}; see: vayu keys list")
    return _key(rows[0])


def locks(connection: Connection) -> dict[str, Lock]:
    """Prefix → what a token of that prefix must be, of all keys that are not revoked."""
    columns = (api_key.c.prefix, api_key.c.hash, api_key.c.scopes, api_key.c.expires_at)
    rows = run(connection, select(*columns).where(api_key.c.revoked_at.is_(None)))
    return {
        prefix: Lock(digest, frozenset(scopes), expires_at) for prefix, digest, scopes, expires_at in rows
    }


def names_in_force(connection: Connection, now: datetime) -> tuple[str, ...]:
    """Names of the keys that are neither revoked nor over."""
    rows = run(connection, select(api_key.c.name, api_key.c.expires_at).where(api_key.c.revoked_at.is_(None)))
    return tuple(name for name, expires_at in rows if not has_expired(expires_at, now))


def note_use(connection: Connection, prefixes: Collection[str], *, now: datetime) -> None:
    """Keep that these keys were used."""
    before = (api_key.c.last_used_at < now) | api_key.c.last_used_at.is_(None)
    used = api_key.c.prefix.in_(sorted(prefixes))
    run(connection, update(api_key).where(used, before).values(last_used_at=now))


_SHOWN = select(*(api_key.c[field.name] for field in structs.fields(Key)))


def _key(row: tuple[object, ...]) -> Key:
    prefix, name, scopes, *times = row
    return Key(str(prefix), str(name), tuple(scopes), *times)  # type: ignore[arg-type]
