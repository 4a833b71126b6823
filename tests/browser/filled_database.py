"""A database as it is after some days of service: 56 cities, two of them in trouble, and a record to look at.

Readings are those of the simulated source, as if they had been measured, and go the way of all readings. Forecasts and
truths follow from one seed: errors grow with lead time, and intervals hold about what they promise.
"""

from __future__ import annotations

import random
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from statistics import NormalDist, fmean
from typing import TYPE_CHECKING

from factories import keep_and_reconcile
from msgspec import structs

from common.domain.breakpoints import CATEGORIES
from common.domain.cities import all_cities, find_city
from common.domain.observation import HOUR
from common.services.verification import refresh_cells
from common.sources import simulated
from common.sources.interface import Request
from common.store.challengers import insert_challenger_forecasts
from common.store.dataset_kind import claim_dataset
from common.store.engine import run
from common.store.forecasts import IssuedForecast, insert_forecast, score
from common.store.models import ModelRow, insert_model, promote
from common.store.provider_forecasts import insert_provider_forecasts
from common.store.source_runs import SourceRun, record_run
from common.store.verification_cells import roll_up_days

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from common.domain.cities import City
    from common.store.engine import Connection, Database

AS_OF = datetime(2025, 11, 5, 10, 30, tzinfo=UTC)
"""End of the last full hour."""
NOW = AS_OF + timedelta(minutes=14)
"""The present of the server and of the browser: 5 November 2025, 16:14 in India."""
RECORDED = ("Delhi", "Mumbai", "Lucknow")
"""Cities with a longer history, and forecasts of every hour of a week, before that every six hours, scored."""
SILENT = "Srinagar"
"""A city of which nothing was ever heard."""
LATE = "Patna"
"""A city whose last hour is six hours ago, and so is its last forecast."""
NAIVE = "Salem"
"""A city whose forecast is made of naive ones."""
DAYS = 3
RECORD_DAYS = 24
_LATE = 6 * HOUR
_MEMORY = 0.8
"""How much of an hour's error, in standard deviations, the next hour has too."""
_HOURLY = 7 * 24
_BANDS = CATEGORIES["in-naqi"]
_Z80, _Z95 = 1.2816, 1.96


def fill(database: Database, names: Sequence[str] | None = None) -> None:
    """All that was collected, trained, forecast and scored until `NOW`; of these cities only, if some are named."""
    luck = random.Random(2025)  # noqa: S311 — numbers for a test
    cities = [city for city in all_cities() if names is None or city.name in names]
    recorded = [name for name in RECORDED if names is None or name in names]
    for city in cities:
        if city.name != SILENT:
            _collect(database, city, RECORD_DAYS if city.name in RECORDED else DAYS)
    with database.transaction() as connection:
        claim_dataset(connection, "real")
        _sources(connection, luck)
        _models(connection)
    truths = {city.name: _indices(database, city.name) for city in cities}
    with database.transaction() as connection:
        for name, truth in truths.items():
            if truth:
                _forecast(connection, name, max(truth), truth, luck)
        for name in recorded:
            for ago in (
                *range(1, _HOURLY),
                *range(_HOURLY, (RECORD_DAYS - 8) * 24, 6),
            ):
                _forecast(connection, name, AS_OF - ago * HOUR, truths[name], luck)
    with database.transaction() as connection:
        score(connection, mode="live", now=NOW, reach_hours=RECORD_DAYS * 24)
        while cells := roll_up_days(connection, mode="live", now=NOW):
            refresh_cells(connection, cells, mode="live")
    with database.statements() as connection:
        run(connection, "ANALYZE")


def _collect(database: Database, city: City, days: int) -> None:
    end = AS_OF - _LATE if city.name == LATE else AS_OF
    batch = simulated.fetch(
        Request(cities=[city], start=AS_OF - timedelta(days=days), end=end, now=AS_OF, forecast_hours=48),
        None,  # type: ignore[arg-type] # it asks nobody
    )
    readings = [
        structs.replace(reading, source="cpcb-feed", basis="measured", station=f"{city.name} Centre")
        for reading in batch.readings
    ]
    keep_and_reconcile(database, readings, NOW)
    expected = [structs.replace(forecast, source="open-meteo") for forecast in batch.forecasts]
    with database.transaction() as connection:
        insert_provider_forecasts(connection, expected, now=NOW)


def _sources(connection: Connection, luck: random.Random) -> None:
    """Hourly runs of three days; one provider fails since three hours."""
    for ago in range(72):
        for source in ("cpcb-feed", "open-meteo", "openaq"):
            begun = AS_OF - ago * HOUR + timedelta(minutes=7)
            fails = source == "openaq" and (ago < 3 or luck.random() < 0.1)
            record_run(
                connection,
                SourceRun(
                    source,
                    started_at=begun,
                    finished_at=begun + timedelta(seconds=luck.randrange(4, 40)),
                    readings=0 if fails else 55,
                    latest=None if fails else AS_OF - ago * HOUR,
                    reason="timeout" if fails else None,
                    message="no answer within 30 s" if fails else None,
                ),
            )


