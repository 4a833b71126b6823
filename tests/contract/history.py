"""Months of data as the functions would have left them, and what came in late: the same on every tier.

Everything is written through the store's own functions, and all numbers follow from one seed.
"""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from api_rows import METRICS
from msgspec import structs

from common.domain.aqi import naqi, us_aqi
from common.domain.observation import HOUR, ProviderForecast, Reading
from common.quality.explanation import pack
from common.services.verification import update_record
from common.store.challengers import insert_challenger_forecasts
from common.store.city_hours import upsert_city_hours
from common.store.dataset_kind import claim_dataset
from common.store.forecast_inputs import ForecastInputs, insert_inputs
from common.store.forecasts import IssuedForecast, insert_forecast, score
from common.store.models import ModelRow, insert_model, promote
from common.store.provider_forecasts import insert_provider_forecasts
from common.store.readings import upsert_readings
from common.store.source_runs import SourceRun, record_run

if TYPE_CHECKING:
    from common.store.engine import Database

NOW = datetime(2025, 11, 5, 10, 30, tzinfo=UTC)
LATER = NOW + 2 * HOUR
"""When everything is asked: after the corrections."""
DAYS = 112
CITIES = ("Delhi", "Mumbai", "Navi Mumbai")
SOURCES = ("open-meteo", "open_meteo", "cpcb", "cpcb-feed")
"""The first two sort by code points otherwise than by the alphabet of a language."""

_DAY = {"pm25": [78.5] * 23 + [None], "pm10": [132.4] * 24, "no2": [40.0] * 20}
_DETAIL = pack(naqi(_DAY), us_aqi(_DAY))


def _hour(city: str, time: datetime, luck: random.Random) -> dict[str, Any] | None:
    kind = luck.random()
    if kind < 0.06:
        return None
    weather = {"temperature": round(luck.uniform(5, 40), 1), "wind_speed": round(luck.uniform(0, 9), 2)}
    row: dict[str, Any] = {"city": city, "time": time.isoformat(), "stations": 0, "detail": {}, **weather}
    if kind < 0.1:
        return row
    pm25 = round(luck.uniform(4, 400), luck.randrange(3))
    return row | {
        "source": luck.choice(SOURCES[:2]) if time.day % 3 else luck.choice(SOURCES),
        "basis": luck.choice(("measured", "modelled", "implied")),
        "stations": luck.randrange(1, 6),
        "pm25": pm25,
        "pm10": round(pm25 * luck.uniform(1.1, 2.5), 2),
        "co": None if kind < 0.3 else round(luck.uniform(0.1, 4), 3),
        "aqi": None if kind < 0.15 else luck.randrange(20, 500),
        "dominant": "pm25",
        "aqi_us": None if kind < 0.2 else luck.randrange(20, 500),
        "dominant_us": "pm10",
        "flags": ["spike"] if kind > 0.97 else [],
        "detail": _DETAIL,
    }


def _readings(end: datetime, hours: int, luck: random.Random) -> list[Reading]:
    return [
        Reading(
            "cpcb", "Delhi", end - ago * HOUR, "measured", {"pm25": round(luck.uniform(5, 300), 1)}, station
        )
        for station in ("ITO", "R K Puram")
        for ago in range(hours)
        if luck.random() > 0.1
    ]


def _forecast(target: str, origin: datetime, luck: random.Random) -> IssuedForecast:
    y = [round(luck.uniform(20, 450), 2) for _ in range(48)]
    return IssuedForecast(
        city="Delhi",
        target=target,
        mode="live",
        issued_at=origin + timedelta(minutes=12),
        origin=origin,
        known_until=origin,
        model_version="delhi-aqi-linear" if target == "aqi" else None,
        family=luck.choice(("linear", "xgboost")),
        inputs_hash="h",
        basis="measured",
        source="cpcb",
        y=y,
        lo80=[value - 20 for value in y],
        hi80=[value + 30 for value in y],
        lo95=[value - 50 for value in y],
        hi95=[value + 70 for value in y],
        categories=[[0.1, 0.2, 0.3, 0.2, 0.1, 0.1]] * 48 if target == "aqi" else [],
        persistence=[round(luck.uniform(20, 450), 2) for _ in range(48)],
        daily=[round(luck.uniform(20, 450), 2) for _ in range(48)],
        mean24=[round(luck.uniform(20, 450), 2) for _ in range(48)],
        weekly=[round(luck.uniform(20, 450), 2) for _ in range(48)],
    )


