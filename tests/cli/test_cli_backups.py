"""`vayu backups`: their age, and a restored database without the secret that it was written under."""

from __future__ import annotations

import base64
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from alert_rows import KEY, put_owner, put_rule
from commands import complaint, parsed

from common.store.facts import set_fact
from common.store.public_alerts import keep_public_rules

if TYPE_CHECKING:
    from commands import Vayu

    from common.store.engine import Database

OTHER = base64.b64encode(b"another key, of thirty-two bytes").decode()
NOW = datetime.now(UTC)


def test_ages(vayu: Vayu, database: Database) -> None:
    assert "base backup: never" in vayu("backups").output
    with database.transaction() as connection:
        set_fact(connection, "backup_at", (NOW - timedelta(hours=5)).isoformat())
    assert parsed(vayu("backups", "--json"))["base_at"][:13] == f"{NOW - timedelta(hours=5):%Y-%m-%dT%H}"
    assert "5 h ago" in vayu("backups").output


def test_a_restored_database_wants_the_secret_of_its_alerts(vayu: Vayu, database: Database) -> None:
    with database.transaction() as connection:
        keep_public_rules(connection, wanted=True, now=NOW + timedelta(hours=1))
    assert vayu("backups", "--check").exit_code == 0, "nothing is sealed in it yet"
    put_rule(database, put_owner(database, NOW), NOW)
    # A machine of its own has made itself a key, which is another one.
    assert "set the one that was in force" in complaint(vayu("backups", "--check"), 2)
    assert "is not the key" in complaint(vayu("backups", "--check", env={"VAYU_ALERTS_KEY": OTHER}), 2)
    assert "the secrets fit" in vayu("backups", "--check", env={"VAYU_ALERTS_KEY": KEY}).output
    assert vayu("backups").exit_code == 0
