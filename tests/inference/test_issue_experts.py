"""What issued forecasts are made of, over a real database: from the record as it was kept, or from hindcasts."""

from __future__ import annotations

import math
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from synthetic import END, hours, put_hours, put_model

from common.adapters.object_store import UrlObjectStore
from common.domain.forecast import COMPOSED, CORRECTED, EXPERT_BLOCKS, HORIZON, MEAN, NAIVE, TARGETS, Mode
from common.domain.model_files import hindcast_key
from common.domain.observation import HOUR, ProviderForecast
from common.features import FLOOR, INPUTS
from common.inference.experts import APART, WINDOW_HOURS, Record, combine
from common.inference.issue import issue_forecasts
from common.inference.onnx_session import ModelCache
from common.store.engine import Database, run
from common.store.experts import IssuedExperts, insert_experts
from common.store.forecasts import IssuedForecast, insert_forecast
from common.store.provider_forecasts import insert_provider_forecasts
from common.training.service import train_city

if TYPE_CHECKING:
    from pathlib import Path

NOW = END + timedelta(minutes=12)
LATER = END + timedelta(days=2)
WORLD = hours(42, seed=5)
"""Ends at `LATER`; models are trained at `NOW`."""
LONG = hours(75, seed=6)
AQI = LONG[:, INPUTS.index("aqi")]
MODES: tuple[Mode, ...] = ("live", "replay")
MODELS = {"aqi": ("level_free", "linear", "pooled", COMPOSED), "pm25": ("level_free", "linear", "pooled")}


@pytest.fixture
def files(tmp_path: Path) -> UrlObjectStore:
    return UrlObjectStore(tmp_path.as_uri())


@pytest.fixture
def models(files: UrlObjectStore) -> ModelCache:
    return ModelCache(files)


@pytest.fixture
def trained(database: Database, files: UrlObjectStore, models: ModelCache) -> Database:
    """Delhi with champions for both targets, trained at `NOW`; its hours go on for two days."""
    put_hours(database, "Delhi", WORLD, LATER)
    report = train_city(database, models, "Delhi", now=NOW, families=["linear"])
    assert set(report.promoted) == set(TARGETS)
    return database


@pytest.fixture
def simple(database: Database, files: UrlObjectStore) -> Database:
    """Delhi with a champion for the AQI that forecasts the day before, in both modes, without hindcasts."""
    put_hours(database, "Delhi", LONG)
    for mode in MODES:
        put_model(database, files, "aqi", "daily", city="Delhi", mode=mode)
    return database


class Made:
    """One forecast and its experts, as the database holds them."""

    def __init__(self, row: dict[str, Any], names: list[str], y: list[float], weights: list[float]) -> None:
        self.row, self.names = row, tuple(names)
        own = np.array(y, dtype=np.float64).reshape(-1, HORIZON)
        self.experts = np.concatenate([own, [row[name] for name in NAIVE]])
        self.weights = np.array(weights, dtype=np.float64).reshape(len(EXPERT_BLOCKS), -1)

    def of(self, *names: str) -> dict[str, Any]:
        return {name: self.experts[self.names.index(name)] for name in names}

    @property
    def models(self) -> dict[str, Any]:
        return self.of(*self.names[: self.names.index(MEAN)])

    def mixed(self) -> list[float]:
        """The forecast, of its experts by their weights."""
        floor = FLOOR[self.row["target"]]
        mixed = []
        for weights, (first, last) in zip(self.weights, EXPERT_BLOCKS, strict=True):
            for lead in range(first, last + 1):
                pairs = [
                    (weight, math.log(y + floor))
                    for weight, y in zip(weights, self.experts[:, lead - 1], strict=True)
                    if not math.isnan(y)
                ]
                total = sum(weight for weight, _ in pairs)
                mixed.append(math.exp(sum(weight * log for weight, log in pairs) / total) - floor)
        return mixed


def stored_forecasts(database: Database, mode: Mode = "live") -> list[Made]:
    with database.transaction() as connection:
        rows = run(
            connection,
            "SELECT to_jsonb(forecast), names, expert.y, weights FROM forecast "
            "JOIN forecast_expert AS expert USING (city, target, mode, origin) WHERE mode = :mode "
            "ORDER BY origin, target",
            mode=mode,
        )
    return [Made(*row) for row in rows]


