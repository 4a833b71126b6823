"""A city's past: which hours or days it covers, and the body of the answer.

A long one is sent in pieces, as they are read. Nothing long is held in memory: each piece is a statement of its own,
and between two of them no connection to the database is kept, however slowly a client reads. Where a piece fails, the
answer breaks off in a way that no client takes for its end.
"""

from collections.abc import Iterable, Iterator
from datetime import UTC, date, datetime, time, timedelta
from itertools import chain
from typing import Any, NamedTuple

import msgspec

from common.api.downloads import csv_lines, file_of
from common.api.middleware.request_context import logger
from common.api.schemas.aqi import DAYS_MOST, HistoryQuery
from common.api.schemas.files import Format
from common.api.serialize_cities import days_json, hours_json
from common.domain.cities import City
from common.domain.errors import DataError, Fault, StoreError
from common.domain.observation import HOUR, IST, POLLUTANTS, last_full_hour
from common.store.engine import Database
from common.store.replica import ReadReplica
from common.tables.downloads import DAYS, HOURS, Download

EARLIEST = datetime(2000, 1, 1, tzinfo=UTC)
_SINCE = "a time from 2000-01-01T00:00:00Z on"
_ALONE = "only one of hours, days and start"
_DAY = timedelta(days=1)
_INSTANT = timedelta(microseconds=1)


class TimeRange(NamedTuple):
    """What ends after `start` and by `end`."""

    start: datetime
    end: datetime

    @property
    def hours(self) -> int:
        """How many Indian hours end in it."""
        return (last_full_hour(self.end) - last_full_hour(self.start)) // HOUR

    @property
    def days(self) -> tuple[date, date]:
        """The first and the last Indian day that it touches; midnight belongs to the day that it ends."""
        return self.start.astimezone(IST).date(), (self.end - _INSTANT).astimezone(IST).date()


def wrong(sentence: str, **given: tuple[object, str]) -> DataError:
    """What to raise; `given`: parameter → (what was given, what is allowed). One that was not given is no fault."""
    return DataError(
        sentence,
        faults=tuple(
            Fault(
                "parameter", name, value.isoformat() if isinstance(value, datetime) else str(value), allowed
            )
            for name, (value, allowed) in given.items()
            if value is not None
        ),
    )


def moment(as_of: datetime | None, now: datetime) -> datetime | None:
    """The time as of which to answer, in UTC; None for now.

    Raises:
        DataError: when it lies in the future or before there can be data.
    """
    if as_of is None:
        return None
    if as_of > now:
        present = f"{now.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"
        raise wrong(
            f"as_of must not be in the future; it is {present} now", as_of=(as_of, f"a time up to {present}")
        )
    if as_of < EARLIEST:
        raise wrong("as_of must not be before 2000-01-01T00:00:00Z", as_of=(as_of, _SINCE))
    return as_of.astimezone(UTC)


def window(query: HistoryQuery, now: datetime) -> TimeRange:
    """The window of a history; it never reaches beyond `now`, and ends with the last full hour unless `end` is given,
    so that all clients get the same answer within an hour.

    Raises:
        DataError: when the parameters contradict each other or ask for too much at once.
    """
    if sum(given is not None for given in (query.hours, query.days, query.start)) > 1:
        raise wrong(
            "give only one of hours, days and start",
            hours=(query.hours, _ALONE),
            days=(query.days, _ALONE),
            start=(query.start, _ALONE),
        )
    end = now if query.end is None else query.end
    if end <= EARLIEST:
        raise wrong("end must be after 2000-01-01T00:00:00Z", end=(query.end, _SINCE))
    end = (end if end < now else last_full_hour(now)).astimezone(UTC)
    start = _start(query, end)
    if start >= end:
        raise wrong(
            "start must be before end, and in the past",
            start=(query.start, f"a time before {end.isoformat()}"),
        )
    if end - start > timedelta(days=DAYS_MOST):
        least = (end - timedelta(days=DAYS_MOST)).isoformat()
        raise wrong(
            f"at most {DAYS_MOST} days at once; ask for a shorter time",
            start=(query.start, f"a time from {least}"),
        )
    return TimeRange(start, end)


def _start(query: HistoryQuery, end: datetime) -> datetime:
    if query.start is not None:
        if query.start < EARLIEST:
            raise wrong("start must not be before 2000-01-01T00:00:00Z", start=(query.start, _SINCE))
        return query.start.astimezone(UTC)
    if query.hours is not None:
        return end - query.hours * HOUR
    if query.interval == "hour":
        return end - (1 if query.days is None else query.days) * _DAY
    last = (end - _INSTANT).astimezone(IST).date()
    first = last - ((30 if query.days is None else query.days) - 1) * _DAY
    return datetime.combine(first, time(), IST).astimezone(UTC)


Piece = tuple[int, bytes]
"""(number of points, JSON array of them)."""
Head = dict[str, Any]
"""All of an answer but its points and their number: see `common.api.schemas.aqi.HourHistory`."""

