"""The message that writes the archive: what it has no time for, another goes on with."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from factories import air, keep_and_reconcile, series

from common.adapters.object_store import UrlObjectStore
from common.adapters.postgres.queue import PostgresQueue
from common.archive.export import Selection
from common.archive.verify import verify
from common.bootstrap.container import resources_of
from common.config import from_mapping
from common.domain.errors import DataError, NotFound
from common.domain.messages import ARCHIVE, Message
from common.entry.worker import work_once
from common.services.archive import WRITING, export_archive, handler
from common.store.dataset_kind import claim_dataset
from common.store.engine import run

if TYPE_CHECKING:
    from pathlib import Path

    from common.services.resources import Resources
    from common.store.engine import Database

NOW = datetime(2025, 1, 2, 3, 30, tzinfo=UTC)
CITIES = ("Agra", "Delhi", "Mumbai", "Pune")


class Slow:
    """A clock by which every look at it takes more than half of the time that a message has for writing."""

    def __init__(self) -> None:
        self.now = NOW + timedelta(days=1)

    def __call__(self) -> datetime:
        self.now += WRITING / 2 + timedelta(seconds=1)
        return self.now


@pytest.fixture
def resources(database: Database, tmp_path: Path) -> Resources:
    """Over a database in which four cities have hours of two years, and an empty archive."""
    with database.transaction() as connection:
        claim_dataset(connection, "real")
    for city in CITIES:
        keep_and_reconcile(database, series(NOW, 72, air(90.5), city=city), NOW)
    clock = Slow()
    settings = from_mapping(
        {"VAYU_ARCHIVE_URL": (tmp_path / "archive").as_uri(), "MODEL_STORE_URL": "memory:"}
    )
    return resources_of(settings, database, PostgresQueue(database, clock), clock)


def files(folder: Path) -> set[str]:
    manifest = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
    return {entry["path"] for entry in manifest["files"]}


def waiting(database: Database) -> list[Any]:
    with database.transaction() as connection:
        return run(
            connection,
            "SELECT key, payload FROM job WHERE type = :type AND state = 'queued'",
            type=ARCHIVE,
        )


def test_what_there_is_no_time_for_is_sent_on_until_all_is_there(
    resources: Resources, database: Database, tmp_path: Path
) -> None:
    folder = tmp_path / "archive"
    resources.queue.send(ARCHIVE, "2025-01-03", {})
    numbers, sent = [], []
    while work_once(database, resources.clock, {ARCHIVE: handler(resources)}):
        assert verify(UrlObjectStore(folder.as_uri())).faults == []
        numbers.append(len(files(folder)))
        sent += waiting(database)
    # Two files a message: the first is written in any case, the second while there is time.
    assert numbers == [2, 4, 6, 8]
    assert sent == [
        ("2025-01-03", {"cities": ["Delhi", "Mumbai", "Pune"]}),
        ("2025-01-03", {"cities": ["Mumbai", "Pune"]}),
        ("2025-01-03", {"cities": ["Pune"]}),
    ]
    export_archive(database, UrlObjectStore((tmp_path / "at-once").as_uri()), Selection(), now=NOW)
    assert files(folder) == files(tmp_path / "at-once")


def test_what_is_replaced_stays_until_the_last_part_is_written(
    resources: Resources, database: Database, tmp_path: Path
) -> None:
    folder = tmp_path / "archive"
    export_archive(database, UrlObjectStore(folder.as_uri()), Selection(), now=NOW)
    before = files(folder)
    later = NOW + timedelta(hours=1)
    for city in CITIES:
        keep_and_reconcile(database, series(later, 1, air(60.0), city=city), later)
    handle = handler(resources)
    first = handle(Message(ARCHIVE))
    assert (first["left"], first["deleted"]) == (("Mumbai", "Pune"), 0)
    assert all((folder / path).exists() for path in before)
    [(subject, data)] = waiting(database)
    assert subject == "2025-01-03"
    last = handle(Message(ARCHIVE, subject, data))
    assert (last["left"], last["deleted"]) == ((), 2)  # of the part before
    assert waiting(database) == [(subject, data)]  # no more than was sent by the first
    assert verify(UrlObjectStore(folder.as_uri())).faults == []


@pytest.mark.parametrize(
    ("cities", "error"), [("Delhi", DataError), ([], DataError), (["Atlantis"], NotFound)]
)
def test_a_message_with_wrong_cities_is_refused(
    resources: Resources, cities: object, error: type[Exception]
) -> None:
    with pytest.raises(error):
        handler(resources)(Message(ARCHIVE, "", {"cities": cities}))
