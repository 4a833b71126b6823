"""A file, whatever its wrapping, as rows of text: CSV or XLSX, plain or gzipped, UTF-8 or Latin-1."""

from __future__ import annotations

import csv
import gzip
import io
import warnings
import zipfile
import zlib
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING
from xml.etree.ElementTree import ParseError

from common.domain.errors import ConfigError, DataError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

MOST_BYTES = 512 * 2**20
_CONTROL = bytes(set(range(32)) - set(b"\t\n\v\f\r"))
_OLD_EXCEL = b"\xd0\xcf\x11\xe0"


@dataclass(slots=True)
class Table:
    """Rows of text cells, read once; `whole` unless the file ends without the end of its last line."""

    name: str
    rows: Iterator[list[str]]
    whole: bool
    damaged: int = 0
    """Rows that were skipped because their values may stand in wrong columns."""
    cut_off: bool = False
    """Whether the last row was one of them, the file ending within it."""

    def body(self, width: int) -> Iterator[list[str]]:
        """The rows that remain, `width` cells each, without blank and damaged ones.

        Excel leaves out empty cells at the end of a row, so a short row is filled up; not so the last
        row of a file that ends without a line end, for its last number may be half a number.
        """
        following = next(self.rows, None)
        while following is not None:
            row, following = following, next(self.rows, None)
            if len(row) > width and not any(row[width:]):
                row = row[:width]
            elif len(row) < width and (self.whole or following is not None):
                row = row + [""] * (width - len(row))
            if not any(row):
                continue
            if len(row) == width:
                yield row
            else:
                self.damaged += 1
                self.cut_off = len(row) < width


def open_table(path: Path) -> Table:
    """The first table of a file, its kind told by its content, not by its name.

    Raises:
        DataError: when there is no such file, or it is empty, cut off, damaged, too big, or no table.
        ConfigError: when it is a workbook and openpyxl is not installed.
    """
    try:
        _check_size(path.name, path.stat().st_size)
        data = path.read_bytes()
    except IsADirectoryError as error:
        raise DataError(f"{path} is a folder; name the files in it") from error
    except FileNotFoundError as error:
        raise DataError(f"{path}: there is no such file") from error
    except OSError as error:
        raise DataError(f"{path} cannot be read: {error.strerror}") from error
    if data.startswith(b"\x1f\x8b"):
        data = _gunzip(path.name, data)
    if not data.strip():
        raise DataError(f"{path.name}: the file is empty")
    if data.startswith(b"PK\x03\x04"):
        return Table(path.name, iter(_sheet_rows(path.name, data)), whole=True)
    if data.startswith(_OLD_EXCEL):
        raise DataError(f"{path.name}: this is an old Excel workbook (.xls); save it as .xlsx or CSV")
    text = _text(path.name, data)
    return Table(path.name, _csv_rows(path.name, text), whole=text.endswith(("\n", "\r")))


def _gunzip(name: str, data: bytes) -> bytes:
    try:
        with gzip.GzipFile(fileobj=io.BytesIO(data)) as stream:
            content = stream.read(MOST_BYTES + 1)
    except EOFError as error:
        raise DataError(
            f"{name}: the file ends in the middle of compressed data; nothing was imported; fetch it again"
        ) from error
    except (OSError, zlib.error) as error:
        raise DataError(
            f"{name}: the compressed data are damaged; nothing was imported; fetch it again"
        ) from error
    _check_size(name, len(content))
    return content


def _check_size(name: str, size: int) -> None:
    if size > MOST_BYTES:
        raise DataError(f"{name}: more than {MOST_BYTES // 2**20} MiB of content; split it")


def _text(name: str, data: bytes) -> str:
    head = data[:65536]
    wide = data.startswith((b"\xff\xfe", b"\xfe\xff"))
    if wide or len(head.translate(None, delete=_CONTROL)) == len(head):
        try:
            return data.decode("utf-16" if wide else "utf-8-sig")
        except UnicodeDecodeError:
            if not wide:
                return data.decode("latin-1")  # what Excel writes: µ, ³ and ° are single bytes there
    raise DataError(f"{name}: this is neither a text table nor an Excel workbook")


def _csv_rows(name: str, text: str) -> Iterator[list[str]]:
    head = text[:4096]
    delimiter = max(",;\t", key=head.count)
    lines = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter)
    try:
        yield from lines
    except csv.Error as error:
        raise DataError(f"{name}: line {lines.line_num} cannot be read as CSV: {error}") from error


def _sheet_rows(name: str, data: bytes) -> list[list[str]]:
    try:
        from openpyxl import load_workbook
        from openpyxl.utils.exceptions import InvalidFileException
    except ImportError as error:
        raise ConfigError(
            f"{name}: an Excel workbook needs openpyxl: pip install 'vayu[local]', or save it as CSV"
        ) from error
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as parts:
            _check_size(name, sum(part.file_size for part in parts.infolist()))
        with warnings.catch_warnings(action="ignore"):  # it warns of missing styles, which do not matter
            book = load_workbook(io.BytesIO(data), read_only=True, data_only=True)
            sheet = book.worksheets[0]
            sheet.reset_dimensions()  # CPCB's workbooks may state a size that is too small
            return [[_cell(value) for value in row] for row in sheet.iter_rows(values_only=True)]
    except (
        InvalidFileException,
        zipfile.BadZipFile,
        zlib.error,
        ParseError,
        EOFError,
        OSError,
        KeyError,
        IndexError,
        ValueError,
        TypeError,
        AttributeError,
    ) as error:  # fmt: skip — openpyxl lets its own slips through where parts of the workbook are missing
        raise DataError(f"{name}: the Excel workbook is damaged; nothing was imported") from error


def _cell(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, datetime):  # times are fractions of a day there: 00:15 may be 00:14:59.999
        return str((value + timedelta(milliseconds=500)).replace(microsecond=0))
    return str(value)
