"""Files of the archive: Parquet, CSV and workbooks, written to a folder of this machine as their rows come."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from pyarrow import csv

from common.archive.frames import schema_of
from common.tables.workbook import Workbook

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from common.archive.columns import DataTable


class Writer(Protocol):
    """Takes tables of rows, and is then closed."""

    def write(self, rows: pa.Table) -> None: ...

    def close(self) -> None: ...


class ParquetFile:
    """Zstandard, a row group a table that comes."""

    def __init__(self, path: Path, table: DataTable) -> None:
        self._writer = pq.ParquetWriter(
            path, schema_of(table), compression="zstd", write_statistics=True, store_schema=False
        )

    def write(self, rows: pa.Table) -> None:
        self._writer.write_table(rows)

    def close(self) -> None:
        self._writer.close()


class CsvFile:
    """UTF-8 with a heading; times as ``2025-11-05T10:00:00Z``, what is not known is empty."""

    def __init__(self, path: Path, table: DataTable) -> None:
        self._table = table
        self._writer = csv.CSVWriter(
            path, pa.schema([(name, _in_text(type_)) for name, type_ in _types(table)])
        )

    def write(self, rows: pa.Table) -> None:
        columns = [
            pc.strftime(column.cast(pa.timestamp("s", tz="UTC"), safe=False), "%Y-%m-%dT%H:%M:%SZ")
            if pa.types.is_timestamp(column.type)
            else _harmless(column)
            for column in rows.columns
        ]
        self._writer.write_table(pa.table(columns, names=rows.column_names))

    def close(self) -> None:
        self._writer.close()


def _types(table: DataTable) -> list[tuple[str, Any]]:
    return [(field.name, field.type) for field in schema_of(table)]


def _in_text(type_: Any) -> Any:
    return pa.string() if pa.types.is_timestamp(type_) else type_


def _harmless(column: Any) -> Any:
    """Texts that no spreadsheet takes for a formula: an apostrophe stands before what could be."""
    if not pa.types.is_string(column.type):
        return column
    risky = pc.match_substring_regex(column, "^[=+\\-@\t\r]")
    return pc.if_else(pc.fill_null(risky, False), pc.binary_join_element_wise("'", column, ""), column)


class WorkbookFile:
    """Sheets of rows, a sheet README; the rows come as Arrow's and go one by one."""

    def __init__(self, path: Path, table: DataTable) -> None:
        self._book = Workbook(str(path), table.name, table.title, table.fields)

    def write(self, rows: pa.Table) -> None:
        self._book.write(zip(*(column.to_pylist() for column in rows.columns), strict=True))

    def close(self) -> None:
        self._book.close()


WRITERS: Mapping[str, Callable[[Path, DataTable], Writer]] = {
    "parquet": ParquetFile,
    "csv": CsvFile,
    "xlsx": WorkbookFile,
}
"""Format → what writes it."""
