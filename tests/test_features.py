"""Features: what they are, checked against slow plain Python; that none looks ahead, or further back than served."""

from __future__ import annotations

import math
from datetime import UTC, datetime, timedelta, timezone
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from synthetic import END, hours

from common.domain.breakpoints import NAQI
from common.domain.forecast import HORIZON, TARGETS, Target
from common.domain.observation import HOUR, IST, POLLUTANTS
from common.features import (
    FLOOR,
    INPUTS,
    LEVEL_CENTRE,
    LOOKBACK_HOURS,
    MAX_LAG_HOURS,
    WEATHER_SCALE,
    Array,
    as_history,
    build,
    carried,
    names,
    rolling_mean,
    same_hour,
    shifted,
    signature,
    usable_origins,
)

LAGS = (1, 2, 3, 4, 6, 8, 12, 18, 22, 23, 24, 25, 36, 48, 72)
MEANS = (3, 6, 12, 24, 48, 72, 168, 336)
LEADS = np.arange(1, HORIZON + 1)
SERVED_LEADS = np.arange(1, HORIZON + MAX_LAG_HOURS + 1)
WHOLE = hours(40, seed=1, gaps=0.05)
SERIES = arrays(
    np.float64,
    st.integers(1, 60),
    elements=st.one_of(st.just(math.nan), st.floats(0, 2000, width=32)),
)


def row(history: Array, target: Target, end: datetime = END, leads: Array = LEADS) -> Array:
    """The rows of a history's last hour, (n_leads, n_features)."""
    return build(history, end, target, np.array([len(history) - 1]), leads).X[0]


def column(X: Array, target: Target, name: str) -> Array:
    return X[..., names(target).index(name)]


def holed(history: Array, seed: int) -> Array:
    """The history with single values, whole hours and long stretches missing."""
    random = np.random.default_rng(seed)
    out = history.copy()
    out[random.random(out.shape) < random.choice([0.0, 0.1, 0.5])] = np.nan
    out[random.random(len(out)) < 0.05] = np.nan
    for start in random.integers(0, len(out), random.integers(0, 4)):
        out[start : start + random.integers(1, 60), random.integers(0, len(INPUTS))] = np.nan
    return out


@pytest.mark.parametrize("target", TARGETS)
def test_names_and_columns_agree(target: Target) -> None:
    columns = names(target)
    assert len(set(columns)) == len(columns)
    rows = build(WHOLE, END, target, np.array([500, 700]), SERVED_LEADS)
    assert rows.X.shape == (2, len(SERVED_LEADS), len(columns))
    assert rows.X.dtype == np.float32
    assert rows.level.shape == (2,)


@pytest.mark.parametrize("target", TARGETS)
@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 2**32 - 1))
def test_rows_are_finite_whatever_is_missing(target: Target, seed: int) -> None:
    history = holed(WHOLE, seed)
    origins = usable_origins(history[:, INPUTS.index(target)])
    rows = build(history, END, target, origins, SERVED_LEADS)
    assert np.isfinite(rows.X).all()
    assert np.isfinite(rows.level).all()


@pytest.mark.parametrize("target", TARGETS)
@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), origin=st.integers(30, len(WHOLE) - 2))
def test_nothing_after_an_origin_changes_its_rows(target: Target, seed: int, origin: int) -> None:
    history = holed(WHOLE, seed)
    later = history.copy()
    random = np.random.default_rng(seed + 1)
    later[origin + 1 :] = random.uniform(0, 1000, later[origin + 1 :].shape)
    later[origin + 1 :][random.random(len(later) - origin - 1) < 0.3] = np.nan
    origins = np.arange(origin - 30, origin + 1)
    before = build(history, END, target, origins, SERVED_LEADS)
    after = build(later, END, target, origins, SERVED_LEADS)
    ends_there = build(
        history[: origin + 1], END - (len(history) - 1 - origin) * HOUR, target, origins, SERVED_LEADS
    )
    for other in (after, ends_there):
        np.testing.assert_array_equal(before.X, other.X)
        np.testing.assert_array_equal(before.level, other.level)


