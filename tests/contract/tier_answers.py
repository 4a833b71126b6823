"""What a tier answers and keeps after each step of its upkeep."""

from __future__ import annotations

from contextlib import closing
from dataclasses import dataclass, field

from history import LATER, correct, fill
from questions import answers
from tier_servers import run_jobs

from common.api import ApiContext, create_app
from common.store.city_hours import upsert_city_hours
from common.store.engine import Database, run
from common.store.maintain import maintain

KEPT_RAW = 90


class NoQueue:
    """The queue of an application that is only read."""

    in_database = False

    def send(self, *_: object, **__: object) -> str:
        raise AssertionError("a question sends nothing")


@dataclass
class Answers:
    """What a tier answered, and what it keeps."""

    database: Database
    answers: dict[str, dict[str, str]] = field(default_factory=dict)
    """After which step → question → answer."""
    rows: dict[str, dict[str, int]] = field(default_factory=dict)
    """After which step → table → its rows."""
    compressed: int = 0
    """Chunks that were compressed before the corrections came in."""
    done: dict[str, object] = field(default_factory=dict)
    """What the upkeep said of itself."""

    def ask(self, step: str) -> None:
        with closing(Database(self.database.url)) as own:
            context = ApiContext(database=own, clock=lambda: LATER, queue=NoQueue())
            with closing(context.probe), own.transaction() as connection:
                self.answers[step] = answers(connection, create_app(context).test_client())
        self.rows[step] = {name: self._count(name) for name in TABLES}

    def _count(self, table: str) -> int:
        with self.database.transaction() as connection:
            [(number,)] = run(connection, f"SELECT count(*) FROM {table}")  # noqa: S608 — tables of ours
        return int(number)


TABLES = ("reading", "reading_revision", "provider_forecast", "city_hour", "city_hour_revision", "forecast")


def answers_of(database: Database, tier: str) -> Answers:
    """Fill the database, correct it, and let upkeep and the server's own jobs pass over it."""
    result = Answers(database)
    fill(database)
    if tier == "community":
        run_jobs(database, "policy_compression")
        with database.transaction() as connection:
            [(result.compressed,)] = run(
                connection, "SELECT count(*) FROM timescaledb_information.chunks WHERE is_compressed"
            )
    correct(database)
    result.ask("corrected")
    result.done = maintain(database, now=LATER, retain_raw_days=KEPT_RAW)
    result.ask("upkeep")
    correct_again(database)
    result.ask("corrected again")
    result.done = maintain(database, now=LATER, retain_raw_days=KEPT_RAW)
    result.ask("upkeep again")
    if tier == "community":
        for policy in ("policy_compression", "policy_refresh_continuous_aggregate", "policy_retention"):
            assert run_jobs(database, policy)
        result.ask("the server's own jobs")
    return result


def correct_again(database: Database) -> None:
    """One hour of a day that has been rolled up meanwhile, and that is compressed where that is done."""
    with database.transaction() as connection:
        [(row,)] = run(
            connection,
            "SELECT to_jsonb(city_hour) - 'computed_at' FROM city_hour WHERE city = 'Mumbai' AND aqi > 100 "
            "AND time < '2025-08-01' ORDER BY time LIMIT 1",
        )
        assert upsert_city_hours(connection, [row | {"aqi": 99, "pm25": 3.25}], now=LATER) == 1
