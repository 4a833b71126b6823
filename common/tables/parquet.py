"""Files of Parquet, written a row group at a time."""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.parquet as pq

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from typing import BinaryIO

    from common.tables.fields import Field

_GROUP = 8192
"""Rows that are held as Python's at a time."""
_TYPES = {
    "text": pa.string(),
    "json": pa.string(),
    "time": pa.timestamp("us", tz="UTC"),
    "date": pa.date32(),
    "integer": pa.int64(),
    "number": pa.float64(),
    "boolean": pa.bool_(),
}


def schema_of(fields: Sequence[Field], title: str) -> pa.Schema:
    """Columns with their meaning and unit."""
    return pa.schema(
        [
            pa.field(
                field.name,
                _TYPES[field.kind],
                nullable=not field.required,
                metadata={"description": field.meaning} | ({"unit": field.unit} if field.unit else {}),
            )
            for field in fields
        ],
        metadata={"title": title},
    )


class ParquetTable:
    """A table, with Zstandard."""

    def __init__(self, target: BinaryIO, title: str, fields: Sequence[Field]) -> None:
        self._schema = schema_of(fields, title)
        self._writer = pq.ParquetWriter(target, self._schema, compression="zstd")

    def write(self, rows: Iterable[Sequence[Any]]) -> None:
        """Add rows in the order of the fields."""
        remaining = iter(rows)
        while group := list(islice(remaining, _GROUP)):
            columns = [
                pa.array(values, field.type)
                for values, field in zip(zip(*group, strict=True), self._schema, strict=True)
            ]
            self._writer.write_batch(pa.record_batch(columns, schema=self._schema))

    def close(self) -> None:
        """Finish."""
        self._writer.close()