def _models(connection: Connection) -> None:
    at = AS_OF - timedelta(days=RECORD_DAYS)
    for name in RECORDED:
        for family in ("linear", "xgboost"):
            insert_model(connection, _model(name, family, at))
        promote(connection, f"{find_city(name).slug}-aqi-xgboost", reason="better by 4 %", now=at)


def _model(city: str, family: str, at: datetime) -> ModelRow:
    holdout = {
        "mae": 24.5, "rmse": 33.1, "r2": 0.71, "mape": 0.18, "skill": 0.12, "best_naive": "daily", "n": 900,
    }  # fmt: skip
    return ModelRow(
        version=f"{find_city(city).slug}-aqi-{family}",
        city=city,
        target="aqi",
        mode="live",
        family=family,
        status="candidate",
        reason="just trained",
        trained_at=at,
        window_start=at - timedelta(days=60),
        window_end=at,
        samples=1400,
        features_hash="f" * 8,
        checksum="c" * 64,
        metrics={
            "holdout": holdout,
            "by_lead": [
                {
                    "lead": lead,
                    "mae": 5.0 + lead,
                    "rmse": 7.5 + lead,
                    "naive_mae": 6.0 + 1.2 * lead,
                    "skill": 0.12,
                }
                for lead in range(1, 49)
            ],
            "naive": {"daily": 28.3},
            "training_seconds": 1.5,
            "meets": {"r2_above_0_75": False, "rmse_below_15": False},
        },
    )


def _indices(database: Database, city: str) -> dict[datetime, int]:
    with database.reading() as connection:
        rows = run(
            connection,
            "SELECT time, aqi FROM city_hour WHERE city = :city AND aqi IS NOT NULL ORDER BY time",
            city=city,
        )
    return {time.astimezone(UTC): aqi for time, aqi in rows}


def _forecast(
    connection: Connection, city: str, origin: datetime, truth: Mapping[datetime, int], luck: random.Random
) -> None:
    """A forecast of the index and of PM2.5, and what a provider forecast beside it."""
    known = [truth[time] for ago in range(24) if (time := origin - ago * HOUR) in truth]
    if not known:
        return
    centre, errors, wander = [], [], luck.gauss(0, 1)
    gap = known[0] - truth.get(origin - 24 * HOUR, known[0])
    for lead in range(1, 49):
        daily = truth.get(origin + (lead - 24 if lead <= 24 else lead - 48) * HOUR, known[0])
        spread = 2 + 2 * lead**0.5
        wander = _MEMORY * wander + (1 - _MEMORY**2) ** 0.5 * luck.gauss(0, 1)
        guess = truth.get(origin + lead * HOUR, daily + gap * 0.9**lead)
        centre.append(max(5.0, min(490.0, guess + spread * wander)))
        errors.append(spread)
    family = "naive" if city == NAIVE else "xgboost"
    forecast = IssuedForecast(
        city=city,
        target="aqi",
        mode="live",
        issued_at=origin + timedelta(minutes=12),
        origin=origin,
        known_until=origin,
        family=family,
        inputs_hash="abc",
        basis="measured",
        source="cpcb-feed",
        model_version=f"{find_city(city).slug}-aqi-xgboost" if city in RECORDED else None,
        y=centre,
        **_bounds(centre, errors),
        categories=[_chances(y, spread) for y, spread in zip(centre, errors, strict=True)],
        persistence=[float(known[0])] * 48,
        daily=[float(truth.get(origin + (lead % 24 - 23) * HOUR, known[0])) for lead in range(48)],
        mean24=[fmean(known)] * 48,
        weekly=[float(known[-1])] * 48,
    )
    assert insert_forecast(connection, forecast)
    assert insert_forecast(connection, _of_pm25(forecast))
    provider = [max(5.0, y + luck.gauss(12, 30)) for y in centre]
    insert_challenger_forecasts(connection, city, "live", origin, [("aqi", "open-meteo", provider)])


def _bounds(centre: Sequence[float], errors: Sequence[float]) -> dict[str, list[float]]:
    pairs = list(zip(centre, errors, strict=True))
    return {
        "lo80": [max(0.0, y - _Z80 * spread) for y, spread in pairs],
        "hi80": [y + _Z80 * spread for y, spread in pairs],
        "lo95": [max(0.0, y - _Z95 * spread) for y, spread in pairs],
        "hi95": [y + _Z95 * spread for y, spread in pairs],
    }


def _chances(y: float, spread: float) -> list[float]:
    """How likely each category is."""
    distribution = NormalDist(y, spread)
    edges = [0.0, *(distribution.cdf(band.low - 0.5) for band in _BANDS[1:]), 1.0]
    return [high - low for low, high in pairwise(edges)]


def _of_pm25(forecast: IssuedForecast) -> IssuedForecast:
    """Half the index, in µg/m³: near enough."""
    halves = {
        name: [value / 2 for value in getattr(forecast, name)]
        for name in (
            "y", "lo80", "hi80", "lo95", "hi95", "persistence", "daily", "mean24", "weekly",
        )
    }  # fmt: skip
    return replace(forecast, target="pm25", categories=[], model_version=None, **halves)
