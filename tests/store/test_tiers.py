"""Tiers: what is made of the tables on each kind of server, and that a server that offers less is refused."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from common.domain.errors import ConfigError, StoreError
from common.store.engine import run
from common.store.migrate import migrate
from common.store.tiers import CHUNKED, RAW, Upkeep, detect, keeps_days, offer, recorded
from common.store.timescale import Feature, features

if TYPE_CHECKING:
    from common.store.engine import Database

GOLDEN = Path(__file__).with_name("community.sql")
FEATURES = tuple(features(CHUNKED, RAW, compress_after=7, retain_raw=90))


def intervals(database: Database) -> dict[str, dict[str, str]]:
    """Table → policy → the interval it goes by."""
    with database.transaction() as connection:
        rows = run(
            connection,
            "SELECT COALESCE(view_name, jobs.hypertable_name), proc_name, "
            "COALESCE(config ->> 'compress_after', config ->> 'drop_after', config ->> 'end_offset') "
            "FROM timescaledb_information.jobs LEFT JOIN timescaledb_information.continuous_aggregates "
            "ON materialization_hypertable_name = jobs.hypertable_name WHERE jobs.hypertable_name IS NOT NULL",
        )
    policies: dict[str, dict[str, str]] = {}
    for table, policy, interval in rows:
        policies.setdefault(table, {})[policy] = interval
    return policies


def test_the_tier_is_detected_and_recorded(database: Database, tier: str) -> None:
    with database.transaction() as connection:
        assert recorded(connection) == detect(connection) == tier


def test_tables_are_cut_into_chunks_where_the_server_can(database: Database, tier: str) -> None:
    with database.transaction() as connection:
        if tier == "plain":
            assert not run(connection, "SELECT 1 FROM pg_extension WHERE extname = 'timescaledb'")
            return
        rows = run(
            connection,
            "SELECT hypertable_name, time_interval FROM timescaledb_information.dimensions "
            "WHERE hypertable_schema = 'public'",
        )
    assert {name: interval.days for name, interval in rows} == dict.fromkeys(CHUNKED, 7)


def test_only_the_community_edition_keeps_the_days_by_itself(database: Database, tier: str) -> None:
    with database.transaction() as connection:
        assert keeps_days(connection) == (tier == "community")


@pytest.mark.tiers("community")
def test_the_community_edition_compresses_drops_and_aggregates_by_itself(database: Database) -> None:
    assert intervals(database) == {
        **{table: {"policy_compression": "7 days"} for table in CHUNKED},
        **{table: {"policy_compression": "7 days", "policy_retention": "90 days"} for table in RAW},
        "city_daily": {"policy_refresh_continuous_aggregate": "2 days"},
    }


@pytest.mark.tiers("apache", "community")
def test_intervals_that_are_set_anew_hold_from_the_next_migration_on(database: Database, tier: str) -> None:
    before = intervals(database)
    migrate(database, Upkeep(chunk=14, compress_after=21, retain_raw=365))
    with database.transaction() as connection:
        rows = run(
            connection,
            "SELECT DISTINCT time_interval FROM timescaledb_information.dimensions "
            "WHERE hypertable_schema = 'public'",
        )
    assert [interval.days for (interval,) in rows] == [14]
    if tier == "community":
        changed = intervals(database)
        assert {table: each.get("policy_retention") for table, each in changed.items()} == {
            table: "365 days" if table in RAW else None for table in before
        }
        assert {each.get("policy_compression") for each in changed.values()} == {"21 days", None}


@pytest.mark.parametrize(
    ("upkeep", "refused_on", "named"),
    [
        (Upkeep(chunk=30, retain_raw=20), ("apache", "community"), "VAYU_CHUNK_INTERVAL"),
        (Upkeep(compress_after=90, retain_raw=90), ("community",), "VAYU_COMPRESS_AFTER"),
        (Upkeep(chunk=90, compress_after=89, retain_raw=90), (), ""),
    ],
)
def test_intervals_that_contradict_each_other_are_refused(
    database: Database, tier: str, upkeep: Upkeep, refused_on: tuple[str, ...], named: str
) -> None:
    if tier not in refused_on:
        migrate(database, upkeep)
        return
    with pytest.raises(ConfigError, match=named):
        migrate(database, upkeep)


def test_migrating_again_changes_nothing(database: Database, tier: str) -> None:
    def state() -> object:
        with database.transaction() as connection:
            jobs = (
                run(
                    connection,
                    "SELECT job_id, config, initial_start FROM timescaledb_information.jobs ORDER BY 1",
                )
                if tier == "community"
                else []
            )
            return run(connection, "SELECT * FROM meta ORDER BY key"), jobs

    before = state()
    migrate(database)
    assert state() == before


@pytest.mark.tiers("plain", "apache")
def test_a_server_that_offers_less_is_refused_and_nothing_changes(database: Database, tier: str) -> None:
    with database.transaction() as connection:
        run(connection, "UPDATE meta SET value = 'community' WHERE key = 'tier'")
    with pytest.raises(ConfigError, match=f"tier 'community', this server offers '{tier}' only"):
        migrate(database)
    with database.transaction() as connection:
        assert recorded(connection) == "community"


def test_a_server_that_offers_more_is_used(database: Database, tier: str) -> None:
    with database.transaction() as connection:
        run(connection, "UPDATE meta SET value = 'plain' WHERE key = 'tier'")
    migrate(database)
    with database.transaction() as connection:
        assert recorded(connection) == tier


def test_the_statements_for_the_community_edition_are_those_agreed_on() -> None:
    texts = [
        f"-- {feature.name}\n" + "".join(f"{line.strip()};\n" for line in feature.statements)
        for feature in FEATURES
    ]
    assert "\n".join(texts) == GOLDEN.read_text(encoding="utf-8")


@pytest.mark.tiers("apache")
@pytest.mark.parametrize("feature", FEATURES, ids=lambda feature: feature.name.replace(" ", "-"))
def test_the_apache_edition_refuses_each_feature_and_goes_without(
    database: Database, feature: Feature
) -> None:
    with database.transaction() as connection:
        refusal = offer(connection, feature)
        assert refusal is not None
        assert refusal.startswith("0A000: ")
        assert not keeps_days(connection)
        assert recorded(connection) == "apache"


def test_only_a_refusal_is_overlooked(database: Database) -> None:
    refused = "DO $$ BEGIN RAISE feature_not_supported; END $$"
    with database.transaction() as connection:
        assert offer(connection, Feature("none", (refused,))) == "0A000: feature_not_supported"
        with pytest.raises(StoreError, match="lacks a table"):
            offer(connection, Feature("a mistake", ("SELECT 1 FROM no_such_table",)))
        assert recorded(connection)
