"""Workbooks of Excel, written row by row, so that memory does not grow with them."""

from __future__ import annotations

from datetime import date, datetime, timedelta, timezone
from typing import TYPE_CHECKING, Any

import xlsxwriter

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from typing import BinaryIO

    from common.tables.fields import Field

EXCEL_ROWS = 1_048_576
_LONGEST_TEXT = 32_767
_IST = timezone(timedelta(hours=5, minutes=30))
_WRITTEN = datetime(1980, 1, 1)  # noqa: DTZ001 — the first day that a ZIP file can name
"""Instead of when a workbook was made, so that the same rows are the same bytes."""


class Workbook:
    """Sheets of rows, each time followed by the same in Indian time, and a sheet README. No cell can be a formula."""

    def __init__(self, target: str | BinaryIO, name: str, title: str, fields: Sequence[Field]) -> None:
        self._name = name
        self._fields = fields
        options = {"constant_memory": True, "strings_to_formulas": False, "strings_to_urls": False}
        self._book = xlsxwriter.Workbook(target, options)
        self._book.set_properties({"created": _WRITTEN})
        self._time = self._book.add_format({"num_format": "yyyy-mm-dd hh:mm"})
        self._date = self._book.add_format({"num_format": "yyyy-mm-dd"})
        self._readme(title)
        self._sheet: Any = None
        self._row = EXCEL_ROWS
        self._sheets = 0

    def _readme(self, title: str) -> None:
        sheet = self._book.add_worksheet("README")
        local = [f"{field.name}_ist" for field in self._fields if field.kind == "time"]
        lines = [
            ("Vayu", title),
            ("empty cells", "not known; never 0"),
            *(
                (field.name, field.meaning + (f" [{field.unit}]" if field.unit else ""))
                for field in self._fields
            ),
        ]
        if local:
            noun, verb = ("column", "is") if len(local) == 1 else ("columns", "are")
            text = f"in UTC; the {noun} {', '.join(local)} {verb} Indian time (UTC+5:30). Excel knows no time zones."
            lines.insert(1, ("times", text))
        for row, cells in enumerate(lines):
            for column, text in enumerate(cells):
                sheet.write_string(row, column, text)

    def write(self, rows: Iterable[Sequence[Any]]) -> None:
        """Add rows in the order of the fields."""
        kinds = [field.kind for field in self._fields]
        for values in rows:
            if self._row >= EXCEL_ROWS:
                self._begin()
            column = 0
            for kind, value in zip(kinds, values, strict=True):
                self._put(column, value)
                column += 1
                if kind == "time":
                    self._put(column, None if value is None else value.astimezone(_IST))
                    column += 1
            self._row += 1

    def _begin(self) -> None:
        self._sheets += 1
        name = self._name if self._sheets == 1 else f"{self._name} {self._sheets}"
        self._sheet = self._book.add_worksheet(name)
        self._sheet.freeze_panes(1, 0)
        column = 0
        for field in self._fields:
            for heading in (field.name, f"{field.name}_ist") if field.kind == "time" else (field.name,):
                self._sheet.write_string(0, column, heading)
                column += 1
        self._row = 1

    def _put(self, column: int, cell: Any) -> None:
        if cell is None or cell == "":
            return
        if isinstance(cell, str):
            self._sheet.write_string(self._row, column, cell[:_LONGEST_TEXT])
        elif isinstance(cell, bool):
            self._sheet.write_boolean(self._row, column, cell)
        elif isinstance(cell, int | float):
            self._sheet.write_number(self._row, column, cell)
        elif isinstance(cell, datetime):
            self._sheet.write_datetime(self._row, column, cell.replace(tzinfo=None), self._time)
        elif isinstance(cell, date):
            self._sheet.write_datetime(self._row, column, cell, self._date)

    def close(self) -> None:
        """Finish; a workbook without a row has its headings."""
        if self._sheet is None:
            self._begin()
        self._book.close()
