"""Training rows, and that nothing of the hours set aside is learnt from."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from synthetic import END, hours

from common.domain.errors import ModelError
from common.domain.forecast import HORIZON, NAIVE, TARGETS, Target
from common.domain.observation import HOUR, IST
from common.features import (
    FLOOR,
    INPUTS,
    Array,
    ProviderForecasts,
    ReceivedForecasts,
    build,
    names,
    production,
    usable_origins,
)
from common.training.dataset import LEADS, MIN_TRAINING_HOURS, Dataset, make_dataset, pooled_dataset
from common.training.families import FitOptions, fit

HISTORY = hours(45, seed=2, gaps=0.03)


@pytest.mark.parametrize("target", TARGETS)
def test_rows_are_what_serving_would_build_with_the_truth_beside_them(target: Target) -> None:
    data = make_dataset(HISTORY, END, target)
    series = HISTORY[:, INPUTS.index(target)]
    usable = usable_origins(series)
    assert data.hours.tolist() == usable[usable >= 24 * 7].tolist()
    assert data.X.shape == (len(data.hours), HORIZON, len(names(target)))
    for row in (0, 100, len(data.hours) - 1):
        hour = int(data.hours[row])
        end = END - (len(HISTORY) - 1 - hour) * HOUR
        served = build(HISTORY[: hour + 1], end, target, np.array([hour]), LEADS)
        np.testing.assert_array_equal(data.X[row], served.X[0])
        assert data.level[row] == served.level[0]
        for lead in (1, 24, 48):
            truth = series[hour + lead] if hour + lead < len(series) else np.nan
            np.testing.assert_equal(data.actual[row, lead - 1], truth)
    ratio = data.log_ratio()
    floor = FLOOR[target]
    np.testing.assert_allclose(
        np.exp(ratio) * (data.level[:, None] + floor) - floor, data.actual, rtol=1e-9, atol=1e-9
    )
    assert set(data.naive) == set(NAIVE)


@settings(max_examples=15, deadline=None)
@given(days=st.integers(24, 45), seed=st.integers(0, 100))
def test_no_hour_is_on_both_sides_of_the_split(days: int, seed: int) -> None:
    data = make_dataset(hours(days, seed=seed, gaps=0.01), END, "pm25")
    try:
        learn, judge = data.split()
    except ModelError:
        assert days < 26  # with gaps a little more than 24 days is needed
        return
    held_out = min(max(round(days * 24 * 0.2), 120), 720)
    target_hours = data.hours[:, None] + LEADS
    assert target_hours[learn].max() < data.length - held_out + 1
    assert target_hours[learn].max() < data.hours[judge].min()
    assert data.hours[judge].min() >= data.length - held_out - 1
    assert judge.sum() > 100
    assert np.isfinite(data.actual[learn]).all()
    np.testing.assert_array_equal(data.judged(judge), data.actual[judge])


@pytest.mark.parametrize(("days", "earlier"), [(110, 0), (230, 0), (400, 0), (900, 11)])
def test_the_last_month_is_held_out_and_blocks_before_it_where_more_than_a_year_is_known(
    days: int, earlier: int
) -> None:
    data = make_dataset(hours(days, seed=3), END, "pm25")
    learn, judge = data.split()
    target_hours = data.hours[:, None] + LEADS
    learnt = set(target_hours[learn].tolist())
    truth = data.judged(judge)
    judged = set(target_hours[judge][np.isfinite(truth)].tolist())
    assert not learnt & judged
    assert len(learnt | judged) >= data.length - 24 * 8
    ends = np.flatnonzero(np.diff(data.hours[judge], append=data.length * 2) > 1)
    assert len(ends) == earlier + 1
    total = max(min(days * 24 * 0.2, 720), (days - 365) * 24 * 0.15)
    assert judge.sum() == pytest.approx(total, abs=30)
    assert data.hours[judge][-1] == data.length - 1
    assert data.length - data.last_block() == pytest.approx(min(total, 720), abs=1)


def test_several_stations_are_learnt_from_together() -> None:
    histories = [hours(30, seed=seed, gaps=0.02) for seed in (1, 2, 3)]
    data = pooled_dataset(histories, END, IST, production("pm25"))
    alone = [make_dataset(history, END, "pm25") for history in histories]
    np.testing.assert_array_equal(data.X, np.concatenate([part.X for part in alone]))
    np.testing.assert_array_equal(data.actual, np.concatenate([part.actual for part in alone]))
    assert np.bincount(data.series).tolist() == [len(part.hours) for part in alone]
    assert data.judged(data.split()[1]).shape[0] == sum(part.split()[1].sum() for part in alone)


def test_the_time_of_year_is_learnt_from_a_year_only() -> None:
    season = [at for at, name in enumerate(names("pm25")) if "season" in name]
    for days, shown in ((300, False), (345, True)):
        data = make_dataset(hours(days, seed=1), END, "pm25")
        taught = data.taught().at(0, np.arange(0, len(data.rows), 50))
        assert (taught[:, season] != 0).any() == shown
        assert (data.rows.at(0, np.arange(50))[:, season] != 0).any()


@pytest.mark.parametrize("target", TARGETS)
def test_nothing_of_the_held_out_hours_is_learnt(target: Target) -> None:
    """Whatever those hours held, the model that is judged on them is the same to the last bit."""

    def trained(data: Dataset) -> tuple[Array, Array]:
        learn, _ = data.split()
        y = np.nan_to_num(data.log_ratio())
        options = FitOptions(weight=data.weight(), lead_column=names(target).index("lead"))
        model = fit("linear", data.rows, y, learn, options)
        return model.weights, model.bias  # type: ignore[attr-defined]

    data = make_dataset(HISTORY, END, target)
    _, judge = data.split()
    poisoned = HISTORY.copy()
    poisoned[data.hours[judge].min() :] *= 10
    other = make_dataset(poisoned, END, target)
    for before, after in zip(trained(data), trained(other), strict=True):
        np.testing.assert_array_equal(before, after)
    poisoned[data.hours[judge].min() - 1] *= 10
    weights, _ = trained(make_dataset(poisoned, END, target))
    assert not np.array_equal(weights, trained(data)[0])  # the hour before them is learnt from


def test_a_history_that_is_too_short_says_how_much_is_needed() -> None:
    with pytest.raises(ModelError, match=r"too little history: 552 hours; .* about 24 days"):
        make_dataset(hours(23), END, "aqi").split()
    learn, _ = make_dataset(hours(24), END, "aqi").split()
    assert learn.any(axis=1).sum() >= MIN_TRAINING_HOURS


def test_a_city_that_went_silent_cannot_be_judged() -> None:
    history = hours(60)
    history[-24 * 20 :] = np.nan
    with pytest.raises(ModelError, match="with few gaps"):
        make_dataset(history, END, "aqi").split()


@pytest.mark.parametrize(("days", "known"), [(60, False), (345, True)])
def test_more_than_plain_effects_of_expected_weather_are_learnt_from_a_year_of_it(
    days: int, known: bool
) -> None:
    history = hours(355, seed=2)
    issued = np.arange(len(history) - 24 * days, len(history), 6)
    padded = np.concatenate([history, history[-72:]])
    values = {
        name: padded[issued[:, None] + np.arange(1, 73), INPUTS.index(name)]
        for name in ("wind_speed", "rain")
    }
    weather_ahead = ProviderForecasts((ReceivedForecasts(issued, issued + 1, values),))
    layout = production("pm25", ahead=True)
    data = pooled_dataset([history], END, IST, layout, [weather_ahead])
    assert data.knows_ahead() is known
    # The finer features of it are learnt from where it is known for a year only.
    fine = [layout.index(name) for name in layout.fine_ahead]
    assert len(fine) == 5 * len(layout.ahead)
    taught = data.taught().at(0, np.arange(0, len(data.rows), 50))
    assert (taught[:, fine] != 0).any() == known
    assert not pooled_dataset([history[-24 * 30 :]], END, IST, production("pm25")).knows_ahead()


def test_of_a_few_days_all_origins_are_kept() -> None:
    data = make_dataset(hours(3), END, "aqi")
    assert data.hours.tolist() == list(range(11, 72))


@pytest.mark.parametrize("known", [0, 1, 11])
def test_without_an_origin_there_is_no_dataset(known: int) -> None:
    with pytest.raises(ModelError, match="too little history"):
        make_dataset(hours(3)[:known], END, "aqi")
