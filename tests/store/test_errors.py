"""What the server says of itself is not taken for one that does not answer."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from common.domain.errors import StoreError
from common.store.engine import run
from common.store.errors import FULL, TROUBLED, UNREACHABLE

if TYPE_CHECKING:
    from common.store.engine import Database


@pytest.mark.tiers("plain")
@pytest.mark.parametrize(
    ("state", "sentence"),
    [("53100", FULL), ("53200", TROUBLED), ("53400", TROUBLED), ("58030", TROUBLED), ("57P01", UNREACHABLE)],
)
def test_a_server_in_trouble(database: Database, state: str, sentence: str) -> None:
    with pytest.raises(StoreError) as refused, database.transaction() as connection:
        run(connection, f"DO $$ BEGIN RAISE 'trouble' USING ERRCODE = '{state}'; END $$")
    assert str(refused.value) == sentence
