"""Rows on their way into the archive and back, by COPY: text of PostgreSQL's CSV, a city and a span of time at once.

COPY takes no parameters. What is asked for is bound to settings of the transaction, which its query reads.
"""

from __future__ import annotations

from dataclasses import dataclass
from io import BytesIO
from typing import TYPE_CHECKING, Any

from common.domain.observation import POLLUTANTS, WEATHER
from common.store.engine import run

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence
    from datetime import datetime

    from common.store.engine import Connection

_VALUES = (*POLLUTANTS, *WEATHER)
_ARRAYS = ("y", "lo80", "hi80", "lo95", "hi95", "categories", "persistence", "daily", "mean24", "weekly")
_KEY = ("city", "origin", "target", "mode")


@dataclass(frozen=True, slots=True)
class _Stored:
    """How a table of the archive lies in the database."""

    table: str
    columns: tuple[tuple[str, str], ...]
    """(name, SQL that reads it)"""
    time: str
    key: tuple[str, ...]
    changed: str
    """SQL of the time when a row last changed"""
    source: str = "NULL::text"
    joined: str = ""
    arrays: tuple[str, ...] = ()


def _time(name: str) -> tuple[str, str]:
    return name, f"{name} AT TIME ZONE 'UTC'"


def _plain(*names: str) -> tuple[tuple[str, str], ...]:
    return tuple((name, name) for name in names)


_STORED = {
    "observations": _Stored(
        "city_hour",
        (
            *_plain("city"), _time("time"), *_plain("source", "basis", "stations", *_VALUES),
            *_plain("aqi", "dominant", "aqi_us", "dominant_us"), ("flags", "array_to_string(flags, ' ')"),
            ("detail", "detail::text"), _time("computed_at"),
        ),
        "time",
        ("city", "time"),
        "computed_at",
        source="source",
    ),
    "models": _Stored(
        "model",
        (
            *_plain("city", "target", "mode", "version", "family", "status", "reason"), _time("trained_at"),
            _time("window_start"), _time("window_end"), *_plain("samples", "features_hash", "checksum"),
            ("metrics", "metrics::text"), _time("promoted_at"),
        ),
        "trained_at",
        ("trained_at", "version"),
        "greatest(trained_at, promoted_at)",
    ),
    "forecasts": _Stored(
        "forecast",
        (
            *_plain("city", "target", "mode"), _time("origin"), _time("issued_at"), _time("known_until"),
            *_plain("model_version", "family", "inputs_hash", "basis", "source", *_ARRAYS),
        ),
        "origin",
        _KEY,
        "issued_at",
        source="source",
        arrays=_ARRAYS,
    ),
    "scores": _Stored(
        "forecast_truth",
        (
            *_plain("city", "target", "mode"), _time("origin"), _time("scored_at"),
            *_plain("actual", "y", "lo80", "hi80", "lo95", "hi95"),
        ),
        "origin",
        _KEY,
        "scored_at",
        source="source",
        joined="JOIN forecast USING (city, target, mode, origin)",
        arrays=("actual", "y", "lo80", "hi80", "lo95", "hi95"),
    ),
}  # fmt: skip

ARRAYS = {name: stored.arrays for name, stored in _STORED.items()}
"""Table of the archive → the columns of what `copy_out` gives that hold 48 values, or 48 × 6 of them."""


@dataclass(frozen=True, slots=True)
class Part:
    """One city's rows of one year (UTC)."""

    city: str
    year: int
    rows: int
    """As stored: a forecast of 48 hours is one"""
    changed_at: datetime


def parts(
    connection: Connection,
    table: str,
    *,
    cities: Collection[str],
    start: datetime,
    end: datetime,
    without: Collection[str],
) -> list[Part]:
    """What there is of a table of the archive, with time in [start, end), sorted.

    `without`: sources whose rows are left out.
    """
    of = _STORED[table]
    listed = run(
        connection,
        f"SELECT city, CAST(extract(year FROM {of.time} AT TIME ZONE 'UTC') AS integer), count(*), "
        f"max({of.changed}) FROM {of.table} {of.joined} "
        f"WHERE city = ANY(:cities) AND {of.time} >= :start AND {of.time} < :end "
        f"AND NOT coalesce(string_to_array({of.source}, '+') && CAST(:without AS text[]), false) "
        "GROUP BY 1, 2 ORDER BY 1, 2",
        cities=list(cities),
        start=start,
        end=end,
        without=list(without),
    )
    return [Part(*row) for row in listed]


def copy_out(
    connection: Connection, table: str, city: str, start: datetime, end: datetime, without: Collection[str]
) -> BytesIO:
    """A city's rows with time in [start, end), by key: CSV with a heading, null empty, times in UTC without zone.

    To be used in a transaction.
    """
    of = _STORED[table]
    _bind(connection, city=city, start=start.isoformat(), end=end.isoformat(), without=",".join(without))
    columns = ", ".join(f"{sql} AS {name}" for name, sql in of.columns)
    order = ", ".join(of.key)
    query = (
        f"SELECT {columns} FROM {of.table} {of.joined} WHERE city = current_setting('vayu.city') "
        f"AND {of.time} >= current_setting('vayu.start')::timestamptz "
        f"AND {of.time} < current_setting('vayu.end')::timestamptz AND NOT coalesce("
        f"string_to_array({of.source}, '+') && string_to_array(current_setting('vayu.without'), ','), false) "
        f"ORDER BY {order}"
    )
    received = BytesIO()
    _copy(connection, f"COPY ({query}) TO STDOUT (FORMAT csv, HEADER)", received)
    received.seek(0)
    return received


def copy_in(connection: Connection, table: str, columns: Sequence[str], rows: BytesIO) -> int:
    """Insert rows that are not there yet; how many. `rows`: CSV with a heading, null empty, arrays as PostgreSQL's.

    To be used in a transaction.
    """
    of = _STORED[table]
    names = ", ".join(columns)
    run(connection, "DROP TABLE IF EXISTS pg_temp.incoming")
    run(
        connection,
        f"CREATE TEMPORARY TABLE incoming ON COMMIT DROP AS SELECT {names} FROM {of.table} WITH NO DATA",
    )
    _copy(connection, f"COPY incoming ({names}) FROM STDIN (FORMAT csv, HEADER)", rows)
    statement = f"INSERT INTO {of.table} ({names}) SELECT {names} FROM incoming ON CONFLICT DO NOTHING"
    return connection.exec_driver_sql(statement).rowcount


def _bind(connection: Connection, **values: str) -> None:
    for name, value in values.items():
        run(connection, "SELECT set_config(:name, :value, true)", name=f"vayu.{name}", value=value)


def _copy(connection: Connection, statement: str, stream: BytesIO) -> None:
    driver: Any = connection.connection.dbapi_connection
    driver.cursor().execute(statement, stream=stream)
