"""A file as a table of cells: CSV, XLSX, or a web page's table; plain, zipped or gzipped; in any usual encoding."""

from __future__ import annotations

import csv
import gzip
import io
import warnings
import zipfile
import zlib
from collections import Counter
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any
from xml.etree.ElementTree import ParseError

import numpy as np
import pandas as pd

from common.domain.errors import ConfigError, DataError

if TYPE_CHECKING:
    from pathlib import Path

MOST_BYTES = 512 * 2**20
_MOST_COLUMNS = 2000
_CONTROL = bytes(set(range(32)) - set(b"\t\n\v\f\r"))
_OLD_EXCEL = b"\xd0\xcf\x11\xe0"
_GZIP, _ZIP = b"\x1f\x8b", b"PK\x03\x04"
_WRAPPINGS = 3
"""A file may be packed so many times over."""
_DELIMITERS = "\t;,|"
"""The first of those that fit equally well: a comma may also be a decimal mark."""


@dataclass(slots=True)
class Table:
    """Cells as they stand in a file, an empty text where there is none."""

    name: str
    """The file's, or that of the only file in an archive."""
    cells: pd.DataFrame
    """Columns 0, 1, …; text, in workbooks also numbers, dates and times."""
    comma_separated: bool = False
    cut_row: int | None = None
    """Cells of the last row, where the file ends without the end of its last line."""
    damaged: int = 0
    """Rows that `body` left out because their values may stand in wrong columns."""
    widest: int = 0
    """Cells of the longest of them."""
    cut_off: bool = False
    """Whether the last row was one of them, the file ending within it."""

    def row(self, number: int) -> list[str]:
        """One row as text, without the blank cells at its end."""
        texts = [as_text(cell).strip() for cell in self.cells.iloc[number]]
        while texts and not texts[-1]:
            texts.pop()
        return texts

    def body(self, header: int, width: int) -> pd.DataFrame:
        """The rows under row `header`, `width` columns, without blank and damaged ones.

        Excel leaves out empty cells at the end of a row, so a short row is filled up; not so the last
        row of a file that ends without a line end, for its last number may be half a number.
        """
        rows = self.cells.iloc[header + 1 :]
        blank = _is_blank(rows)
        filled = ~blank.all(axis=1)
        wrong = filled & ~blank.iloc[:, width:].all(axis=1)
        if self.cut_row is not None and self.cut_row < width and len(rows) and filled.iloc[-1]:
            wrong.iloc[-1] = self.cut_off = True
        self.damaged = int(wrong.sum())
        if self.damaged:
            self.widest = max(int(np.flatnonzero(row).max()) + 1 for row in ~blank[wrong].to_numpy())
        body = rows.iloc[:, :width]
        if not (filled & ~wrong).all():
            body = body[filled & ~wrong]
        return body.reset_index(drop=True).reindex(columns=range(width), fill_value="")


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
    return table_of(path.name, data)


def table_of(name: str, data: bytes) -> Table:
    """The first table of a file's content; raises as `open_table` does."""
    for _ in range(_WRAPPINGS):
        if data.startswith(_GZIP):
            data = _gunzip(name, data)
        elif data.startswith(_ZIP) and not _is_workbook(name, data):
            name, data = _unzip(name, data)
        else:
            break
    if not data.strip():
        raise DataError(f"{name}: the file is empty")
    if data.startswith(_ZIP):
        return Table(name, _sheet(name, data))
    if data.startswith(_OLD_EXCEL):
        raise DataError(f"{name}: this is an old Excel workbook (.xls); save it as .xlsx or CSV")
    data = _utf8(name, data)
    if not data.strip():
        raise DataError(f"{name}: the file is empty")
    if _is_web_page(data):
        return Table(name, _web_table(name, data))
    return _csv(name, data)


def as_text(cell: Any) -> str:
    """A cell as CSV would have it; dates in ISO 8601."""
    if isinstance(cell, str):
        return cell
    if isinstance(cell, datetime):  # times are fractions of a day there: 00:15 may be 00:14:59.999
        return str((cell + timedelta(milliseconds=500)).replace(microsecond=0))
    if isinstance(cell, timedelta):  # hours beyond 23: the heading 24:00:00
        minutes, seconds = divmod(round(cell.total_seconds()), 60)
        return f"{minutes // 60:02}:{minutes % 60:02}:{seconds:02}"
    return "" if pd.isna(cell) else str(cell)


def texts_of(cells: pd.Index) -> pd.Series:
    """Cells as text, without blanks around it."""
    if cells.dtype == object:
        return pd.Series([as_text(cell).strip() for cell in cells], dtype=str)
    return pd.Series(cells, dtype=str).str.strip()


def _is_blank(rows: pd.DataFrame) -> pd.DataFrame:
    return rows.apply(lambda column: column.map(as_text).eq("") if column.dtype == object else column.eq(""))


def _check_size(name: str, size: int) -> None:
    if size > MOST_BYTES:
        raise DataError(f"{name}: more than {MOST_BYTES // 2**20} MiB of content; split it")


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


def _is_workbook(name: str, data: bytes) -> bool:
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as parts:
            return any(part == "[Content_Types].xml" or part.startswith("xl/") for part in parts.namelist())
    except (zipfile.BadZipFile, OSError, ValueError) as error:
        raise DataError(
            f"{name}: the workbook or zip archive is damaged; nothing was imported; fetch it again"
        ) from error


