"""The archive of open data, as `vayu export` wrote it, read by pieces: no file is ever held whole for a piece of it."""

import hashlib
from datetime import timedelta
from typing import Any

from flask import Response, redirect, request
from flask_openapi3 import Tag
from werkzeug.exceptions import RequestedRangeNotSatisfiable

from common.api.blueprint import JSON, Blueprint
from common.api.context import context
from common.api.errors import Problem
from common.api.schemas.archive import ArchivedFilePath
from common.domain.errors import NotFound
from common.ports import PublishedFiles

OPEN_DATA = Tag(name="Open data", description="The archive: measurements, forecasts and scores as files")
api = Blueprint("archive", abp_tags=[OPEN_DATA])

_MEDIA = {
    "parquet": "application/vnd.apache.parquet",
    "csv": "text/csv; charset=utf-8",
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
}
_MANIFEST: dict[str, Any] = {"content": {JSON: {"schema": {"type": "object"}}}}
FILE: dict[str, Any] = {
    "content": {
        media.partition(";")[0]: {"schema": {"type": "string", "format": "binary"}}
        for media in _MEDIA.values()
    }
}
_LASTING = "max-age=31536000, immutable"
_SIGNED_FOR = timedelta(minutes=10)
_THROUGH_FUNCTION = 4_000_000
"""Bytes that Lambda can answer with: 6 MB, of which base64 takes a quarter."""


@api.get("/archive/manifest.json", responses={200: _MANIFEST, 404: Problem})
def manifest() -> Response:
    """What the archive holds: every file with its bytes, rows and SHA-256, and the columns of each table."""
    content = archive_of("archive of open data").get("manifest.json")
    response = Response(content, content_type=JSON)
    response.set_etag(hashlib.sha256(content).hexdigest())
    response.headers["Cache-Control"] = "no-cache"
    return response.make_conditional(request)  # type: ignore[return-value]


@api.get(
    "/archive/<table>/<city_folder>/<year_folder>/<file>",
    responses={200: FILE, 206: FILE, 404: Problem, 416: Problem},
)
def archived_file(path: ArchivedFilePath) -> Response:
    """A file that the manifest names, or the bytes of it that the header Range asks for.

    Its name says its content, so that it may be kept for good. More than 4 MB at a time come from a cloud's object
    store, by a redirect.
    """
    return file_response(archive_of("archive of open data"), path)


def file_response(files: PublishedFiles, path: ArchivedFilePath) -> Response:
    """A file whose name says its content, or the bytes of it that the request asks for.

    Raises:
        NotFound: when there is none of that name.
        RequestedRangeNotSatisfiable: when the bytes lie behind its end.
    """
    digest, _, format_ = path.file.removeprefix("part-").partition(".")
    response = Response(content_type=_MEDIA[format_])
    response.set_etag(digest)
    for_whom = "private" if context.policy.reads_need_token else "public"
    response.headers["Cache-Control"] = f"{for_whom}, {_LASTING}"
    response.headers["Accept-Ranges"] = "bytes"
    if request.if_none_match.contains_weak(digest):
        response.status_code = 304
        return response
    size = files.size(path.key)
    span = _span(size, digest)
    start, end = span or (0, size)
    if request.method != "HEAD" and end - start > _THROUGH_FUNCTION:
        address = files.signed_url(path.key, _SIGNED_FOR)
        if address is not None:
            elsewhere = redirect(address, 307)
            elsewhere.headers["Cache-Control"] = "no-store"
            return elsewhere  # type: ignore[return-value]
    if span is not None:
        response.status_code = 206
        response.headers["Content-Range"] = f"bytes {start}-{end - 1}/{size}"
    response.headers["Content-Length"] = str(end - start)
    if request.method != "HEAD":
        whole = (start, end) == (0, size)
        response.data = files.get(path.key) if whole else files.get_range(path.key, start, end)
    return response


def archive_of(what: str) -> PublishedFiles:
    """The archive, in which there is `what`.

    Raises:
        NotFound: when this service has none.
    """
    if context.archive is None:
        raise NotFound(f"this service has no {what}: its operator did not set VAYU_ARCHIVE_URL")
    return context.archive


def _span(size: int, tag: str) -> tuple[int, int] | None:
    """(start, end) of the piece that is asked for; None for the whole: several pieces at once are not given.

    Raises:
        RequestedRangeNotSatisfiable: when the piece lies behind the end.
    """
    wanted = request.range
    if request.method == "HEAD" or wanted is None or wanted.units != "bytes" or len(wanted.ranges) != 1:
        return None
    condition = request.if_range
    if condition.date is not None or condition.etag not in (None, tag):
        return None
    span = wanted.range_for_length(size)
    if span is None:
        raise RequestedRangeNotSatisfiable(length=size)
    return span
