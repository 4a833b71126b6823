"""Exports on request: asked for over HTTP, made by a worker, fetched again, and deleted in time."""

from __future__ import annotations

import csv
import hashlib
import io
import json
from contextlib import closing
from dataclasses import replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import openpyxl
import pytest
from api_rows import IdleQueue, context_of, problem_of, token_for, url
from factories import air, keep_and_reconcile, series
from issued_records import Recipe, live
from msgspec import structs

from common.adapters.object_store import UrlObjectStore
from common.adapters.postgres.queue import PostgresQueue
from common.api import create_app
from common.archive.verify import verify
from common.bootstrap.container import resources_of
from common.config import from_mapping
from common.domain.errors import StoreError
from common.domain.exports import DAILY_MOST, FOLDER, RETENTION, UNFINISHED_MOST
from common.domain.messages import EXPORT, Message
from common.entry.worker import work_once
from common.services import exports
from common.services.retention import prune_exports
from common.store.engine import run
from common.store.maintain import maintain

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from common.api import ApiContext
    from common.services.resources import Resources
    from common.store.engine import Database

DAY = timedelta(days=1)


class Site:
    """The API and the worker over one database and one folder, at a time that goes on when it is told to."""

    def __init__(self, database: Database, folder: Path, now: datetime) -> None:
        self.now = now
        self.start = (now - 3 * DAY).isoformat()
        self.database = database
        self.folder = folder
        settings = from_mapping({"VAYU_ARCHIVE_URL": folder.as_uri(), "MODEL_STORE_URL": "memory:"})
        queue = PostgresQueue(database, self.clock)
        self.resources: Resources = resources_of(settings, database, queue, self.clock)
        files = UrlObjectStore(folder.as_uri())
        self.context: ApiContext = replace(
            context_of(database, now), clock=self.clock, queue=queue, open_archive=lambda: files
        )
        self.client = create_app(self.context).test_client()

    def clock(self) -> datetime:
        return self.now

    def order(self, **changes: Any) -> dict[str, Any]:
        return {
            "tables": ["observations"],
            "cities": ["navi mumbai"],
            "start": self.start,
            "format": "csv",
        } | changes

    def ask(self, headers: Any = None, **changes: Any) -> Any:
        answer = self.client.post(url("/exports"), json=self.order(**changes), headers=headers)
        assert answer.status_code == 202, answer.text
        assert answer.headers["Location"] == url(f"/exports/{answer.json['id']}")
        return answer.json

    def state(self, id_: int) -> Any:
        answer = self.client.get(url(f"/exports/{id_}"))
        assert answer.status_code == 200, answer.text
        return answer.json

    def work(self) -> bool:
        return work_once(self.database, self.clock, {EXPORT: exports.handler(self.resources)})

    def stored(self) -> list[str]:
        return UrlObjectStore(self.folder.as_uri()).list(FOLDER)


@pytest.fixture
def site(database: Database, tmp_path: Path, now: datetime) -> Iterator[Site]:
    made = Site(database, tmp_path / "archive", now)
    with closing(made.context.probe):
        yield made


@pytest.fixture
def filled(site: Site) -> Site:
    keep_and_reconcile(site.database, series(site.now, 30, air(90.5), city="Navi Mumbai"), site.now)
    site.now += timedelta(minutes=1)
    return site


def test_an_export_is_asked_for_made_and_fetched(filled: Site) -> None:
    queued = filled.ask()
    assert (queued["state"], queued["files"], queued["expires_at"]) == ("queued", None, None)
    assert (queued["cities"], queued["tables"], queued["format"]) == (
        ["Navi Mumbai"],
        ["observations"],
        "csv",
    )
    assert filled.work()
    done = filled.state(queued["id"])
    assert (done["state"], done["error"], done["attempts"]) == ("done", None, 1)
    assert datetime.fromisoformat(done["expires_at"]) == filled.now + RETENTION
    [file] = done["files"]
    assert (file["table"], file["city"], file["year"]) == ("observations", "Navi Mumbai", filled.now.year)
    answer = filled.client.get(file["url"])
    assert answer.headers["Content-Disposition"] == (
        f'attachment; filename="observations-navi-mumbai-{filled.now.year}.csv"'
    )
    assert hashlib.sha256(answer.data).hexdigest() == file["sha256"]
    assert len(answer.data) == file["bytes"] == done["bytes"]
    rows = list(csv.DictReader(io.StringIO(answer.text)))
    assert len(rows) == file["rows"] == done["rows"] == 30
    assert {row["city"] for row in rows} == {"Navi Mumbai"}
    piece = filled.client.get(file["url"], headers={"Range": "bytes=0-3"})
    assert (piece.status_code, piece.data) == (206, b'"cit')
    # The folder is an archive of its own, which can be verified like any other.
    whole = UrlObjectStore((filled.folder / FOLDER / str(done["id"])).as_uri())
    assert verify(whole).faults == []