_HOURS = timedelta(days=31)
_DAYS = timedelta(days=366)
"""Longest piece of hours, and of days; days as they were known at a time are made of their hours, so `_HOURS`."""
BUFFERED_MOST = 12_000
"""Points of an answer that a function in a cloud must hold whole: Lambda takes 6 MB, and a point may take 350 B."""

_MARKS = ("city", "standard", "simulated")
"""Columns that are the same in all rows; then come those of a point, then its pollutants."""


class Past(msgspec.Struct, frozen=True):
    """What is asked for."""

    database: Database | ReadReplica
    city: City
    query: HistoryQuery
    range: TimeRange
    as_of: datetime | None

    @property
    def expected(self) -> int:
        """How many points there are if nothing is missing."""
        first, last = self.range.days
        return self.range.hours if self.query.interval == "hour" else (last - first).days + 1

    def refuse_buffering(self) -> None:
        """Let nobody ask for more than can be held whole.

        Raises:
            DataError: when it is more.
        """
        if self.expected > BUFFERED_MOST:
            days = BUFFERED_MOST // 24 if self.query.interval == "hour" else BUFFERED_MOST
            sentence = (
                f"at most {days} days at once with interval={self.query.interval} here; ask for them part by part, "
                "each from the end of the one before: start and end"
            )
            given = f"{self.expected} {self.query.interval}s"
            raise DataError(sentence, faults=(Fault("parameter", "start", given, f"at most {days} days"),))

    def pieces(self) -> Iterator[Piece]:
        """The points, oldest first; each piece is asked for when it is wanted.

        Raises:
            StoreError: when the database does not answer.
        """
        return self._hours() if self.query.interval == "hour" else self._days()

    def _hours(self) -> Iterator[Piece]:
        start, end = self.range
        while start < end:
            until = min(start + _HOURS, end)
            with self.database.reading() as connection:
                piece = hours_json(
                    connection, self.city.name, self.query.standard, start, until, as_of=self.as_of
                )
            yield piece
            start = until

    def _days(self) -> Iterator[Piece]:
        first, last = self.range.days
        length = _DAYS if self.as_of is None else _HOURS
        while first <= last:
            until: date = min(first + length - timedelta(days=1), last)
            with self.database.reading() as connection:
                piece = days_json(
                    connection,
                    self.city.name,
                    self.query.standard,
                    first=first,
                    last=until,
                    as_of=self.as_of,
                )
            yield piece
            first = until + timedelta(days=1)


def table_of(interval: str) -> Download:
    """The columns of a history as a file."""
    return HOURS if interval == "hour" else DAYS


def body(past: Past, head: Head, format_: Format) -> bytes | Iterator[bytes]:
    """The body of the answer. Only JSON and CSV are sent in pieces: the others end with what says where all is.

    Raises:
        StoreError: when the database does not answer.
    """
    pieces = past.pieces()
    if format_ in ("parquet", "xlsx"):
        table = table_of(past.query.interval)
        marks = [head[name] for name in _MARKS]
        return file_of(table, (row for _, points in pieces for row in _rows(table, marks, points)), format_)
    first, second = next(pieces), next(pieces, None)
    if second is None:
        return b"".join(_csv(head, [first])) if format_ == "csv" else _json(head, first)
    parts = _csv if format_ == "csv" else _json_parts
    return _unbroken(parts(head, chain([first, second], pieces)))


def _json(head: Head, piece: Piece) -> bytes:
    return msgspec.json.encode(head | {"count": piece[0], "points": msgspec.Raw(piece[1])})


def _json_parts(head: Head, pieces: Iterable[Piece]) -> Iterator[bytes]:
    """As `_json`, but that the number of points stands behind them."""
    yield msgspec.json.encode(head).replace(b'"count":0,', b"", 1).removesuffix(b"]}")
    total = 0
    for count, points in pieces:
        if count:
            yield (b"," if total else b"") + points[1:-1]
        total += count
    yield f'],"count":{total}}}'.encode()


def _csv(head: Head, pieces: Iterable[Piece]) -> Iterator[bytes]:
    table = table_of(head["interval"])
    marks = [head["city"], head["standard"], str(head["simulated"]).lower()]
    yield csv_lines([table.names])
    for _, points in pieces:
        yield csv_lines(_rows(table, marks, points))


def _unbroken(parts: Iterator[bytes]) -> Iterator[bytes]:
    """The parts; an error is written to the log and goes on to the server, which then closes the connection."""
    try:
        yield from parts
    except StoreError as error:
        logger().error("a history broke off", reason=str(error))
        raise


def _rows(table: Download, marks: list[Any], points: bytes) -> Iterator[list[Any]]:
    """The rows of a JSON array of points of the history; what is not known is None."""
    columns = table.names[len(_MARKS) : -len(POLLUTANTS)]
    listed: list[dict[str, Any]] = msgspec.json.decode(points)
    for point in listed:
        concentrations = point["pollutants"]
        yield [
            *marks,
            *(_cell(point[column]) for column in columns),
            *(concentrations.get(name) for name in POLLUTANTS),
        ]


def _cell(value: Any) -> Any:
    """What a cell can hold; several flags stand beside each other."""
    return " ".join(value) if isinstance(value, list) else value
