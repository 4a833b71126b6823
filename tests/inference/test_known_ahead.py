"""Forecasts over a real database that know the weather ahead as it was expected, and providers' own forecasts."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from synthetic import END, hours, put_hours, put_model

from common.adapters.object_store import UrlObjectStore
from common.domain.aqi import naqi
from common.domain.forecast import HORIZON
from common.domain.observation import HOUR, POLLUTANTS, ProviderForecast
from common.features import INPUTS, MAX_AGE_HOURS
from common.inference.issue import issue_forecasts
from common.inference.onnx_session import ModelCache
from common.inference.providers import running_naqi
from common.store.engine import Database, run
from common.store.provider_forecasts import insert_provider_forecasts
from common.training.service import train_city

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime
    from pathlib import Path

NOW = END + timedelta(minutes=12)
SECOND = timedelta(seconds=1)
DAYS = 50
WORLD = hours(DAYS + 4, seed=11)
"""What happens; its last four days are still to come at `END`."""
PAST = WORLD[: -4 * 24]
WEATHER = ("wind_speed", "temperature")


@pytest.fixture
def files(tmp_path: Path) -> UrlObjectStore:
    return UrlObjectStore(tmp_path.as_uri())


@pytest.fixture
def models(files: UrlObjectStore) -> ModelCache:
    return ModelCache(files)


def ahead(received: datetime, *, source: str = "open-meteo", times: float = 1.0) -> list[ProviderForecast]:
    """The weather of the 72 hours after a moment, as it will come, or so many times that."""
    row = len(PAST) + int((received - END) / HOUR)
    return [
        ProviderForecast(
            source,
            "Delhi",
            received,
            received + (lead + 1) * HOUR,
            {name: min(float(times * WORLD[row + lead, INPUTS.index(name)]), 50.0) for name in WEATHER},
        )
        for lead in range(72)
        if row + lead < len(WORLD)
    ]


def receive(database: Database, expected: list[ProviderForecast], now: datetime) -> None:
    with database.transaction() as connection:
        insert_provider_forecasts(connection, expected, now=now)


def archive(database: Database, days: int) -> None:
    """What was received every six hours of the last `days`."""
    for back in range(6, 24 * days, 6):
        receive(database, ahead(END - back * HOUR), END - back * HOUR)


def forecast(database: Database, models: ModelCache, target: str = "pm25") -> dict[str, Any]:
    """Issued from what the database holds now, with each expert's forecasts, and taken back."""
    assert issue_forecasts(database, models, ["Delhi"], now=NOW).issued >= 1
    with database.transaction() as connection:
        [(row, names, experts)] = run(
            connection,
            "SELECT to_jsonb(forecast), names, expert.y FROM forecast "
            "JOIN forecast_expert AS expert USING (city, target, mode, origin) WHERE target = :target",
            target=target,
        )
        run(connection, "DELETE FROM forecast")
    each = np.array(experts).reshape(-1, HORIZON).tolist()
    return dict(row) | {"experts": dict(zip(names, each, strict=False))}


def trained(database: Database, files: UrlObjectStore, models: ModelCache) -> Any:
    """The card of the champion."""
    report = train_city(database, models, "Delhi", now=NOW, families=["linear"], targets=["pm25"])
    return models.get(report.promoted["pm25"]).card


@pytest.fixture
def known(database: Database, files: UrlObjectStore, models: ModelCache) -> Database:
    """A city whose champion has learnt from 45 days of archived outlooks."""
    put_hours(database, "Delhi", PAST)
    archive(database, 45)
    card = trained(database, files, models)
    assert card.layout.as_issued
    assert "wind_speed_ahead" in card.features
    return database


def test_what_is_expected_of_the_weather_pays(
    database: Database, files: UrlObjectStore, models: ModelCache
) -> None:
    put_hours(database, "Delhi", PAST)
    without = trained(database, files, models)
    archive(database, 45)
    card = trained(database, files, models)
    assert not without.layout.as_issued
    assert card.layout.as_issued
    assert card.metrics["holdout"]["mae"] < 0.9 * without.metrics["holdout"]["mae"]
    assert card.parity < 0.01


def test_a_champion_without_is_compared_by_the_rows_it_takes(
    database: Database, files: UrlObjectStore, models: ModelCache
) -> None:
    put_hours(database, "Delhi", PAST)
    earlier = NOW - timedelta(days=5)
    usual = {"families": ["linear"], "targets": ["pm25"]}
    first = train_city(database, models, "Delhi", now=earlier, **usual)  # type: ignore[arg-type]
    archive(database, 45)
    second = train_city(database, models, "Delhi", now=NOW, **usual)  # type: ignore[arg-type]
    assert not models.get(first.promoted["pm25"]).card.layout.as_issued
    assert models.get(second.promoted["pm25"]).card.layout.as_issued
    assert "against the champion's" in second.reasons["pm25"]


def test_too_short_an_archive_is_left_out(
    database: Database, files: UrlObjectStore, models: ModelCache
) -> None:
    put_hours(database, "Delhi", PAST)
    without = trained(database, files, models)
    archive(database, 20)
    again = train_city(database, models, "Delhi", now=NOW, families=["linear"], targets=["pm25"])
    assert again.kept == {"pm25": "the same model is served already"}
    assert not without.layout.as_issued


def test_nothing_received_after_the_origin_is_known(known: Database, models: ModelCache) -> None:
    before = forecast(known, models)
    receive(known, ahead(END + SECOND, times=9.0), END + SECOND)
    assert forecast(known, models) == before
    receive(known, ahead(END, times=9.0), END)
    assert forecast(known, models)["y"] != before["y"]


