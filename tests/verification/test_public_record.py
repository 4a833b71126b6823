"""The public record against an independent computation from the forecasts as issued and the truths."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from independent import KEY, cells, pairs, provider_cells, skill_interval, stated
from issued_records import MIDNIGHT, Recipe, arrivals, issue, live, put_truth

from common.domain.forecast import HORIZON, VERIFIED_LEADS
from common.domain.observation import HOUR
from common.services.verification import update_record
from common.store.engine import Database, run

if TYPE_CHECKING:
    from datetime import datetime

EXACT = {"rel": 1e-9, "abs": 1e-9}

recipes = st.builds(
    Recipe,
    seed=st.integers(0, 2**20),
    days=st.integers(3, 8),
    target=st.sampled_from(["aqi", "pm25"]),
    mode=st.sampled_from(["live", "replay"]),
    not_issued=st.sampled_from([0.0, 0.02, 0.1]),
    unknown=st.sampled_from([0.0, 0.1]),
    late=st.sampled_from([0.0, 0.2]),
    corrected=st.sampled_from([0.0, 0.1]),
    without_weekly=st.sampled_from([0, 0, 40]),
    providers=st.sampled_from([(), ("open-meteo",), ("open-meteo", "iqair")]),
)


def rows(database: Database, table: str, key: list[str]) -> dict[tuple[Any, ...], dict[str, Any]]:
    """A table by its key, as JSON has it: there is no NaN in it."""
    with database.transaction() as connection:
        [(text,)] = run(connection, f"SELECT CAST(json_agg(t) AS text) FROM {table} AS t")  # noqa: S608
    assert "NaN" not in (text or "")
    assert "Infinity" not in (text or "")
    return {tuple(row.pop(name) for name in key): row for row in json.loads(text or "[]")}


def assert_equal(result: dict[str, Any], wanted: dict[str, Any]) -> None:
    """Names and days are the same, numbers to 1e-9."""
    assert result.keys() == wanted.keys()
    for name, value in result.items():
        exact = isinstance(value, str) or value is None
        assert value == (wanted[name] if exact else pytest.approx(wanted[name], rel=1e-9, abs=1e-9)), name


def emptied(database: Database) -> None:
    with database.transaction() as connection:
        for table in ("forecast", "city_hour", "city_hour_revision", "meta WHERE key = 'dataset'"):
            run(connection, f"DELETE FROM {table}")  # noqa: S608
        for mode in ("live", "replay"):
            update_record(connection, mode=mode, now=MIDNIGHT)  # type: ignore[arg-type]


@settings(
    max_examples=8,
    deadline=None,
    phases=[
        Phase.explicit,
        Phase.reuse,
        Phase.generate,
    ],  # to shrink one takes minutes, and its seed says it all
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(recipe=recipes)
def test_every_cell_is_what_an_independent_computation_gives(database: Database, recipe: Recipe) -> None:
    emptied(database)
    assert not rows(database, "verification_cell", KEY)  # nothing of the example before
    now = live(database, recipe)
    counted = pairs(database, now)
    ours, wanted = rows(database, "verification_cell", KEY), cells(counted)
    assert ours.keys() == wanted.keys()
    for key, cell in ours.items():
        assert (cell.pop("skill_low") is None) == (cell.pop("skill_high") is None) == (cell["days"] < 5)
        assert_equal(cell, wanted[key])
    providers = rows(database, "verification_cell_provider", [*KEY, "provider"])
    wanted_providers = provider_cells(counted)
    assert providers.keys() == wanted_providers.keys()
    for key, cell in providers.items():
        assert (
            (cell.pop("our_skill_low") is None) == (cell.pop("our_skill_high") is None) == (cell["days"] < 5)
        )
        assert_equal(cell, wanted_providers[key])
    claims = stated(counted)
    bins = rows(database, "verification_cell_stated", [*KEY, "event", "bin"])
    if len(claims):
        grouped = claims.groupby([*KEY, "event", "bin"])
        expected = grouped.agg(n=("p", "size"), stated=("p", "sum"), happened=("happened", "sum"))
        assert bins.keys() == set(expected.index)
        for key, sums in bins.items():
            assert_equal(sums, expected.loc[key].to_dict())
    else:
        assert not bins


def test_a_record_of_several_seasons_modes_and_targets(database: Database) -> None:
    for recipe in (
        Recipe(seed=1, days=11, not_issued=0.03, providers=("open-meteo",)),
        Recipe(seed=2, days=7, city="Mumbai", target="pm25", unknown=0.1),
        Recipe(seed=3, days=7, mode="replay", late=0.2),
        Recipe(seed=4, days=7, city="Pune"),
    ):
        now = live(database, recipe, step=timedelta(hours=60))
    counted = pairs(database, now)
    ours, wanted = rows(database, "verification_cell", KEY), cells(counted)
    assert {key[:4] for key in ours} == {
        ("Delhi", "aqi", "live", "ON"), ("Delhi", "aqi", "live", "DJF"), ("Mumbai", "pm25", "live", "ON"),
        ("Mumbai", "pm25", "live", "DJF"), ("Delhi", "aqi", "replay", "ON"), ("Delhi", "aqi", "replay", "DJF"),
        ("Pune", "aqi", "live", "ON"), ("Pune", "aqi", "live", "DJF"),
    }  # fmt: skip
    assert ours.keys() == wanted.keys()
    for key, part in counted.groupby(KEY):
        cell = ours[key]
        interval = [cell.pop("skill_low"), cell.pop("skill_high")]
        assert_equal(cell, wanted[key])
        if key[4] in (1, 24) and cell["days"] >= 5:
            assert interval == pytest.approx(list(skill_interval(part)), **EXACT)
    assert {cell["n"] for key, cell in ours.items() if key[:4] == ("Delhi", "aqi", "live", "DJF")} == {
        counted[(counted["season"] == "DJF") & (counted["city"] == "Delhi")]
        .query("target == 'aqi' and mode == 'live' and lead == 48")
        .shape[0]
    }


def test_the_sums_of_the_days_are_the_whole(database: Database) -> None:
    now = live(database, Recipe(seed=5, days=12, unknown=0.05, without_weekly=30))
    days = rows(database, "verification_day", ["city", "target", "mode", "day", "lead"])
    counted = pairs(database, now)
    with_weekly = counted.groupby(KEY)["weekly"].count()
    for key, cell in rows(database, "verification_cell", KEY).items():
        part = [
            sums
            for (city, target, mode, day, lead), sums in days.items()
            if (city, target, mode, "DJF" if day > "2025-11-30" else "ON", lead) == key
        ]
        n = sum(sums["n"] for sums in part)
        assert (n, len(part)) == (cell["n"], cell["days"])
        assert sum(sums["error"] for sums in part) / n == pytest.approx(cell["mae"], **EXACT)
        weekly = sum(sums["weekly_n"] for sums in part)
        assert weekly == with_weekly[key]
        assert (cell["weekly"] is None) == (weekly < n)
    assert sum(sums["n"] for sums in days.values()) == len(counted)


def state(database: Database) -> list[dict[tuple[Any, ...], dict[str, Any]]]:
    """All of the record."""
    return [
        rows(database, "verification_day", ["city", "target", "mode", "day", "lead"]),
        rows(database, "verification_day_provider", ["city", "target", "mode", "day", "lead", "provider"]),
        rows(database, "verification_day_stated", ["city", "target", "mode", "day", "lead", "event", "bin"]),
        rows(database, "verification_cell", KEY),
        rows(database, "verification_cell_provider", [*KEY, "provider"]),
        rows(database, "verification_cell_stated", [*KEY, "event", "bin"]),
    ]


def test_how_often_it_is_brought_up_to_date_changes_nothing(database: Database) -> None:
    """Neither does in which order truths arrive, nor that it is done twice."""
    recipe = Recipe(seed=6, days=6, late=0.2, corrected=0.1, providers=("open-meteo",))
    now = live(database, recipe, step=timedelta(hours=7))
    often = state(database)
    assert len(often[3]) == 12
    with database.transaction() as connection:
        update_record(connection, mode="live", now=now)
    assert state(database) == often
    emptied(database)
    live(database, recipe, step=timedelta(hours=70))
    assert state(database) == often


def test_a_day_counts_when_it_is_over(database: Database) -> None:
    recipe = Recipe(seed=7, days=4)
    issue(database, recipe)
    midnight = MIDNIGHT + timedelta(days=3)

    def at(now: datetime) -> set[int]:
        put_truth(database, recipe, arrivals(recipe)[0], now)
        with database.transaction() as connection:
            update_record(connection, mode="live", now=now)
        return {cell["n"] for cell in rows(database, "verification_cell", KEY).values()}

    assert at(midnight - HOUR) == {
        1
    }  # the last hour of the second day is the first with a forecast 48 hours ahead
    assert at(midnight) == {25}
    assert at(midnight + 23 * HOUR) == {25}
    assert at(midnight + 24 * HOUR) == {49}


def test_an_hour_counts_if_it_was_forecast_at_every_lead_time_of_the_record(database: Database) -> None:
    recipe = Recipe(seed=8, days=4)
    issue(database, recipe)
    hour = MIDNIGHT + timedelta(days=3, hours=5)
    missing = [hour - lead * HOUR for lead in VERIFIED_LEADS]
    now = MIDNIGHT + timedelta(days=6)
    put_truth(database, recipe, arrivals(recipe)[0], now)
    with database.transaction() as connection:
        run(connection, "DELETE FROM forecast WHERE origin = :origin", origin=missing[3])
        update_record(connection, mode="live", now=now)
    lost = {missing[3] + lead * HOUR for lead in VERIFIED_LEADS}
    counted = pairs(database, now)
    assert not lost & {time.to_pydatetime() for time in counted["valid"]}
    first, last = MIDNIGHT + HORIZON * HOUR, MIDNIGHT + 4 * timedelta(days=1)
    left = 49 - sum(first <= time <= last for time in lost)
    days = rows(database, "verification_day", ["city", "target", "mode", "day", "lead"])
    assert (
        {sum(sums["n"] for key, sums in days.items() if key[4] == lead) for lead in VERIFIED_LEADS}
        == {left}
        == {44}
    )


def test_forecasts_taken_back_leave_the_record(database: Database) -> None:
    """As a replay that replaces an earlier one does."""
    recipe = Recipe(seed=9, days=5, mode="replay", providers=("iqair",))
    now = live(database, recipe)
    stored = replace(recipe, city="Pune", mode="live")
    live(database, stored)
    with database.transaction() as connection:
        run(connection, "DELETE FROM forecast WHERE mode = 'replay'")
        update_record(
            connection, mode="replay", now=MIDNIGHT
        )  # the clock of the new replay stands at its beginning
    for table in state(database):
        assert {key[2] for key in table} <= {"live"}
    assert rows(database, "verification_cell", KEY).keys() == cells(pairs(database, now)).keys()


def test_models_beside_the_champion_are_no_providers(database: Database) -> None:
    with database.transaction() as connection:
        run(
            connection,
            "INSERT INTO model (version, city, target, mode, family, status, reason, trained_at, window_start, "
            "window_end, samples, features_hash, checksum, metrics) VALUES ('delhi-aqi-linear-1', 'Delhi', 'aqi', "
            "'live', 'linear', 'retired', 'another', :now, :now, :now, 1, '', '', '{}')",
            now=MIDNIGHT,
        )
    live(database, Recipe(seed=10, days=4, providers=("delhi-aqi-linear-1", "open-meteo")))
    assert {key[5] for key in rows(database, "verification_cell_provider", [*KEY, "provider"])} == {
        "open-meteo"
    }


def test_a_good_record_beats_the_naive_and_a_bad_one_does_not(database: Database) -> None:
    live(database, Recipe(seed=11, days=11, good=True))
    live(database, Recipe(seed=11, days=11, city="Pune"))
    result = rows(database, "verification_cell", KEY)
    good = [cell for key, cell in result.items() if key[0] == "Delhi" and cell["days"] >= 5]
    bad = [cell for key, cell in result.items() if key[0] == "Pune" and cell["days"] >= 5]
    assert good
    assert all(0 < cell["skill_low"] < cell["skill"] < cell["skill_high"] for cell in good)
    assert all(cell["skill_low"] < 0.15 for cell in bad)


def test_the_interval_holds_the_true_skill_as_often_as_it_says() -> None:
    """Errors that remember yesterday: with days drawn one by one the interval would be too narrow."""
    from common.verification.cells import OURS, DaySums, cell

    luck = np.random.default_rng(12)
    days, trials, held = 60, 300, 0
    for _ in range(trials):
        level = np.zeros(days)
        for day in range(1, days):
            level[day] = 0.6 * level[day - 1] + luck.normal(0, 0.25)
        ours, naive = (
            24 * 20 * np.exp(level + luck.normal(0, 0.2, days)),
            24 * 25 * np.exp(luck.normal(0, 0.2, days)),
        )
        sums = dict.fromkeys(OURS, naive) | {
            "error": ours,
            "n": np.full(days, 24.0),
            "weekly_n": np.full(days, 24.0),
        }
        result = cell(DaySums([str(day) for day in range(days)], sums))
        true = 1 - 20 / 25 * np.exp((0.25**2 / (1 - 0.6**2)) / 2)
        held += result["skill_low"] <= true <= result["skill_high"]
    assert 0.85 <= held / trials <= 0.99
