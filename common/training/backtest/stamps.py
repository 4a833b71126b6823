"""Times of a file: read into seconds, and written back in the form in which they came."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone, tzinfo

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from common.domain.errors import DataError

Seconds = NDArray[np.int64]
"""Seconds since 1970-01-01 00:00 UTC."""


@dataclass(frozen=True, slots=True)
class Form:
    """How times are written in a file."""

    kind: pa.DataType
    zone: tzinfo
    """Where naive times are from; strings with an offset are written back with its own"""
    aware: bool
    separator: str = "T"
    timespec: str = "seconds"
    zulu: bool = False

    def write(self, seconds: Seconds) -> pa.Array:
        """Times in this form."""
        if pa.types.is_timestamp(self.kind) and self.aware:
            return pa.array(seconds, pa.timestamp("s", "UTC")).cast(self.kind)
        unique, back = np.unique(seconds, return_inverse=True)
        local = [datetime.fromtimestamp(int(one), self.zone) for one in unique]
        if pa.types.is_timestamp(self.kind):
            naive = [one.replace(tzinfo=None) for one in local]
            return pa.array(naive, pa.timestamp("s")).cast(self.kind).take(pa.array(back))
        return pa.array([self._text(one) for one in local], pa.string()).take(pa.array(back)).cast(self.kind)

    def _text(self, time: datetime) -> str:
        shown = time if self.aware else time.replace(tzinfo=None)
        text = shown.isoformat(self.separator, self.timespec)
        return text.removesuffix("+00:00") + "Z" if self.zulu else text


def read_times(column: pa.ChunkedArray, zone: tzinfo) -> tuple[Seconds, Form]:
    """Seconds of a column of times, none of them missing; naive ones are in `zone`.

    Raises:
        DataError: when they are no times, or some have an offset and others not.
    """
    kind = column.type
    if pa.types.is_dictionary(kind):
        column, kind = column.cast(kind.value_type), kind.value_type
    if pa.types.is_timestamp(kind):
        return _from_timestamps(column, zone)
    if pa.types.is_string(kind) or pa.types.is_large_string(kind):
        return _from_text(column, zone)
    raise DataError(f"column time holds {kind}, not times; write ISO 8601, such as 2025-01-01T05:00:00+05:30")


def _from_timestamps(column: pa.ChunkedArray, zone: tzinfo) -> tuple[Seconds, Form]:
    kind = column.type
    seconds = column.cast(pa.timestamp("s", kind.tz), safe=False).cast(pa.int64()).to_numpy()
    if kind.tz is not None:
        return seconds, Form(kind, zone, aware=True)
    epoch = datetime(1970, 1, 1)  # noqa: DTZ001 - naive, as the file's times are
    unique, back = np.unique(seconds, return_inverse=True)
    naive = [epoch + timedelta(seconds=int(one)) for one in unique]
    return _seconds([one.replace(tzinfo=zone) for one in naive])[back], Form(kind, zone, aware=False)


def _from_text(column: pa.ChunkedArray, zone: tzinfo) -> tuple[Seconds, Form]:
    encoded = column.combine_chunks().dictionary_encode()
    texts = encoded.dictionary.to_pylist()
    times = [_parsed(text) for text in texts]
    aware = {time.tzinfo is not None for time in times}
    if len(aware) > 1:
        raise DataError("some times have an offset and others not; write all of them alike")
    offsets = {time.utcoffset() for time in times}
    sample, is_aware = texts[0], aware == {True}
    local: tzinfo = zone
    if is_aware and len(offsets) == 1:
        local = UTC if offsets == {timedelta(0)} else timezone(offsets.pop() or timedelta(0))
    form = Form(
        kind=column.type,
        zone=local,
        aware=is_aware,
        separator=sample[10:11] or " ",
        timespec="seconds" if sample.count(":") - (sample[-3:-2] == ":" and is_aware) >= 2 else "minutes",
        zulu=sample.endswith("Z"),
    )
    placed = times if is_aware else [time.replace(tzinfo=zone) for time in times]
    return _seconds(placed)[encoded.indices.to_numpy()], form


def _parsed(text: str) -> datetime:
    try:
        return datetime.fromisoformat(text)
    except ValueError as error:
        raise DataError(f"{text[:40]!r} is no time; write ISO 8601, such as 2025-01-01T05:00:00") from error


def _seconds(times: list[datetime]) -> Seconds:
    try:
        return np.array([int(time.timestamp()) for time in times], dtype=np.int64)
    except (OverflowError, ValueError) as error:
        raise DataError("a time is out of range") from error
