"""Which cities are due for training, and which trainings were planned."""

from __future__ import annotations

from collections import defaultdict
from datetime import UTC, timedelta
from typing import TYPE_CHECKING

from sqlalchemy import delete, func, select
from sqlalchemy.dialects.postgresql import insert

from common.domain.forecast import NAIVE, Mode
from common.domain.training_schedule import LATELY, LIVE, CityState, LiveRecord, why_train
from common.store.engine import run
from common.store.schema import model, training_plan

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from datetime import datetime

    from common.store.engine import Connection

_PLANS_KEPT = timedelta(days=30)
_LATELY = "CAST(:now AS timestamptz) - interval"


def _naive_mae(name: str) -> str:
    """SQL: null, which LEAST passes over, where some of the forecasts were issued without that naive forecast."""
    return f"CASE WHEN count({name}[lead]) = count(*) THEN avg(abs({name}[lead] - actual[lead])) END"


_STATES = """
WITH trained AS (
  SELECT city, max(window_end) AS until FROM model
  WHERE mode = :mode AND trained_at <= :now GROUP BY city
), served AS (
  SELECT city, min(window_end) AS until FROM model
  WHERE mode = :mode AND status = 'champion' AND trained_at <= :now GROUP BY city
), fresh AS (
  SELECT city, count(*) AS hours FROM city_hour
  WHERE time > :lately AND time <= :now AND COALESCE(aqi, pm25) IS NOT NULL AND basis IS NOT NULL
  GROUP BY city
)
SELECT city, fresh.hours, trained.until, served.until
FROM fresh LEFT JOIN trained USING (city) LEFT JOIN served USING (city) ORDER BY city
"""
_LIVE = f"""
SELECT city, count(*), avg((y[lead] - actual[lead]) ^ 2) / NULLIF(var_pop(actual[lead]), 0),
       avg(abs(y[lead] - actual[lead])), LEAST({", ".join(map(_naive_mae, NAIVE))})
FROM forecast JOIN forecast_truth USING (city, target, mode, origin), generate_series(1, 48) AS lead
WHERE mode = :mode AND origin > :since AND origin <= :now
  AND actual[lead] IS NOT NULL AND origin + lead * interval '1 hour' <= :now
GROUP BY city, target
"""


def due_for_training(connection: Connection, *, now: datetime, mode: Mode = "live") -> dict[str, str]:
    """City → why it should be trained now, by the rule of `common.domain.training_schedule`."""
    live: dict[str, list[LiveRecord]] = defaultdict(list)
    for city, *values in run(connection, _LIVE, now=now, mode=mode, since=now - LIVE):
        live[city].append(LiveRecord(*values))
    states = run(connection, _STATES, now=now, mode=mode, lately=now - LATELY)
    reasons = {
        city: why_train(CityState(new_hours, trained, served, tuple(live[city])), now)
        for city, new_hours, trained, served in states
    }
    return {city: reason for city, reason in reasons.items() if reason is not None}


def not_due(connection: Connection, cities: Iterable[str], *, now: datetime) -> dict[str, str]:
    """Those of the cities that were trained before and are not due → when that was, and what has come in since."""
    asked = list(cities)
    due = due_for_training(connection, now=now)
    rows = run(
        connection,
        """
        SELECT city, until, (SELECT count(*) FROM city_hour WHERE city_hour.city = trained.city AND time > until
                               AND time <= :now AND COALESCE(aqi, pm25) IS NOT NULL)
        FROM (SELECT city, max(window_end) AS until FROM model
              WHERE mode = 'live' AND trained_at <= :now AND city = ANY(:cities) GROUP BY city) AS trained
        ORDER BY city
        """,
        cities=asked,
        now=now,
    )
    return {
        city: f"not due: trained on what was known at {until:%Y-%m-%d %H:%M} UTC, {new} hours since"
        for city, until, new in rows
        if city not in due
    }


def plan_trainings(connection: Connection, due: Mapping[str, str], mode: Mode, *, now: datetime) -> list[str]:
    """Note that these cities are to be trained on this UTC day; those that were not planned for it yet."""
    run(connection, delete(training_plan).where(training_plan.c.planned_at < now - _PLANS_KEPT))
    if not due:
        return []
    day = now.astimezone(UTC).date()
    new = insert(training_plan).values(
        [
            {"city": city, "mode": mode, "day": day, "reason": reason, "planned_at": now}
            for city, reason in due.items()
        ]
    )
    rows = run(connection, new.on_conflict_do_nothing().returning(training_plan.c.city))
    return sorted(city for (city,) in rows)


def latest_training(connection: Connection, mode: Mode) -> dict[str, datetime]:
    """City → when it was last trained."""
    latest = select(model.c.city, func.max(model.c.trained_at)).where(model.c.mode == mode)
    return dict(map(tuple, run(connection, latest.group_by(model.c.city))))


def planned_in_vain(connection: Connection, *, now: datetime) -> dict[str, str]:
    """City → since when it was to be trained, of those planned live more than 20 hours ago and not trained since."""
    rows = run(
        connection,
        f"""
        SELECT city, min(planned_at), min(reason) FROM training_plan AS plan
        WHERE mode = 'live' AND planned_at < {_LATELY} '20 hours' AND planned_at > {_LATELY} '4 days'
          AND NOT EXISTS (SELECT FROM model WHERE model.city = plan.city AND model.mode = 'live'
                          AND model.trained_at >= plan.planned_at)
        GROUP BY city ORDER BY city
        """,
        now=now,
    )
    return {
        city: f"due since {planned:%Y-%m-%d %H:%M} UTC ({reason}), and not trained since"
        for city, planned, reason in rows
    }
