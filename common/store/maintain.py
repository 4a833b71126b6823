"""Upkeep: daily means, old rows dropped, statistics refreshed. Safe to run twice, and twice at once.

Each step is a transaction of its own and may be cut off anywhere: the next upkeep goes on. Raw rows are dropped by
age alone, since readings and the city-hours made of them are kept in one transaction, and city-hours stay. What is
rolled up again is what is marked: no clock decides it, and a correction of years ago counts at once, since a
day that is marked is read from its hours.
"""

from __future__ import annotations

import json
from collections import defaultdict
from contextlib import closing
from datetime import date, datetime, time, timedelta
from typing import TYPE_CHECKING, Any

from aws_lambda_powertools import Logger
from sqlalchemy import delete, func, literal, select

from common.domain.errors import StoreError
from common.domain.messages import EXPORT
from common.domain.observation import IST
from common.store import schema, sql
from common.store.city_hours import lock_city
from common.store.daily_aggregates import AGGREGATES, DAY, VALUES, WITH_AIR
from common.store.engine import Database, run
from common.store.errors import sqlstate
from common.store.events import PUSHES_KEPT, drop_old_events
from common.store.experts import drop_old_experts
from common.store.facts import fact, set_fact
from common.store.forecast_inputs import INPUTS_KEPT
from common.store.outbox import UNSENT_KEPT
from common.store.provider_forecasts import WEATHER_KEPT
from common.store.slo import DELAYS_KEPT
from common.store.tiers import RAW, chunked, keeps_days, offer, recorded
from common.store.timescale import SETTLED_DAYS, retention

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy import Column, ColumnElement

    from common.store.engine import Connection

log = Logger(service="vayu", child=True)

_LOCK = 0x726F6C6C  # "roll"
_MISSING = sql.load("city_days_missing", day=DAY, with_air=WITH_AIR)
_ROLL_UP = sql.load(
    "roll_up_city_days",
    columns=", ".join(VALUES),
    day=DAY,
    aggregates=AGGREGATES,
    with_air=WITH_AIR,
    assignments=", ".join(f"{name} = excluded.{name}" for name in VALUES),
)
_AT_ONCE = timedelta(days=92)
"""Days that lie within this are rolled up by one statement, which looks at that part of the table only."""

_AGE: tuple[tuple[Column[datetime], timedelta | None], ...] = (
    (schema.reading.c.time, None),
    (schema.reading_revision.c.time, None),
    (schema.source_run.c.started_at, None),
    (schema.source_usage.c.until, timedelta(days=40)),
    (schema.forecast_inputs.c.origin, INPUTS_KEPT),
    (schema.event_push.c.pushed_at, PUSHES_KEPT),
    (schema.pipeline_delay.c.hour, DELAYS_KEPT),
)
"""Columns by which tables age, and after how long rows go; None: after the raw retention.

Quotas reach back a month, so that calls are counted for longer. What says that a day was asked of a source
(`backfilled`) stays: readings that were dropped since are no reason to ask again.
"""
_AT_IT = "55P03"
"""What the server says where another refresh is under way, its own or that of another upkeep."""
_DONE_JOBS_KEPT = timedelta(days=7)


def maintain(database: Database, *, now: datetime, retain_raw_days: int) -> dict[str, object]:
    """Roll up the Indian days that changed, then drop raw rows older than `retain_raw_days`.

    City-hours, what they said before, daily means and the record are kept: a day once rolled up stays when its
    readings are gone. The result has ``days``, how many were rolled up, or None where the server does that by
    itself; ``dropped``, rows by table, without those that went with a whole chunk; ``chunks``, how many did; and
    ``failing``, what the server's own jobs complain of.
    """
    oldest = now - timedelta(days=retain_raw_days)
    with closing(database.patient()) as patient:
        _keep_for(patient, retain_raw_days)
        days = _roll_up(patient, now)
        chunks = _drop_chunks(patient, oldest)
        dropped = _drop_rows(patient, now, oldest)
        with patient.transaction() as connection:
            failing = _failing(connection)
            set_fact(connection, "maintained_at", now.isoformat())
    _alone(database, "ANALYZE")
    for complaint in failing:
        log.error("the server's own upkeep fails", job=complaint)
    return {"days": days, "dropped": dropped, "chunks": chunks, "failing": failing}


def last_upkeep(connection: Connection) -> datetime | None:
    """When `maintain` last went through; None where it never did."""
    value = fact(connection, "maintained_at")
    return None if value is None else datetime.fromisoformat(value)


def _keep_for(database: Database, retain_raw_days: int) -> None:
    """Let the server not drop by itself what is to be kept longer since the last migration."""
    with database.transaction() as connection:
        _one_at_a_time(connection)
        if recorded(connection) == "community":
            for feature in retention(RAW, retain_raw_days):
                offer(connection, feature)