def _models() -> list[ModelRow]:
    first = ModelRow(
        version="delhi-aqi-linear",
        city="Delhi",
        target="aqi",
        mode="live",
        family="linear",
        status="candidate",
        reason="trained",
        trained_at=NOW - timedelta(days=9),
        window_start=NOW - timedelta(days=60),
        window_end=NOW - timedelta(days=9),
        samples=1400,
        features_hash="f",
        checksum="c",
        metrics=METRICS,
    )
    others = [
        ("delhi-aqi-xgboost", "xgboost"),
        ("delhi-aqi_xgboost", "xgboost"),
        ("delhi-aqi-forest", "forest"),
    ]
    return [first, *(structs.replace(first, version=version, family=family) for version, family in others)]


def fill(database: Database) -> None:
    """What was collected, reconciled, trained, forecast and scored until `NOW`."""
    luck = random.Random(2025)  # noqa: S311 — numbers for a test
    grid = [NOW - ago * HOUR for ago in reversed(range(DAYS * 24))]
    with database.transaction() as connection:
        claim_dataset(connection, "real")
        for city in CITIES:
            rows = [row for time in grid if (row := _hour(city, time, luck)) is not None]
            upsert_city_hours(connection, rows, now=NOW)
        upsert_readings(connection, _readings(NOW, DAYS * 24, luck), now=NOW)
        upsert_readings(connection, _readings(NOW, DAYS * 24, luck), now=NOW + timedelta(minutes=5))
        for received in grid[::12]:
            expected = [
                ProviderForecast(
                    "open-meteo",
                    "Delhi",
                    received,
                    received + lead * HOUR,
                    {"rain": round(luck.random(), 2), "pm25": round(99 * luck.random(), 1)},
                )
                for lead in range(1, 7)
            ]
            insert_provider_forecasts(connection, expected, now=received)
        for number, started in enumerate(grid[-240:]):
            for source in SOURCES:
                reason = luck.choice(("timeout", "http 500")) if luck.random() < 0.2 else None
                record_run(
                    connection,
                    SourceRun(
                        source,
                        started_at=started + timedelta(seconds=number),
                        finished_at=started + timedelta(seconds=number + 9),
                        readings=0 if reason else 56,
                        latest=None if reason else started,
                        reason=reason,
                    ),
                )
        for model in _models():
            insert_model(connection, model)
        promote(connection, "delhi-aqi-linear", reason="the first", now=NOW - timedelta(days=9))
        for origin in (*grid[-30 * 24 : -7 * 24 : 6], *grid[-7 * 24 :]):  # of late by the hour
            for target in ("aqi", "pm25"):
                insert_forecast(connection, _forecast(target, origin, luck))
                rivals = [
                    (target, name, [luck.choice((None, luck.uniform(20, 450))) for _ in range(48)])
                    for name in SOURCES[:2]
                ]
                insert_challenger_forecasts(connection, "Delhi", "live", origin, rivals)
                inputs = ForecastInputs(
                    bytes(luck.choices(range(32, 127), k=4 * 48 * 7)), b'{"format": 1}', 1000
                )
                insert_inputs(connection, "Delhi", target, "live", origin=origin, inputs=inputs)
        score(connection, mode="live", now=NOW, reach_hours=24 * 40)
        update_record(connection, mode="live", now=NOW)


def correct(database: Database) -> None:
    """What came in an hour after `NOW`: corrections of hours old and new, gaps filled, readings corrected."""
    luck = random.Random(7)  # noqa: S311
    then = NOW + HOUR
    for days in (1, 2, 8, 20, 50, 95, 111):
        rows = []
        for hour in range(0, 30, 2):
            row = _hour("Delhi", NOW - timedelta(days=days) + hour * HOUR, luck)
            if row is not None and "aqi" in row and datetime.fromisoformat(row["time"]) <= NOW:
                rows.append(row | {"basis": "measured", "stations": 9, "aqi": row["aqi"] or 77})
        with database.transaction() as connection:
            assert upsert_city_hours(connection, rows, now=then) == len(rows)
    with database.transaction() as connection:
        changed = upsert_readings(connection, _readings(NOW - timedelta(days=40), 60, luck), now=then)
        assert changed.changed > 50