def tables(database: Database) -> list[Any]:
    with database.transaction() as connection:
        return [
            run(connection, f"SELECT to_jsonb({name})::text FROM {name} ORDER BY 1")  # noqa: S608
            for name in ("forecast", "forecast_expert")
        ]


def hear(database: Database, received: datetime, pm25: float) -> None:
    """What a provider said of the 30 hours after a moment."""
    rows = [
        ProviderForecast("openweather", "Delhi", received, received + lead * HOUR, {"pm25": pm25 + lead})
        for lead in range(1, 31)
    ]
    with database.transaction() as connection:
        insert_provider_forecasts(connection, rows, now=received)


def test_a_forecast_is_what_its_experts_say_by_their_weights(trained: Database, models: ModelCache) -> None:
    for back in range(48, -1, -6):
        if back % 12 == 0:
            hear(trained, LATER - back * HOUR, 60.0)
        issue_forecasts(trained, models, ["Delhi"], now=LATER - back * HOUR)
    forecasts = stored_forecasts(trained)
    assert len(forecasts) == 9 * len(TARGETS)
    for forecast in forecasts:
        provider = ("openweather",)
        assert forecast.names == (*MODELS[forecast.row["target"]], MEAN, CORRECTED, *provider, *NAIVE)
        np.testing.assert_allclose(forecast.weights.sum(axis=1), 1, rtol=1e-6)
        assert forecast.weights.min() >= 0
        # The index is issued as a whole number, PM2.5 with one decimal.
        rounding = 0.5 if forecast.row["target"] == "aqi" else 0.05
        np.testing.assert_allclose(forecast.row["y"], forecast.mixed(), atol=rounding + 0.06, rtol=1e-5)
        floor = FLOOR[forecast.row["target"]]
        each = [np.log(y + floor) for y in forecast.models.values()]
        np.testing.assert_allclose(
            forecast.of(MEAN)[MEAN], np.exp(np.nanmean(each, axis=0)) - floor, rtol=1e-5
        )
    mixed = [forecast for forecast in forecasts if (forecast.weights.max(axis=1) < 0.999).any()]
    assert len(mixed) > len(forecasts) / 2  # else nothing was averaged
    openweather = forecasts[-1].of("openweather")["openweather"]
    assert forecasts[-1].row["target"] == "pm25"
    assert [openweather[0], openweather[29]] == [61.0, 90.0]
    assert np.isnan(openweather[30:]).all()


def test_the_first_forecast_of_a_model_begins_with_its_hindcasts(
    trained: Database, files: UrlObjectStore, models: ModelCache
) -> None:
    issue_forecasts(trained, models, ["Delhi"], now=NOW)
    known = WORLD[: -2 * 24]
    for forecast in stored_forecasts(trained):
        series = known[:, INPUTS.index(forecast.row["target"])]
        place = len(series) - 1
        hindcast = models.hindcast(forecast.row["model_version"], END, place)
        assert hindcast.names == forecast.names == (*MODELS[forecast.row["target"]], MEAN, CORRECTED, *NAIVE)
        assert len(hindcast.origins) > 7 * 24 / APART
        assert (forecast.weights[:, forecast.names.index(MEAN)] < 1).any()
        wanted = combine(
            hindcast,
            series,
            place,
            forecast.models,
            forecast.of(*NAIVE),
            floor=FLOOR[forecast.row["target"]],
        )
        np.testing.assert_allclose(forecast.weights, wanted.weights, rtol=1e-4, atol=1e-6)
        np.testing.assert_allclose(
            forecast.of(CORRECTED)[CORRECTED], wanted.experts[forecast.names.index(CORRECTED)], rtol=1e-5
        )
    # Without them all weight is on the mean.
    with trained.transaction() as connection:
        run(connection, "DELETE FROM forecast")
    for key in files.list():
        if key.endswith("hindcasts.npz"):
            files.delete(key)
    issue_forecasts(trained, ModelCache(files), ["Delhi"], now=NOW)
    for forecast in stored_forecasts(trained):
        assert (forecast.weights[:, forecast.names.index(MEAN)] == 1).all()


def test_the_same_call_again_changes_nothing(
    trained: Database, files: UrlObjectStore, models: ModelCache
) -> None:
    issue_forecasts(trained, models, ["Delhi"], now=NOW)
    first = tables(trained)
    assert len(first[1]) == 2
    issue_forecasts(trained, models, ["Delhi"], now=NOW + timedelta(minutes=20))
    assert tables(trained) == first
    put_model(trained, files, "pm25", "mean24", city="Delhi")  # another champion, of other experts
    hear(trained, NOW, 900.0)
    assert issue_forecasts(trained, models, ["Delhi"], now=NOW + timedelta(minutes=30)).repeated == 2
    assert tables(trained) == first


