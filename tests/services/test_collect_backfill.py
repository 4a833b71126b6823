"""The function ``collect`` with a backfill: what fits into its time, and the message for the rest."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from factories import Clock, count
from open_meteo_stub import Past, past
from stubs import Answer

from common.bootstrap.container import assemble
from common.config import from_mapping
from common.domain.errors import Transient
from common.domain.messages import COLLECT, OBSERVATIONS_READY, Message
from common.services.collect import FILLING, LATER, SOON, handler
from common.store import jobs
from common.store.backfills import claim
from common.store.engine import Database, run

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from common.store.jobs import Job

    Handle = Callable[[Message], Mapping[str, Any]]

CITIES = ["Delhi", "Pune"]
TOTAL = 2 * 71


@pytest.fixture
def provider() -> Iterator[Past]:
    with past() as running:
        yield running


@pytest.fixture
def handle(database_url: str, provider: Past, clock: Clock) -> Iterator[Handle]:
    settings = {"DATABASE_URL": database_url, "VAYU_SOURCES": "open-meteo", **provider.urls}
    parts = assemble(from_mapping(settings), clock=clock)
    yield handler(parts)
    parts.database.close()


def message(**data: object) -> Message:
    return Message(COLLECT, "history", {"cities": CITIES, "days": 70, **data})


def waiting(database: Database, type_: str = COLLECT) -> list[tuple[str, dict[str, Any], datetime]]:
    """Subject, data and due time of the messages of a type that wait."""
    with database.transaction() as connection:
        return [
            tuple(row)
            for row in run(
                connection,
                "SELECT key, payload, available_at FROM job WHERE type = :type AND state = 'queued' ORDER BY id",
                type=type_,
            )
        ]


def next_message(database: Database, clock: Clock) -> Job | None:
    with database.transaction() as connection:
        return jobs.lease(connection, now=clock.now, seconds=60, types=[COLLECT])


def test_what_fits_is_one_message(handle: Handle, database: Database) -> None:
    done = handle(message())
    assert (done["filled"], done["left"], done["cities"]) == (TOTAL, 0, 2)
    assert waiting(database) == []
    [(_, data, _)] = waiting(database, OBSERVATIONS_READY)
    assert data == {"cities": CITIES}


def test_the_rest_is_a_further_message_until_nothing_is_left(
    handle: Handle, database: Database, provider: Past, clock: Clock
) -> None:
    def slow(_: object) -> None:
        clock.now += FILLING / 3

    provider.before = slow
    filled = [handle(message())["filled"]]
    while (job := next_message(database, clock)) is not None:
        assert (job.key, job.payload) == ("history", {"cities": CITIES, "days": 70})
        filled.append(handle(Message(job.type, job.key, job.payload))["filled"])
        with database.transaction() as connection:
            jobs.finish(connection, job, now=clock.now)
    assert len(filled) == 2
    assert sum(filled) == TOTAL
    assert set(provider.questions.values()) == {1}
    assert handle(message())["filled"] == 0  # the same message again


def test_a_used_up_quota_is_waited_for(
    handle: Handle, database: Database, provider: Past, clock: Clock
) -> None:
    with database.transaction() as connection:
        run(
            connection,
            "INSERT INTO source_usage VALUES ('open-meteo', :until, 3330)",
            until=clock.now - timedelta(minutes=20),
        )
    done = handle(message())
    assert (done["filled"], done["left"]) == (0, TOTAL)
    assert provider.calls == 0
    [(subject, data, due)] = waiting(database)
    assert (subject, data) == ("history", {"cities": CITIES, "days": 70})
    assert due.astimezone(UTC) == clock.now + timedelta(minutes=40)


def test_another_process_that_fills_is_not_waited_for(
    handle: Handle, database: Database, provider: Past, clock: Clock, database_url: str
) -> None:
    other = Database(database_url)
    with other.transaction() as connection:
        assert claim(connection, "open-meteo")
        done = handle(message())
    other.close()
    assert (done["filled"], done["left"], provider.calls) == (0, TOTAL, 0)
    [(_, _, due)] = waiting(database)
    assert due == clock.now + SOON


def test_what_fails_is_asked_for_again_while_anything_goes_well(
    handle: Handle, database: Database, provider: Past, clock: Clock
) -> None:
    provider.before = lambda seen: Answer(status=400) if seen.query["end_date"] < "2025-09-20" else None
    done = handle(message())
    assert done["filled"] + done["left"] == TOTAL
    assert done["left"] > 0
    [(_, _, due)] = waiting(database)
    assert due == clock.now + LATER
    with database.transaction() as connection:
        run(connection, "DELETE FROM job")
    with pytest.raises(Transient, match="open-meteo: refused"):
        handle(message())
    assert waiting(database) == []


def test_nothing_but_failures_is_the_queues_to_try_again(
    handle: Handle, database: Database, provider: Past
) -> None:
    provider.before = lambda _: Answer(status=401)
    with pytest.raises(Transient, match="nothing of the past could be had: open-meteo: key"):
        handle(message())
    assert waiting(database) == []
    assert count(database, "backfilled") == 0
