"""What was expected of the hours to come: as received by an origin, never what came later."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from synthetic import END, hours

from common.domain.observation import IST
from common.features import (
    INPUTS,
    MAX_AGE_HOURS,
    Outlooks,
    Told,
    build,
    build_rows,
    layout_of,
    local_time,
    production,
)

HISTORY = hours(30, seed=9)
AHEAD = production("pm25", ahead=True)
ORIGINS = np.array([400, 470, 500, 719])
LEADS = np.arange(1, 49)


def told(history: np.ndarray, every: int = 6, delay: int = 1, steps: int = 72) -> Told:
    """What came, as if it had been forecast without an error."""
    issued = np.arange(0, len(history), every)
    padded = np.concatenate([history, np.full((steps + 1, history.shape[1]), np.nan)])
    at = np.minimum(issued[:, None] + np.arange(1, steps + 1), len(padded) - 1)
    values = {name: padded[at, INPUTS.index(name)] for name in ("wind_speed", "temperature")}
    return Told(issued + delay, issued + 1, values)


def rows(outlooks: Outlooks, late: int = 0) -> np.ndarray:
    time = local_time(END, len(HISTORY), IST)
    return build_rows(HISTORY, time, AHEAD, ORIGINS, LEADS, outlooks=outlooks, late=late).dense()


def column(X: np.ndarray, name: str) -> np.ndarray:
    found: np.ndarray = X[:, :, AHEAD.index(name)]
    return found


def test_the_two_layouts_are_told_apart() -> None:
    without = production("pm25")
    assert layout_of("pm25", without.signature) == without
    assert layout_of("pm25", AHEAD.signature) == AHEAD
    assert layout_of("aqi", AHEAD.signature) is None
    assert AHEAD.names[: len(without.names)] == without.names
    assert AHEAD.names[len(without.names) :] == AHEAD.of_ahead
    assert AHEAD.of_ahead[-1] == "ahead_known"
    assert without.of_ahead == ()


def test_a_perfect_forecast_is_what_knowing_the_weather_would_be() -> None:
    known = replace(AHEAD, as_issued=False)
    time = local_time(END, len(HISTORY), IST)
    hindsight = build_rows(HISTORY, time, known, ORIGINS[:3], LEADS).dense()
    found = rows(Outlooks((told(HISTORY),)))[:3]
    for name in AHEAD.of_ahead[:-1]:
        if name.startswith(("wind_speed", "temperature")):
            np.testing.assert_array_equal(
                column(found, name), hindsight[:, :, known.index(name)], err_msg=name
            )
    assert (column(found, "ahead_known") == 1).all()


def test_what_the_history_says_of_later_hours_is_not_read() -> None:
    spoilt = HISTORY.copy()
    spoilt[ORIGINS[0] + 1 :] = 999.0
    time = local_time(END, len(HISTORY), IST)
    outlooks = Outlooks((told(HISTORY),))
    for history in (HISTORY, spoilt):
        X = build_rows(history, time, AHEAD, ORIGINS[:1], LEADS, outlooks=outlooks).dense()
        np.testing.assert_array_equal(X, rows(outlooks)[:1])


def test_what_is_received_after_the_origin_changes_nothing() -> None:
    usual = told(HISTORY)
    wild = {name: np.full((len(HISTORY), 72), 40.0) for name in usual.values}
    for delay, same in ((1, True), (0, False)):
        at = int(ORIGINS[1])
        keep = usual.received <= at
        late = Told(
            np.append(usual.received[keep], at + delay),
            np.append(usual.first[keep], at + 1),
            {name: np.concatenate([one[keep], wild[name][:1]]) for name, one in usual.values.items()},
        )
        found, expected = (rows(Outlooks((one,)))[1] for one in (late, usual))
        assert np.array_equal(found, expected) == same


def test_where_nothing_was_received_all_is_usual_and_says_so() -> None:
    X = rows(Outlooks())
    assert not column(X, "ahead_known").any()
    assert not column(X, "temperature_ahead").any()
    assert not X[:, :, AHEAD.index("boundary_layer_height_ahead_way")].any()


@pytest.mark.parametrize("age", [MAX_AGE_HOURS, MAX_AGE_HOURS + 1])
def test_what_is_too_old_counts_as_not_received(age: int) -> None:
    one = told(HISTORY)
    at = int(ORIGINS[2])
    old = Told(np.array([at - age]), np.array([at - age + 1]), {n: v[:1] for n, v in one.values.items()})
    known = column(rows(Outlooks((old,))), "ahead_known")[2]
    assert known.all() == (age == MAX_AGE_HOURS)
    assert known.any() == (age == MAX_AGE_HOURS)


def test_late_data_are_forecast_from_what_had_been_received_by_the_real_origin() -> None:
    outlooks = Outlooks((told(HISTORY, every=1, delay=0),))
    late = 5
    history = HISTORY[: len(HISTORY) - late]
    found = build(
        history, END - timedelta(hours=late), "pm25", np.array([len(history) - 1]), LEADS + late,
        layout=AHEAD, outlooks=outlooks, late=late,
    ).X[0]  # fmt: skip
    # What was said at the real origin begins after it: nothing is known of the hours between.
    assert not np.isnan(found).any()
    path = outlooks.path("wind_speed", np.array([len(history) - 1]), 48 + late, late)
    assert np.isnan(path[0, :late]).all()


def test_another_provider_fills_in() -> None:
    first = told(HISTORY)
    first.values["wind_speed"][:, 10:20] = np.nan
    second = told(HISTORY)
    del second.values["temperature"]
    path = Outlooks((first, second)).path("wind_speed", ORIGINS[:2], 30)
    np.testing.assert_array_equal(path, Outlooks((told(HISTORY),)).path("wind_speed", ORIGINS[:2], 30))


@given(st.data())
def test_path_against_plain_python(data: st.DataObject) -> None:
    number = data.draw(st.integers(0, 6))
    received = sorted(data.draw(st.lists(st.integers(0, 80), min_size=number, max_size=number)))
    first = data.draw(st.lists(st.integers(-5, 90), min_size=number, max_size=number))
    said = [[float(100 * row + hour) for hour in range(8)] for row in range(number)]
    table = Told(
        np.array(received, dtype=int), np.array(first, dtype=int), {"rain": np.array(said).reshape(number, 8)}
    )
    origin, late = data.draw(st.integers(0, 90)), data.draw(st.integers(0, 3))
    expected = []
    usable = [row for row in range(number) if received[row] <= origin + late <= received[row] + MAX_AGE_HOURS]
    for step in range(1, 6):
        place = origin + step - first[usable[-1]] if usable else -1
        expected.append(said[usable[-1]][place] if usable and 0 <= place < 8 else np.nan)
    # Of two received in the same hour the last counts, and it is the newest that must not be too old.
    np.testing.assert_array_equal(Outlooks((table,)).path("rain", np.array([origin]), 5, late)[0], expected)