@pytest.mark.parametrize("target", TARGETS)
@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), lag=st.integers(0, MAX_LAG_HOURS))
def test_rows_are_the_same_to_the_last_bit_in_training_and_in_serving(
    target: Target, seed: int, lag: int
) -> None:
    """Training sees all of the history; serving its last hours, fewer where data come late."""
    history = holed(WHOLE, seed)
    whole = row(history, target, leads=SERVED_LEADS)
    served = row(history[-(LOOKBACK_HOURS - lag) :], target, leads=SERVED_LEADS)
    np.testing.assert_array_equal(whole, served)
    other_past = history.copy()
    other_past[: -(LOOKBACK_HOURS - lag)] = 777.0
    np.testing.assert_array_equal(whole, row(other_past, target, leads=SERVED_LEADS))


@pytest.mark.parametrize("target", TARGETS)
def test_rows_do_not_depend_on_which_others_are_asked_for(target: Target) -> None:
    origins = np.array([300, 555, 900])
    together = build(WHOLE, END, target, origins, LEADS).X
    for at, origin in enumerate(origins):
        for lead in (1, 24, 48):
            alone = build(WHOLE, END, target, np.array([origin]), np.array([lead])).X
            np.testing.assert_array_equal(alone[0, 0], together[at, lead - 1])


@given(series=SERIES, span=st.integers(1, 200), needed=st.integers(1, 30))
def test_rolling_mean(series: Array, span: int, needed: int) -> None:
    for at, mean in enumerate(rolling_mean(series, span, needed)):
        known = [value for value in series[max(at - span + 1, 0) : at + 1] if not math.isnan(value)]
        if len(known) < needed:
            assert math.isnan(mean)
        else:
            assert mean == pytest.approx(math.fsum(known) / len(known), rel=1e-12, abs=1e-12)


@given(series=SERIES, span=st.integers(0, 70))
def test_carried(series: Array, span: int) -> None:
    for at, value in enumerate(carried(series, span)):
        back = next((k for k in range(span + 1) if k <= at and not math.isnan(series[at - k])), None)
        np.testing.assert_equal(value, math.nan if back is None else series[at - back])


@given(series=SERIES, span=st.integers(0, 70))
def test_shifted(series: Array, span: int) -> None:
    expected = [series[at - span] if at >= span else math.nan for at in range(len(series))]
    np.testing.assert_array_equal(shifted(series, span), expected)


@given(series=SERIES, lead=st.integers(1, 60))
def test_same_hour_is_of_the_last_day_on_which_it_is_over(series: Array, lead: int) -> None:
    for at, value in enumerate(same_hour(series, lead)):
        then = at + lead
        while then > at:
            then -= 24
        np.testing.assert_equal(value, series[then] if then >= 0 else math.nan)


@pytest.mark.parametrize(
    ("end", "hour"),
    [
        (datetime(2025, 11, 5, 18, 30, tzinfo=UTC), 0),  # midnight in India
        (datetime(2025, 11, 5, 0, 30, tzinfo=UTC), 6),
        (datetime(2025, 11, 5, 17, 30, tzinfo=UTC), 23),
    ],
)
def test_the_hour_of_day_is_the_targets_in_india(end: datetime, hour: int) -> None:
    for origin in (len(WHOLE) - 1, 500):
        at_origin = hour - (len(WHOLE) - 1 - origin)
        X = build(WHOLE, end, "pm25", np.array([origin]), SERVED_LEADS).X[0]
        angle = 2 * np.pi * (at_origin + SERVED_LEADS) / 24
        for name, expected in {
            "hour_sin": np.sin(angle),
            "hour_cos": np.cos(angle),
            "hour_sin2": np.sin(2 * angle),
            "hour_cos2": np.cos(2 * angle),
            "hour_sin3": np.sin(3 * angle),
            "hour_cos3": np.cos(3 * angle),
        }.items():
            np.testing.assert_allclose(column(X, "pm25", name), expected, atol=1e-5)


def test_lead_times_beyond_the_horizon_are_described_as_the_horizon() -> None:
    X = row(WHOLE, "aqi", leads=SERVED_LEADS)
    np.testing.assert_array_equal(column(X, "aqi", "lead"), np.minimum(SERVED_LEADS, HORIZON))
    np.testing.assert_array_equal(column(X, "aqi", "hour_sin")[48:], column(X, "aqi", "hour_sin")[24:36])


