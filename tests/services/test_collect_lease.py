"""Collections of a schedule that meet, as those of two regions do: one works, under a lease, and the others say so."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import replace
from threading import Event
from typing import TYPE_CHECKING

import pytest
from factories import Clock, air, count, series
from open_meteo_stub import Past, past
from processes import until

from common.bootstrap.container import assemble
from common.config import from_mapping
from common.domain.errors import StoreError
from common.domain.messages import COLLECT, Message
from common.domain.observation import Batch
from common.ingest.collect import Collector
from common.services.collect import collect_everywhere, handler
from common.sources import REGISTRY
from common.sources.http import Http
from common.store.engine import Database, run

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from datetime import datetime

    from stubs import Answer

    from common.ingest.report import CollectReport

HOURLY = Message(COLLECT, "hourly")


@pytest.fixture
def provider() -> Iterator[Past]:
    with past() as running:
        yield running


def test_of_two_at_once_one_works_and_quotas_hold(database: Database, provider: Past, clock: Clock) -> None:
    settings = from_mapping({"DATABASE_URL": database.url, "VAYU_SOURCES": "open-meteo", **provider.urls})
    here, there = assemble(settings, clock=clock), assemble(settings, clock=clock)
    go_on = Event()

    def wait(_: object) -> Answer | None:
        go_on.wait(30)
        return None

    provider.before = wait
    with (
        closing(here.database),
        closing(there.database),
        ThreadPoolExecutor(1) as pool,
    ):
        running = pool.submit(handler(here), HOURLY)
        try:
            until(lambda: provider.calls > 0, 30, "the first question")
            skipped = str(handler(there)(HOURLY)["skipped"])
        finally:
            go_on.set()
        assert int(str(running.result(30)["hours"])) > 0
    assert skipped.startswith("another process is collecting, with token 1 since 2")
    assert skipped.endswith(" UTC; no source was asked")
    assert set(provider.questions.values()) == {1}
    with database.transaction() as connection:
        [(calls,)] = run(connection, "SELECT sum(calls) FROM source_usage")
    assert calls == pytest.approx(provider.weight)


def collected(
    database: Database, now: datetime, before: Callable[[], object] = lambda: None
) -> CollectReport:
    """A run of the schedule, whose only source says what happens before it answers."""

    def fetch(*_: object) -> Batch:
        before()
        return Batch(series(now, 2, air(60)))

    source = replace(REGISTRY["cpcb"], fetch=fetch)
    with closing(Database(database.url)) as own, Http() as http:
        return collect_everywhere(Collector(own, [source], http, Clock(now), {}, {}))


def end_lock(database: Database) -> None:
    """End the session that holds the lock, as the server does where it hears nothing for a minute."""
    with database.transaction() as connection:
        run(
            connection,
            "SELECT pg_terminate_backend(pid, 5000) FROM pg_locks WHERE locktype = 'advisory' "
            "AND database = (SELECT oid FROM pg_database WHERE datname = current_database())",
        )


def test_who_was_paused_and_lost_the_lease_writes_nothing(database: Database, now: datetime) -> None:
    fetching, go_on = Event(), Event()

    def pause() -> None:
        fetching.set()
        go_on.wait(30)

    with ThreadPoolExecutor(1) as pool:
        running = pool.submit(collected, database, now, pause)
        try:
            assert fetching.wait(30)
            assert collected(database, now).skipped
            end_lock(database)
            assert collected(database, now).hours == 2
            with database.transaction() as connection:
                run(connection, "DELETE FROM reading")  # so that a reading is one that was written since
        finally:
            go_on.set()
        with pytest.raises(StoreError, match="lease on collecting with token 1 was lost to another process"):
            running.result(30)
    assert (count(database, "reading"), count(database, "source_run")) == (0, 1)
    assert collected(database, now).hours == 0  # nothing new, and nobody in the way


def test_who_lost_it_and_nobody_took_it_goes_on(database: Database, now: datetime) -> None:
    assert collected(database, now, lambda: end_lock(database)).hours == 2
