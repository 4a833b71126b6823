"""Made-up records for tests of verification: forecasts, providers' own, and truths that come late or not at all."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import numpy as np

from common.domain.forecast import HORIZON, NAIVE, Mode, Target
from common.domain.observation import HOUR
from common.services.verification import update_record
from common.store.challengers import insert_challenger_forecasts
from common.store.city_hours import upsert_city_hours
from common.store.forecasts import IssuedForecast, insert_forecast

if TYPE_CHECKING:
    from collections.abc import Mapping

    from common.store.engine import Database

MIDNIGHT = datetime(2025, 11, 25, 18, 30, tzinfo=UTC)
"""In India, a few days before winter."""


@dataclass(frozen=True, slots=True)
class Recipe:
    """What a record is made of; shares of 1."""

    seed: int = 0
    days: int = 8
    city: str = "Delhi"
    target: Target = "aqi"
    mode: Mode = "live"
    not_issued: float = 0.0
    unknown: float = 0.0
    """Hours that never have a truth"""
    late: float = 0.0
    """Hours whose truth comes a day and a half later"""
    corrected: float = 0.0
    """Hours whose truth is another a day and a half later"""
    without_weekly: int = 0
    """So many of the first forecasts were issued without this naive forecast"""
    providers: tuple[str, ...] = ()
    from_provider: float = 0.8
    """Hours that a provider forecast"""
    good: bool = False
    """Forecasts that follow the truth, and probabilities that mean something"""


def truths(recipe: Recipe) -> list[float]:
    """What each hour after `MIDNIGHT` became, to the end of the record."""
    luck = np.random.default_rng([recipe.seed, 1])
    hours = np.arange(recipe.days * 24 + HORIZON)
    wave = 220 + 120 * np.sin(hours / 17) + 60 * np.sin(2 * np.pi * hours / 24)
    values = np.clip(wave + luck.normal(0, 25, len(hours)), 5, 500)
    return [float(value) for value in np.round(values, 0 if recipe.target == "aqi" else 2)]


def issue(database: Database, recipe: Recipe) -> int:
    """Issue the record's forecasts, one an hour; how many."""
    luck = np.random.default_rng([recipe.seed, 2])
    actual = np.array(truths(recipe))
    count = 0
    with database.transaction() as connection:
        for hour in range(recipe.days * 24):
            origin = MIDNIGHT + hour * HOUR
            forecast = _forecast(recipe, origin, actual[hour : hour + HORIZON], luck, first=hour)
            rivals = [
                (recipe.target, name, _thinned(luck.uniform(10, 450, HORIZON), recipe.from_provider, luck))
                for name in recipe.providers
                if luck.random() < 0.9
            ]
            if luck.random() < recipe.not_issued:
                continue
            assert insert_forecast(connection, forecast)
            insert_challenger_forecasts(connection, recipe.city, recipe.mode, origin, rivals)
            count += 1
    return count


def _forecast(
    recipe: Recipe, origin: datetime, actual: Any, luck: np.random.Generator, *, first: int
) -> IssuedForecast:
    spread = 8 + 2 * np.arange(HORIZON)
    y = actual + luck.normal(0, spread) if recipe.good else luck.uniform(10, 450, HORIZON)
    narrow, wide = luck.uniform(1, 90, (2, HORIZON)).cumsum(axis=0)
    naive = luck.uniform(10, 450, (len(NAIVE), HORIZON))
    fields: dict[str, Any] = dict(zip(NAIVE, naive.tolist(), strict=True))
    if first < recipe.without_weekly:
        fields["weekly"] = None
    return IssuedForecast(
        city=recipe.city,
        target=recipe.target,
        mode=recipe.mode,
        issued_at=origin + timedelta(minutes=9),
        origin=origin,
        known_until=origin,
        model_version=None,
        family="linear",
        inputs_hash="x",
        basis="measured",
        source="cpcb",
        y=y.tolist(),
        lo80=(y - narrow).tolist(),
        hi80=(y + narrow).tolist(),
        lo95=(y - wide).tolist(),
        hi95=(y + wide).tolist(),
        categories=luck.dirichlet(np.full(6, 0.4), HORIZON).tolist() if recipe.target == "aqi" else [],
        **fields,
    )


def _thinned(values: Any, share: float, luck: np.random.Generator) -> list[float | None]:
    return [float(value) if luck.random() < share else None for value in values]


def arrivals(recipe: Recipe) -> tuple[dict[datetime, float], dict[datetime, float]]:
    """(what is known of each hour when it is over, what comes a day and a half later instead)."""
    luck = np.random.default_rng([recipe.seed, 3])
    at_once, later = {}, {}
    for number, value in enumerate(truths(recipe)):
        hour, kind = MIDNIGHT + (number + 1) * HOUR, luck.random()
        if kind < recipe.unknown:
            continue
        if kind < recipe.unknown + recipe.late:
            later[hour] = value
            continue
        at_once[hour] = value
        if kind < recipe.unknown + recipe.late + recipe.corrected:
            later[hour] = min(value + 31, 500.0)
    return at_once, later


def put_truth(database: Database, recipe: Recipe, truth: Mapping[datetime, float], now: datetime) -> None:
    """Store what the hours that are over became, as reconciliation would."""
    rows = [
        {
            "city": recipe.city, "time": time.isoformat(), "source": "cpcb", "basis": "measured", "stations": 1,
            "detail": {}, recipe.target: int(value) if recipe.target == "aqi" else value,
        }
        for time, value in truth.items()
        if time <= now
    ]  # fmt: skip
    with database.transaction() as connection:
        upsert_city_hours(connection, rows, now=now)


def live(database: Database, recipe: Recipe, *, step: timedelta = timedelta(hours=24)) -> datetime:
    """Issue the record, and let its truths arrive and be scored step by step; the time when all have."""
    issue(database, recipe)
    at_once, later = arrivals(recipe)
    now, end = MIDNIGHT + step, MIDNIGHT + timedelta(days=recipe.days + 5)
    while now <= end:
        known = at_once | {hour: value for hour, value in later.items() if hour + 36 * HOUR <= now}
        put_truth(database, recipe, known, now)
        with database.transaction() as connection:
            update_record(connection, mode=recipe.mode, now=now)
        now += step
    return now