def random_forecast(
    place: int, mode: Mode = "live", *, heard: bool
) -> tuple[IssuedForecast, IssuedExperts, Any]:
    """Of the AQI from the hour of that place: what is kept of it, and all experts' arrays; none is like another."""
    random = np.random.default_rng(place)
    truth = np.append(AQI, np.full(HORIZON, AQI[-1]))[place + 1 : place + 1 + HORIZON]
    names = ("naive", MEAN, CORRECTED, *(("openweather",) if heard else ()), *NAIVE)
    y = (
        (truth * np.exp(random.normal(0, 0.3, (len(names) + 1, HORIZON))))
        .astype(np.float32)
        .astype(np.float64)
    )
    if heard:
        y[3, 20:] = np.nan
    served = y[-1]
    origin = END - (len(AQI) - 1 - place) * HOUR
    bounds = {name: served.tolist() for name in ("lo80", "hi80", "lo95", "hi95")}
    forecast = IssuedForecast(
        city="Delhi", target="aqi", mode=mode, issued_at=origin, origin=origin, known_until=origin,
        model_version=None, family="naive", inputs_hash="", basis=None, source=None, y=served.tolist(),
        categories=[], **bounds,
        **{name: y[names.index(name)].tolist() for name in NAIVE},
    )  # fmt: skip
    weights = np.full(len(names) * len(EXPERT_BLOCKS), 1 / len(names))
    experts = IssuedExperts(names, y[: -1 - len(NAIVE)].ravel().tolist(), weights.tolist())
    return forecast, experts, y


def remember(database: Database, places: list[int], mode: Mode = "live") -> list[Record]:
    """Keep such forecasts; each as a record by itself. A provider was heard in the last 20 days only."""
    records = []
    with database.transaction() as connection:
        for place in places:
            heard = place > len(AQI) - 20 * 24
            forecast, experts, y = random_forecast(place, mode, heard=heard)
            assert insert_forecast(connection, forecast)
            insert_experts(connection, "Delhi", "aqi", mode, origin=forecast.origin, experts=experts)
            records.append(Record(experts.names, np.array([place]), y[None, :-1], y[None, -1]))
    return records


