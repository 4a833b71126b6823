"""Adaptive intervals: blind to the future, calibrated when errors change, sober when little is known."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from common.domain.forecast import HORIZON, QUANTILES
from common.inference.adaptive_conformal import (
    BOUNDS,
    Issued,
    held_out_quantiles,
    quantiles,
    rolling_quantiles,
)
from common.inference.intervals import distribution, interval

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from common.features import Array

FLOOR, CEILING = 5.0, 500.0
LEADS = np.arange(1, HORIZON + 1)
BLOCKS = ((0, 6), (6, 12), (12, 24), (24, 48))
PRIOR = np.sort(np.random.default_rng(9).normal(0, 0.4, (HORIZON, 400)), axis=1)[:, ::25][:, :15]
PRIOR -= PRIOR[:, [7]]


def air(days: int, seed: int = 0) -> Array:
    """An hourly series around 90 that wanders by the day, (hours,)."""
    random = np.random.default_rng(seed)
    steps = random.normal(0, 0.08, 24 * days)
    logged = np.empty_like(steps)
    level = 0.0
    for hour, step in enumerate(steps):
        level = 0.98 * level + step
        logged[hour] = level
    return np.asarray(90 * np.exp(logged))


def forecasts(series: Array, origins: NDArray[np.intp], size: Array, seed: int = 1) -> Array:
    """Forecasts whose log errors are fat-tailed, skewed and of this size at each origin, (n, 48)."""
    random = np.random.default_rng(seed)
    truth = np.concatenate([series, np.full(HORIZON, series[-1])])[origins[:, None] + LEADS]
    spread = (0.05 + 0.3 * np.sqrt(LEADS / HORIZON)) * size[:, None]
    error = (random.standard_t(5, truth.shape) + 0.4) * spread
    return np.asarray(np.maximum((truth + FLOOR) * np.exp(-error) - FLOOR, 0.0))


def bounds_of(y: Array, width: float) -> Array:
    """Intervals of a given half-width in log ratio, the outer ones twice as wide, (n, 48, 4)."""
    return np.stack(
        [(y + FLOOR) * np.exp(each) - FLOOR for each in width * np.array([-2, -1, 1, 2])], axis=-1
    )


def table(series: Array, issued: Issued, at: int | None = None, *, prior: Array = PRIOR) -> Array:
    at = len(series) - 1 if at is None else at
    return quantiles(series, at, np.full(HORIZON, 90.0), issued, prior=prior, floor=FLOOR)


def spread(levels: Array) -> Array:
    """Width between the outermost levels, (48,)."""
    return np.asarray(levels[:, -1] - levels[:, 0])


@given(seed=st.integers(0, 10**6), at=st.integers(30, 24 * 50 - 1))
@settings(max_examples=12, deadline=None)
def test_nothing_after_the_origin_is_read(seed: int, at: int) -> None:
    series, random = air(50), np.random.default_rng(seed)
    origins = np.arange(1, len(series), 2)
    y = forecasts(series, origins, np.ones(len(origins)))
    issued = Issued(origins, y, bounds_of(y, 0.3))
    later = origins >= at
    spoiled = [series.copy(), y.copy(), bounds_of(y, 0.3)]
    spoiled[0][at + 1 :] = random.uniform(0, 500, len(series) - at - 1)
    spoiled[0][at + 1 :][random.random(len(series) - at - 1) < 0.3] = np.nan
    spoiled[1][later] = random.uniform(0, 500, (later.sum(), HORIZON))
    spoiled[2][later] = random.uniform(0, 500, (later.sum(), HORIZON, 4))
    np.testing.assert_array_equal(
        table(series, issued, at), table(spoiled[0], Issued(origins, spoiled[1], spoiled[2]), at)
    )


def test_an_error_counts_from_the_hour_it_is_known() -> None:
    series = air(40)
    origins = np.arange(100, 24 * 40 - 60, 12)
    y = forecasts(series, origins, np.ones(len(origins)))
    last = int(origins[-1])
    for lead in (1, 24, 48):
        wild = y.copy()
        wild[-1, lead - 1] = 500.0
        before, after = last + lead - 1, last + lead
        for at, same in ((before, True), (after, False)):
            levels = table(series, Issued(origins, wild), at)
            assert np.array_equal(levels, table(series, Issued(origins, y), at)) is same, (lead, at)


def test_a_rolling_run_is_what_would_have_been_issued() -> None:
    series = air(50)
    origins = np.arange(200, len(series) - 1, 6)
    y = forecasts(series, origins, np.ones(len(origins)))
    chosen = (origins % 12 == 8) & (origins > 600)
    levels = rolling_quantiles(series, Issued(origins, y), chosen, prior=PRIOR, floor=FLOOR, ceiling=CEILING)
    places = np.flatnonzero(chosen)
    bounds = np.full((*y.shape, len(BOUNDS)), np.nan)
    for row, place in enumerate(places[:-1]):
        values = distribution(y[place], levels[row], FLOOR, CEILING)
        (lo80, hi80), (lo95, hi95) = (interval(values, y[place], coverage) for coverage in (0.8, 0.95))
        bounds[place] = np.stack([lo95, lo80, hi80, hi95], axis=1)
    at = int(origins[places[-1]])
    again = quantiles(series, at, y[places[-1]], Issued(origins, y, bounds), prior=PRIOR, floor=FLOOR)
    np.testing.assert_array_equal(levels[-1], again)

    middle = len(places) // 2
    spoiled = series.copy()
    spoiled[int(origins[places[middle]]) + 1 :] = 3.0
    blind = rolling_quantiles(spoiled, Issued(origins, y), chosen, prior=PRIOR, floor=FLOOR, ceiling=CEILING)
    np.testing.assert_array_equal(levels[: middle + 1], blind[: middle + 1])
    assert not np.array_equal(levels, blind)


@pytest.mark.parametrize("change", [0.65, 1.6])
def test_coverage_holds_when_errors_grow_or_shrink_after_training(change: float) -> None:
    series = air(240, seed=4)
    origins = np.arange(200, len(series), 12)
    test = origins >= 24 * 100
    y = forecasts(series, origins, np.where(test, change, 1.0))
    prior = held_out_quantiles([(series[: 24 * 100], Issued(origins[~test], y[~test]))], FLOOR)
    issued = Issued(origins, y)
    tables = rolling_quantiles(series, issued, test, prior=prior, floor=FLOOR, ceiling=5000.0)
    actual = np.concatenate([series, np.full(HORIZON, np.nan)])[origins[test, None] + LEADS]
    known = np.isfinite(actual)
    both = [distribution(each, levels, FLOOR, 5000.0) for each, levels in zip(y[test], tables, strict=True)]
    for coverage, pooled in ((0.80, 0.03), (0.95, 0.02)):
        ends = [interval(values, each, coverage) for values, each in zip(both, y[test], strict=True)]
        low, high = (np.stack(side) for side in zip(*ends, strict=True))
        inside = (actual >= low) & (actual <= high)
        assert inside[known].mean() == pytest.approx(coverage, abs=pooled)
        for first, last in BLOCKS:
            block = np.s_[:, first:last]
            assert inside[block][known[block]].mean() == pytest.approx(coverage, abs=0.06)


def test_without_known_errors_the_prior_is_given_wider_or_narrower() -> None:
    levels = table(air(30), Issued(np.empty(0, dtype=np.intp), np.empty((0, HORIZON))))
    ratio = levels[:, [0, 3, 11, 14]] / PRIOR[:, [0, 3, 11, 14]]
    np.testing.assert_allclose(ratio, np.broadcast_to(ratio[:, :1], ratio.shape), rtol=1e-6)
    assert (ratio > 0.3).all()
    assert (ratio < 3.0).all()


def test_wild_days_widen_and_are_forgotten() -> None:
    series = air(120)
    origins = np.arange(300, len(series), 6)
    calm = forecasts(series, origins, np.full(len(origins), 0.5))
    wild = np.where(((origins >= 1000) & (origins < 1120))[:, None], calm * 4, calm)
    widths = []
    for at in (1000, 1170, 1170 + 24 * 10, 1120 + 24 * 48):
        usual = spread(table(series, Issued(origins, calm), at))
        widths.append(float((spread(table(series, Issued(origins, wild), at)) / usual).mean()))
    assert widths[0] == 1.0
    assert widths[1] > 1.3
    assert widths[1] > widths[2] > 1.0
    assert widths[3] == pytest.approx(1.0, abs=1e-9)


def test_what_is_learned_at_a_lead_time_stays_near_it() -> None:
    series = air(60)
    origins = np.arange(300, len(series), 6)
    y = forecasts(series, origins, np.ones(len(origins)))
    worse = y.copy()
    worse[:, 30:] = forecasts(series, origins, np.full(len(origins), 3.0))[:, 30:]
    ratio = spread(table(series, Issued(origins, worse))) / spread(table(series, Issued(origins, y)))
    np.testing.assert_allclose(ratio[:6], 1.0, atol=0.02)
    assert (ratio[36:] > 1.2).all()


def test_misses_of_issued_intervals_widen_them_and_their_want_narrows_them() -> None:
    series = air(60)
    origins = np.arange(300, len(series), 12)
    y = forecasts(series, origins, np.ones(len(origins)))
    without = spread(table(series, Issued(origins, y)))
    assert (spread(table(series, Issued(origins, y, bounds_of(y, 1e-6)))) > without).all()
    assert (spread(table(series, Issued(origins, y, bounds_of(y, 9.0)))) < without).all()
    nothing = np.full((len(y), HORIZON, len(BOUNDS)), np.nan)
    np.testing.assert_array_equal(spread(table(series, Issued(origins, y, nothing))), without)


def test_volatile_days_and_bold_forecasts_get_wider_intervals() -> None:
    calm = np.full(24 * 20, 90.0)
    volatile = calm * np.where(np.arange(len(calm)) % 2, 1.6, 1 / 1.6)
    volatile[-1] = 90.0
    nothing = Issued(np.empty(0, dtype=np.intp), np.empty((0, HORIZON)))
    ratio = spread(table(volatile, nothing)) / spread(table(calm, nothing))
    assert (ratio > 1.1).all()
    assert ratio[0] > ratio[-1]
    bold = quantiles(calm, len(calm) - 1, np.full(HORIZON, 250.0), nothing, prior=PRIOR, floor=FLOOR)
    assert (spread(bold) > spread(table(calm, nothing))).all()


def test_an_hourly_record_weighs_no_more_than_one_every_three_hours() -> None:
    series = air(60)
    every = np.arange(300, len(series) - 1)
    y = forecasts(series, every, np.ones(len(every)))
    third = np.arange(len(every) - 1, -1, -3)[::-1]
    bounds = bounds_of(y, 0.3)
    np.testing.assert_array_equal(
        table(series, Issued(every, y, bounds)), table(series, Issued(every[third], y[third], bounds[third]))
    )


def test_the_prior_is_the_distribution_of_steady_errors() -> None:
    series = air(1500, seed=2)  # longer than a block of forgetting
    origins = np.arange(200, len(series), 12)
    sizes = np.ones(len(origins))
    held = Issued(origins, forecasts(series, origins, sizes))
    prior = held_out_quantiles([(series, held), (series, held)], FLOOR)
    assert prior.shape == (HORIZON, len(QUANTILES))
    assert (np.diff(prior, axis=1) >= 0).all()
    levels = quantiles(series, len(series) - 1, np.full(HORIZON, series[-1]), held, prior=prior, floor=FLOOR)
    random = np.random.default_rng(3).standard_t(5, 10**6) + 0.4
    true = np.quantile(random, [0.1, 0.9]) * (0.05 + 0.3 * np.sqrt(LEADS / HORIZON))[:, None]
    width, expected = levels[:, 11] - levels[:, 3], true[:, 1] - true[:, 0]
    np.testing.assert_allclose(width, expected, rtol=0.35)


@st.composite
def records(draw: st.DrawFn) -> tuple[Array, Issued]:
    """Short, broken, constant or wild series with whatever was forecast of them."""
    hours = draw(st.integers(1, 24 * 8))
    random = np.random.default_rng(draw(st.integers(0, 10**6)))
    series = draw(
        st.sampled_from(
            [
                np.zeros(hours),
                np.full(hours, 500.0),
                random.uniform(0, 500, hours),
                random.lognormal(3, 2, hours),
            ]
        )
    )
    series = np.where(random.random(hours) < draw(st.sampled_from([0.0, 0.5, 1.0])), np.nan, series)
    origins = np.flatnonzero(random.random(hours) < draw(st.sampled_from([0.0, 0.05, 0.5, 1.0])))
    y = draw(st.sampled_from([np.zeros, lambda shape: random.uniform(0, 500, shape)]))(
        (len(origins), HORIZON)
    )
    bounds = draw(st.sampled_from([None, bounds_of(y, 0.2)]))
    return series, Issued(origins, y, bounds)


@given(record=records(), flat=st.booleans(), y=st.floats(0, 500))
@settings(max_examples=40, deadline=None)
def test_any_record_gives_rising_quantiles_within_the_scale(
    record: tuple[Array, Issued], flat: bool, y: float
) -> None:
    series, issued = record
    prior = np.zeros_like(PRIOR) if flat else PRIOR
    forecast = np.full(HORIZON, y)
    levels = quantiles(series, len(series) - 1, forecast, issued, prior=prior, floor=FLOOR)
    assert levels.shape == (HORIZON, len(QUANTILES))
    assert np.isfinite(levels).all()
    assert (np.diff(levels, axis=1) >= 0).all()
    values = distribution(forecast, levels, FLOOR, CEILING)
    assert values.min() >= 0
    assert values.max() <= CEILING


def test_a_months_gap_leaves_what_was_known_before_it() -> None:
    series = air(80)
    series[24 * 45 : 24 * 75] = np.nan
    origins = np.concatenate([np.arange(300, 24 * 45, 6), np.arange(24 * 76, len(series), 6)])
    y = forecasts(np.nan_to_num(series, nan=90.0), origins, np.full(len(origins), 2.0))
    levels = table(series, Issued(origins, y))
    assert np.isfinite(levels).all()
    assert spread(levels).mean() > spread(table(series, Issued(origins[:0], y[:0]))).mean()