def test_the_span_the_tables_and_the_format_are_those_that_were_asked_for(site: Site) -> None:
    live(site.database, Recipe(days=1))
    site.now = datetime.fromisoformat("2025-12-20T00:00:00Z")
    order = {
        "cities": None,
        "start": "2025-11-01T00:00:00Z",
        "format": "xlsx",
        "tables": ["scores", "forecasts"],
    }
    order.pop("cities")
    whole = site.client.post(url("/exports"), json=order | {"end": "2025-11-03T00:00:00Z"})
    problem = problem_of(whole, 422)
    assert "at most 100,000" in problem["detail"]
    narrow = site.client.post(url("/exports"), json=order | {"cities": ["Delhi"], "format": "parquet"})
    assert site.work()
    assert {file["table"] for file in site.state(narrow.json["id"])["files"]} == {"forecasts", "scores"}
    book = site.ask(**order | {"cities": ["Delhi"], "tables": ["forecasts"], "start": "2025-11-20T00:00:00Z"})
    assert site.work()
    files = site.state(book["id"])["files"]
    sheets = openpyxl.load_workbook(
        io.BytesIO(site.client.get(files[0]["url"]).data), read_only=True
    ).sheetnames
    assert files[0]["table"] in sheets


def test_the_same_export_is_meant_while_it_waits(site: Site) -> None:
    first = site.ask()["id"]
    site.now += timedelta(seconds=5)  # "until now" is the same wish
    assert site.ask()["id"] == first
    assert site.ask(format="parquet")["id"] != first
    assert site.work()
    assert site.ask()["id"] != first


@pytest.mark.parametrize(
    ("changes", "status", "words"),
    [
        ({"format": "sqlite"}, 400, "format"),
        ({"tables": ["api_key"]}, 400, "tables"),
        ({"tables": []}, 400, "tables"),
        ({"cities": ["Atlantis"]}, 404, "Atlantis"),
        ({"start": "1975-01-01T00:00:00Z"}, 400, "at most 366 days"),
        ({"start": "2999-01-01T00:00:00Z"}, 400, "in the past"),
        ({"start": "yesterday"}, 400, "start"),
        ({"start": "2025-01-01"}, 400, "start"),
        ({"tables": ["forecasts", "scores"], "cities": ["Delhi", "Pune"], "days": 300}, 422, "500,000"),
        ({"format": "xlsx", "cities": None, "days": 100}, 422, "100,000"),
        ({"owner": "another"}, 400, "owner"),
    ],
)
def test_what_cannot_be_exported_is_refused_in_words(
    site: Site, changes: dict[str, Any], status: int, words: str
) -> None:
    order = site.order(**{name: value for name, value in changes.items() if name != "days"})
    if "days" in changes:
        order["start"] = (site.now - changes["days"] * DAY).isoformat()
    order = {name: value for name, value in order.items() if value is not None}
    assert words in problem_of(site.client.post(url("/exports"), json=order), status)["detail"]
    assert not site.work()


def test_nobody_may_have_too_many(site: Site) -> None:
    for day in range(UNFINISHED_MOST):
        site.ask(start=(site.now - (day + 1) * DAY).isoformat())
    site.ask()  # this one waits already
    refused = site.client.post(url("/exports"), json=site.order(format="parquet"))
    assert "not finished yet" in problem_of(refused, 429)["detail"]
    token = {"Authorization": f"Bearer {token_for(site.database, site.now, 'read')}"}
    site.ask(token, format="parquet")  # of another owner
    with site.database.transaction() as connection:
        run(connection, "UPDATE job SET state = 'done', finished_at = created_at")
    site.now += timedelta(hours=23)
    for number in range(DAILY_MOST - UNFINISHED_MOST):
        start = (site.now - DAY - number * timedelta(hours=1)).isoformat()
        id_ = site.ask(start=start)["id"]
        with site.database.transaction() as connection:
            run(connection, "UPDATE job SET state = 'done' WHERE id = :id", id=id_)
    refused = site.client.post(url("/exports"), json=site.order(format="parquet"))
    assert "24 hours" in problem_of(refused, 429)["detail"]
    assert 0 < int(refused.headers["Retry-After"]) <= 3600
    site.now += timedelta(hours=1, seconds=1)
    site.ask(format="parquet")


class Refusing(UrlObjectStore):
    """A bucket that takes some files and then no more."""

    left = 1

    def put(self, key: str, data: bytes) -> None:
        if not self.left:
            raise StoreError(f"{key} in s3://hidden-bucket/archive: 403 Forbidden")
        self.left -= 1
        super().put(key, data)