@pytest.mark.parametrize("target", TARGETS)
def test_the_level_comes_back_from_its_feature_over_the_whole_range(target: Target) -> None:
    history = hours(20)
    for level in (0.0, 0.3, 90.0, 500.0, 2000.0):
        history[-1, INPUTS.index(target)] = level
        feature = column(row(history, target), target, "level").astype(np.float64)
        np.testing.assert_allclose(
            np.exp(feature + LEVEL_CENTRE) - FLOOR[target], level, atol=1e-4 + 1e-6 * level
        )


def test_twice_as_much_of_everything_changes_the_level_only() -> None:
    """Far above the floors; so what was learnt at one level holds at another."""
    history = hours(20, gaps=0.05)
    pollutants = [INPUTS.index(name) for name in POLLUTANTS]
    history[:, pollutants] *= 1e7
    double = history.copy()
    double[:, pollutants] *= 2
    X, X2 = row(history, "pm25"), row(double, "pm25")
    level = names("pm25").index("level")
    np.testing.assert_allclose(X2[:, level] - X[:, level], math.log(2), atol=1e-5)
    # The level stands in other features too, so that it may count by hour of day and season.
    others = [at for at, name in enumerate(names("pm25")) if not name.startswith("level")]
    np.testing.assert_allclose(X[:, others], X2[:, others], atol=1e-4)


def test_what_is_unknown_is_no_change() -> None:
    history = hours(20)
    blind = history.copy()
    blind[:, [INPUTS.index(name) for name in (*WEATHER_SCALE, "so2")]] = np.nan
    X = row(blind, "pm25")
    for name in names("pm25"):
        if name.startswith((*WEATHER_SCALE, "so2")):
            assert (column(X, "pm25", name) == 0).all(), name
        else:
            np.testing.assert_array_equal(column(X, "pm25", name), column(row(history, "pm25"), "pm25", name))


def _known(values: Array) -> list[float]:
    return [float(value) for value in values if not math.isnan(value)]


def _mean(values: list[float]) -> float:
    return math.fsum(values) / len(values) if values else math.nan


def _ratio(value: float, reference: float, floor: float) -> float:
    if math.isnan(value) or math.isnan(reference):
        return 0.0
    return min(max(math.log((value + floor) / (reference + floor)), -3.0), 3.0)


def _usual(series: Array, hour: int, days: int = 7) -> float:
    """Mean of the last days at the hour of day of `hour`, whose day may not be over."""
    return _mean(_known(np.array([series[hour - 24 * day] for day in range(days)])))


def _spread(values: list[float]) -> float:
    return math.sqrt(_mean([(value - _mean(values)) ** 2 for value in values]))


