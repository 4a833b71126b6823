"""Rows as PostgreSQL's COPY gives and takes them, as tables of Arrow in the columns of the archive, and back."""

from __future__ import annotations

from io import BytesIO
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import csv

from common.archive.columns import CATEGORIES
from common.domain.forecast import HORIZON
from common.store.archive import ARRAYS

if TYPE_CHECKING:
    from common.archive.columns import DataTable

_TIME = pa.timestamp("us", tz="UTC")
_TYPES = {
    "text": pa.string(),
    "json": pa.string(),
    "time": _TIME,
    "integer": pa.int32(),
    "number": pa.float32(),
}
_PROBABILITIES = [f"p_{name}" for name in CATEGORIES]


def schema_of(table: DataTable) -> pa.Schema:
    """The columns of a table of the archive."""
    return pa.schema(
        [
            pa.field(
                field.name,
                _TYPES[field.kind],
                nullable=not field.required,
                metadata={"description": field.meaning},
            )
            for field in table.fields
        ]
    )


def read_rows(table: DataTable, rows: BytesIO) -> pa.Table:
    """What `common.store.archive.copy_out` gave, in the columns of the archive, one row a lead time."""
    arrays = ARRAYS[table.name]
    kinds = {field.name: field.kind for field in table.fields}
    types = {
        name: pa.timestamp("us") if kind == "time" else _TYPES[kind]
        for name, kind in kinds.items()
        if name not in arrays
    }
    raw = csv.read_csv(
        rows,
        parse_options=csv.ParseOptions(newlines_in_values=True),
        convert_options=csv.ConvertOptions(
            column_types=types | dict.fromkeys(arrays, pa.string()),
            null_values=[""],
            strings_can_be_null=True,
            quoted_strings_can_be_null=False,
        ),
    )
    columns: dict[str, Any] = {
        name: raw[name].cast(_TIME) if kinds.get(name) == "time" else raw[name]
        for name in raw.column_names
        if name not in arrays
    }
    if arrays:
        columns = _by_lead(raw, columns, arrays)
    columns["year"] = pc.cast(pc.year(columns[table.time]), pa.int32())
    return pa.table([columns[name] for name in kinds], schema=schema_of(table))


def _by_lead(raw: pa.Table, columns: dict[str, Any], arrays: tuple[str, ...]) -> dict[str, Any]:
    """One row a lead time of what is one row a forecast."""
    count = raw.num_rows
    row = pa.array(np.repeat(np.arange(count), HORIZON))
    lead = np.tile(np.arange(1, HORIZON + 1, dtype=np.int32), count)
    result = {name: column.take(row) for name, column in columns.items()}
    for name in arrays:
        if name == "categories":
            grid = _grid(raw[name], HORIZON * len(CATEGORIES)).reshape(count * HORIZON, len(CATEGORIES))
            result |= {part: _numbers(grid[:, place]) for place, part in enumerate(_PROBABILITIES)}
        else:
            result[name] = _numbers(_grid(raw[name], HORIZON).reshape(-1))
    result["lead"] = pa.array(lead)
    hours = pa.array(lead.astype("timedelta64[h]").astype("timedelta64[us]"))
    result["valid_time"] = pc.add(result["origin"], hours)
    if "actual" in arrays:
        actual = result["actual"]
        result["error"] = pc.subtract(result["y"], actual)
        for level in ("80", "95"):
            inside = pc.and_(
                pc.greater_equal(actual, result[f"lo{level}"]), pc.less_equal(actual, result[f"hi{level}"])
            )
            result[f"within{level}"] = inside.cast(pa.int32())
    return result


def _grid(texts: Any, width: int) -> Any:
    """PostgreSQL's arrays as float32 (rows, width); NaN for NULL, and for a whole array that is NULL or empty."""
    inner = pc.replace_substring_regex(texts, "[{}]", "")
    inner = inner.combine_chunks() if isinstance(inner, pa.ChunkedArray) else inner
    present = pc.fill_null(pc.greater(pc.utf8_length(inner), 0), False)
    grid = np.full((len(inner), width), np.nan, dtype=np.float32)
    cells = pc.split_pattern(inner.filter(present), ",").flatten()
    numbers = pc.if_else(pc.equal(cells, "NULL"), pa.scalar(None, pa.string()), cells).cast(pa.float32())
    grid[present.to_numpy(zero_copy_only=False)] = numbers.to_numpy(zero_copy_only=False).reshape(-1, width)
    return grid


def _numbers(values: Any) -> pa.Array:
    return pa.array(values, pa.float32(), from_pandas=True)  # NaN is null


def for_copy(table: DataTable, rows: pa.Table) -> tuple[list[str], BytesIO]:
    """(columns, CSV) as `common.store.archive.copy_in` takes them; the opposite of `read_rows`.

    Forecasts must be whole: 48 rows each, sorted by their key.
    """
    columns = _stored(table, rows)
    buffer = BytesIO()
    csv.write_csv(pa.table(columns), buffer)
    buffer.seek(0)
    return list(columns), buffer


def _stored(table: DataTable, rows: pa.Table) -> dict[str, Any]:
    columns = {name: rows[name] for name in rows.column_names}
    del columns["year"]
    if not ARRAYS[table.name]:
        if table.name == "observations":
            # Flags are words of the code: letters, digits and hyphens.
            columns["flags"] = _joined("{", pc.replace_substring(columns["flags"], " ", ","), "}")
        return columns
    first = np.arange(0, rows.num_rows, HORIZON)
    arrays = [name for name in ARRAYS[table.name] if table.name == "forecasts" or name == "actual"]
    derived = {"lead", "valid_time", "error", "within80", "within95", *_PROBABILITIES, *arrays}
    result = {name: column.take(pa.array(first)) for name, column in columns.items() if name not in derived}
    for name in arrays:
        if name == "categories":
            grid = np.stack([_floats(columns[part]) for part in _PROBABILITIES], axis=1)
            by_lead = _arrays(grid, empty=None)
            result[name] = _listed(by_lead, HORIZON, pc.is_null(by_lead.take(pa.array(first))), "{}")
        else:
            grid = _floats(columns[name]).reshape(-1, HORIZON)
            result[name] = _arrays(grid, empty=None if name == "weekly" else _nulls())
    if "actual" in arrays:
        known = ~np.isnan(_floats(columns["actual"]).reshape(-1, HORIZON))
        result["scored"] = pa.array(known.sum(axis=1).astype(np.int32))
    return result


def _floats(column: Any) -> Any:
    return column.to_numpy().astype(np.float32, copy=False)


def _nulls() -> str:
    return "{" + ",".join(["NULL"] * HORIZON) + "}"


def _arrays(grid: Any, *, empty: str | None) -> pa.Array:
    """Rows as PostgreSQL's arrays; `empty`: in place of a row of which nothing is known."""
    texts = pa.array(grid.reshape(-1), pa.float32(), from_pandas=True).cast(pa.string())
    return _listed(texts, grid.shape[1], pa.array(np.isnan(grid).all(axis=1)), empty)


def _listed(texts: pa.Array, width: int, unknown: pa.Array, empty: str | None) -> pa.Array:
    """So many texts each as one of PostgreSQL's arrays, `empty` where unknown."""
    offsets = np.arange(0, len(texts) + 1, width, dtype=np.int32)
    lists = pa.ListArray.from_arrays(pa.array(offsets), pc.fill_null(texts, "NULL"))
    return pc.if_else(unknown, pa.scalar(empty, pa.string()), _joined("{", pc.binary_join(lists, ","), "}"))


def _joined(*parts: Any) -> Any:
    return pc.binary_join_element_wise(*parts, "")
