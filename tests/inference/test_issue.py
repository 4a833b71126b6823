"""Forecasts over a real database: issued once, from what was known, each city by itself."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from stubs import refusing
from synthetic import END, hours, put_hours, put_model

from common.adapters.object_store import UrlObjectStore
from common.domain.errors import StoreError
from common.domain.forecast import COMPOSED, CORRECTED, HORIZON, MEAN, NAIVE
from common.domain.model_files import model_key
from common.domain.observation import HOUR
from common.features import FLOOR, INPUTS, MAX_LAG_HOURS
from common.inference.issue import issue_forecasts
from common.inference.onnx_session import ModelCache
from common.store.engine import Database, run

if TYPE_CHECKING:
    from pathlib import Path

NOW = END + timedelta(minutes=12)
HISTORY = hours(20, seed=4)
AQI = HISTORY[:, INPUTS.index("aqi")]


@pytest.fixture
def files(tmp_path: Path) -> UrlObjectStore:
    return UrlObjectStore(tmp_path.as_uri())


@pytest.fixture
def models(files: UrlObjectStore) -> ModelCache:
    return ModelCache(files)


def stored_forecasts(database: Database) -> dict[tuple[str, str, str], dict[str, Any]]:
    """All forecasts in the database, by city, target and mode."""
    with database.transaction() as connection:
        rows = run(connection, "SELECT to_jsonb(forecast) FROM forecast ORDER BY origin")
    return {(row["city"], row["target"], row["mode"]): row for (row,) in rows}


def values_of(database: Database, city: str, target: str) -> Any:
    """What the champion by itself forecast, (48,)."""
    with database.transaction() as connection:
        [(names, y)] = run(
            connection,
            "SELECT names, y FROM forecast_expert WHERE city = :city AND target = :target AND mode = 'live'",
            city=city,
            target=target,
        )
    assert names[0] == "naive"
    return np.array(y[:HORIZON])


def both(database: Database, files: UrlObjectStore, city: str, kind: str = "daily") -> None:
    """Champions of a city for both targets."""
    for target in ("aqi", "pm25"):
        put_model(database, files, target, kind, city=city)


def test_what_is_kept_of_a_forecast(database: Database, files: UrlObjectStore, models: ModelCache) -> None:
    put_hours(database, "Delhi", HISTORY)
    both(database, files, "Delhi")
    report = issue_forecasts(database, models, ["Delhi"], now=NOW)
    assert (report.issued, report.repeated, report.skipped) == (2, 0, {})
    forecasts = stored_forecasts(database)
    assert set(forecasts) == {("Delhi", "aqi", "live"), ("Delhi", "pm25", "live")}
    aqi, pm25 = forecasts["Delhi", "aqi", "live"], forecasts["Delhi", "pm25", "live"]
    for row in (aqi, pm25):
        assert datetime.fromisoformat(row["origin"]) == datetime.fromisoformat(row["known_until"]) == END
        assert datetime.fromisoformat(row["issued_at"]) == NOW
        assert (row["family"], row["source"], row["basis"]) == ("naive", "cpcb", "measured")
        assert row["model_version"] == f"live-Delhi-{row['target']}"
        for name in ("y", "lo80", "hi80", "lo95", "hi95", *NAIVE):
            assert len(row[name]) == HORIZON
        for bounds in zip(*(row[name] for name in ("lo95", "lo80", "y", "hi80", "hi95")), strict=True):
            assert list(bounds) == sorted(bounds)
        assert min(row["lo95"]) >= 0
    assert max(aqi["hi95"]) <= 500
    # The champion forecasts what today was at the same hour. Of PM2.5 that is all there is at the beginning.
    np.testing.assert_allclose(values_of(database, "Delhi", "aqi"), [*AQI[-24:], *AQI[-24:]], rtol=1e-4)
    np.testing.assert_allclose(aqi["daily"], [*AQI[-24:], *AQI[-24:]], atol=0.051)
    np.testing.assert_allclose(pm25["y"], pm25["daily"], atol=0.11)
    # Of the index it is one of two: the other follows from PM2.5.
    floor = FLOOR["aqi"]
    with database.transaction() as connection:
        [(names, experts)] = run(connection, "SELECT names, y FROM forecast_expert WHERE target = 'aqi'")
    assert names == ["naive", COMPOSED, MEAN, CORRECTED, *NAIVE]
    each = np.array(experts).reshape(4, HORIZON)
    np.testing.assert_allclose(each[2], np.exp(np.log(each[:2] + floor).mean(axis=0)) - floor, rtol=1e-5)
    np.testing.assert_array_equal(aqi["y"], np.round(each[2]))
    assert aqi["persistence"] == [AQI[-1]] * HORIZON
    np.testing.assert_allclose(aqi["mean24"], AQI[-24:].mean(), atol=0.051)
    week = AQI[-24 * 7 :].reshape(7, 24).mean(axis=0)
    np.testing.assert_allclose(aqi["weekly"], [*week, *week], atol=0.051)
    np.testing.assert_allclose(np.sum(aqi["categories"], axis=1), 1, atol=1e-3)
    assert np.shape(aqi["categories"]) == (HORIZON, 6)
    assert pm25["categories"] == []


def test_the_same_call_again_issues_nothing(
    database: Database, files: UrlObjectStore, models: ModelCache
) -> None:
    put_hours(database, "Delhi", HISTORY)
    both(database, files, "Delhi")
    issue_forecasts(database, models, ["Delhi"], now=NOW)
    first = stored_forecasts(database)
    again = issue_forecasts(database, models, ["Delhi"], now=NOW + timedelta(minutes=40))
    assert (again.issued, again.repeated, again.skipped) == (0, 2, {})
    assert stored_forecasts(database) == first
    put_hours(database, "Delhi", HISTORY * 2)  # corrections change no forecast that was issued
    issue_forecasts(database, models, ["Delhi"], now=NOW + timedelta(minutes=41))
    assert stored_forecasts(database) == first
    assert issue_forecasts(database, models, ["Delhi"], now=NOW + HOUR).issued == 2


def test_late_data_make_longer_lead_times_until_they_are_too_old(
    database: Database, files: UrlObjectStore, models: ModelCache
) -> None:
    lags = {"Delhi": 0, "Mumbai": 1, "Chennai": 2, "Kolkata": 7, "Pune": 12, "Jaipur": 13, "Agra": 400}
    for city, lag in lags.items():
        put_hours(database, city, HISTORY[: len(HISTORY) - lag], END - lag * HOUR)
        both(database, files, city)
    report = issue_forecasts(database, models, lags, now=NOW)
    reason = f"no usable measurements in the last {MAX_LAG_HOURS} hours"
    skipped = [f"{city}/{target}" for city in ("Jaipur", "Agra") for target in ("aqi", "pm25")]
    assert report.skipped == dict.fromkeys(skipped, reason)
    forecasts = stored_forecasts(database)
    assert report.issued == len(forecasts) == 10
    for city, lag in lags.items():
        if lag > MAX_LAG_HOURS:
            continue
        row = forecasts[city, "aqi", "live"]
        assert datetime.fromisoformat(row["origin"]) == END
        assert datetime.fromisoformat(row["known_until"]) == END - lag * HOUR
        assert (row["source"], row["basis"]) == ("cpcb", "measured")
        # Hour by hour the same time of day as the target, on the last day that is known of it.
        known = AQI[: len(AQI) - lag]
        wanted = np.arange(1, HORIZON + 1) + lag
        daily = known[len(known) - 1 - (-wanted % 24)]
        np.testing.assert_allclose(values_of(database, city, "aqi"), daily, rtol=1e-4)
        np.testing.assert_allclose(row["daily"], daily, atol=0.051)


@pytest.mark.parametrize("lag", [0, 7])
def test_the_mean_of_a_week_is_stored_as_a_model_of_it_says(
    database: Database, files: UrlObjectStore, models: ModelCache, lag: int
) -> None:
    history = HISTORY[: len(HISTORY) - lag].copy()
    history[-24 * 4 :: 24] = np.nan  # an hour of day that only some days tell
    put_hours(database, "Delhi", history, END - lag * HOUR)
    both(database, files, "Delhi", "weekly")
    assert issue_forecasts(database, models, ["Delhi"], now=NOW).issued == 2
    for (_, target, _), row in stored_forecasts(database).items():
        known = history[:, INPUTS.index(target)]
        ahead = [
            [known[at] for at in range(len(known) - 1 + lag + lead - 24 * 10, len(known), 24)][-7:]
            for lead in range(1, HORIZON + 1)
        ]
        week = [np.nanmean(days) for days in ahead]
        np.testing.assert_allclose(row["weekly"], week, atol=0.051)
        np.testing.assert_allclose(values_of(database, "Delhi", target), week, rtol=1e-4)
        if target == "pm25":  # the only model, of which nothing is known yet: it is served
            np.testing.assert_allclose(row["y"], week, atol=0.051)
        else:
            assert all(float(y).is_integer() for y in row["y"])


def test_hours_without_the_target_count_as_late(
    database: Database, files: UrlObjectStore, models: ModelCache
) -> None:
    """An index needs most of a day of measurements; weather and single gases go on meanwhile."""
    history = HISTORY.copy()
    history[-3:, INPUTS.index("aqi")] = np.nan
    history[-2, INPUTS.index("pm25")] = np.nan
    put_hours(database, "Delhi", history)
    both(database, files, "Delhi")
    assert issue_forecasts(database, models, ["Delhi"], now=NOW).issued == 2
    forecasts = stored_forecasts(database)
    assert datetime.fromisoformat(forecasts["Delhi", "aqi", "live"]["known_until"]) == END - 3 * HOUR
    assert datetime.fromisoformat(forecasts["Delhi", "pm25", "live"]["known_until"]) == END


def test_one_failing_city_costs_no_other_its_forecast(
    database: Database, files: UrlObjectStore, models: ModelCache
) -> None:
    for city in ("Agra", "Delhi", "Mumbai", "Pune"):
        put_hours(database, city, HISTORY)
    for city in ("Agra", "Delhi", "Pune"):
        both(database, files, city)
    files.put(model_key("live-Agra-aqi"), b"damaged")
    files.delete(model_key("live-Pune-pm25"))
    report = issue_forecasts(database, models, ["Agra", "Chennai", "Mumbai", "Pune", "Delhi"], now=NOW)
    assert {(city, target) for city, target, _ in stored_forecasts(database)} == {
        ("Agra", "pm25"),
        ("Delhi", "aqi"),
        ("Delhi", "pm25"),
        ("Pune", "aqi"),
    }
    assert report.issued == 4
    assert "damaged" in report.skipped.pop("Agra/aqi")
    assert "is not in" in report.skipped.pop("Pune/pm25")
    assert report.skipped == dict.fromkeys(
        ["Chennai/aqi", "Chennai/pm25", "Mumbai/aqi", "Mumbai/pm25"], "no model has been trained yet"
    )


class Failing(UrlObjectStore):
    """A folder where reading the files of Agra fails with `error`."""

    error: Exception = StoreError("the object store hiccups")

    def get(self, key: str) -> bytes:
        if "Agra" in key:
            raise self.error
        return super().get(key)


@pytest.mark.parametrize(
    ("error", "reason", "unavailable"),
    [
        (StoreError("the object store hiccups"), "the object store hiccups", True),
        (RuntimeError("out of threads"), "unexpected RuntimeError: out of threads", False),
        (MemoryError(), "unexpected MemoryError: ", False),
    ],
)
def test_whatever_fails_at_one_city_costs_no_other_its_forecast(
    database: Database, tmp_path: Path, error: Exception, reason: str, unavailable: bool
) -> None:
    files = Failing(tmp_path.as_uri())
    files.error = error
    for city in ("Delhi", "Agra", "Pune"):
        put_hours(database, city, HISTORY)
        both(database, files, city)
    report = issue_forecasts(database, ModelCache(files), ["Delhi", "Agra", "Pune"], now=NOW)
    assert report.issued == 4
    assert report.skipped == dict.fromkeys(["Agra/aqi", "Agra/pm25"], reason)
    assert report.unavailable == ({"Agra/aqi", "Agra/pm25"} if unavailable else set())


def test_rows_that_cannot_be_written_cost_no_other_city_its_forecast(
    database: Database, files: UrlObjectStore, models: ModelCache
) -> None:
    for city in ("Agra", "Delhi"):
        put_hours(database, city, HISTORY)
        both(database, files, city)
    with database.transaction() as connection:
        run(connection, "ALTER TABLE forecast ADD CONSTRAINT not_agra CHECK (city <> 'Agra') NOT VALID")
    report = issue_forecasts(database, models, ["Agra", "Delhi"], now=NOW)
    assert report.issued == 2
    assert set(report.skipped) == {"Agra/aqi", "Agra/pm25"}
    assert "not_agra" in report.skipped["Agra/aqi"]


def test_a_lost_database_ends_the_round(files: UrlObjectStore, models: ModelCache) -> None:
    with refusing() as url:
        lost = Database(url.replace("http://", "postgresql://u:p@") + "/vayu", connect_timeout_s=2)
        with pytest.raises(StoreError, match="cannot be reached"):
            issue_forecasts(lost, models, ["Agra", "Delhi"], now=NOW)


def test_no_transaction_is_open_while_files_are_read(database: Database, tmp_path: Path) -> None:
    open_transactions: list[int] = []

    class Watched(UrlObjectStore):
        def get(self, key: str) -> bytes:
            with database.transaction() as connection:
                [(others,)] = run(
                    connection,
                    "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() "
                    "AND pid <> pg_backend_pid() AND xact_start IS NOT NULL",
                )
            open_transactions.append(others)
            return super().get(key)

    files = Watched(tmp_path.as_uri())
    put_hours(database, "Delhi", HISTORY)
    both(database, files, "Delhi")
    assert issue_forecasts(database, ModelCache(files), ["Delhi"], now=NOW).issued == 2
    assert len(open_transactions) >= 4
    assert not any(open_transactions)


def test_nothing_after_the_origin_has_any_influence(
    database: Database, files: UrlObjectStore, models: ModelCache
) -> None:
    put_hours(database, "Delhi", HISTORY)
    for mode in ("live", "replay"):
        for target in ("aqi", "pm25"):
            put_model(database, files, target, "mean24", city="Delhi", mode=mode)
    then = NOW - timedelta(hours=60)
    issue_forecasts(database, models, ["Delhi"], now=then)
    poisoned = HISTORY.copy()
    poisoned[-60:] *= 10
    put_hours(database, "Delhi", poisoned)
    issue_forecasts(database, models, ["Delhi"], now=then, mode="replay")
    forecasts = stored_forecasts(database)
    names = (
        "y",
        "lo80",
        "hi80",
        "lo95",
        "hi95",
        "categories",
        *NAIVE,
        "inputs_hash",
    )
    for target in ("aqi", "pm25"):
        before, after = (forecasts["Delhi", target, mode] for mode in ("live", "replay"))
        assert [before[name] for name in names] == [after[name] for name in names]
    # The poison does work, where it may.
    issue_forecasts(database, models, ["Delhi"], now=then + 12 * HOUR)
    assert (
        stored_forecasts(database)["Delhi", "pm25", "live"]["y"][0]
        > 3 * forecasts["Delhi", "pm25", "live"]["y"][0]
    )
