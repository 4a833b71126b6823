"""Exports on request: each is a small archive of its own, in a folder of the archive that its number names."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any

import msgspec

from common.domain.errors import DataError, NotSetUp, StoreError
from common.domain.exports import EXPORT_TABLES, FOLDER, MOST_ROWS
from common.entry.tracked_jobs import tracked

if TYPE_CHECKING:
    from collections.abc import Mapping

    from common.domain.messages import Handler, Message
    from common.services.resources import Resources


class Order(msgspec.Struct, frozen=True):
    """What a message asks for."""

    tables: list[str]
    cities: list[str]
    start: datetime
    end: datetime
    format: str


def handler(resources: Resources) -> Handler:
    """The handler: it writes the files of the export whose job the message is.

    Begun anew after an interruption, it writes the same files; its manifest comes last.
    """

    def handle(message: Message) -> Mapping[str, object]:
        return _make(resources, _number(message), _order(message.data))

    return tracked(handle, resources.database, resources.clock)


def _make(resources: Resources, number: int, order: Order) -> Mapping[str, object]:
    if resources.open_archive is None:
        raise NotSetUp("exports are written to the archive, and VAYU_ARCHIVE_URL is not set here")
    from common.archive import manifest
    from common.services.archive import export_archive, selected

    folder = resources.open_archive(f"{FOLDER}/{number}")
    selection = selected(
        format=order.format,
        what=tuple(order.tables),
        cities=tuple(order.cities),
        start=order.start,
        end=order.end,
    )
    try:
        done = export_archive(resources.database, folder, selection, now=resources.clock())
        written = manifest.latest(folder)
    except StoreError as error:
        # Whoever asked reads this: the error names buckets and hosts, and is in the log.
        raise StoreError(
            "the store of the archive, or the database, could not be reached or refused"
        ) from error
    names = ("path", "table", "city", "year", "bytes", "rows", "sha256")
    files = (
        [] if written is None else [_only(msgspec.structs.asdict(entry), names) for entry in written[0].files]
    )
    return {"rows": done.rows, "bytes": done.bytes, "files": files}


def _only(entry: Mapping[str, Any], names: tuple[str, ...]) -> dict[str, Any]:
    return {name: entry[name] for name in names}


def _number(message: Message) -> int:
    """Of the job, which another queue's message names in its data."""
    number = message.data.get("job", message.id)
    if not str(number).isdecimal():
        raise DataError("an export needs the number of its job")
    return int(number)


def _order(data: Mapping[str, Any]) -> Order:
    try:
        order = msgspec.convert(data, Order)
    except msgspec.ValidationError as error:
        raise DataError(f"this is no order of an export: {error}") from error
    if not set(order.tables) <= set(EXPORT_TABLES) or order.format not in MOST_ROWS:
        raise DataError("an export is of observations, forecasts or scores, as parquet, csv or xlsx")
    return order