def _unzip(name: str, data: bytes) -> tuple[str, bytes]:
    """Name and content of the only file in an archive."""
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        files = [
            part
            for part in archive.infolist()
            if not part.is_dir() and not part.filename.startswith("__MACOSX/")
        ]
        if len(files) != 1:
            inside = f"{len(files)} files" if files else "no file"
            raise DataError(f"{name}: the zip archive holds {inside}; unpack it first, and name each file")
        _check_size(name, files[0].file_size)
        try:
            content = archive.read(files[0])
        except RuntimeError as error:  # what it raises for a password
            raise DataError(f"{name}: the zip archive needs a password; unpack it first") from error
        except (zipfile.BadZipFile, zlib.error, NotImplementedError, OSError, EOFError) as error:
            raise DataError(
                f"{name}: the zip archive is damaged; nothing was imported; unpack it first"
            ) from error
    return files[0].filename.rpartition("/")[2], content


def _utf8(name: str, data: bytes) -> bytes:
    """Text in UTF-8, without a byte order mark."""
    head = data[:65536]
    for mark, encoding in ((b"\xef\xbb\xbf", "utf-8"), (b"\xff\xfe", "utf-16"), (b"\xfe\xff", "utf-16")):
        if data.startswith(mark):
            return _recoded(name, data, "utf-8-sig" if encoding == "utf-8" else encoding)
    for encoding, high in (("utf-16-le", slice(1, None, 2)), ("utf-16-be", slice(0, None, 2))):
        if len(head) > 3 and head[high].count(0) > 0.4 * len(head):
            return _recoded(name, data, encoding)
    if len(head.translate(None, delete=_CONTROL)) != len(head):
        raise DataError(f"{name}: this is neither a text table nor an Excel workbook")
    try:
        data.decode()
    except UnicodeDecodeError:
        try:
            return _recoded(name, data, "cp1252")  # what Excel writes: µ, ³ and ° are single bytes there
        except DataError:
            return _recoded(name, data, "latin-1")
    return data


def _recoded(name: str, data: bytes, encoding: str) -> bytes:
    try:
        return data.decode(encoding).encode()
    except UnicodeError as error:
        raise DataError(f"{name}: this is neither a text table nor an Excel workbook") from error


def _is_web_page(data: bytes) -> bool:
    head = data[:4096].lstrip().lower()
    return head.startswith(b"<") and b"<t" in data[:65536].lower()


def _web_table(name: str, data: bytes) -> pd.DataFrame:
    """The longest table of a page, its headings as rows."""
    try:
        # Without thousands=None, 1,5 would become 15.
        tables = pd.read_html(
            io.BytesIO(data), flavor="lxml", thousands=None, keep_default_na=False, encoding="utf-8"
        )
    except ImportError as error:
        raise ConfigError(
            f"{name}: a web page needs lxml: pip install 'vayu[local]', or save it as CSV"
        ) from error
    except (ValueError, LookupError, OSError) as error:
        raise DataError(f"{name}: this is a web page without a table; save it as CSV") from error
    table = max(tables, key=len)
    above = pd.DataFrame()
    if not isinstance(table.columns, pd.RangeIndex) and table.columns.dtype != int:
        names = [column if isinstance(column, tuple) else (column,) for column in table.columns]
        above = pd.DataFrame([list(row) for row in zip(*names, strict=True)])
    table = table.set_axis(range(table.shape[1]), axis=1).astype(object)
    return pd.concat([above, table], ignore_index=True).map(as_text)


def _csv(name: str, data: bytes) -> Table:
    if b"\n" not in data:
        data = data.replace(b"\r", b"\n")
    delimiter = _delimiter(data)
    width = 1 + max(line.count(delimiter.encode()) for line in io.BytesIO(data))
    if width > _MOST_COLUMNS:
        raise DataError(f"{name}: a row has {width} cells; is this a table?")
    try:
        cells = pd.read_csv(
            io.BytesIO(data),
            sep=delimiter,
            header=None,
            names=range(width),  # so that no row is too long
            index_col=False,
            dtype=str,
            na_filter=False,
            encoding="utf-8",
        )
    except (pd.errors.ParserError, pd.errors.EmptyDataError, UnicodeDecodeError, ValueError) as error:
        raise DataError(f"{name}: it cannot be read as CSV: {str(error)[:80]}") from error
    cut_row = None
    if not data.endswith((b"\n", b"\r")):
        last = data[max(data.rfind(b"\n"), data.rfind(b"\r")) + 1 :].decode()
        cut_row = len(next(csv.reader([last], delimiter=delimiter), []))
    return Table(name, cells, comma_separated=delimiter == ",", cut_row=cut_row)


def _delimiter(data: bytes) -> str:
    """The one that parts most lines into the same number of cells."""
    lines = data[:65536].decode(errors="replace").splitlines()[:60]
    alike = {
        delimiter: max(
            Counter(line.count(delimiter) for line in lines if delimiter in line).values(), default=0
        )
        for delimiter in _DELIMITERS
    }
    return max(alike, key=lambda delimiter: alike[delimiter]) if any(alike.values()) else ","


def _sheet(name: str, data: bytes) -> pd.DataFrame:
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as parts:
            _check_size(name, sum(part.file_size for part in parts.infolist()))
        with warnings.catch_warnings(action="ignore"):  # it warns of missing styles, which do not matter
            return pd.read_excel(
                io.BytesIO(data),
                header=None,
                dtype=object,
                keep_default_na=False,
                na_filter=False,
                engine="openpyxl",
            )
    except ImportError as error:
        raise ConfigError(
            f"{name}: an Excel workbook needs openpyxl: pip install 'vayu[local]', or save it as CSV"
        ) from error
    except (
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
