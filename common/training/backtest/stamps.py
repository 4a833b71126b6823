"""Times of a file: read into seconds, and written back in the form in which they came."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from itertools import product
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pyarrow as pa
from numpy.typing import NDArray

from common.domain.errors import DataError
from common.tables.file import as_text
from common.tables.stamps import read_stamps

if TYPE_CHECKING:
    from common.tables.stamps import Order

Seconds = NDArray[np.int64]
"""Seconds since 1970-01-01 00:00 UTC."""

_ISO = re.compile(r"\d{4}-\d\d-\d\d(?:[T ].*)?")
_DATES = ("%d/%m/%Y", "%m/%d/%Y", "%d-%m-%Y", "%m-%d-%Y", "%d.%m.%Y", "%Y/%m/%d", "%d-%b-%Y")
_CLOCKS = ("%H:%M", "%H:%M:%S", "%I:%M %p", "%I:%M:%S %p", "%I:%M%p")
_SAMPLE = 50


@dataclass(frozen=True, slots=True)
class Form:
    """How times are written in a file."""

    kind: Any
    """The type of the column, as pandas has it"""
    zone: tzinfo
    """Where naive times are from; strings with an offset are written back with its own"""
    aware: bool
    separator: str = "T"
    timespec: str = "seconds"
    zulu: bool = False
    pattern: str | None = None
    """Of text that is not ISO 8601"""

    def write(self, seconds: Seconds) -> pd.Series:
        """Times in this form."""
        codes, unique = pd.factorize(np.asarray(seconds, dtype=np.int64))
        times = pd.Series(pd.to_datetime(unique, unit="s", utc=True))
        if _is_timestamp(self.kind):
            zone = self.kind.pyarrow_dtype.tz
            times = times.dt.tz_convert(zone) if zone else times.dt.tz_convert(self.zone).dt.tz_localize(None)
            return times.astype(self.kind).iloc[codes].reset_index(drop=True)
        texts = pd.Series([self._text(datetime.fromtimestamp(int(each), self.zone)) for each in unique])
        return texts.astype(self.kind).iloc[codes].reset_index(drop=True)

    def _text(self, time: datetime) -> str:
        if self.pattern is not None:
            return time.strftime(self.pattern)
        shown = time if self.aware else time.replace(tzinfo=None)
        text = shown.isoformat(self.separator, self.timespec)
        return text.removesuffix("+00:00") + "Z" if self.zulu else text


def read_times(name: str, cells: pd.Series, zone: tzinfo, order: Order | None) -> tuple[Seconds, Form]:
    """Seconds of a column of times, none of them missing; naive ones are in `zone`.

    Raises:
        DataError: when they are no times, some have an offset and others not, or the order of day and month cannot
            be told.
    """
    kind = cells.dtype
    if _is_timestamp(kind):
        naive = kind.pyarrow_dtype.tz is None
        times = cells.astype("datetime64[us]" if naive else "datetime64[us, UTC]").dt.round("s")
        return _seconds(_placed(times, zone) if naive else times), Form(kind, zone, aware=not naive)
    if not (pd.api.types.is_object_dtype(kind) or pd.api.types.is_string_dtype(kind)):
        shown = kind.pyarrow_dtype if isinstance(kind, pd.ArrowDtype) else kind
        raise DataError(
            f"column time holds {shown}, not times; write ISO 8601, such as 2025-01-01T05:00:00+05:30"
        )
    stamps = read_stamps(name, cells, zone, order)
    unread = cells[stamps.time.isna()]
    if len(unread):
        raise DataError(
            f"{as_text(unread.iloc[0])[:40]!r} is no time; write ISO 8601, such as 2025-01-01T05:00:00"
        )
    if stamps.has_offset.any() and not stamps.has_offset.all():
        raise DataError("some times have an offset and others not; write all of them alike")
    return _seconds(stamps.time), _text_form(cells, stamps.time, zone, aware=bool(stamps.has_offset.all()))


def text_type() -> pd.ArrowDtype:
    """The type of text in the files that are written."""
    return pd.ArrowDtype(pa.string())


def _is_timestamp(kind: Any) -> bool:
    return isinstance(kind, pd.ArrowDtype) and pa.types.is_timestamp(kind.pyarrow_dtype)


def _placed(times: pd.Series, zone: tzinfo) -> pd.Series:
    return times.dt.tz_localize(
        zone, ambiguous=np.ones(len(times), dtype=bool), nonexistent=pd.Timedelta(hours=1)
    )


def _seconds(times: pd.Series) -> Seconds:
    seconds: Seconds = times.dt.tz_convert("UTC").astype("datetime64[s, UTC]").astype("int64").to_numpy()
    return seconds


def _text_form(cells: pd.Series, times: pd.Series, zone: tzinfo, *, aware: bool) -> Form:
    kind = cells.dtype if isinstance(cells.dtype, pd.ArrowDtype) else text_type()
    unique = cells.drop_duplicates()
    texts = unique.map(as_text).str.strip()
    sample = texts.iloc[0]
    local = zone
    if aware:
        offsets = {datetime.fromisoformat(text).utcoffset() for text in texts if _ISO.fullmatch(text)}
        if len(offsets) == 1:
            offset = offsets.pop() or timedelta(0)
            local = timezone(offset) if offset else UTC
    if not _ISO.fullmatch(sample):
        shown = times[unique.index[:_SAMPLE]].dt.tz_convert(local)
        return Form(kind, local, aware, separator=" ", pattern=_pattern(shown, texts.iloc[:_SAMPLE]))
    return Form(
        kind=kind,
        zone=local,
        aware=aware,
        separator=sample[10:11] or " ",
        timespec="seconds" if sample.count(":") - (sample[-3:-2] == ":" and aware) >= 2 else "minutes",
        zulu=sample.endswith("Z"),
    )


def _pattern(times: pd.Series, texts: pd.Series) -> str | None:
    """The pattern that writes most of the times as they came; None where none does."""
    best, most = None, 0
    for date, separator, clock, unpadded in product(
        _DATES, (" ", "T", ", "), _CLOCKS, ((), ("H", "I"), tuple("dmHI"))
    ):
        pattern = f"{date}{separator}{clock}"
        for letter in unpadded:
            pattern = pattern.replace(f"%{letter}", f"%-{letter}")
        alike = int((times.dt.strftime(pattern) == texts).sum())
        if alike > most:
            best, most = pattern, alike
    return best
