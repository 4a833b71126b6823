"""The state of the service: how fresh the data are, how the sources do."""

import json
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection

from common.store.engine import run
from common.store.reads.hours import HAS_AIR
from common.store.reads.stamp import utc


@dataclass(frozen=True, slots=True)
class ServiceState:
    """How fresh the data are and how the sources do."""

    latest: datetime | None
    """The newest hour of any city; None before the first."""
    cities_current: int
    champions: int
    dataset: str | None
    sources: dict[str, dict[str, Any]]


def service_state(connection: Connection, now: datetime, *, fresh: timedelta) -> ServiceState:
    """The state of the service at `now`; a city is current whose newest index is not older than `fresh`."""
    [(latest, current, champions, dataset, sources)] = run(
        connection,
        f"""
        WITH runs AS (
          SELECT * FROM source_run WHERE started_at > :week_ago AND started_at <= :now
        ), failure AS (
          SELECT source, json_object_agg(reason, number ORDER BY reason) AS by_reason
          FROM (SELECT source, reason, count(*) AS number FROM runs
                WHERE reason IS NOT NULL AND started_at > :day_ago GROUP BY source, reason) AS counted
          GROUP BY source
        ), source AS (
          SELECT source, json_build_object(
              'last_run', {utc("max(finished_at)")},
              'last_success', {utc("max(finished_at) FILTER (WHERE reason IS NULL)")},
              'lag_minutes', CASE WHEN max(latest) > :now THEN 0
                                  ELSE floor(extract(epoch FROM :now - max(latest)) / 60) END,
              'reason', (array_agg(reason ORDER BY started_at DESC))[1],
              'failures_24h', COALESCE(
                (SELECT by_reason FROM failure WHERE failure.source = runs.source), '{{}}')) AS state
          FROM runs GROUP BY source)
        SELECT
          (SELECT time FROM city_hour WHERE time <= :now AND {HAS_AIR} ORDER BY time DESC LIMIT 1),
          (SELECT count(DISTINCT city) FROM city_hour
           WHERE time >= :fresh_from AND time <= :now AND aqi IS NOT NULL),
          (SELECT count(*) FROM model WHERE status = 'champion' AND mode = 'live'),
          (SELECT value FROM meta WHERE key = 'dataset'),
          (SELECT COALESCE(json_object_agg(source, state ORDER BY source), '{{}}')::text FROM source)
        """,
        now=now,
        fresh_from=now - fresh,
        day_ago=now - timedelta(days=1),
        week_ago=now - timedelta(days=7),
    )
    return ServiceState(latest, current, champions, dataset, json.loads(sources))
