"""The archive of open data: written every day where VAYU_ARCHIVE_URL says, and read back into a bare database.

Arrow is loaded by the first export only; where a process has none, such as a function in a cloud, a sentence says so.
"""

from __future__ import annotations

from contextlib import closing
from dataclasses import asdict
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from common.domain.errors import NotSetUp
from common.domain.messages import ARCHIVE
from common.services.message_cities import named_cities
from common.sources import REGISTRY
from common.store.maintain import maintain
from common.store.score_aggregates import roll_up
from common.store.verification_cells import roll_up_days

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from datetime import datetime

    from common.archive.export import Exported, Provenance, Selection
    from common.archive.restore import Restored
    from common.domain.forecast import Mode
    from common.domain.messages import Handler, Message
    from common.ports import ObjectStore, PublishedFiles
    from common.services.resources import Resources
    from common.store.engine import Connection, Database
    from common.store.verification_cells import Cell

_MODES: tuple[Mode, ...] = ("live", "replay")
WRITING = timedelta(minutes=7)
"""No file is begun later than this after a message came: Pub/Sub waits for 10 minutes, and a function may take 15.
What is left is for another message."""


def handler(resources: Resources) -> Handler:
    """The handler: it brings the archive at VAYU_ARCHIVE_URL up to date, as far as the time of a function goes."""

    def handle(message: Message) -> Mapping[str, object]:
        """``data`` may name ``cities``; without them: all. What there was no time for is sent as a message."""
        named = message.data.get("cities")
        cities = () if named is None else tuple(city.name for city in named_cities(message.data))
        if resources.open_archive is None:
            return {"archive": "VAYU_ARCHIVE_URL is not set"}
        now = resources.clock()
        done = export_archive(
            resources.database,
            resources.open_archive(""),
            selected(cities=cities),
            now=now,
            out_of_time=lambda: resources.clock() >= now + WRITING,
        )
        if done.left:
            resources.queue.send(ARCHIVE, message.subject or f"{now:%Y-%m-%d}", {"cities": list(done.left)})
        return asdict(done)

    return handle


def provenance() -> Provenance:
    """Of all sources: whom to credit, and who forbids to pass on what is theirs."""
    from common.archive.export import Provenance

    return Provenance(
        tuple(source.name for source in REGISTRY.values() if not source.archivable),
        tuple(
            source.attribution for source in REGISTRY.values() if source.archivable and not source.invented
        ),
    )


def selected(**narrowed: Any) -> Selection:
    """What is to be exported: all of it, but for what is `narrowed` as `common.archive.export.Selection` says.

    Raises:
        NotSetUp: where Arrow is not installed.
    """
    try:
        from common.archive.export import Selection
    except ImportError as error:
        raise NotSetUp("files of open data are written where pyarrow is installed; not here") from error
    return Selection(**narrowed)


def export_archive(
    database: Database,
    files: ObjectStore,
    selection: Selection,
    *,
    now: datetime,
    progress: Callable[[str, int, int], None] = lambda _what, _done, _total: None,
    out_of_time: Callable[[], bool] = lambda: False,
) -> Exported:
    """Bring the archive up to date; see `common.archive.export.export`.

    Raises:
        DataError, ConfigError, StoreError: as `common.archive.export.export` does.
    """
    from common.archive.export import export

    with closing(database.patient()) as patient:
        return export(
            patient, files, selection, provenance(), now=now, progress=progress, out_of_time=out_of_time
        )


def restore_record(
    database: Database,
    files: PublishedFiles,
    *,
    now: datetime,
    retain_raw_days: int,
    progress: Callable[[str, int, int], None] = lambda _what, _done, _total: None,
) -> Restored:
    """The record from an archive, with daily means and scores made anew from it.

    Raises:
        NotFound, DataError, ConfigError, StoreError: as `common.archive.restore.restore` does.
    """
    from common.archive.restore import restore

    with closing(database.patient()) as patient:
        restored = restore(patient, files, progress=progress)
        for mode in _MODES:
            progress(f"scores of {mode} forecasts", 0, 1)
            with patient.transaction() as connection:
                _add_up(connection, mode, now)
            progress(f"scores of {mode} forecasts", 1, 1)
    maintain(database, now=now, retain_raw_days=retain_raw_days)
    return restored


def _add_up(connection: Connection, mode: Mode, now: datetime) -> None:
    """The sums by day and the scores of seasons, of every day that is due."""
    # It loads numpy, which whoever writes an archive can do without.
    from common.services.verification import refresh_cells

    while roll_up(connection, mode=mode, now=now):
        pass
    cells: set[Cell] = set()
    while fresh := roll_up_days(connection, mode=mode, now=now):
        cells |= fresh
    refresh_cells(connection, cells, mode=mode)
