"""Exports on request: files of some cities, tables and days, which a worker writes into the archive."""

import hashlib
from datetime import UTC
from typing import Any

import msgspec
from flask import Response, request
from flask_openapi3 import Tag

from common.adapters.postgres.tracked_queue import send_tracked
from common.api.blueprint import BASE, Blueprint
from common.api.context import context
from common.api.errors import Problem
from common.api.middleware.request_context import present
from common.api.responses import json_response
from common.api.routes.archive import FILE, archive_of, file_response
from common.api.schemas.exports import Export, ExportBody, ExportedFilePath, ExportPath
from common.api.serialize_forecasts import job_progress
from common.api.serialize_values import utc
from common.domain.cities import all_cities, find_city
from common.domain.errors import Fault, Gone, NotFound
from common.domain.exports import RETENTION, refuse_too_much
from common.domain.messages import EXPORT
from common.store.exports import admit
from common.store.reads.jobs import JobRow, job_row

EXPORTS = Tag(
    name="Exports", description="Files made on request: cities, tables, days and format of one's own"
)
api = Blueprint("exports", abp_tags=[EXPORTS])


@api.post("/exports", responses={202: Export, 404: Problem, 413: Problem, 415: Problem, 422: Problem})
def export(body: ExportBody) -> Response:
    """Have files made; the answer names the export, whose state tells when they are there.

    They have the columns of the archive, a file for each table, city and year (UTC), and are deleted after 7 days.
    `models` goes with the forecasts. While the same export still waits, that one is meant. Each token may have 4
    exports that are not finished, and 24 in a day; so may all together who come without one.
    """
    archive_of("exports")
    now = context.clock()
    names = [city.name for city in all_cities()]
    wanted = set(names) if body.cities is None else {find_city(name).name for name in body.cities}
    start, end = body.start.astimezone(UTC), min(body.end or now, now).astimezone(UTC).replace(microsecond=0)
    tables = sorted(set(body.tables))
    refuse_too_much(tables, len(wanted), start, end, body.format)
    caller = present(request.environ).caller
    owner = "" if caller is None or caller.scopes is None else caller.name
    order: dict[str, Any] = {
        "tables": tables,
        "cities": [name for name in names if name in wanted],
        "start": start.isoformat(),
        "end": end.isoformat(),
        "format": body.format,
        "owner": owner,
    }
    # Until when nothing was said, the same is meant a moment later.
    meant = order | ({"end": None} if body.end is None else {})
    key = hashlib.sha256(msgspec.json.encode(meant)).hexdigest()
    number = send_tracked(
        context.queue,
        context.database,
        context.clock,
        EXPORT,
        key,
        order,
        admit=lambda connection: admit(connection, owner, key, now=now),
    )
    assert number is not None  # noqa: S101 — it is None only where a key of the client's is given
    response = json_response(_shown(number), 202)
    response.headers["Location"] = f"{request.root_path}{BASE}/exports/{number}"
    return response


@api.get("/exports/<id>", responses={200: Export, 404: Problem, 410: Problem})
def export_by_id(path: ExportPath) -> dict[str, Any]:
    """How an export stands; once it is done, its files with bytes, rows, SHA-256 and addresses."""
    return _shown(path.id)


@api.get(
    "/exports/<id>/<table>/<city_folder>/<year_folder>/<file>",
    responses={200: FILE, 206: FILE, 404: Problem, 416: Problem},
)
def exported_file(path: ExportedFilePath) -> Response:
    """A file of an export, or the bytes of it that the header Range asks for, as with the archive's."""
    response = file_response(archive_of("exports"), path)
    _, _, ending = path.file.partition(".")
    city, year = path.city_folder.partition("=")[2], path.year_folder.partition("=")[2]
    name = f"{path.table}-{city}-{year}.{ending}".lower().replace(" ", "-")
    response.headers["Content-Disposition"] = f'attachment; filename="{name}"'
    return response


def _shown(number: int) -> dict[str, Any]:
    with context.database.reading() as connection:
        row = job_row(connection, number, EXPORT, "tables")
    if row is None:
        fault = Fault("parameter", "id", str(number), "the number of an export, as POST /exports gave it")
        raise NotFound(f"there is no export {number}, or it is over and forgotten", faults=(fault,))
    done = row.state == "done"
    expires = row.finished_at + RETENTION if done and row.finished_at is not None else None
    if expires is not None and expires <= context.clock():
        raise Gone(f"the files of export {number} were deleted after {RETENTION.days} days; ask for it again")
    order, outcome = row.payload, row.outcome if done and row.outcome is not None else {}
    return Export.answer(
        **job_progress(row),
        tables=order["tables"],
        cities=order["cities"],
        start=_z(order["start"]),
        end=_z(order["end"]),
        format=order["format"],
        expires_at=utc(expires),
        rows=outcome.get("rows"),
        bytes=outcome.get("bytes"),
        files=_files(row, outcome),
    )


def _files(row: JobRow, outcome: dict[str, Any]) -> list[dict[str, Any]] | None:
    if "files" not in outcome:
        return None
    base = f"{request.root_path}{BASE}/exports/{row.id}"
    return [
        {name: value for name, value in entry.items() if name != "path"} | {"url": f"{base}/{entry['path']}"}
        for entry in outcome["files"]
    ]


def _z(time: str) -> str:
    return time.replace("+00:00", "Z")
