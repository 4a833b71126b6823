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
    ProviderForecasts,
    ReceivedForecasts,
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


def received(history: np.ndarray, every: int = 6, delay: int = 1, steps: int = 72) -> ReceivedForecasts:
    """What came, as if it had been forecast without an error."""
    issued = np.arange(0, len(history), every)
    padded = np.concatenate([history, np.full((steps + 1, history.shape[1]), np.nan)])
    at = np.minimum(issued[:, None] + np.arange(1, steps + 1), len(padded) - 1)
    values = {name: padded[at, INPUTS.index(name)] for name in ("wind_speed", "temperature")}
    return ReceivedForecasts(issued + delay, issued + 1, values)


def rows(weather_ahead: ProviderForecasts, late: int = 0) -> np.ndarray:
    time = local_time(END, len(HISTORY), IST)
    return build_rows(HISTORY, time, AHEAD, ORIGINS, LEADS, weather_ahead=weather_ahead, late=late).dense()


def column(X: np.ndarray, name: str) -> np.ndarray:
    values: np.ndarray = X[:, :, AHEAD.index(name)]
    return values


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
    features = rows(ProviderForecasts((received(HISTORY),)))[:3]
    for name in AHEAD.of_ahead[:-1]:
        if name.startswith(("wind_speed", "temperature")):
            np.testing.assert_array_equal(
                column(features, name), hindsight[:, :, known.index(name)], err_msg=name
            )
    assert (column(features, "ahead_known") == 1).all()


def test_what_the_history_says_of_later_hours_is_not_read() -> None:
    spoilt = HISTORY.copy()
    spoilt[ORIGINS[0] + 1 :] = 999.0
    time = local_time(END, len(HISTORY), IST)
    weather_ahead = ProviderForecasts((received(HISTORY),))
    for history in (HISTORY, spoilt):
        X = build_rows(history, time, AHEAD, ORIGINS[:1], LEADS, weather_ahead=weather_ahead).dense()
        np.testing.assert_array_equal(X, rows(weather_ahead)[:1])


def test_what_is_received_after_the_origin_changes_nothing() -> None:
    usual = received(HISTORY)
    wild = {name: np.full((len(HISTORY), 72), 40.0) for name in usual.values}
    for delay, same in ((1, True), (0, False)):
        at = int(ORIGINS[1])
        keep = usual.received <= at
        late = ReceivedForecasts(
            np.append(usual.received[keep], at + delay),
            np.append(usual.first[keep], at + 1),
            {name: np.concatenate([values[keep], wild[name][:1]]) for name, values in usual.values.items()},
        )
        features, expected = (rows(ProviderForecasts((forecasts,)))[1] for forecasts in (late, usual))
        assert np.array_equal(features, expected) == same


def test_where_nothing_was_received_all_is_usual_and_says_so() -> None:
    X = rows(ProviderForecasts())
    assert not column(X, "ahead_known").any()
    assert not column(X, "temperature_ahead").any()
    assert not X[:, :, AHEAD.index("boundary_layer_height_ahead_way")].any()


@pytest.mark.parametrize("age", [MAX_AGE_HOURS, MAX_AGE_HOURS + 1])
def test_what_is_too_old_counts_as_not_received(age: int) -> None:
    forecasts = received(HISTORY)
    at = int(ORIGINS[2])
    old = ReceivedForecasts(
        np.array([at - age]), np.array([at - age + 1]), {n: v[:1] for n, v in forecasts.values.items()}
    )
    known = column(rows(ProviderForecasts((old,))), "ahead_known")[2]
    assert known.all() == (age == MAX_AGE_HOURS)
    assert known.any() == (age == MAX_AGE_HOURS)


def test_late_data_are_forecast_from_what_had_been_received_by_the_real_origin() -> None:
    weather_ahead = ProviderForecasts((received(HISTORY, every=1, delay=0),))
    late = 5
    history = HISTORY[: len(HISTORY) - late]
    features = build(
        history, END - timedelta(hours=late), "pm25", np.array([len(history) - 1]), LEADS + late,
        layout=AHEAD, weather_ahead=weather_ahead, late=late,
    ).X[0]  # fmt: skip
    # What was said at the real origin begins after it: nothing is known of the hours between.
    assert not np.isnan(features).any()
    path = weather_ahead.path("wind_speed", np.array([len(history) - 1]), 48 + late, late)
    assert np.isnan(path[0, :late]).all()


def test_another_provider_fills_in() -> None:
    first = received(HISTORY)
    first.values["wind_speed"][:, 10:20] = np.nan
    second = received(HISTORY)
    del second.values["temperature"]
    path = ProviderForecasts((first, second)).path("wind_speed", ORIGINS[:2], 30)
    np.testing.assert_array_equal(
        path, ProviderForecasts((received(HISTORY),)).path("wind_speed", ORIGINS[:2], 30)
    )


@given(st.data())
def test_path_against_plain_python(data: st.DataObject) -> None:
    number = data.draw(st.integers(0, 6))
    received = sorted(data.draw(st.lists(st.integers(0, 80), min_size=number, max_size=number)))
    first = data.draw(st.lists(st.integers(-5, 90), min_size=number, max_size=number))
    values = [[float(100 * row + hour) for hour in range(8)] for row in range(number)]
    table = ReceivedForecasts(
        np.array(received, dtype=int),
        np.array(first, dtype=int),
        {"rain": np.array(values).reshape(number, 8)},
    )
    origin, late = data.draw(st.integers(0, 90)), data.draw(st.integers(0, 3))
    expected = []
    usable = [row for row in range(number) if received[row] <= origin + late <= received[row] + MAX_AGE_HOURS]
    for step in range(1, 6):
        place = origin + step - first[usable[-1]] if usable else -1
        expected.append(values[usable[-1]][place] if usable and 0 <= place < 8 else np.nan)
    # Of two received in the same hour the last counts, and it is the newest that must not be too old.
    np.testing.assert_array_equal(
        ProviderForecasts((table,)).path("rain", np.array([origin]), 5, late)[0], expected
    )
