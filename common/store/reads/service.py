"""The state of the service: how fresh the data are, how the sources do."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from common.store.daily_aggregates import WITH_AIR
from common.store.data_version import NEWEST_HOUR
from common.store.engine import run
from common.store.reads.stamp import utc

if TYPE_CHECKING:
    from common.store.engine import Connection


@dataclass(frozen=True, slots=True)
class ServiceState:
    """How fresh the data are and how the sources do."""

    latest: datetime | None
    """The newest hour of any city; None before the first."""
    cities_current: int
    champions: int
    trained_at: datetime | None
    """When the newest of the champions was trained."""
    waiting: int
    """Messages of the queue in PostgreSQL that are due, or have been handed out."""
    oldest_due: datetime | None
    """When the first of them that nobody has taken was due."""
    dead: int
    """Messages that failed for good in the last 24 hours."""
    connections: int
    """To the database, of whomever."""
    most_connections: int
    dataset: str | None
    sources: dict[str, dict[str, Any]]
    """Source → how its runs of the last 7 days went: see `common.api.schemas.system.SourceState`."""


def service_state(connection: Connection, now: datetime, *, fresh: timedelta) -> ServiceState:
    """The state of the service at `now`; a city is current whose newest index is not older than `fresh`."""
    [(*found, sources)] = run(
        connection,
        f"""
        WITH runs AS (
          SELECT * FROM source_run
          WHERE (started_at > :week_ago OR rests_until > :now) AND started_at <= :now
        ), failure AS (
          SELECT source, json_object_agg(reason, number ORDER BY reason COLLATE "C") AS by_reason
          FROM (SELECT source, reason, count(*) AS number FROM runs
                WHERE reason IS NOT NULL AND started_at > :day_ago GROUP BY source, reason) AS counted
          GROUP BY source
        ), latest AS (
          SELECT DISTINCT ON (source) source, reason, CASE WHEN rests_until > :now THEN rests_until END AS rests_until
          FROM runs ORDER BY source, started_at DESC
        ), source AS (
          SELECT source, json_build_object(
              'state', CASE WHEN latest.rests_until IS NOT NULL THEN 'resting'
                            WHEN latest.reason IS NOT NULL THEN 'failing' ELSE 'ok' END,
              'resting_until', {utc("latest.rests_until")},
              'last_run', {utc("max(finished_at)")},
              'last_success', {utc("max(finished_at) FILTER (WHERE runs.reason IS NULL)")},
              'lag_minutes', CASE WHEN max(latest) > :now THEN 0
                                  ELSE floor(extract(epoch FROM :now - max(latest)) / 60) END,
              'reason', latest.reason,
              'failures_24h', COALESCE(
                (SELECT by_reason FROM failure WHERE failure.source = runs.source), '{{}}')) AS state
          FROM runs JOIN latest USING (source) GROUP BY source, latest.reason, latest.rests_until)
        SELECT
          ({NEWEST_HOUR}),
          (SELECT count(DISTINCT city) FROM city_hour
           WHERE time >= :fresh_from AND time <= :now AND aqi IS NOT NULL),
          champion.number, champion.trained_at, job.*,
          COALESCE((SELECT numbackends FROM pg_stat_database WHERE datname = current_database()), 1),
          CAST(current_setting('max_connections') AS int),
          (SELECT value FROM meta WHERE key = 'dataset'),
          (SELECT COALESCE(json_object_agg(source, state ORDER BY source COLLATE "C"), '{{}}')::text FROM source)
        FROM (SELECT count(*) AS number, max(trained_at) AS trained_at FROM model
              WHERE status = 'champion' AND mode = 'live') AS champion,
             (SELECT count(*) FILTER (WHERE state = 'running' OR state = 'queued' AND available_at <= :now),
                     min(available_at) FILTER (WHERE state = 'queued' AND available_at <= :now),
                     count(*) FILTER (WHERE state = 'dead' AND finished_at > :day_ago)
              FROM job WHERE state IN ('queued', 'running', 'dead')) AS job
        """,
        now=now,
        fresh_from=now - fresh,
        day_ago=now - timedelta(days=1),
        week_ago=now - timedelta(days=7),
    )
    latest, *others = found
    if latest is None:  # not at once: to plan this over the compressed chunks of years takes 40 ms
        sql = f"SELECT time FROM city_hour WHERE time <= :now AND {WITH_AIR} ORDER BY time DESC LIMIT 1"
        latest = next((row[0] for row in run(connection, sql, now=now)), None)
    return ServiceState(*(latest, *others, json.loads(sources)))
