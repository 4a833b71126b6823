"""Read one file, its layout told by its headings."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from common.domain.errors import DataError
from common.domain.observation import IST
from common.ingest.files.columns import has_variable, plain
from common.ingest.files.hours import common_minutes
from common.ingest.files.long import is_aqi_table, is_long, long_columns, read_long
from common.ingest.files.official import is_official, read_official
from common.ingest.files.portal import is_portal, read_portal
from common.ingest.files.result import check_length
from common.tables.file import Table, open_table
from common.tables.stamps import Order, read_stamps

if TYPE_CHECKING:
    from datetime import datetime
    from pathlib import Path

    from common.domain.cities import City
    from common.ingest.files.result import ImportResult

Format = Literal["cpcb", "long"]
_LINES_BEFORE = 40
_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_EXPECTED = {
    "cpcb": (
        "a CPCB export has 'Timestamp' (or 'From Date', 'To Date') and columns such as 'PM2.5 (µg/m³)', "
        "'CO (mg/m³)'; an official AQI table has 'Date' and '00:00:00' … '23:00:00'"
    ),
    "long": "a long table has 'time', 'variable', 'value', 'unit', and may have 'station' and 'city'",
}


def read_file(
    path: Path,
    *,
    city: City,
    station: str | None,
    format: Format | None,  # noqa: A002 — the option's name
    now: datetime,
    order: Order | None = None,
) -> ImportResult:
    """Hourly readings of `city` out of a file, and an account of every value in it.

    `format` None: whichever fits. `station` names the station where the file does not. `now` decides
    what lies in the future. `order`: of day and month, where the file allows both.

    Raises:
        DataError: when the file cannot be read whole, or does not say what it means; nothing is kept.
        ConfigError: when it is a workbook and openpyxl is not installed.
    """
    table = open_table(path)
    before: list[list[str]] = []
    for row in range(min(_LINES_BEFORE, len(table.cells))):
        header = table.row(row)
        if format != "long" and is_official(header):
            return read_official(table, row, header, city=city, station=station, now=now, order=order)
        if format != "long" and is_portal(header):
            return read_portal(table, row, header, city=city, station=station, now=now, order=order)
        if is_aqi_table(header) or (format != "cpcb" and is_long(header)):
            return read_long(table, row, header, city=city, station=station, now=now, order=order)
        _check_means(table, row, header, order)
        before.append(header)
    raise _not_found(table, before, format)


def _check_means(table: Table, row: int, header: list[str], order: Order | None) -> None:
    """Refuse by their name tables that are not of hours.

    Raises:
        DataError: when the headings are months, or the rows of a wide table are days, months or years.
    """
    headings = [plain(heading) for heading in header]
    if sum(heading[:3] in _MONTHS for heading in headings) >= 6:
        name = "monthly" if any(heading.startswith("year") for heading in headings) else "daily"
        raise DataError(f"{table.name}: these are {name} means, a column a month; hourly values are needed")
    day = next(
        (at for at, heading in enumerate(headings) if heading in ("date", "day", "month", "time")), None
    )
    if day is None or not has_variable(header):
        return
    days = read_stamps(table.name, table.body(row, len(header))[day], IST, order).time
    check_length(table.name, common_minutes(days.drop_duplicates().sort_values().diff()) or 0)


def _not_found(table: Table, before: list[list[str]], wanted_format: Format | None) -> DataError:
    """Say what is missing of the layout that comes nearest."""
    for row in before:
        if len([cell for cell in row if cell.strip()]) < 2:
            continue
        cells = ", ".join(repr(cell.strip()[:40]) for cell in row[:12] if cell.strip())
        parts = long_columns(row)
        if wanted_format == "long" or "variable" in parts or "value" in parts:
            lacking = [part for part in ("time", "variable", "value", "unit") if part not in parts]
            what = f"no column {', '.join(map(repr, lacking))}" if lacking else "it is a long table"
        elif has_variable(row):
            what = "no column 'Timestamp' or 'From Date'"
        else:
            what = "no column of a variable that is kept"
        wanted = "; ".join(text for name, text in _EXPECTED.items() if wanted_format in (None, name))
        return DataError(f"{table.name}: {what}. Found {cells}. Expected: {wanted}")
    return DataError(f"{table.name}: there is no table in it")
