"""Issue forecasts: history in, finished rows out."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, TypedDict

import numpy as np

from common.domain.errors import ModelError, NotFound
from common.domain.forecast import HORIZON, TARGETS, Mode, Target
from common.domain.observation import HOUR, last_full_hour
from common.features import (
    CEILING,
    FLOOR,
    INPUTS,
    LOOKBACK_HOURS,
    MAX_LAG_HOURS,
    Array,
    as_history,
    build,
    usable_origins,
)
from common.inference.intervals import as_lists, category_probabilities, distribution, interval
from common.inference.naive import naive_forecasts
from common.store.city_hours import history, provenance
from common.store.forecasts import IssuedForecast, insert_forecast
from common.store.models import champion

if TYPE_CHECKING:
    from collections.abc import Iterable

    from sqlalchemy import Connection

    from common.inference.session import Model, ModelCache
    from common.store.engine import Database


@dataclass(slots=True)
class IssueReport:
    """What came of one round of forecasts."""

    issued: int = 0
    repeated: int = 0
    """Kept already for the same origin; left as they were."""
    skipped: dict[str, str] = field(default_factory=dict)
    """``city/target`` → why there is no forecast."""


class Steps(TypedDict):
    """The hours of a forecast; see `IssuedForecast`."""

    inputs_hash: str
    y: list[float]
    lo80: list[float]
    hi80: list[float]
    lo95: list[float]
    hi95: list[float]
    categories: list[list[float]]
    persistence: list[float]
    daily: list[float]
    mean24: list[float]


def issue_forecasts(
    database: Database, models: ModelCache, cities: Iterable[str], *, now: datetime, mode: Mode = "live"
) -> IssueReport:
    """Issue the forecasts of some cities; a city that fails costs no other its forecast."""
    report = IssueReport()
    for city in cities:
        for target in TARGETS:
            try:
                with database.transaction() as connection:
                    fresh = _issue(connection, models, city, target, now=now, mode=mode)
            except (ModelError, NotFound) as error:
                report.skipped[f"{city}/{target}"] = str(error)
                continue
            if fresh:
                report.issued += 1
            else:
                report.repeated += 1
    return report


def _issue(
    connection: Connection, models: ModelCache, city: str, target: Target, *, now: datetime, mode: Mode
) -> bool:
    origin = last_full_hour(now)
    row = champion(connection, city, target, mode)
    if row is None:
        raise ModelError("no model has been trained yet")
    start = origin - timedelta(hours=LOOKBACK_HOURS)
    known = as_history(history(connection, city, start, origin, INPUTS))
    lag = _lag(known, target)
    if lag > MAX_LAG_HOURS:
        raise ModelError(f"no usable measurements in the last {MAX_LAG_HOURS} hours")
    # Late data make longer lead times, as in training, not a past with a hole at its end.
    known = known[: len(known) - lag]
    known_until = origin - lag * HOUR
    model = models.get(row.version)
    source, basis = provenance(connection, city, known_until)
    forecast = make_forecast(model, known, known_until, target, lag=lag)
    return insert_forecast(
        connection,
        IssuedForecast(
            city=city,
            target=target,
            mode=mode,
            issued_at=now,
            origin=origin,
            known_until=known_until,
            model_version=row.version,
            family=row.family,
            basis=basis,
            source=source,
            **forecast,
        ),
    )


def _lag(known: Array, target: Target) -> int:
    """Hours since the last one from which a forecast can start and whose value is known."""
    series = known[:, INPUTS.index(target)]
    usable = usable_origins(series)
    usable = usable[np.isfinite(series[usable])]
    return len(known) - 1 - int(usable[-1]) if len(usable) else LOOKBACK_HOURS


def make_forecast(model: Model, known: Array, known_until: datetime, target: Target, *, lag: int) -> Steps:
    """A forecast of 48 hours from history, float64 (hours, n_inputs), that ends `lag` hours before the origin."""
    origins = np.array([len(known) - 1])
    leads = np.arange(1, HORIZON + 1) + lag
    floor, ceiling = FLOOR[target], CEILING[target]
    rows = build(known, known_until, target, origins, leads)
    y = np.clip(model.predict(rows.X[0]), 0.0, ceiling)
    by_lead = np.array(model.card.residual_quantiles)[np.minimum(leads, HORIZON) - 1]
    values = distribution(y, by_lead, floor, ceiling)
    lo80, hi80 = interval(values, y, 0.80)
    lo95, hi95 = interval(values, y, 0.95)
    naive = naive_forecasts(known[:, INPUTS.index(target)], origins, leads)
    categories = category_probabilities(values) if target == "aqi" else np.empty((0, 0))
    return {
        "inputs_hash": hashlib.sha256(known.tobytes()).hexdigest()[:16],
        "y": as_lists(y, 1),
        "lo80": as_lists(lo80, 1),
        "hi80": as_lists(hi80, 1),
        "lo95": as_lists(lo95, 1),
        "hi95": as_lists(hi95, 1),
        "categories": [as_lists(row, 4) for row in categories],
        "persistence": as_lists(naive["persistence"][0], 1),
        "daily": as_lists(naive["daily"][0], 1),
        "mean24": as_lists(naive["mean24"][0], 1),
    }
