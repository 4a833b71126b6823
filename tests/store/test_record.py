"""The record: forecasts as issued, the truth beside them, and scores against plain numpy."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from synthetic import END, hours, put_hours

from common.domain.forecast import HORIZON, MAPE_FLOOR, NAIVE, Mode, Target
from common.domain.observation import HOUR
from common.features import INPUTS
from common.store.engine import Database, run
from common.store.forecasts import IssuedForecast, cities_with_record, insert_forecast, record, score

if TYPE_CHECKING:
    from datetime import datetime

    from common.features import Array

HISTORY = hours(8, seed=6, gaps=0.1)
EVER = END - timedelta(days=100)
LONG = 24 * 30
ORIGINS = [END - back * HOUR for back in (140, 120, 110, 96, 80, 60, 49, 48, 30, 7, 3)]


def truth(target: Target, origin: datetime, known_until: datetime = END, history: Array = HISTORY) -> Array:
    """What became of the 48 hours after an origin, nan where it is not known by then."""
    series = history[:, INPUTS.index(target)]
    at = len(series) - 1 - int((END - origin) / HOUR)
    padded = np.concatenate([series, np.full(HORIZON, np.nan)])[at + 1 : at + 1 + HORIZON]
    padded[int((known_until - origin) / HOUR) if known_until > origin else 0 :] = np.nan
    return padded


def made(origin: datetime, *, target: Target = "aqi", mode: Mode = "live", **given: Any) -> IssuedForecast:
    """A forecast of random numbers that float4 holds exactly."""
    random = np.random.default_rng([int(origin.timestamp()), len(target), len(mode)])
    y = random.integers(20, 400, HORIZON) / 2
    wide, narrow = random.integers(30, 90, HORIZON), random.integers(5, 30, HORIZON)
    fields: dict[str, Any] = {
        "city": "Delhi", "target": target, "mode": mode, "issued_at": origin + timedelta(minutes=9),
        "origin": origin, "known_until": origin, "model_version": None, "family": "linear",
        "inputs_hash": "x", "basis": "measured", "source": "cpcb", "y": y.tolist(),
        "lo80": (y - narrow).tolist(), "hi80": (y + narrow).tolist(),
        "lo95": (y - wide).tolist(), "hi95": (y + wide).tolist(),
        "categories": [], **{name: (random.integers(20, 400, HORIZON) / 2).tolist() for name in NAIVE},
    }  # fmt: skip
    return IssuedForecast(**(fields | given))


def issue(database: Database, *forecasts: IssuedForecast) -> None:
    with database.transaction() as connection:
        for forecast in forecasts:
            assert insert_forecast(connection, forecast)


def scored(database: Database, now: datetime = END, *, mode: Mode = "live", **reach: int) -> int:
    with database.transaction() as connection:
        return score(connection, mode=mode, now=now, **reach)


def actual(database: Database, origin: datetime) -> Array | None:
    """The truth kept beside the live AQI forecast of an origin, nan where it is not known."""
    with database.transaction() as connection:
        rows = run(
            connection,
            "SELECT actual FROM forecast_truth WHERE (origin, target, mode) = (:origin, 'aqi', 'live')",
            origin=origin,
        )
    return np.array(rows[0][0], dtype=np.float64) if rows else None


def expected(
    forecasts: list[IssuedForecast], lead: int | None, known_until: datetime = END
) -> dict[str, Any]:
    """Scores of one lead time, or of all, from the forecasts and the truth."""
    columns = list(range(HORIZON)) if lead is None else [lead - 1]
    real = np.stack([truth(one.target, one.origin, known_until) for one in forecasts])[:, columns]  # type: ignore[arg-type]
    known = np.isfinite(real)
    values = {
        name: np.stack([getattr(one, name) for one in forecasts])[:, columns][known]
        for name in ("y", "lo80", "hi80", "lo95", "hi95", *NAIVE)
    }
    real = real[known]
    error = values["y"] - real
    maes = {name: np.abs(values[name] - real).mean() for name in NAIVE}
    best = min(maes, key=lambda name: maes[name])
    some = real >= MAPE_FLOOR
    return {
        "n": len(real),
        "mae": np.abs(error).mean(),
        "rmse": np.sqrt((error**2).mean()),
        "bias": error.mean(),
        "mape": (np.abs(error[some]) / real[some]).mean(),
        "r2": 1 - (error**2).mean() / real.var(),
        "best_naive": best,
        "naive_mae": maes[best],
        "skill": 1 - np.abs(error).mean() / maes[best],
        "coverage80": ((values["lo80"] <= real) & (real <= values["hi80"])).mean(),
        "coverage95": ((values["lo95"] <= real) & (real <= values["hi95"])).mean(),
    }


@pytest.mark.parametrize("target", ["aqi", "pm25"])
def test_scores_by_lead_time_are_those_of_the_pairs(database: Database, target: Target) -> None:
    put_hours(database, "Delhi", HISTORY)
    forecasts = [made(origin, target=target) for origin in ORIGINS]
    issue(database, *forecasts)
    assert scored(database) == len(ORIGINS)
    with database.transaction() as connection:
        together, *by_lead = record(connection, "Delhi", target, mode="live", start=EVER, end=END)
    assert [one.lead for one in by_lead] == list(range(1, HORIZON + 1))
    for one in (together, *by_lead):
        wanted = expected(forecasts, one.lead)
        assert one.best_naive == wanted.pop("best_naive")
        found = {name: getattr(one, name) for name in wanted} | {"naive_mae": one.naive_mae[one.best_naive]}
        assert found == pytest.approx(wanted, rel=1e-5, abs=1e-6)
    assert together.n == sum(one.n for one in by_lead)


def test_the_record_is_of_the_origins_and_the_family_asked_for(database: Database) -> None:
    put_hours(database, "Delhi", HISTORY)
    forecasts = [
        made(origin, family="linear" if number % 2 else "naive") for number, origin in enumerate(ORIGINS)
    ]
    issue(database, *forecasts)
    scored(database)
    with database.transaction() as connection:
        part = record(connection, "Delhi", "aqi", mode="live", start=ORIGINS[0], end=ORIGINS[3])
        naive = record(connection, "Delhi", "aqi", mode="live", start=EVER, end=END, family="naive")
        nothing = record(connection, "Mumbai", "aqi", mode="live", start=EVER, end=END)
        assert cities_with_record(connection, mode="live", start=EVER, end=END) == ["Delhi"]
        assert cities_with_record(connection, mode="live", start=END, end=END + HOUR) == []
    assert part[0].mae == pytest.approx(expected(forecasts[1:4], None)["mae"], rel=1e-5)
    assert naive[0].mae == pytest.approx(expected(forecasts[::2], None)["mae"], rel=1e-5)
    assert nothing == []


def test_the_truth_is_what_is_known_by_then(database: Database) -> None:
    put_hours(database, "Delhi", HISTORY)
    origin = END - 60 * HOUR
    issue(database, made(origin), made(END))
    assert scored(database, origin) == 0
    for later in (5, 20, 48):
        now = origin + later * HOUR
        assert scored(database, now) == 1
        np.testing.assert_array_equal(actual(database, origin), truth("aqi", origin, now))
    assert scored(database) == 0
    assert actual(database, END) is None


def test_late_truth_and_corrections_are_set_right(database: Database) -> None:
    origin = END - 50 * HOUR
    late = HISTORY.copy()
    late[-30:-20] = np.nan
    put_hours(database, "Delhi", late)
    issue(database, made(origin))
    assert scored(database) == 1
    np.testing.assert_array_equal(actual(database, origin), truth("aqi", origin, history=late))
    assert scored(database) == 0  # nothing new
    put_hours(database, "Delhi", HISTORY)
    assert scored(database, END + timedelta(minutes=5)) == 1
    np.testing.assert_array_equal(actual(database, origin), truth("aqi", origin))
    corrected = HISTORY.copy()
    corrected[-10, INPUTS.index("aqi")] = 321
    put_hours(database, "Delhi", corrected)
    assert scored(database, END + timedelta(minutes=9)) == 1
    np.testing.assert_array_equal(actual(database, origin), truth("aqi", origin, history=corrected))


def test_live_and_replayed_forecasts_never_mix(database: Database) -> None:
    put_hours(database, "Delhi", HISTORY)
    live = [made(origin) for origin in ORIGINS]
    replayed = [made(origin, mode="replay") for origin in ORIGINS]
    issue(database, *live, *replayed)
    assert scored(database, mode="replay") == len(ORIGINS)
    with database.transaction() as connection:
        assert record(connection, "Delhi", "aqi", mode="live", start=EVER, end=END) == []
    scored(database)
    for mode, forecasts in (("live", live), ("replay", replayed)):
        with database.transaction() as connection:
            together = record(connection, "Delhi", "aqi", mode=mode, start=EVER, end=END)[0]  # type: ignore[arg-type]
        assert together.mae == pytest.approx(expected(forecasts, None)["mae"], rel=1e-5)


def test_a_forecast_is_kept_as_it_was_issued(database: Database) -> None:
    first = made(END)
    issue(database, first)
    with database.transaction() as connection:
        assert not insert_forecast(connection, replace(first, y=[1.0] * HORIZON))
        assert insert_forecast(connection, replace(first, mode="replay"))
        [(y,)] = run(connection, "SELECT y FROM forecast WHERE mode = 'live'")
    assert y == first.y


def test_only_the_last_days_are_looked_at_again(database: Database) -> None:
    put_hours(database, "Delhi", HISTORY)
    origin = END - 60 * HOUR
    issue(database, made(origin))
    later = END + timedelta(days=20)
    assert scored(database, later) == 0
    assert scored(database, later, reach_hours=LONG) == 1


def test_a_perfect_naive_forecast_leaves_no_skill(database: Database) -> None:
    put_hours(database, "Delhi", HISTORY)
    origin = END - 50 * HOUR
    issue(database, made(origin, mean24=np.nan_to_num(truth("aqi", origin)).tolist()))
    scored(database)
    with database.transaction() as connection:
        together = record(connection, "Delhi", "aqi", mode="live", start=EVER, end=END)[0]
    assert (together.best_naive, together.skill) == ("mean24", None)