def test_a_store_that_refuses_is_told_in_words_and_leaves_nothing_half_written(filled: Site) -> None:
    id_ = filled.ask()["id"]
    right = filled.resources
    filled.resources = replace(
        right, open_archive=lambda folder: Refusing(f"{filled.folder.as_uri()}/{folder}")
    )
    assert filled.work()
    failed = filled.state(id_)
    assert (failed["state"], failed["files"]) == ("failed", None)
    assert "the store of the archive" in failed["error"]
    assert "hidden-bucket" not in failed["error"]
    assert failed["retry_at"] is not None
    assert [key.rpartition("/")[2][:4] for key in filled.stored()] == ["part"]  # and no manifest
    filled.resources, filled.now = right, filled.now + timedelta(hours=1)
    assert filled.work()
    done = filled.state(id_)
    assert (done["state"], done["attempts"], done["rows"]) == ("done", 2, 30)


def test_one_whose_worker_was_killed_is_made_by_the_next(filled: Site) -> None:
    id_ = filled.ask()["id"]
    with filled.database.transaction() as connection:
        run(
            connection,
            "UPDATE job SET state = 'running', attempts = 1, leased_until = clock_timestamp() - interval '1 s'",
        )
    assert filled.state(id_)["state"] == "failed"
    assert filled.work()
    first = filled.state(id_)
    assert first["state"] == "done"
    # Once more, as a queue may deliver it: the same files.
    again = exports.handler(filled.resources)(Message(EXPORT, "", _payload(filled.database, id_), str(id_)))
    assert [entry["sha256"] for entry in again["files"]] == [file["sha256"] for file in first["files"]]  # type: ignore[attr-defined]


def _payload(database: Database, id_: int) -> dict[str, Any]:
    with database.transaction() as connection:
        [(payload,)] = run(connection, "SELECT payload FROM job WHERE id = :id", id=id_)
    return dict(payload)


@pytest.mark.parametrize(
    "wrong", [{"format": "sqlite"}, {"tables": ["api_key"]}, {"start": "then"}, {"cities": 3}]
)
def test_a_message_that_is_no_order_is_given_up_at_once(site: Site, wrong: dict[str, Any]) -> None:
    order = _payload(site.database, site.ask()["id"]) | wrong
    with site.database.transaction() as connection:
        run(connection, "UPDATE job SET payload = CAST(:order AS jsonb)", order=json.dumps(order))
    assert site.work()
    with site.database.transaction() as connection:
        assert run(connection, "SELECT state FROM job") == [("dead",)]


def test_where_another_queue_carries_the_message_its_row_follows(filled: Site) -> None:
    queue = IdleQueue()
    client = create_app(replace(filled.context, queue=queue)).test_client()
    id_ = client.post(url("/exports"), json=filled.order()).json["id"]
    [message] = queue.sent
    assert (message.type, message.data["job"]) == (EXPORT, id_)
    exports.handler(filled.resources)(structs.replace(message, id="0f3c-as-sqs-names-it"))
    assert filled.state(id_)["state"] == "done"


def test_its_files_are_deleted_in_time(filled: Site) -> None:
    old = filled.ask()["id"]
    assert filled.work()
    url_of_file = filled.state(old)["files"][0]["url"]
    filled.now += RETENTION - timedelta(seconds=1)
    assert prune_exports(filled.resources) == 0
    young = filled.ask()["id"]
    assert filled.work()
    filled.now += timedelta(seconds=2)
    problem = problem_of(filled.client.get(url(f"/exports/{old}")), 410)
    assert "7 days" in problem["detail"]
    UrlObjectStore(filled.folder.as_uri()).put("manifest.json", b"of the archive, which stays")
    assert prune_exports(filled.resources) > 0
    problem_of(filled.client.get(url_of_file), 404)
    assert {key.split("/")[1] for key in filled.stored()} == {str(young)}
    assert (filled.folder / "manifest.json").exists()
    with filled.database.transaction() as connection:
        run(connection, "UPDATE job SET state = 'dead' WHERE id = :id", id=old)
    maintain(filled.database, now=filled.now, retain_raw_days=90)
    problem_of(filled.client.get(url(f"/exports/{old}")), 404)
    assert filled.state(young)["state"] == "done"


def test_where_there_is_no_archive(site: Site) -> None:
    client = create_app(replace(site.context, open_archive=None)).test_client()
    problem = problem_of(client.post(url("/exports"), json=site.order()), 404)
    assert "VAYU_ARCHIVE_URL" in problem["detail"]
    problem_of(client.get(url(f"/exports/1/observations/city=Delhi/year=2025/part-{'0' * 12}.csv")), 404)


@pytest.mark.parametrize("path", ["0x1", "-1", "9" * 19, "1e3", "7", "%00", "1/manifest.json", "1/../2"])
def test_what_is_no_export(site: Site, path: str) -> None:
    problem_of(site.client.get(url(f"/exports/{path}")), 404)