def test_an_older_one_is_used_for_a_day(known: Database, models: ModelCache) -> None:
    with known.transaction() as connection:
        edge = END - (MAX_AGE_HOURS - 1) * HOUR
        run(connection, "DELETE FROM provider_forecast WHERE received_at > :edge", edge=edge)
    older = forecast(known, models)
    with known.transaction() as connection:
        edge = END - MAX_AGE_HOURS * HOUR
        run(connection, "DELETE FROM provider_forecast WHERE received_at >= :edge", edge=edge)
    none = forecast(known, models)
    assert older["y"] != none["y"]
    with known.transaction() as connection:
        run(connection, "DELETE FROM provider_forecast")
    assert forecast(known, models) == none


def test_without_any_the_forecast_is_that_of_a_model_which_never_knew(
    database: Database, files: UrlObjectStore, models: ModelCache
) -> None:
    put_hours(database, "Delhi", PAST)
    trained(database, files, models)
    without = forecast(database, models)
    archive(database, 45)
    assert trained(database, files, models).layout.as_issued
    usual = forecast(database, models)
    with database.transaction() as connection:
        run(connection, "DELETE FROM provider_forecast")
    none = forecast(database, models)
    for model in ("level_free", "linear", "pooled"):  # what each of them counts is another matter
        np.testing.assert_allclose(none["experts"][model], without["experts"][model], rtol=0.002, atol=0.2)
    assert np.abs(np.array(usual["y"]) - np.array(none["y"])).mean() > 5


def test_another_provider_steps_in(known: Database, models: ModelCache) -> None:
    usual = forecast(known, models)
    with known.transaction() as connection:
        run(connection, "DELETE FROM provider_forecast WHERE received_at > :edge", edge=END - 30 * HOUR)
    three_hourly = [
        row for lead, row in enumerate(ahead(END - 6 * HOUR, source="openweather")) if lead % 3 == 0
    ]
    none = forecast(known, models)
    receive(known, three_hourly, END - 6 * HOUR)
    issued = forecast(known, models)
    gap = [np.abs(np.array(row["y"]) - np.array(usual["y"])).mean() for row in (issued, none)]
    assert gap[0] < gap[1]


def challenger_rows(database: Database) -> dict[tuple[str, str], list[float | None]]:
    with database.transaction() as connection:
        rows = run(
            connection, "SELECT target, challenger, to_jsonb(y) FROM forecast_challenger ORDER BY 1, 2"
        )
    return {(target, challenger): y for target, challenger, y in rows}


def air(
    received: datetime, values: Mapping[str, float], leads: int = 60, source: str = "openweather"
) -> list[ProviderForecast]:
    return [
        ProviderForecast(
            source, "Delhi", received, received + lead * HOUR, {n: v + lead for n, v in values.items()}
        )
        for lead in range(1, leads + 1)
    ]


def test_providers_own_forecasts_are_kept_beside_ours(
    database: Database, files: UrlObjectStore, models: ModelCache
) -> None:
    put_hours(database, "Delhi", PAST)
    for target in ("aqi", "pm25"):
        put_model(database, files, target, "daily", city="Delhi")
    values = {"pm25": 90.0, "pm10": 150.0, "no2": 40.0, "o3": 60.0}
    receive(database, air(END - 3 * HOUR, values), END - 3 * HOUR)
    receive(database, air(END + SECOND, {"pm25": 400.0}), END + SECOND)
    receive(database, air(END - 25 * HOUR, {"pm25": 1.0}, source="open-meteo"), END - 25 * HOUR)
    assert issue_forecasts(database, models, ["Delhi"], now=NOW).issued == 2
    stored = challenger_rows(database)
    assert set(stored) == {("aqi", "openweather"), ("pm25", "openweather")}
    assert stored["pm25", "openweather"] == [90.0 + 3 + lead for lead in range(1, 49)]
    past = PAST[-24:]
    for lead in (1, 10, 30, 48):
        series = {
            name: [
                *past[:, INPUTS.index(name)],
                *((values[name] + 3 + step if name in values else None) for step in range(1, lead + 1)),
            ]
            for name in POLLUTANTS
        }
        assert stored["aqi", "openweather"][lead - 1] == naqi(series).value, lead
    assert issue_forecasts(database, models, ["Delhi"], now=NOW).repeated == 2
    assert challenger_rows(database) == stored


def test_what_a_provider_does_not_say_has_no_value(
    database: Database, files: UrlObjectStore, models: ModelCache
) -> None:
    put_hours(database, "Delhi", PAST)
    for target in ("aqi", "pm25"):
        put_model(database, files, target, "daily", city="Delhi")
    receive(database, air(END, {"pm25": 90.0}, leads=30), END)
    issue_forecasts(database, models, ["Delhi"], now=NOW)
    stored = challenger_rows(database)
    assert stored["pm25", "openweather"][29:31] == [120.0, None]
    index = stored["aqi", "openweather"]
    # After some hours too few pollutants are known for an index.
    assert index[0] is not None
    assert index[9:] == [None] * 39


@given(
    st.lists(
        st.lists(
            st.one_of(st.none(), st.floats(0, 1500), st.sampled_from([0.0, 30.0, 60.0, 208.0, 250.0])),
            min_size=30,
            max_size=30,
        ),
        min_size=7,
        max_size=7,
    )
)
def test_the_running_index_is_that_of_the_rule(table: list[list[float | None]]) -> None:
    index = running_naqi(np.array(table, dtype=np.float64))
    for hour in range(30):
        value = naqi({name: row[: hour + 1] for name, row in zip(POLLUTANTS, table, strict=True)}).value
        assert index[hour] == value or (value is None and np.isnan(index[hour]))
