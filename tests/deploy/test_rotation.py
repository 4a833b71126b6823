"""Secrets are exchanged while the system runs, step by step as docs/deploy.md has it."""

from __future__ import annotations

import json
import uuid
from contextlib import closing
from typing import TYPE_CHECKING

import pytest
from factories import air, keep_and_reconcile, series
from sqlalchemy import make_url
from tier_servers import admin, done_by_the_servers_workers, fresh_database, name_of

from common.bootstrap.container import environment_settings
from common.domain.errors import StoreError
from common.domain.observation import HOUR
from common.sources import keys
from common.store.engine import Database, run
from common.store.maintain import maintain
from common.store.migrate import migrate
from common.store.tiers import recorded

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime
    from pathlib import Path


@pytest.fixture
def roles(server: str) -> Iterator[tuple[str, str]]:
    """Names of the role that owns everything, which is there, and of the next, which is not; gone afterwards."""
    names = tuple(f"{name}_{uuid.uuid4().hex[:8]}" for name in ("vayu", "next"))
    admin(server, f"CREATE ROLE {names[0]} LOGIN PASSWORD 'former'")
    yield names[0], names[1]
    admin(server, f"DROP ROLE IF EXISTS {names[1]}", f"DROP ROLE {names[0]}")


def as_role(url: str, role: str) -> str:
    return make_url(url).set(username=role).render_as_string(hide_password=False)


@pytest.mark.tiers("plain", "apache", "community")
def test_a_second_role_takes_over_without_a_pause(
    server: str, tier: str, roles: tuple[str, str], now: datetime
) -> None:
    former, second = roles
    with (
        fresh_database(server, f"OWNER {former}") as url,
        closing(Database(as_role(url, former))) as before,
        closing(Database(as_role(url, second))) as after,
    ):
        migrate(before)
        keep_and_reconcile(before, series(now, 48, air(80)), now)

        admin(
            server,
            f"CREATE ROLE {second} LOGIN PASSWORD 'new' IN ROLE {former}",
            f"ALTER ROLE {second} SET role TO {former}",
        )
        keep_and_reconcile(after, series(now + HOUR, 48, air(80)), now + HOUR)
        keep_and_reconcile(before, series(now + 2 * HOUR, 48, air(80)), now + 2 * HOUR)

        admin(
            server,
            f"ALTER ROLE {former} CONNECTION LIMIT 0 PASSWORD NULL",
            f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = '{former}'",  # noqa: S608
        )
        with pytest.raises(StoreError), closing(Database(as_role(url, former))) as late:
            maintain(late, now=now, retain_raw_days=90)
        migrate(after)
        with after.transaction() as connection:
            assert recorded(connection) == tier  # though the role is no superuser
        maintain(after, now=now + 3 * HOUR, retain_raw_days=90)
        keep_and_reconcile(after, series(now + 3 * HOUR, 48, air(80)), now + 3 * HOUR)
        with after.transaction() as connection:
            run(connection, "CREATE TABLE made_by_the_second (one integer)")
            owners = run(connection, "SELECT DISTINCT tableowner FROM pg_tables WHERE schemaname = 'public'")
        assert owners == [(former,)]
        if tier == "community":
            with closing(Database(server.format(name=name_of(url)))) as by_itself:
                assert done_by_the_servers_workers(by_itself, "policy_compression") == 4
            assert maintain(after, now=now + 3 * HOUR, retain_raw_days=90)["failing"] == []


def test_a_process_keeps_the_secret_that_it_began_with(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    secret = tmp_path / "vayu.json"
    monkeypatch.setenv("VAYU_SECRETS", secret.as_uri())
    monkeypatch.delenv("OPENWEATHER_API_KEY", raising=False)
    secret.write_text(json.dumps({"OPENWEATHER_API_KEY": "former"}))
    running = environment_settings()
    secret.write_text(json.dumps({"OPENWEATHER_API_KEY": "new"}))
    assert keys(running)["openweather"] == "former"
    assert keys(environment_settings())["openweather"] == "new"
