"""Which cities are due for training, and which trainings were planned."""

from __future__ import annotations

from collections import defaultdict
from datetime import UTC, timedelta
from typing import TYPE_CHECKING

from sqlalchemy import delete, exists, func, select
from sqlalchemy.dialects.postgresql import insert

from common.domain.forecast import NAIVE, Mode
from common.domain.training_schedule import LATELY, LIVE, CityState, LiveRecord, why_train
from common.store import sql
from common.store.engine import run
from common.store.schema import model, training_plan

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from datetime import datetime

    from common.store.engine import Connection

_PLANS_KEPT = timedelta(days=30)
LONGEST_WAIT = timedelta(hours=20)
"""A city that was to be trained so long ago and was not is a trouble,"""
FORGOTTEN = timedelta(days=4)
"""until so long ago: then it has been planned again, or has no data any more."""


def _naive_mae(name: str) -> str:
    """SQL: null, which LEAST passes over, where some of the forecasts were issued without that naive forecast."""
    return f"CASE WHEN count({name}[lead]) = count(*) THEN avg(abs({name}[lead] - actual[lead])) END"


_LIVE = sql.load("live_records", naive_maes=", ".join(map(_naive_mae, NAIVE)))


def due_for_training(connection: Connection, *, now: datetime, mode: Mode = "live") -> dict[str, str]:
    """City → why it should be trained now, by the rule of `common.domain.training_schedule`."""
    live: dict[str, list[LiveRecord]] = defaultdict(list)
    for city, *values in run(connection, _LIVE, now=now, mode=mode, since=now - LIVE):
        live[city].append(LiveRecord(*values))
    states = run(connection, sql.load("training_states"), now=now, mode=mode, lately=now - LATELY)
    reasons = {
        city: why_train(CityState(new_hours, trained, served, tuple(live[city])), now)
        for city, new_hours, trained, served in states
    }
    return {city: reason for city, reason in reasons.items() if reason is not None}


def not_due(connection: Connection, cities: Iterable[str], *, now: datetime) -> dict[str, str]:
    """Those of the cities that were trained before and are not due → when that was, and what has come in since."""
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
        cities=list(cities),
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
    plan, trained = training_plan.c, model.alias("trained").c
    trained_since = exists().where(
        trained.city == plan.city, trained.mode == "live", trained.trained_at >= plan.planned_at
    )
    waiting = (
        select(plan.city, func.min(plan.planned_at), func.min(plan.reason))
        .where(plan.mode == "live", ~trained_since)
        .where(plan.planned_at < now - LONGEST_WAIT, plan.planned_at > now - FORGOTTEN)
        .group_by(plan.city)
        .order_by(plan.city)
    )
    rows = run(connection, waiting)
    return {
        city: f"due since {planned:%Y-%m-%d %H:%M} UTC ({reason}), and not trained since"
        for city, planned, reason in rows
    }
