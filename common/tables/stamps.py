"""Times as files write them. What the file as a whole allows decides whether the day or the month comes first.

``1/2/2024`` is never guessed row by row: all dates of a file are read alike, in the one way in which all of them are
dates, or in the one way in which its hours run on over midnight. Where both are possible, the file is refused, or
`order` decides. Excel that reads day-first text with American settings makes dates of those it can, with day and month
exchanged, and leaves the rest as text: such date cells are set right by the same rule.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Literal

import numpy as np
import pandas as pd

from common.domain.errors import DataError
from common.tables.file import texts_of

if TYPE_CHECKING:
    from datetime import tzinfo

Order = Literal["day-first", "month-first"]
ORDERS: tuple[Order, ...] = ("day-first", "month-first")

_FORM = (
    r"^(?P<first>\d{1,4}|[A-Za-z]{3,9})[-/. ](?P<second>\d{1,2}|[A-Za-z]{3,9})[-/. ,]\s*(?P<third>\d{1,4})"
    r"(?:[T ,;]+(?P<hour>\d{1,2}):(?P<minute>\d{2})(?::(?P<second_of>\d{2}(?:\.\d+)?))?"
    r"\s*(?P<half>[AaPp]\.?[Mm]\.?)?)?\s*(?P<offset>[Zz]|[+-]\d\d:?\d\d)?$"
)
_SERIAL = r"\d{5}(?:\.\d+)?"
"""Days since 30 December 1899: a date cell that lost its format."""
_MONTHS = {
    name: number
    for number, name in enumerate(
        ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"), start=1
    )
}
_DAY, _NIGHT = pd.Timedelta(days=1), pd.Timedelta(hours=3)


@dataclass(frozen=True, slots=True)
class Stamps:
    """Times of the cells of one column, index as given."""

    time: pd.Series
    """UTC, NaT where the cell is no time."""
    has_clock: pd.Series
    """Whether the cell tells more than a day."""
    has_offset: pd.Series
    """Whether the cell names its distance to UTC."""


def read_stamps(table: str, cells: pd.Series, zone: tzinfo, order: Order | None = None) -> Stamps:
    """Times of all cells, text or date cells; those without an offset are in `zone`.

    ``2025-01-31T23:45:00+05:30``, ``31-01-2025 23:45``, ``1/31/2025 11:45 PM``, ``31-Jan-2025 24:00``; to the second.

    Raises:
        DataError: when the dates may be day-first and month-first, or are neither throughout.
    """
    codes, unique = pd.factorize(cells)
    iso = _plain_iso(unique)
    if iso is not None:
        naive, has_clock = iso, iso.notna()
        offset = pd.Series(pd.NaT, index=iso.index, dtype="timedelta64[s]")
    else:
        parts = _parts(unique)
        naive, has_clock = _chosen(table, parts, order), parts["has_clock"]
        offset = pd.to_timedelta(
            parts["offset"]
            .str.replace(r"^([+-]\d\d):?(\d\d)$", r"\1:\2:00", regex=True)
            .where(parts["offset"] != "Z", "0h")
        ).dt.as_unit("s")
    # As Python does it: of an hour that comes twice the first; one that is left out counts from before.
    local = naive.dt.tz_localize(
        zone, ambiguous=np.ones(len(naive), dtype=bool), nonexistent=pd.Timedelta(hours=1)
    )
    utc = (naive - offset).dt.tz_localize("UTC").where(offset.notna(), local.dt.tz_convert("UTC"))
    facts = pd.DataFrame({"time": utc, "clock": has_clock, "offset": offset.notna()})
    at = facts.iloc[codes].set_axis(cells.index)
    return Stamps(at["time"], at["clock"], at["offset"])


def _plain_iso(unique: pd.Index) -> pd.Series | None:
    """The times of cells that are all like ``2025-01-31 23:45:00``; None where any is not.

    Most files have nothing else. Such cells can be read in one way only, so their parts need not be taken out.
    """
    if unique.dtype == object:  # date cells of a workbook, which may have day and month exchanged
        return None
    texts = pd.Series(unique)
    # pandas would take "now" for a time, and a second of 60 for the next minute.
    if not texts.str.len().eq(19).all() or texts.str.contains(":6", regex=False).any():
        return None
    times = pd.to_datetime(texts, format="%Y-%m-%d %H:%M:%S", errors="coerce")
    return None if times.isna().any() else times.astype("datetime64[s]")


def _parts(unique: pd.Index) -> pd.DataFrame:
    """The numbers in each cell; `dated`: whether it is a date cell of a workbook."""
    texts = texts_of(unique)
    dated = pd.Series(
        [isinstance(cell, datetime) for cell in unique] if unique.dtype == object else False,
        index=texts.index,
    )
    serial = texts.str.fullmatch(_SERIAL)
    if serial.any():
        days = pd.to_datetime(texts[serial].astype(float), unit="D", origin="1899-12-30")
        texts[serial] = days.dt.round("s").dt.strftime("%Y-%m-%d %H:%M:%S")
        dated |= serial
    parts = texts.str.extract(_FORM)
    parts["text"], parts["dated"] = texts, dated
    parts["offset"] = parts["offset"].str.upper()
    parts["has_clock"] = parts["hour"].notna()
    hour, minute = (pd.to_numeric(parts[name]).fillna(0) for name in ("hour", "minute"))
    second = pd.to_numeric(parts["second_of"]).fillna(0)
    half = parts["half"].str[0].str.upper()
    possible = (minute < 60) & (second < 60) & ((hour < 24) | ((hour == 24) & (minute == 0) & (second == 0)))
    possible &= half.isna() | hour.between(1, 12)
    hour = hour.where(half.isna(), hour % 12 + 12 * (half == "P"))
    parts["clock"] = (
        pd.to_timedelta(hour * 3600 + minute * 60 + second, unit="s").where(possible).dt.round("s")
    )
    return parts


def _chosen(table: str, parts: pd.DataFrame, order: Order | None) -> pd.Series:
    """The local times of the one reading of the dates that holds for the whole file."""
    named = parts["first"].str.isalpha() | parts["second"].str.isalpha()
    iso = (parts["first"].str.len() == 4) & ~named
    open_ = parts["third"].str.len().isin((2, 4)) & ~iso & ~named & (parts["first"].str.len() <= 2)
    open_ &= (parts["third"].str.len() == 4) | parts["text"].str.contains("/", regex=False)
    # ISO text beside others comes from date cells too: of a workbook that was saved as CSV.
    cells = iso & parts["offset"].isna() & (parts["dated"] | open_.any())
    fixed = _dates(parts, iso & ~cells, "first", "second", "third")
    fixed = fixed.fillna(_named(parts, named))
    by_order: dict[Order, pd.Series] = {
        "day-first": _dates(parts, open_, "third", "second", "first"),
        "month-first": _dates(parts, open_, "third", "first", "second"),
    }
    orders = _allowed(table, parts, by_order, order)
    as_is = _dates(parts, cells, "first", "second", "third")
    exchanged = _dates(parts, cells, "first", "third", "second")
    readings = [as_is] if exchanged[as_is.notna()].isna().any() else [as_is, exchanged]
    candidates = [
        fixed.fillna(by_order[each]).fillna(dates) + parts["clock"] for each in orders for dates in readings
    ]
    return _most_continuous(table, parts[open_ | cells], candidates, only_cells=not open_.any())


def _allowed(
    table: str, parts: pd.DataFrame, by_order: dict[Order, pd.Series], order: Order | None
) -> list[Order]:
    """The orders in which every date of the file is one."""
    only = {each: by_order[each].notna() & by_order[other].isna() for each, other in (ORDERS, ORDERS[::-1])}
    examples = {each: parts["text"][mask].iloc[0][:40] for each, mask in only.items() if mask.any()}
    if len(examples) == 2:
        raise DataError(
            f"{table}: some dates can only be day-first ({examples['day-first']!r}), others only month-first "
            f"({examples['month-first']!r}); write all of them alike"
        )
    if not examples:
        return [order] if order else list(ORDERS)
    [(only_one, example)] = examples.items()
    if order not in (None, only_one):
        raise DataError(f"{table}: the dates are {only_one}, not {order}: {example!r} allows nothing else")
    return [only_one]


def _most_continuous(
    table: str, parts: pd.DataFrame, candidates: list[pd.Series], *, only_cells: bool
) -> pd.Series:
    """The candidate whose hours run on over midnight, where only one does."""
    different: list[pd.Series] = []
    for each in candidates:
        if not any(each.equals(other) for other in different):
            different.append(each)
    if len(different) == 1:
        return different[0]
    first, second, *_ = sorted(different, key=_breaks)
    if 2 * _breaks(first) < _breaks(second):
        return first
    if only_cells:
        return different[0]
    example = parts["text"].iloc[0][:40]
    raise DataError(
        f"{table}: dates such as {example!r} may have the day or the month first, and nothing in the file tells which; "
        "give --dates day-first or --dates month-first, or write 2025-01-31"
    )


def _breaks(times: pd.Series) -> int:
    """How many days do not go on, a few hours later, from the one before."""
    stamps = times.dropna().drop_duplicates().sort_values()
    steps = stamps.diff().iloc[1:]
    if steps.empty:
        return 0
    usual = min(steps.mode().iloc[0], _DAY)
    days = stamps.dt.normalize()
    crossing = days.diff().iloc[1:] > pd.Timedelta(0)
    return int((crossing & (steps > max(usual, _NIGHT))).sum())


def _dates(parts: pd.DataFrame, which: pd.Series, year: str, month: str, day: str) -> pd.Series:
    """Midnights of the chosen cells, NaT for the others and for days that no month has."""
    full = parts[year].where(parts[year].str.len() != 2, "20" + parts[year])
    text = (full + "-" + parts[month] + "-" + parts[day]).where(which.fillna(value=False).astype(bool))
    return pd.to_datetime(text, format="%Y-%m-%d", errors="coerce").astype("datetime64[s]")


def _named(parts: pd.DataFrame, which: pd.Series) -> pd.Series:
    """Midnights of dates with the name of a month: ``31-Jan-2025``, ``Jan 31, 2025``."""
    numbered = parts.copy()
    for name in ("first", "second"):
        month = parts[name].str[:3].str.lower().map(_MONTHS)
        numbered[name] = month.astype("Int64").astype(str).where(month.notna(), parts[name])
    day_first = _dates(
        numbered, which & parts["second"].str.isalpha().fillna(value=False), "third", "second", "first"
    )
    return day_first.fillna(
        _dates(numbered, which & parts["first"].str.isalpha().fillna(value=False), "third", "first", "second")
    )