def _expected_features(history: Array, at: int, lead: int) -> dict[str, float]:
    """The features of AQI at one origin and lead time, from their names and nothing else."""
    series, floor = history[:, INPUTS.index("aqi")], FLOOR["aqi"]
    filled = [
        next((v for v in series[max(k - 3, 0) : k + 1][::-1] if not math.isnan(v)), math.nan)
        for k in range(at + 1)
    ]
    level = filled[at]
    back = at - (-lead % 24)
    features = {
        **{f"lag{k}": _ratio(filled[at - k], level, floor) for k in LAGS},
        "min24": _ratio(min(_known(series[at - 23 : at + 1])), level, floor),
        "max24": _ratio(max(_known(series[at - 23 : at + 1])), level, floor),
        "level": math.log(level + floor) - LEVEL_CENTRE,
        "lead": float(lead),
        "daily": _ratio(filled[back], level, floor),
        "daily_before": _ratio(filled[back - 24], level, floor),
        "weekly": _ratio(_usual(series, back), level, floor),
        "fortnight_change": _ratio(_usual(series, back, 14), _usual(series, at, 14), floor),
    }
    features["daily_change"] = _ratio(filled[back], filled[at if lead % 24 == 0 else at - 24], floor)
    now = _ratio(_usual(series, at), level, floor)
    features["weekly_change"] = min(max(features["weekly"] - now, -3.0), 3.0)
    for k in MEANS:
        known = _known(series[at - k + 1 : at + 1])
        features[f"mean{k}"] = _ratio(_mean(known), level, floor) if len(known) >= max(1, k // 2) else 0.0
    for k in (24, 168):
        features[f"std{k}"] = _spread([math.log(v + floor) for v in _known(series[at - k + 1 : at + 1])])
    for name, centre in {"temperature": 25.0, "wind_u": 0.0}.items():
        scale = WEATHER_SCALE[name][1]
        values = np.clip((history[:, INPUTS.index(name)] - centre) / scale, -6, 6)
        day, before = _mean(_known(values[at - 23 : at + 1])), _mean(_known(values[at - 47 : at - 23]))
        now, then = _mean(_known(values[at - 2 : at + 1])), _mean(_known(values[at - 26 : at - 23]))
        last = next(iter(_known(values[at - 3 : at + 1])[::-1]), 0.0)
        features |= {f"{name}_1": last, f"{name}_6": _mean(_known(values[at - 5 : at + 1]))}
        features |= {f"{name}_24": day, f"{name}_24_change": day - before, f"{name}_3_change": now - then}
    no2 = history[:, INPUTS.index("no2")]
    share = (_mean(_known(no2[at - 5 : at + 1])) + FLOOR["no2"]) / (level + floor)
    features["no2_level"] = min(max(math.log(share), -3.0), 3.0)
    features["no2_3_24"] = _ratio(
        _mean(_known(no2[at - 2 : at + 1])), _mean(_known(no2[at - 23 : at + 1])), FLOOR["no2"]
    )
    now = _composed(history, at, 0)["last"][0]
    apart = (
        0.0 if math.isnan(now) or abs(level - now) <= 0.5 else level - now - math.copysign(0.5, level - now)
    )
    for name, (first, second) in _composed(history, at, lead).items():
        features[f"composed_{name}"] = _ratio(max(first + apart, 0.0), level, floor)
        if name == "last":
            features["composed_second"] = _ratio(max(second + apart, 0.0), level, floor)
    features["composed_now"] = _ratio(now, level, floor)
    target = END - (len(history) - 1 - at - lead) * HOUR
    local = target.astimezone(IST).replace(tzinfo=None)
    waves = {"hour": 2 * math.pi * local.hour / 24}
    waves["season"] = 2 * math.pi * (local - datetime(1970, 1, 1)).total_seconds() / (365.2425 * 86400)  # noqa: DTZ001
    for name, angle in waves.items():
        features |= {f"{name}_sin": math.sin(angle), f"{name}_cos": math.cos(angle)}
    for name in ("mean6", "mean24", "mean168", "lag24", "level"):
        features[f"{name}_hour_sin"] = features[name] * features["hour_sin"]
        features[f"{name}_hour_cos"] = features[name] * features["hour_cos"]
    return features | {
        f"level_season_{w}": features["level"] * features[f"season_{w}"] for w in ("sin", "cos")
    }


def _composed(history: Array, at: int, lead: int) -> dict[str, tuple[float, float]]:
    """Guess → the highest and the second highest index that the rule gives for it; nan where there is none."""
    guesses: dict[str, list[float]] = {"last": [], "pattern": [], "likely": []}
    for pollutant in POLLUTANTS:
        values, scale = history[:, INPUTS.index(pollutant)], NAQI[pollutant][0]
        window = range(at + lead - scale.hours + 1, at + lead + 1)
        measured = [hour for hour in window if hour <= at]
        ahead = [hour - at for hour in window if hour > at]
        for name, path in _paths(values, at, ahead, FLOOR[pollutant]).items():
            known = _known(np.array([*values[measured], *path]))
            if len(known) >= scale.required:
                guesses[name].append(_sub_index(_mean(known), scale.bands))
    highest = {
        name: sorted((math.nan, math.nan, *some), key=_nan_first)[-2:] for name, some in guesses.items()
    }
    return {name: (first, second) for name, (second, first) in highest.items()}


def _nan_first(value: float) -> float:
    return -math.inf if math.isnan(value) else value


def _paths(values: Array, at: int, ahead: list[int], floor: float) -> dict[str, list[float]]:
    recent = _known(values[at - 3 : at + 1])
    if not recent:
        return {name: [math.nan] * len(ahead) for name in ("last", "pattern", "likely")}
    last = recent[-1]
    day = _mean(_known(values[at - 23 : at + 1]))
    around = _mean(_known(np.array([_usual(values, at - k) for k in range(24)])))
    level = min(max(day / around, 0.3), 3.0)
    usual = {step: _usual(values, at - (-step % 24)) * level for step in [0, *ahead]}
    likely = []
    for step in ahead:
        back = at - (-step % 24)
        before = next(iter(_known(values[back - 3 : back + 1])[::-1]), math.nan)
        hour_ago = next(iter(_known(values[at - 4 : at])[::-1]), math.nan)
        change = 0.25 * (1 - 0.75**step) * _ratio(usual[0], last, floor)
        change += 0.55 * (1 - 0.55**step) * _ratio(usual[step], usual[0], floor)
        change += 0.22 * (1 - 0.7**step) * _ratio(day, last, floor)
        change += 0.25 * (1 - 0.93**step) * _ratio(before, last, floor)
        change += 0.16 * 0.5**step * _ratio(last, hour_ago, floor)
        likely.append(max((last + floor) * math.exp(change) - floor, 0.0))
    return {"last": [last] * len(ahead), "pattern": [usual[step] for step in ahead], "likely": likely}


def _sub_index(concentration: float, bands: tuple[tuple[float, float, int, int], ...]) -> float:
    ends = [(0.0, 0.0), *((band[1], float(band[3])) for band in bands)]
    for (low, index_low), (high, index_high) in pairwise(ends):
        if low <= concentration <= high:
            return index_low + (concentration - low) / (high - low) * (index_high - index_low)
    return 500.0


@pytest.mark.parametrize("lead", [1, 2, 7, 8, 9, 23, 24, 25, 47, 48])
def test_features_are_what_their_names_say(lead: int) -> None:
    for at in usable_origins(WHOLE[:, INPUTS.index("aqi")])[400::97]:
        X = build(WHOLE, END, "aqi", np.array([at]), np.array([lead])).X[0, 0]
        expected = _expected_features(WHOLE, int(at), lead)
        features = {name: float(column(X, "aqi", name)) for name in expected}
        assert features == pytest.approx(expected, abs=2e-5), (at, lead)


def test_values_under_the_same_names_are_the_same_in_every_release() -> None:
    """A model trained by an older release is served features of this one. If this fails because a feature
    was changed on purpose, raise `features.REVISION` and renew the numbers."""
    history = np.fromfunction(lambda hour, which: (hour * 37 + which * 11) % 97 + 3.0, (400, len(INPUTS)))
    for target, (known_signature, known_sum) in {
        "aqi": ("ab6859785c376d8c", 9553.95),
        "pm25": ("545bf7e55e563016", 9231.65),
    }.items():
        X = row(history, target)
        shuffle = np.sin(np.arange(X.size)).reshape(X.shape)
        assert signature(target) == known_signature
        assert np.abs(X + shuffle).sum() == pytest.approx(known_sum, rel=1e-5)


@settings(deadline=None)
@given(seed=st.integers(0, 2**32 - 1))
def test_a_forecast_can_start_where_half_a_day_is_known_and_one_of_the_last_three_hours(seed: int) -> None:
    history = holed(WHOLE[:120], seed)
    series = history[:, INPUTS.index("pm25")]
    expected = [
        at
        for at in range(len(series))
        if np.isfinite(series[max(at - 23, 0) : at + 1]).sum() >= 12
        and np.isfinite(series[max(at - 2, 0) : at + 1]).any()
    ]
    assert usable_origins(series).tolist() == expected


def test_no_origin_in_no_hours() -> None:
    assert usable_origins(np.empty(0)).tolist() == []
    assert usable_origins(np.full(50, np.nan)).tolist() == []


def test_columns_of_the_store_become_rows_of_hours() -> None:
    columns: list[list[float | None]] = [[float(at), None] for at in range(len(INPUTS))]
    history = as_history(columns)
    assert history.dtype == np.float64
    assert history[0].tolist() == list(range(len(INPUTS)))
    assert np.isnan(history[1]).all()


def test_time_may_be_given_in_any_zone() -> None:
    local = END.astimezone(timezone(timedelta(hours=-7)))
    np.testing.assert_array_equal(row(WHOLE, "aqi"), row(WHOLE, "aqi", end=local))
    later = row(WHOLE, "aqi", end=END + timedelta(days=3))
    for name in names("aqi"):
        same = (column(row(WHOLE, "aqi"), "aqi", name) == column(later, "aqi", name)).all()
        assert same == ("season" not in name), name