def _roll_up(database: Database, now: datetime) -> int | None:
    with database.transaction() as connection:
        by_server = keeps_days(connection)
        changed = run(connection, "SELECT city, day, CAST(changed_by AS text) FROM city_day_stale")
    if by_server:
        if _refreshed(database, now):
            _forget_marks(database, changed)
        return None
    due: dict[str, set[date]] = defaultdict(set)
    for city, day, _ in changed:
        due[city].add(day)
    with database.transaction() as connection:
        for city, days in run(connection, _MISSING):
            due[city] |= set(map(date.fromisoformat, json.loads(days)))
    return sum(_roll_up_city(database, city, days, now) for city, days in sorted(due.items()))


def _roll_up_city(database: Database, city: str, days: set[date], now: datetime) -> int:
    rolled = 0
    with database.transaction() as connection:
        lock_city(connection, city)  # an hour that changes meanwhile would neither be counted nor marked
        marked = run(connection, "DELETE FROM city_day_stale WHERE city = :city RETURNING day", city=city)
        due = sorted(days.union(day for (day,) in marked))
        while due:
            part = [day for day in due if day - due[0] < _AT_ONCE]
            due = due[len(part) :]
            [(number,)] = run(
                connection,
                _ROLL_UP,
                city=city,
                now=now,
                days=json.dumps([day.isoformat() for day in part]),
                start=datetime.combine(part[0], time.min, IST),
                end=datetime.combine(part[-1] + timedelta(days=1), time.min, IST),
            )
            rolled += number
    return rolled


def _refreshed(database: Database, now: datetime) -> bool:
    """Have the server bring its daily means up to date; False where another refresh is under way."""
    settled = now - timedelta(days=SETTLED_DAYS)
    try:
        _alone(
            database,
            "CALL refresh_continuous_aggregate('city_daily', NULL, CAST(:settled AS timestamptz))",
            settled=settled,
        )
    except StoreError as error:
        if sqlstate(error) == _AT_IT:
            return False
        raise
    return True


def _forget_marks(database: Database, changed: Sequence[Any]) -> None:
    """Forget that days have changed, but for those that have changed again since `changed` was read."""
    marks = [{"city": city, "day": day.isoformat(), "changed_by": by} for city, day, by in changed]
    with database.transaction() as connection:
        run(
            connection,
            """
            DELETE FROM city_day_stale AS mark
            USING jsonb_to_recordset(CAST(:marks AS jsonb)) AS seen(city text, day date, changed_by text)
            WHERE (mark.city, mark.day, CAST(mark.changed_by AS text)) = (seen.city, seen.day, seen.changed_by)
            """,
            marks=json.dumps(marks),
        )


def _drop_chunks(database: Database, oldest: datetime) -> int:
    """Drop the chunks that are wholly older; their rows would be deleted one by one otherwise."""
    dropped = 0
    for table in RAW:
        with database.transaction() as connection:
            _one_at_a_time(connection)
            if chunked(connection):
                dropped += len(
                    run(
                        connection,
                        f"SELECT drop_chunks('{table}', older_than => CAST(:oldest AS timestamptz))",
                        oldest=oldest,
                    )
                )
    return dropped


def _drop_rows(database: Database, now: datetime, oldest: datetime) -> dict[str, int]:
    dropped: dict[str, int] = {}
    for column, age in _AGE:
        with database.transaction() as connection:
            dropped[column.table.name] = _drop(connection, column, oldest if age is None else now - age)
    with database.transaction() as connection:
        # Forecasts of the air are scored by now; models still learn from those of the weather.
        edges = {"air": oldest, "weather": min(oldest, now - WEATHER_KEPT)}
        received = schema.provider_forecast.c
        dropped["provider_forecast"] = sum(
            _drop(connection, received.received_at, edge, received.kind == kind)
            for kind, edge in edges.items()
        )
        dropped["forecast_expert"] = drop_old_experts(connection, now=now)
        over = schema.job.c.state == "dead"  # an export that nobody can have any more is no fault to be cured
        done = (schema.job.c.state == "done") | (over & (schema.job.c.type == EXPORT))
        dropped["job"] = _drop(connection, schema.job.c.finished_at, now - _DONE_JOBS_KEPT, done)
        dropped["event"] = drop_old_events(connection, now=now)
        unsent = _drop(connection, schema.outbox.c.created_at, now - UNSENT_KEPT)
    if unsent:
        log.warning("messages given up that nobody took", extra={"messages": unsent})
    return dropped


def _drop(
    connection: Connection, column: Column[datetime], edge: datetime, *conditions: ColumnElement[bool]
) -> int:
    """Delete the rows whose `column` is before the edge; how many."""
    gone = delete(column.table).where(column < edge, *conditions).returning(literal(1)).cte()
    [(count,)] = run(connection, select(func.count()).select_from(gone))
    return int(count)


def _failing(connection: Connection) -> list[str]:
    """What the server's own jobs on our tables complain of, where it has any."""
    if recorded(connection) != "community":
        return []
    rows = run(connection, sql.load("failing_server_jobs"))
    return [line for (line,) in rows]


def _one_at_a_time(connection: Connection) -> None:
    run(connection, select(func.pg_advisory_xact_lock(_LOCK)))


def _alone(database: Database, statement: str, **params: object) -> None:
    """Run a statement that makes transactions of its own."""
    with closing(database.patient()) as fresh, fresh.statements() as connection:
        run(connection, statement, **params)