@pytest.mark.parametrize("lag", [0, 5])
def test_weights_follow_from_the_record_as_combine_does(
    simple: Database, models: ModelCache, lag: int
) -> None:
    """The same numbers, with the record put together by hand: other experts at times, older ones than are looked at."""
    if lag:
        with simple.transaction() as connection:
            run(connection, "UPDATE city_hour SET aqi = NULL WHERE time > :known", known=END - lag * HOUR)
    end = len(AQI) - 1
    places = [end - back for back in [*range(WINDOW_HOURS + 100, 200, -8), *range(200, 0, -1)]]
    parts = remember(simple, places)
    remember(simple, places[::5], "replay")
    record = Record.empty()
    spaced = {(places[-1] - place) // APART: part for place, part in zip(places, parts, strict=True)}
    for part in spaced.values():
        if part.origins[0] > end - WINDOW_HOURS:
            record = record.merged(part)
    assert 0 < sum(part.origins[0] <= end - WINDOW_HOURS for part in parts) < 20
    assert issue_forecasts(simple, models, ["Delhi"], now=END).issued == 1
    forecast = stored_forecasts(simple)[-1]
    assert forecast.row["origin"] == END.isoformat()
    series = AQI[: len(AQI) - lag]
    wanted = combine(record, series, end, forecast.of("naive"), forecast.of(*NAIVE), floor=FLOOR["aqi"])
    assert forecast.names == wanted.names
    np.testing.assert_allclose(forecast.weights, wanted.weights, rtol=1e-3, atol=1e-5)
    np.testing.assert_allclose(forecast.of(CORRECTED)[CORRECTED], wanted.experts[2], rtol=1e-5)
    assert (forecast.weights.max(axis=1) < 0.999).any()
    np.testing.assert_allclose(forecast.row["y"], wanted.y, atol=0.52)


def test_what_was_issued_is_learnt_from_the_next_day(simple: Database, models: ModelCache) -> None:
    """Persistence is made the truth itself: after a day it is believed."""
    then = END - 3 * 24 * HOUR
    level = int(AQI[-1 - 3 * 24])
    with simple.transaction() as connection:
        run(connection, "UPDATE city_hour SET aqi = :level WHERE time > :then", level=level, then=then)
    for hour in range(0, 24, 3):
        assert issue_forecasts(simple, models, ["Delhi"], now=then + hour * HOUR).issued == 1
    first = stored_forecasts(simple)[0]
    assert (first.weights[:, first.names.index(MEAN)] == 1).all()
    issue_forecasts(simple, models, ["Delhi"], now=then + 24 * HOUR)
    second = stored_forecasts(simple)[-1]
    assert (second.weights[:3, second.names.index("persistence")] > 0.1).all()
    # Of the second half of the second day nothing is known yet: it is believed there for what it did before it.
    assert second.weights[-1, second.names.index("persistence")] > 0.1
    # What was issued in one mode teaches the other nothing.
    issue_forecasts(simple, models, ["Delhi"], now=then + 24 * HOUR, mode="replay")
    [replayed] = stored_forecasts(simple, "replay")
    assert (replayed.weights[:, replayed.names.index(MEAN)] == 1).all()


def test_nothing_after_the_origin_has_any_influence(simple: Database, models: ModelCache) -> None:
    then = len(AQI) - 1 - 60
    places = list(range(then - 400, then, 3))
    for mode in MODES:
        remember(simple, places, mode)
    remember(simple, list(range(then + 1, then + 40, 3)), "replay")
    at = END - 60 * HOUR
    assert issue_forecasts(simple, models, ["Delhi"], now=at).issued == 1
    with simple.transaction() as connection:
        run(connection, "UPDATE city_hour SET aqi = 500, pm25 = 900 WHERE time > :at", at=at)
    assert issue_forecasts(simple, models, ["Delhi"], now=at, mode="replay").issued == 1
    honest, spoilt = (
        next(
            forecast
            for forecast in stored_forecasts(simple, mode)
            if forecast.row["origin"] == at.isoformat()
        )
        for mode in MODES
    )
    assert honest.row["y"] == spoilt.row["y"]
    np.testing.assert_array_equal(honest.weights, spoilt.weights)
    np.testing.assert_array_equal(honest.experts, spoilt.experts)
    assert (honest.weights.max(axis=1) < 1).any()


def test_a_damaged_hindcast_costs_one_target_its_forecast_and_is_told(
    trained: Database, files: UrlObjectStore, models: ModelCache
) -> None:
    with trained.transaction() as connection:
        [(version,)] = run(
            connection, "SELECT version FROM model WHERE status = 'champion' AND target = 'aqi'"
        )
    whole = files.get(hindcast_key(version))
    reason = "the hindcasts of the model cannot be read; train the city again"
    middle = len(whole) // 2
    for number, damaged in enumerate(
        (b"no file", whole[:middle], whole[:middle] + bytes(100) + whole[middle + 100 :])
    ):
        files.put(hindcast_key(version), damaged)
        report = issue_forecasts(trained, ModelCache(files), ["Delhi"], now=NOW + number * HOUR)
        assert report.skipped == {"Delhi/aqi": reason}
        assert report.issued == 1
    # Trained again, its files are whole, and it is served.
    now = NOW + timedelta(minutes=5)
    assert issue_forecasts(trained, models, ["Delhi"], now=now).skipped == {"Delhi/aqi": reason}
    again = train_city(trained, models, "Delhi", now=NOW, families=["linear"])
    assert again.promoted == {}
    assert files.get(hindcast_key(version)) == whole
    report = issue_forecasts(trained, models, ["Delhi"], now=now)
    assert (report.skipped, report.issued) == ({}, 1)


def test_once_the_record_is_long_enough_hindcasts_are_not_looked_at(
    simple: Database, files: UrlObjectStore, models: ModelCache
) -> None:
    files.put(hindcast_key("live-Delhi-aqi"), b"damaged")
    end = len(AQI) - 1
    remember(simple, list(range(end - WINDOW_HOURS + 30, end, 24)))
    assert "Delhi/aqi" in issue_forecasts(simple, models, ["Delhi"], now=END).skipped
    remember(simple, [end - WINDOW_HOURS + 20])
    assert issue_forecasts(simple, models, ["Delhi"], now=END).issued == 1
