"""Lists as files: CSV, Parquet and workbooks, with the columns of `common.tables.downloads`.

Arrow and XlsxWriter are not in every process: a function in a cloud has no room for them. What cannot be written is
refused in words, before anything is read.
"""

from __future__ import annotations

import csv
import io
from datetime import UTC, date, datetime
from importlib.util import find_spec
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from flask import Response, request

from common.api.blueprint import BASE
from common.api.schemas.files import CSV, JSON, PARQUET, XLSX, Format
from common.domain.errors import Fault, NotAcceptable, TooMuch

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from common.tables.downloads import Download

MEDIA: Mapping[str, Format] = MappingProxyType({JSON: "json", CSV: "csv", PARQUET: "parquet", XLSX: "xlsx"})
"""Media type → format; the first is what is answered with where nothing is said."""
_SENT_AS = {"csv": f"{CSV}; charset=utf-8; header=present", "parquet": PARQUET, "xlsx": XLSX}
_NEEDS = {"parquet": "pyarrow", "xlsx": "xlsxwriter"}
XLSX_ROWS = 8784
"""Most rows of a workbook: the hours of a leap year, which take some seconds."""


def wanted(named: Format | None) -> Format:
    """The format of the answer: the one that the parameter names, else what the header Accept likes best.

    Raises:
        NotAcceptable: when this process cannot write it.
    """
    format_ = named or MEDIA[request.accept_mimetypes.best_match(MEDIA, JSON)]
    if not _is_writable(format_):
        others = ", ".join(each for each in MEDIA.values() if _is_writable(each))
        raise NotAcceptable(
            f"format={format_} is not available at this address, which has no {_NEEDS[format_]}; take format=csv or "
            f"json, or have files made by POST {BASE}/exports",
            faults=(Fault("parameter", "format", format_, f"one of {others}"),),
        )
    return format_


def _is_writable(format_: Format) -> bool:
    return format_ not in _NEEDS or find_spec(_NEEDS[format_]) is not None


def refuse_long(format_: Format, rows: int, remedy: str) -> None:
    """Let nobody ask for a workbook that would take long to make; `remedy` says what to ask for instead.

    Raises:
        TooMuch: when it would.
    """
    if format_ == "xlsx" and rows > XLSX_ROWS:
        raise TooMuch(
            f"a workbook has at most {XLSX_ROWS} rows here, and this would have up to {rows}; {remedy}",
            faults=(Fault("parameter", "format", format_, "csv or parquet for so many rows"),),
        )


def download(table: Download, rows: Iterable[Sequence[Any]], format_: Format, name: str) -> Response:
    """A file of all rows, whose cells are in the order of the table's fields.

    Times and dates may be texts in ISO 8601. `name` is the file's, without its ending.
    """
    written = csv_of(table, rows) if format_ == "csv" else file_of(table, rows, format_)
    return sent(written, format_, name)


def sent(body: bytes | Iterable[bytes], format_: Format, name: str) -> Response:
    """A body, whole or in parts, in the format that it is in; as a file, unless that is JSON."""
    response = Response(body, content_type=_SENT_AS.get(format_, JSON))
    if format_ != "json":
        response.headers["Content-Disposition"] = f'attachment; filename="{name}.{format_}"'
    return varying(response)


def varying(response: Response) -> Response:
    """A response that another Accept would have made another."""
    response.vary.add("Accept")
    return response


def file_of(table: Download, rows: Iterable[Sequence[Any]], format_: Format) -> bytes:
    """The rows as Parquet or a workbook; they are not all held at once."""
    target = io.BytesIO()
    typed = _typed(table, rows)
    if format_ == "parquet":
        from common.tables.parquet import ParquetTable

        parquet = ParquetTable(target, table.title, table.fields)
        parquet.write(typed)
        parquet.close()
    else:
        from common.tables.workbook import Workbook

        book = Workbook(target, table.name, table.title, table.fields)
        book.write(typed)
        book.close()
    return target.getvalue()


def csv_of(table: Download, rows: Iterable[Sequence[Any]]) -> bytes:
    """The rows as CSV with a heading; what is not known is empty."""
    return csv_lines([table.names, *(map(_text, row) for row in rows)])


def csv_lines(rows: Iterable[Iterable[Any]]) -> bytes:
    """Lines of CSV, of cells that are texts, numbers or None."""
    text = io.StringIO()
    csv.writer(text).writerows(rows)
    return text.getvalue().encode()


def _text(cell: Any) -> Any:
    if isinstance(cell, bool):
        return str(cell).lower()
    if isinstance(cell, datetime):
        return f"{cell.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"
    return cell


def _typed(table: Download, rows: Iterable[Sequence[Any]]) -> Iterator[list[Any]]:
    """The rows with times and dates as such."""
    read = {"time": datetime.fromisoformat, "date": date.fromisoformat}
    readers = [(place, read[field.kind]) for place, field in enumerate(table.fields) if field.kind in read]
    for row in rows:
        cells = list(row)
        for place, reader in readers:
            if isinstance(cells[place], str):
                cells[place] = reader(cells[place])
        yield cells
