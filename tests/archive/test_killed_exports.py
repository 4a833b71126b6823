"""Exports that are killed: the last manifest stays true, and the next run completes.

The store stops answering at a chosen request, before or after it has carried it out, and the process that waits for the
answer is killed.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
from contextlib import ExitStack
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

import pytest
from api_rows import context_of, url
from factories import air, keep_and_reconcile, series
from processes import until
from stand_ins import Bucket, Request, served

from common.adapters.postgres.queue import PostgresQueue
from common.api import create_app
from common.archive.export import Selection
from common.archive.verify import verify
from common.bootstrap.container import resources_of, system_clock
from common.config import from_mapping
from common.domain.errors import NotFound
from common.domain.messages import EXPORT
from common.entry.worker import work_once
from common.services import exports
from common.services.archive import export_archive
from common.store.dataset_kind import claim_dataset
from common.store.engine import run

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from common.store.engine import Database

NOW = datetime(2025, 11, 5, 10, 30, tzinfo=UTC)
CITIES = ("Agra", "Delhi", "Mumbai", "Pune")
HANGS_S = 60


class Hanging(Bucket):
    """A bucket that gives no answer to a chosen request, which it may have carried out."""

    def __init__(self) -> None:
        super().__init__("data")
        self.chosen: Callable[[Request], bool] = lambda _: False
        self.carried_out = False
        self.reached, self._goes_on = threading.Event(), threading.Event()

    def hang(self, chosen: Callable[[Request], bool], *, carried_out: bool) -> None:
        self.chosen, self.carried_out = chosen, carried_out
        self.reached.clear()
        self._goes_on.clear()

    def let_go(self) -> None:
        self.chosen = lambda _: False
        self._goes_on.set()

    def reply(self, request: Request) -> tuple[int, bytes]:
        if not self.chosen(request):
            return super().reply(request)
        answer = super().reply(request) if self.carried_out else (503, b"")
        self.reached.set()
        self._goes_on.wait(HANGS_S)
        return answer


class Files:
    """A folder of the bucket as an object store: what is read, and what this process writes."""

    def __init__(self, bucket: Bucket, folder: str) -> None:
        self._bucket, self._folder = bucket, folder

    def get(self, key: str) -> bytes:
        try:
            return self._bucket.objects[f"{self._folder}/{key}"]
        except KeyError as error:
            raise NotFound(key) from error

    def put(self, key: str, data: bytes) -> None:
        self._bucket.objects[f"{self._folder}/{key}"] = data

    def delete(self, key: str) -> None:
        del self._bucket.objects[f"{self._folder}/{key}"]

    def list(self, prefix: str = "") -> list[str]:
        start = f"{self._folder}/"
        names = (name.removeprefix(start) for name in self._bucket.objects if name.startswith(start))
        return sorted(name for name in names if name.startswith(prefix))

    def __getattr__(self, name: str) -> Any:
        raise AssertionError(f"this is not needed for the archive: {name}")


@pytest.fixture
def bucket() -> Iterator[Hanging]:
    with served(Hanging()) as playing:
        yield playing
        playing.let_go()


@pytest.fixture
def filled(database: Database) -> Database:
    """Hours of four cities in one year."""
    with database.transaction() as connection:
        claim_dataset(connection, "real")
    for city in CITIES:
        keep_and_reconcile(database, series(NOW, 30, air(90.5), city=city), NOW)
    return database


def add_an_hour(database: Database, number: int) -> None:
    end = NOW + timedelta(hours=number)
    for city in CITIES:
        keep_and_reconcile(database, series(end, 1, air(40.0 + number), city=city), end)


@pytest.fixture
def start(
    bucket: Hanging, database_url: str, tmp_path: Path
) -> Iterator[Callable[..., subprocess.Popen[bytes]]]:
    """``vayu ARGUMENTS…`` over the database and the bucket, killed at the end."""
    settings = {"DATABASE_URL": database_url, "VAYU_HOME": str(tmp_path / "home"), "TMPDIR": str(tmp_path)}
    settings |= {"VAYU_ARCHIVE_URL": f"gs://{bucket.name}/archive", "MODEL_STORE_URL": "memory:"}
    with (tmp_path / "log").open("wb") as log, ExitStack() as stack:

        def started(*arguments: str) -> subprocess.Popen[bytes]:
            process = subprocess.Popen(
                [sys.executable, "-m", "common.cli", *arguments],
                env=os.environ | settings | bucket.environment,
                stdout=log,
                stderr=log,
            )
            stack.callback(process.wait)
            stack.callback(process.kill)
            return process

        yield started


def key(request: Request, folder: str) -> str:
    return unquote(request.path.partition("?")[0]).partition(f"/{folder}/")[2]


def of(method: str, part: str, *, skipped: int = 0) -> Callable[[str], Callable[[Request], bool]]:
    """Chooses, in a folder, the request whose key begins so, after as many others."""

    def in_folder(folder: str) -> Callable[[Request], bool]:
        keys: set[str] = set()

        def chosen(request: Request) -> bool:
            if request.method != method or not (name := key(request, folder)).startswith(part):
                return False
            keys.add(name)
            return len(keys) > skipped

        return chosen

    return in_folder


MOMENTS = {
    "the first file": (of("PUT", "observations"), False),
    "the last file": (of("PUT", "observations", skipped=len(CITIES) - 1), True),
    "the manifest's lasting copy": (of("PUT", "manifests/"), False),
    "the manifest's lasting copy is there": (of("PUT", "manifests/"), True),
    "the description": (of("PUT", "datapackage.json"), True),
    "the sums": (of("PUT", "SHA256SUMS"), True),
    "the manifest": (of("PUT", "manifest.json"), False),
    "the manifest is there": (of("PUT", "manifest.json"), True),
}
AT_THE_END = {"an old file": (of("DELETE", "observations"), True)}


def killed(bucket: Hanging, process: subprocess.Popen[bytes]) -> None:
    """The process, once the bucket has the request that it does not answer."""
    until(lambda: bucket.reached.is_set() or process.poll() is not None, 60, "the chosen request")
    assert bucket.reached.is_set(), "it ended before the chosen request"
    process.send_signal(signal.SIGKILL)
    assert process.wait() == -signal.SIGKILL
    bucket.let_go()


@pytest.mark.parametrize("moment", [*MOMENTS, *AT_THE_END])
def test_an_export_that_is_killed_leaves_the_last_archive_true(
    bucket: Hanging, filled: Database, start: Callable[..., Any], moment: str
) -> None:
    chosen, carried_out = (MOMENTS | AT_THE_END)[moment]
    files = Files(bucket, "archive")
    export_archive(filled, files, Selection(), now=NOW)
    # Deleted is only what neither manifest names, the new one and the one before: twice there is something new.
    add_an_hour(filled, 1)
    export_archive(filled, files, Selection(), now=NOW)
    add_an_hour(filled, 2)
    before = files.get("manifest.json")
    bucket.hang(chosen("archive"), carried_out=carried_out)
    killed(bucket, start("export", "--to", f"gs://{bucket.name}/archive"))
    switched = files.get("manifest.json") != before
    assert switched == (moment in ("the manifest is there", "an old file"))
    assert verify(files).faults == []
    export_archive(filled, files, Selection(), now=NOW)
    result = verify(files)
    assert (result.files, result.manifests, result.faults) == (len(CITIES), 4 if switched else 3, [])
    listed = json.loads(files.get("manifest.json"))["files"]
    assert [entry["rows"] for entry in listed] == [32] * len(CITIES)
    # Nothing that the killed one had written lies about unnamed, but for what the manifest before names.
    named = {
        entry["path"] for data in (before, files.get("manifest.json")) for entry in json.loads(data)["files"]
    }
    assert {name for name in files.list() if "/part-" in name} <= named


@pytest.mark.parametrize("moment", MOMENTS)
def test_an_export_on_request_that_is_killed_is_made_by_the_next_worker(
    bucket: Hanging, filled: Database, start: Callable[..., Any], moment: str
) -> None:
    chosen, carried_out = MOMENTS[moment]
    export_archive(filled, Files(bucket, "archive"), Selection(), now=NOW)
    archive = dict(bucket.objects)
    settings = from_mapping({"VAYU_ARCHIVE_URL": f"gs://{bucket.name}/archive", "MODEL_STORE_URL": "memory:"})
    queue = PostgresQueue(filled, system_clock)
    resources = replace(
        resources_of(settings, filled, queue, system_clock),
        open_archive=lambda folder: Files(bucket, f"archive/{folder}".rstrip("/")),
    )
    context = context_of(filled, NOW)
    context = replace(context, clock=system_clock, queue=queue, open_archive=lambda: Files(bucket, "archive"))
    client = create_app(context).test_client()
    order = {"tables": ["observations"], "cities": [*CITIES], "format": "csv"}
    order |= {"start": (NOW - timedelta(days=3)).isoformat(), "end": (NOW + timedelta(hours=1)).isoformat()}
    answer = client.post(url("/exports"), json=order)
    assert answer.status_code == 202, answer.text
    folder = f"archive/exports/{answer.json['id']}"

    def state() -> dict[str, Any]:
        result: dict[str, Any] = client.get(url(f"/exports/{answer.json['id']}")).json
        return result

    bucket.hang(chosen(folder), carried_out=carried_out)
    killed(bucket, start("work", EXPORT))
    assert (state()["state"], state()["files"]) == ("running", None)
    files = Files(bucket, folder)
    if moment == "the manifest is there":
        assert verify(files).faults == []
    else:
        assert "manifest.json" not in files.list()
    assert {name: bucket.objects[name] for name in archive} == archive
    with filled.transaction() as connection:  # the lease of two minutes ends
        run(connection, "UPDATE job SET leased_until = clock_timestamp() - interval '1 s'")
    assert work_once(filled, system_clock, {EXPORT: exports.handler(resources)})
    done = state()
    assert (done["state"], done["attempts"], done["rows"]) == ("done", 2, 30 * len(CITIES))
    assert verify(files).faults == []
    entries = json.loads(files.get("manifest.json"))["files"]
    assert [entry["sha256"] for entry in entries] == [file["sha256"] for file in done["files"]]
