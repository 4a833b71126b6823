"""Rows as they are shown: categories, rounding, ranks, ages and times, without a database."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import structs

from common.api.metrics_view import source_state
from common.api.serialize_cities import comparison, day_points, hour_points, ranking, with_latest
from common.api.serialize_forecasts import points, shown_job
from common.api.serialize_values import all_rounded, concentrations, index_category, rounded, stamp
from common.domain.cities import find_city
from common.domain.observation import IST, POLLUTANTS
from common.store.reads.forecasts import ARRAYS, StoredForecast
from common.store.reads.hours import DayColumns, HourColumns, LatestIndex
from common.store.reads.jobs import JobRow
from common.store.reads.periods import CityMean, CityPeriod
from common.store.reads.service import SourceHealth

if TYPE_CHECKING:
    from collections.abc import Sequence

NOW = datetime(2025, 11, 5, 10, 42, 30, 500, tzinfo=UTC)
HOUR = timedelta(hours=1)


@pytest.mark.parametrize(
    ("value", "digits", "shown"),
    [
        (0.1235, 3, 0.124),
        (0.12349, 3, 0.123),
        (2.5, 0, 3),
        (382.25, 1, 382.3),
        (0.0, 1, 0.0),
        (166.95, 1, 167.0),
    ],
)
def test_halves_go_up_as_decimals_do(value: float, digits: int, shown: float) -> None:
    assert rounded(value, digits) == shown
    assert all_rounded([value, value], digits) == [shown, shown]


@given(st.floats(0, 2000, width=32))
def test_a_concentration_is_at_most_half_a_hundredth_off(value: float) -> None:
    [shown] = concentrations([value])
    assert shown is not None
    assert abs(shown - value) <= 0.005 + 1e-9
    assert len(repr(float(shown)).partition(".")[2]) <= 2
    assert isinstance(shown, int) == float(shown).is_integer()


@pytest.mark.parametrize(
    ("index", "naqi", "epa"),
    [
        (0, "Good", "Good"),
        (50, "Good", "Good"),
        (50.4, "Good", "Good"),
        (50.5, "Satisfactory", "Moderate"),
        (101, "Moderate", "Unhealthy for Sensitive Groups"),
        (400, "Very Poor", "Hazardous"),
        (500, "Severe", "Hazardous"),
        (None, None, None),
    ],
)
def test_an_index_has_the_category_that_it_is_shown_in(
    index: float | None, naqi: str | None, epa: str | None
) -> None:
    assert (index_category(index, "in-naqi"), index_category(index, "us-epa")) == (naqi, epa)


def test_times_are_written_in_utc_to_the_second() -> None:
    assert stamp(NOW.astimezone(IST)) == "2025-11-05T10:42:30Z"
    assert stamp(None) is None


def test_latest_indices_take_the_place_of_null_and_say_their_age() -> None:
    entries = {name: f'{{"name":"{name}","latest":null}}' for name in ("Delhi", "Pune", "Agra")}
    latest = {
        "Delhi": LatestIndex(NOW - 2 * HOUR - timedelta(seconds=59), 201, "pm25", "cpcb", "measured"),
        "Agra": LatestIndex(NOW - 2 * HOUR, 500, None, None, None),
    }
    shown = json.loads(with_latest(entries, latest, "in-naqi", NOW, stale=2 * HOUR))
    assert [city["name"] for city in shown] == ["Delhi", "Pune", "Agra"]
    assert shown[0]["latest"] == {
        "aqi": 201, "category": "Poor", "dominant_pollutant": "pm25", "timestamp": "2025-11-05T08:41:31Z",
        "age_minutes": 120, "stale": True, "source": "cpcb", "basis": "measured",
    }  # fmt: skip
    assert shown[1]["latest"] is None
    assert (shown[2]["latest"]["age_minutes"], shown[2]["latest"]["stale"]) == (120, False)


def plain(shown: Sequence[msgspec.Struct]) -> list[dict[str, Any]]:
    """Hours, days or lead times as JSON has them, but for their times."""
    plainly: list[dict[str, Any]] = msgspec.to_builtins(shown, builtin_types=(datetime,))
    return plainly


def columns(**of: list[float | None]) -> dict[str, list[float | None]]:
    length = len(next(iter(of.values())))
    return {name: of.get(name, [None] * length) for name in POLLUTANTS}


def test_hours_leave_out_what_is_missing() -> None:
    hours = HourColumns(
        [1762338600, 1762342200], [167, None], ["pm25", None], ["measured"] * 2, ["cpcb"] * 2, [[], ["stuck"]],
        columns(pm25=[80.126, None], co=[1.0, 0.5]),
    )  # fmt: skip
    first, second = plain(hour_points(hours, "in-naqi"))
    assert first == {
        "time": datetime(2025, 11, 5, 10, 30, tzinfo=UTC), "aqi": 167, "category": "Moderate",
        "dominant_pollutant": "pm25", "basis": "measured", "source": "cpcb", "flags": [],
        "pollutants": {"pm25": 80.13, "co": 1},
    }  # fmt: skip
    assert (second["aqi"], second["category"], second["pollutants"]) == (None, None, {"co": 0.5})


def test_a_day_is_in_the_category_of_its_whole_index() -> None:
    days = DayColumns(
        ["2025-11-05"] * 2, [200.5, 200.49], [310, 305], [24, 20], ["measured"] * 2, ["cpcb"] * 2,
        columns(pm25=[80.0, 81.0]),
    )  # fmt: skip
    assert [(day["aqi"], day["category"]) for day in plain(day_points(days, "in-naqi"))] == [
        (201, "Poor"),
        (200, "Moderate"),
    ]


def test_equal_values_share_a_rank_and_the_next_follows_as_many_places_later() -> None:
    means = [
        CityMean(city, value, 24, {"implied": 4, "measured": 20, "modelled": 4})
        for city, value in {"Pune": 80.04, "Delhi": 301.0, "Agra": 80.01, "Mumbai": 79.94}.items()
    ]
    worst = ranking(means, "in-naqi", descending=True)
    assert [(row["rank"], row["tied"], row["city"], row["value"]) for row in worst] == [
        (1, False, "Delhi", 301.0),
        (2, True, "Agra", 80.0),
        (2, True, "Pune", 80.0),
        (4, False, "Mumbai", 79.9),
    ]
    assert list(worst[0]["basis"].items()) == [("measured", 20), ("implied", 4), ("modelled", 4)]
    assert (worst[0]["category"], worst[0]["state"]) == ("Very Poor", "Delhi")
    best = ranking(means, None, descending=False)
    assert [row["city"] for row in best] == ["Mumbai", "Agra", "Pune", "Delhi"]
    assert [row["value"] for row in best] == [79.94, 80.01, 80.04, 301.0]
    assert {row["category"] for row in best} == {None}


def test_a_comparison_counts_days_by_category() -> None:
    period = CityPeriod(
        "Delhi", 60, 3, 150.25, 200.5, date(2025, 11, 4), 99.5, date(2025, 11, 3), 310, [200.5, 99.5, 150.0],
        {"pm25": 80.125, "co": None}, {"measured": 60},
    )  # fmt: skip
    shown = comparison(find_city("Delhi"), period, "in-naqi")
    assert (shown["aqi_mean"], shown["aqi_max"], shown["aqi_min"]) == (150.3, 201, 100)
    assert {name: number for name, number in shown["category_days"].items() if number} == {
        "Satisfactory": 1,
        "Moderate": 1,
        "Poor": 1,
    }
    assert len(shown["category_days"]) == 6
    assert shown["pollutants"] == {"pm25": 80.13}


def forecast_of(target: str, y: float, chances: list[float] | None) -> StoredForecast:
    arrays = {name: [y + shift] * 48 for name, shift in zip(ARRAYS, (0, -60, 60, -90, 500), strict=True)}
    return StoredForecast(
        "Delhi", NOW, datetime(2025, 11, 5, 10, 30, tzinfo=UTC), NOW, "v1", "linear", "measured", "cpcb", target,
        arrays, [chances] * 48 if chances else [], None,
    )  # fmt: skip


def test_a_forecast_of_the_index_is_whole_and_within_the_scale() -> None:
    chances = [0.0, 0.1235, 0.5, 0.3, 0.0764, 0.0001]
    stored = msgspec.structs.replace(
        forecast_of("aqi", 50.5, chances), pm25={name: [-0.04] * 48 for name in ARRAYS}
    )
    shown = plain(points(stored, 3))
    assert [point["lead_hours"] for point in shown] == [1, 2, 3]
    assert shown[0]["time"] == datetime(2025, 11, 5, 11, 30, tzinfo=UTC)
    assert (shown[0]["aqi"], shown[0]["category"], shown[0]["confidence"]) == (51, "Satisfactory", 0.124)
    assert [shown[0][name] for name in ("lower_80", "upper_80", "lower_95", "upper_95")] == [0, 111, 0, 500]
    assert list(shown[0]["probabilities"].values()) == [0, 0.124, 0.5, 0.3, 0.076, 0]
    assert shown[0]["exceedance"] == {"200": 0.377, "300": 0.077, "400": 0}
    assert shown[0]["pm25"]["value"] == 0.0
    assert min(shown[0]["pm25"].values()) == 0.0


def test_a_forecast_without_probabilities_names_none() -> None:
    [point] = plain(points(forecast_of("aqi", 120.0, None), 1))
    assert not {"confidence", "probabilities", "exceedance", "pm25"} & point.keys()
    [point] = plain(points(forecast_of("pm25", 12.25, None), 1))
    assert point.keys() == {"time", "lead_hours", "pm25"}
    assert (point["pm25"]["value"], point["pm25"]["lower_80"]) == (12.3, 0.0)


JOB = JobRow(
    7, {"city": "Delhi"}, "queued", 0, 5, NOW, None, None, NOW, None, None, overdue=False, elsewhere=False
)


@pytest.mark.parametrize(
    ("changes", "shown"),
    [
        ({}, ("queued", None, None)),
        ({"attempts": 1, "error": "no data"}, ("failed", "no data", "time")),
        (
            {"attempts": 1, "error": "no data", "elsewhere": True, "available_at": None},
            ("failed", "no data", None),
        ),
        ({"state": "running", "attempts": 1}, ("running", None, None)),
        (
            {"state": "running", "attempts": 1, "overdue": True},
            ("failed", "the worker died or took too long", None),
        ),
        (
            {"state": "running", "attempts": 5, "overdue": True},
            ("dead", "the worker died or took too long", None),
        ),
        ({"state": "done", "attempts": 1, "outcome": {"a": 1}}, ("done", None, None)),
    ],
)
def test_a_job_whose_attempt_failed_waits_for_the_next(
    changes: dict[str, Any], shown: tuple[str, str | None, str | None]
) -> None:
    job = shown_job(structs.replace(JOB, **changes))
    retry = None if job["retry_at"] is None else "time"
    assert (job["state"], job["error"], retry) == shown
    assert job["force"] is True
    assert job["outcome"] == ({"a": 1} if job["state"] == "done" else None)


def test_a_source_that_is_left_alone_rests_whatever_its_last_run_was() -> None:
    health = SourceHealth(NOW + HOUR, NOW, None, NOW + HOUR, "key", {"timeout": 1, "key": 2})
    assert source_state(health, NOW) == {
        "state": "resting", "resting_until": "2025-11-05T11:42:30Z", "last_run": "2025-11-05T10:42:30Z",
        "last_success": None, "lag_minutes": 0, "reason": "key", "failures_24h": {"key": 2, "timeout": 1},
    }  # fmt: skip
    failing = SourceHealth(None, NOW, NOW, NOW - timedelta(minutes=90, seconds=59), "timeout", {})
    assert (source_state(failing, NOW)["state"], source_state(failing, NOW)["lag_minutes"]) == ("failing", 90)
    assert source_state(SourceHealth(None, NOW, NOW, None, None, {}), NOW)["state"] == "ok"
