"""Cells as numbers: what is missing, what is none, and which decimal mark a file uses."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

import pandas as pd

from common.domain.errors import DataError
from common.tables.file import as_text, texts_of

if TYPE_CHECKING:
    from collections.abc import Iterable

    import numpy as np
    from numpy.typing import NDArray

    from common.tables.file import Table

Decimal = Literal[".", ","]

_MISSING = ("", "na", "n/a", "nan", "none", "null", "nil", "-", "--", "missing")
_FILLS = (-999.0, -9999.0)
_COMMA = r"[+-]?\d+,\d+"
_POINT = r"[+-]?\d*\.\d+"
_WHOLE = r"[+-]?\d+"
_THOUSANDS = r"[+-]?[1-9]\d{0,2},\d{3}"


def is_missing(text: str) -> bool:
    """Whether a cell says that there is no value."""
    return text.strip().casefold() in _MISSING


def is_fill(numbers: Any) -> Any:
    """Which numbers stand for a missing value."""
    return (numbers == _FILLS[0]) | (numbers == _FILLS[1])


def read_numbers(cells: pd.Series, decimal: Decimal = ".") -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """(numbers, which cells are missing); a cell that is neither a number nor missing is nan.

    ``NA``, ``None``, an empty cell, −999 and −9999 are missing, as CPCB, AirNow and OpenAQ mean them.
    """
    # The same few thousand texts come again and again.
    codes, unique = pd.factorize(cells)
    texts = texts_of(unique)
    missing = texts.str.lower().isin(_MISSING)
    if decimal == ",":
        texts = texts.str.replace(",", ".", regex=False).where(texts.str.fullmatch(_COMMA), texts)
    numbers = pd.to_numeric(texts.where(~missing), errors="coerce").astype(float)
    missing |= is_fill(numbers)
    return numbers.where(~missing).to_numpy()[codes], missing.to_numpy()[codes]


def decimal_mark(table: Table, columns: Iterable[pd.Series]) -> Decimal:
    """The decimal mark of the columns of numbers, one for the whole file.

    Raises:
        DataError: when ``1,234`` may be a thousand or a little more than one.
    """
    counts = dict.fromkeys((_COMMA, _POINT, _WHOLE, _THOUSANDS), 0)
    for cells in columns:
        column = cells.map(as_text) if cells.dtype == object else cells
        if not table.comma_separated or column.str.contains(",", regex=False).any():
            texts = column.str.strip().value_counts()
            for form in counts:
                counts[form] += int(texts[texts.index.str.fullmatch(form)].sum())
    if not counts[_COMMA] or counts[_POINT]:
        return "."
    if table.comma_separated and counts[_COMMA] <= counts[_WHOLE]:
        return "."
    if counts[_THOUSANDS] == counts[_COMMA] and counts[_WHOLE]:
        raise DataError(
            f"{table.name}: numbers such as 1,234 may be thousands or decimals; write them with a decimal point, "
            "without separators of thousands"
        )
    return ","
