"""Intervals of issued forecasts: made from the record as it was known, and from nothing else."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from synthetic import END, hours, put_hours, put_model

from common.adapters.object_store import UrlObjectStore
from common.domain.forecast import HORIZON, Mode
from common.domain.observation import HOUR
from common.features import CEILING, FLOOR, INPUTS
from common.inference.adaptive_conformal import WINDOW_HOURS, Issued, quantiles
from common.inference.intervals import category_probabilities, distribution, interval
from common.inference.issue import issue_forecasts
from common.inference.onnx_session import ModelCache
from common.store.engine import Database, run
from common.store.forecasts import IssuedForecast, insert_forecast

if TYPE_CHECKING:
    from datetime import datetime
    from pathlib import Path

    from common.features import Array

HISTORY = hours(70, seed=5)
AQI = HISTORY[:, INPUTS.index("aqi")]
MODES: tuple[Mode, ...] = ("live", "replay")
BANDS = ("lo80", "hi80", "lo95", "hi95", "categories")


@pytest.fixture
def files(tmp_path: Path) -> UrlObjectStore:
    return UrlObjectStore(tmp_path.as_uri())


@pytest.fixture
def models(files: UrlObjectStore) -> ModelCache:
    return ModelCache(files)


@pytest.fixture
def served(database: Database, files: UrlObjectStore) -> Database:
    """Delhi with its hours, and a champion for the AQI alone in both modes."""
    put_hours(database, "Delhi", HISTORY)
    for mode in MODES:
        put_model(database, files, "aqi", "daily", city="Delhi", mode=mode)
    return database


def issued_forecast(
    origin: datetime, *, lag: int = 0, error: float = 0.2, mode: Mode = "live"
) -> IssuedForecast:
    """A forecast of the record whose log errors are of that size, with intervals of ±20 and ±40 %."""
    random = np.random.default_rng(int(origin.timestamp()))
    at = len(AQI) - 1 - (END - origin) // HOUR
    truth = np.append(AQI, np.full(HORIZON, AQI[-1]))[at + 1 : at + 1 + HORIZON]
    y = np.round(truth * np.exp(random.normal(0, error, HORIZON)), 1)
    bounds = {name: (y * by).tolist() for name, by in zip(BANDS, (0.8, 1.2, 0.6, 1.4), strict=False)}
    return IssuedForecast(
        city="Delhi", target="aqi", mode=mode, issued_at=origin, origin=origin, known_until=origin - lag * HOUR,
        model_version=None, family="linear", inputs_hash="", basis=None, source=None, y=y.tolist(), **bounds,
        categories=[], persistence=y.tolist(), daily=y.tolist(), mean24=y.tolist(), weekly=y.tolist(),
    )  # fmt: skip


def keep(database: Database, *record: IssuedForecast) -> None:
    with database.transaction() as connection:
        for forecast in record:
            assert insert_forecast(connection, forecast)


def issue(database: Database, models: ModelCache, now: datetime, mode: Mode = "live") -> dict[str, Any]:
    """The AQI forecast issued then, as the database keeps it."""
    assert issue_forecasts(database, models, ["Delhi"], now=now, mode=mode).issued == 1
    with database.transaction() as connection:
        [(row,)] = run(
            connection,
            "SELECT to_jsonb(forecast) FROM forecast WHERE origin = :now AND mode = :mode",
            now=now,
            mode=mode,
        )
    return dict(row)


@pytest.mark.parametrize("lag", [0, 5])
def test_they_follow_from_the_record_as_quantiles_does(
    served: Database, models: ModelCache, lag: int
) -> None:
    """The same numbers, with the record read by plain means and put in place by hand."""
    if lag:
        with served.transaction() as connection:
            run(connection, "UPDATE city_hour SET aqi = NULL WHERE time > :known", known=END - lag * HOUR)
    # Hourly, with data late at times, and older forecasts than are looked at.
    backs = [*range(WINDOW_HOURS + 100, 200, -9), *range(200, 0, -1)]
    record = [issued_forecast(END - back * HOUR, lag=(back // 40) % 4) for back in backs]
    keep(served, *record)
    latest = issue(served, models, END)
    series = np.where(np.arange(len(AQI)) < len(AQI) - lag, AQI, np.nan)
    at = [len(AQI) - 1 - (END - forecast.origin) // HOUR for forecast in record]
    apart = sorted({(at[-1] - place) // 3: place for place in at}.values())  # the last of every three hours
    some = [forecast for forecast, place in zip(record, at, strict=True) if place in set(apart)]
    issued = Issued(
        np.array(apart),
        np.array([forecast.y for forecast in some]),
        np.stack(
            [
                np.array([getattr(forecast, name) for forecast in some])
                for name in ("lo95", "lo80", "hi80", "hi95")
            ],
            -1,
        ),
        np.array([(forecast.origin - forecast.known_until) // HOUR for forecast in some]),
    )
    y = np.array(latest["y"])
    prior = np.array(models.get("live-Delhi-aqi").card.held_out_quantiles)
    table = quantiles(series, len(AQI) - 1, y, issued, prior=prior, floor=FLOOR["aqi"], lag=lag)
    values = distribution(y, table, FLOOR["aqi"], CEILING["aqi"])
    for coverage, low, high in ((0.8, "lo80", "hi80"), (0.95, "lo95", "hi95")):
        for bound, name in zip(interval(values, y, coverage), (low, high), strict=True):
            np.testing.assert_allclose(latest[name], bound, atol=0.06, rtol=1e-3)
    np.testing.assert_allclose(latest["categories"], category_probabilities(values), atol=0.01)


@pytest.mark.parametrize("lag", [0, 4])
def test_nothing_after_the_last_known_hour_is_used(served: Database, models: ModelCache, lag: int) -> None:
    """Hours, forecasts and truth after it are spoiled; the intervals stay as they are."""
    then = END - 60 * HOUR
    known_until = then - lag * HOUR
    for mode in MODES:
        keep(
            served,
            *(issued_forecast(then - back * HOUR, lag=min(back, 2), mode=mode) for back in range(1, 400, 2)),
        )
    with served.transaction() as connection:
        run(connection, "UPDATE city_hour SET aqi = NULL WHERE time > :known", known=known_until)
    honest = issue(served, models, then)
    with served.transaction() as connection:
        run(connection, "UPDATE city_hour SET pm25 = 900, pm10 = 5 WHERE time > :known", known=known_until)
        run(connection, "UPDATE city_hour SET aqi = 500 WHERE time > :then", then=then)
        run(
            connection,
            "INSERT INTO forecast_truth SELECT city, target, mode, origin, hi95, 48, origin FROM forecast "
            "WHERE mode = 'replay'",
        )
    keep(served, *(issued_forecast(then + after * HOUR, error=5.0, mode="replay") for after in range(1, 50)))
    spoiled = issue(served, models, then, mode="replay")
    assert [spoiled[name] for name in BANDS] == [honest[name] for name in BANDS]
    # What was known then does count.
    with served.transaction() as connection:
        run(connection, "DELETE FROM forecast WHERE origin >= :then", then=then)
        run(connection, "UPDATE city_hour SET aqi = 30 WHERE time > :day AND time < :then",
            day=known_until - 30 * HOUR, then=known_until)  # fmt: skip
    assert issue(served, models, then)["hi95"] != honest["hi95"]


def test_the_record_of_a_former_champion_counts_for_the_new_one(
    served: Database, files: UrlObjectStore, models: ModelCache
) -> None:
    width: dict[tuple[float, str], float] = {}
    for error in (0.02, 0.6):
        keep(served, *(issued_forecast(END - back * HOUR, error=error) for back in range(1, 700, 3)))
        for version in ("live-Delhi-aqi", "newer"):
            if version == "newer":
                put_model(served, files, "aqi", "daily", city="Delhi", version=f"newer-{error}")
            issued = issue(served, models, END)
            width[error, version] = float(np.mean(np.subtract(issued["hi80"], issued["lo80"])))
            with served.transaction() as connection:
                run(connection, "DELETE FROM forecast WHERE origin = :end", end=END)
        with served.transaction() as connection:
            run(connection, "DELETE FROM forecast")
    assert width[0.6, "newer"] == width[0.6, "live-Delhi-aqi"] > 2 * width[0.02, "newer"]
    # Without any record the prior is given: a new city is neither refused nor sure of itself.
    issued = issue(served, models, END)
    assert np.mean(np.subtract(issued["hi80"], issued["lo80"])) > width[0.02, "newer"]


def test_the_modes_learn_from_their_own_records(served: Database, models: ModelCache) -> None:
    keep(
        served, *(issued_forecast(END - back * HOUR, error=0.01, mode="replay") for back in range(1, 700, 3))
    )
    live, replay = (issue(served, models, END, mode=mode) for mode in MODES)
    assert np.mean(live["hi80"]) > np.mean(replay["hi80"])


def test_coverage_comes_to_what_is_stated(served: Database, models: ModelCache) -> None:
    """The champion's prior is far too wide; within weeks of issuing the intervals hold what they say."""
    inside: dict[str, list[Array]] = {"80": [], "95": []}
    for back in range(50 * 24, 47, -12):
        at = len(AQI) - 1 - back
        issued = issue(served, models, END - back * HOUR)
        truth = AQI[at + 1 : at + 1 + HORIZON]
        if back < 34 * 24:
            for level, held in inside.items():
                held.append((issued[f"lo{level}"] <= truth) & (truth <= issued[f"hi{level}"]))
    assert np.mean(inside["80"]) == pytest.approx(0.80, abs=0.06)
    assert np.mean(inside["95"]) == pytest.approx(0.95, abs=0.03)
