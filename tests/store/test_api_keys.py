"""Which keys are in force."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from common.store.api_keys import NOBODYS, Lock, create_key, hashed, names_in_force, revoke_key

if TYPE_CHECKING:
    from common.store.engine import Database

MOMENT = timedelta(microseconds=1)


@pytest.mark.parametrize(
    ("left", "opens"), [(None, True), (MOMENT, True), (0 * MOMENT, False), (-MOMENT, False)]
)
def test_a_lock_opens_to_its_token_until_it_ends(now: datetime, left: timedelta | None, opens: bool) -> None:
    lock = Lock(hashed("vayu_right"), frozenset({"read"}), None if left is None else now + left)
    assert lock.opens_to(hashed("vayu_right"), now) is opens
    assert not lock.opens_to(hashed("vayu_wrong"), now)
    assert not NOBODYS.opens_to(hashed("vayu_right"), now)


def test_those_in_force_are_neither_revoked_nor_over(database: Database, now: datetime) -> None:
    ends = {"endless": None, "lasting": now + MOMENT, "over": now, "revoked": now + MOMENT}
    with database.transaction() as connection:
        for name, end in ends.items():
            create_key(connection, name, ["alerts"], now=now, expires_at=end)
        revoke_key(connection, "revoked", now=now)
        assert sorted(names_in_force(connection, now)) == ["endless", "lasting"]
