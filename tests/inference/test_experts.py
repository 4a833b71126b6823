"""Experts: how the record weighs them, by slow sums beside the fast ones, and what must hold whatever they say."""

from __future__ import annotations

import io
import itertools
import math
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from synthetic import END

from common.domain.errors import ModelError
from common.domain.forecast import CORRECTED, EXPERT_BLOCKS, HORIZON, MEAN, NAIVE
from common.domain.observation import HOUR
from common.inference.experts import (
    WINDOW_HOURS,
    Combined,
    Record,
    combine,
    rolling,
)
from common.inference.hindcast import as_file, from_file

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from common.features import Array

FLOOR = 5.0
STEP = 3
"""Hours between the forecasts of made-up records"""
LEADS = np.arange(1, HORIZON + 1)
seeds = st.integers(0, 2**32 - 1)
few = settings(max_examples=25, deadline=None)


def air(seed: int, days: int = 80, gaps: float = 0.1) -> Array:
    """A target by the hour: a daily cycle, noise that lasts, and hours that are not known."""
    random = np.random.default_rng(seed)
    hours = 24 * days
    noise = np.zeros(hours)
    for hour in range(1, hours):
        noise[hour] = 0.95 * noise[hour - 1] + random.normal(0, 0.1)
    series = 90 * np.exp(noise + 0.4 * np.cos(2 * np.pi * np.arange(hours) / 24))
    return np.where(random.random(hours) < gaps, np.nan, series)


def forecast(
    series: Array,
    origins: NDArray[np.intp],
    seed: int,
    *,
    off: float = 0.3,
    by: float = 0.0,
    silent: float = 0.0,
) -> Array:
    """Forecasts, (n, 48), whose logarithms miss by `off` and are all too high by `by`; a share is not there."""
    random = np.random.default_rng(seed)
    filled = np.where(np.isnan(series), 90.0, series)
    truth = np.append(filled, np.full(4 * HORIZON, filled[-1]))[origins[:, None] + LEADS]
    y = np.maximum((truth + FLOOR) * np.exp(by + off * random.normal(size=truth.shape)) - FLOOR, 0.0)
    return np.where(random.random(truth.shape) < silent, np.nan, y)


def cast_of(series: Array, origins: NDArray[np.intp], seed: int) -> tuple[dict[str, Array], dict[str, Array]]:
    """Models, of which one does not always speak, and others of which one speaks seldom and one hardly ever."""
    models = {
        "linear": forecast(series, origins, seed, by=0.2),
        "xgboost": forecast(series, origins, seed + 1, by=0.1),
    }
    others = {
        "provider": forecast(series, origins, seed + 2, by=-0.3, silent=0.5),
        "another": forecast(series, origins, seed + 3, silent=0.97),
        "daily": forecast(series, origins, seed + 4, off=0.4),
    }
    return models, others


def last(values: dict[str, Array]) -> dict[str, Array]:
    return {name: rows[-1] for name, rows in values.items()}


def scattered(seed: int, number: int, end: int) -> NDArray[np.intp]:
    """Origins as uneven as those of a service that was down now and then, of the last 50 days."""
    random = np.random.default_rng(seed)
    return np.sort(random.choice(np.arange(end - 50 * 24, end), number, replace=False))


def random_record(series: Array, origins: NDArray[np.intp], seed: int) -> Record:
    """A record of anything: what was served has nothing to do with the experts."""
    models, others = cast_of(series, origins, seed)
    made = {
        **models,
        MEAN: forecast(series, origins, seed + 5),
        CORRECTED: forecast(series, origins, seed + 6),
        **others,
    }
    experts = np.stack(list(made.values()), axis=1)
    return Record(tuple(made), origins, experts, forecast(series, origins, seed + 7))


# The same by plain loops.


def days_of(origins: Sequence[int]) -> list[float]:
    gaps = [later - earlier for earlier, later in itertools.pairwise(origins)]
    first = gaps[0] if gaps else 1
    return [min(gap, 24) / 24 for gap in [first, *gaps]][: len(origins)]


def known(series: Array, hour: int, now: int) -> float | None:
    return None if hour > now or hour >= len(series) or math.isnan(series[hour]) else float(series[hour])


BUNDLE = "half mean_corrected, half naive"


def with_bundle(record: Record) -> tuple[Record, dict[str, float]]:
    """The record with one more expert, and what that is made of."""
    naive = [name for name in record.names if name in NAIVE]
    parts = {CORRECTED: 0.5, **{name: 0.5 / len(naive) for name in naive}} if naive else {}
    logs = [
        share * np.log(record.experts[:, record.names.index(name)] + FLOOR) for name, share in parts.items()
    ]
    if not logs:
        return record, {}
    made = np.exp(np.sum(logs, axis=0)) - FLOOR
    experts = np.concatenate([record.experts, made[:, None]], axis=1)
    return replace(record, names=(*record.names, BUNDLE), experts=experts), parts


def slow_weights(record: Record, names: Sequence[str], series: Array, now: int) -> list[list[float]]:
    """MLpol as it is written: the positive part of the summed regrets over the sum of their squares; regrets of other
    blocks of lead times count, a quarter with each step between; those of the next hour stand alone. The bundle is
    weighed as one, and its weight shared out."""
    record, parts = with_bundle(record)
    rows = [row for row, origin in enumerate(record.origins) if now - WINDOW_HOURS <= origin < now]
    days = days_of([int(record.origins[row]) for row in rows])
    blocks = range(len(EXPERT_BLOCKS))
    weights = []
    for block in blocks:
        near = [0.25 ** abs(block - other) if block else float(other == 0) for other in blocks]
        sums = []
        for name in (*names, BUNDLE):
            total = squares = 0.0
            for row, stands_for in zip(rows, days, strict=True):
                regret = sum(
                    share / sum(near) * slow_regret(record, row, name, other, series, now)
                    for other, share in zip(blocks, near, strict=True)
                )
                total, squares = total + regret * stands_for, squares + (regret * stands_for) ** 2
            sums.append((total, squares))
        least = 1e-3 * max(squares for _, squares in sums)
        *shares, of_bundle = [total / max(squares, least) if total > 0 else 0.0 for total, squares in sums]
        whole = sum(shares) + of_bundle
        shares = [share + of_bundle * parts.get(name, 0.0) for name, share in zip(names, shares, strict=True)]
        alone = [1.0 if name == MEAN else 0.0 for name in names]
        weights.append([share / whole for share in shares] if whole > 0 else alone)
    return weights


def slow_regret(record: Record, row: int, name: str, block: int, series: Array, now: int) -> float:
    """What one forecast would have lost less in a block of lead times, had it leaned to an expert, a lead time."""
    first, end = EXPERT_BLOCKS[block]
    regret = 0.0
    for lead in range(first, end + 1):
        truth = known(series, int(record.origins[row]) + lead, now)
        if truth is None or name not in record.names:
            continue
        expert = float(record.experts[row, record.names.index(name), lead - 1])
        served = float(record.served[row, lead - 1])
        if not math.isnan(expert) and served != truth:
            slope = (served + FLOOR) * (1 if served > truth else -1)
            regret += slope * math.log((served + FLOOR) / (expert + FLOOR))
    return regret / (end - first + 1)


ALIKE = ((1, 6), (7, 12), (13, 24), (25, 48))
"""Lead times that are corrected alike."""


def slow_correction(record: Record, series: Array, now: int) -> list[float]:
    """By lead time: the mean of the known errors of the mean at like lead times, of hours in the same three hours of
    the day counted from now, halved in a month, six days of nothing beside them."""
    rows = [row for row, origin in enumerate(record.origins) if now - WINDOW_HOURS <= origin < now]
    days = days_of([int(record.origins[row]) for row in rows])
    changes = []
    for wanted in range(1, HORIZON + 1):
        [(first, end)] = [block for block in ALIKE if block[0] <= wanted <= block[1]]
        total = weight = 0.0
        for row, stands_for in zip(rows, days, strict=True):
            for lead in range(first, end + 1):
                hour = int(record.origins[row]) + lead
                truth = known(series, hour, now)
                mean = float(record.experts[row, record.names.index(MEAN), lead - 1])
                same_part = (hour - now - 1) % 24 // 3 == (wanted - 1) % 24 // 3
                if truth is not None and same_part and not math.isnan(mean):
                    counts = stands_for * 0.5 ** ((now - hour) / (30 * 24))
                    total += counts * math.log((truth + FLOOR) / (mean + FLOOR))
                    weight += counts
        pairs = (end - first + 1) / 8  # that a forecast has in three hours of a day, on average
        changes.append((total / pairs) / (weight / pairs + 6))
    return changes


def slow_mix(names: Sequence[str], experts: Array, weights: Sequence[Sequence[float]]) -> list[float]:
    mix = []
    for block, (first, end) in enumerate(EXPERT_BLOCKS):
        for lead in range(first, end + 1):
            speak = [at for at in range(len(names)) if not math.isnan(experts[at, lead - 1])]
            total = sum(weights[block][at] for at in speak)
            if total > 0:
                parts = [weights[block][at] / total * math.log(experts[at, lead - 1] + FLOOR) for at in speak]
                mix.append(math.exp(sum(parts)) - FLOOR)
            else:
                mix.append(float(experts[names.index(MEAN), lead - 1]))
    return mix


@few
@given(seeds, st.integers(1, 25), st.booleans())
def test_weights_correction_and_forecast_are_those_of_plain_loops(seed: int, number: int, late: bool) -> None:
    series = air(seed)
    now = len(series) - 1
    series = series[:-7] if late else series
    record = random_record(series, scattered(seed, number, now), seed)
    models, others = map(last, cast_of(air(seed), np.array([now]), seed + 20))
    others["unheard of"] = np.full(HORIZON, 70.0)
    combined = combine(record, series, now, models, others, floor=FLOOR)
    assert combined.names == (*models, MEAN, CORRECTED, *others)
    np.testing.assert_allclose(
        combined.weights, slow_weights(record, combined.names, series, now), rtol=1e-6, atol=1e-9
    )
    by_name = dict(zip(combined.names, combined.experts, strict=True))
    np.testing.assert_array_equal(by_name["linear"], models["linear"])
    logs = [np.log(y + FLOOR) for y in models.values()]
    mean = np.exp(np.nanmean(logs, axis=0)) - FLOOR
    np.testing.assert_allclose(by_name[MEAN], mean)
    change = slow_correction(record, series, now)
    moved = np.maximum((mean + FLOOR) * np.exp(change) - FLOOR, 0)
    np.testing.assert_allclose(by_name[CORRECTED], moved, rtol=1e-9)
    np.testing.assert_allclose(
        combined.y, slow_mix(combined.names, combined.experts, combined.weights.tolist()), rtol=1e-9
    )


@few
@given(seeds, st.integers(0, 30))
def test_weights_share_out_one_and_the_forecast_lies_among_the_experts(seed: int, number: int) -> None:
    series = air(seed, gaps=0.3)
    now = len(series) - 1
    record = random_record(series, scattered(seed, number, now), seed)
    models, others = map(last, cast_of(series, np.array([now]), seed + 20))
    combined = combine(record, series, now, models, others, floor=FLOOR)
    assert combined.weights.shape == (len(EXPERT_BLOCKS), len(combined.names))
    assert combined.weights.min() >= 0
    np.testing.assert_allclose(combined.weights.sum(axis=1), 1)
    assert np.isfinite(combined.y).all()
    assert (combined.y >= np.nanmin(combined.experts, axis=0) - 1e-9).all()
    assert (combined.y <= np.nanmax(combined.experts, axis=0) + 1e-9).all()


@given(seeds)
def test_without_a_record_the_mean_of_the_models_is_issued(seed: int) -> None:
    series = air(seed, days=5)
    now = len(series) - 1
    models, others = map(last, cast_of(series, np.array([now]), seed))
    old = random_record(air(seed), np.array([now - WINDOW_HOURS - 1]), seed)
    for record in (Record.empty(), old):
        combined = combine(record, series, now, models, others, floor=FLOOR)
        assert (combined.weights[:, combined.names.index(MEAN)] == 1).all()
        assert combined.weights.sum() == len(EXPERT_BLOCKS)
        np.testing.assert_allclose(combined.y, combined.experts[combined.names.index(MEAN)])
        np.testing.assert_allclose(combined.experts[combined.names.index(CORRECTED)], combined.y)


@few
@given(seeds, st.integers(1, 40))
def test_nothing_that_is_known_later_changes_a_forecast(seed: int, hours: int) -> None:
    """Neither hours nor forecasts after the origin."""
    series = air(seed)
    now = len(series) - 1 - hours
    origins = np.arange(now - 200, now + hours, 5)
    record = random_record(series, origins, seed)
    models, others = map(last, cast_of(series, np.array([now]), seed + 20))
    honest = combine(record, series, now, models, others, floor=FLOOR)
    spoilt, later = series.copy(), record.origins >= now
    spoilt[now + 1 :] = np.random.default_rng(seed).uniform(0, 900, hours)
    experts, served = record.experts.copy(), record.served.copy()
    experts[later], served[later] = 1.0, 900.0
    assert later.any()
    poisoned = combine(
        Record(record.names, origins, experts, served), spoilt, now, models, others, floor=FLOOR
    )
    np.testing.assert_array_equal(poisoned.y, honest.y)
    np.testing.assert_array_equal(poisoned.weights, honest.weights)
    # The hour before does change it.
    spoilt[now - 3 : now + 1] = 900
    assert (combine(record, spoilt, now, models, others, floor=FLOOR).y != honest.y).any()


def at(record: Record, row: int, names: Sequence[str]) -> dict[str, Array]:
    return {name: record.experts[row, record.names.index(name)] for name in names}


@pytest.mark.parametrize("spacing", ["even", "uneven"])
def test_one_after_the_other_is_the_same_as_each_by_itself(spacing: str) -> None:
    """`rolling`, which looks only at what is new, and `combine` at every origin with the record before it."""
    series = air(3, days=110)
    end = len(series) - 10
    even = np.arange(end - 24 * 75, end, 9)
    origins = even if spacing == "even" else np.append(scattered(3, 150, end), end)
    models, others = cast_of(series, origins, 1)
    issued, weights = rolling(series, origins, models, others, floor=FLOOR)
    assert issued.names == (*models, MEAN, CORRECTED, *others)
    np.testing.assert_array_equal(issued.origins, origins)
    for row in [0, 1, 2, *range(7, len(origins), 13), len(origins) - 1]:
        now = int(origins[row])
        ours, theirs = at(issued, row, list(models)), at(issued, row, list(others))
        alone = combine(issued.between(0, now), series, now, ours, theirs, floor=FLOOR)
        assert alone.names == issued.names
        np.testing.assert_allclose(issued.served[row], alone.y, rtol=1e-9)
        np.testing.assert_allclose(weights[row], alone.weights, rtol=1e-6, atol=1e-9)
        np.testing.assert_allclose(issued.experts[row], alone.experts, rtol=1e-9)


def test_of_no_origins_there_is_no_record() -> None:
    nothing, none = np.empty(0, dtype=np.intp), np.empty((0, HORIZON))
    issued, weights = rolling(air(1), nothing, {"linear": none}, {"daily": none}, floor=FLOOR)
    assert issued.names == ("linear", MEAN, CORRECTED, "daily")
    assert issued.experts.shape == (0, 4, HORIZON)
    assert weights.shape == (0, len(EXPERT_BLOCKS), 4)


def test_rolling_knows_nothing_of_what_follows() -> None:
    series = air(4)
    origins = np.arange(len(series) - 400, len(series) - 100, STEP)
    models, others = cast_of(series, origins, 1)
    honest, weights = rolling(series, origins, models, others, floor=FLOOR)
    spoilt = series.copy()
    spoilt[origins[60] + 1 :] = 900.0
    issued, theirs = rolling(spoilt, origins, models, others, floor=FLOOR)
    np.testing.assert_array_equal(issued.served[:61], honest.served[:61])
    np.testing.assert_array_equal(theirs[:61], weights[:61])
    assert (issued.served[62:] != honest.served[62:]).any()


def weekly_shares(names: Sequence[str], weights: Array, name: str) -> Array:
    """Mean weight of the last week, of each block."""
    return np.asarray(weights[-7 * 24 // STEP :, :, names.index(name)].mean(axis=0))


@pytest.mark.parametrize("kind", ["model", "other"])
def test_who_is_always_right_has_nearly_all_the_weight(kind: str) -> None:
    series = air(6, gaps=0.0)
    origins = np.arange(len(series) - 24 * 32, len(series) - 48, STEP)
    models, others = cast_of(series, origins, 1)
    (models if kind == "model" else others)["right"] = forecast(series, origins, 0, off=0.0)
    issued, weights = rolling(series, origins, models, others, floor=FLOOR)
    assert (weekly_shares(issued.names, weights, "right") > 0.9).all()
    truth = series[origins[-1] + LEADS]
    np.testing.assert_allclose(issued.served[-1], truth, rtol=0.05)


@pytest.mark.parametrize("rounding", [1e-6, 1e-14])
def test_who_says_just_what_is_served_does_not_hold_the_weight_against_a_better_one(rounding: float) -> None:
    """The mean was served; it misses by half, always the same way, and is kept a rounding error above what was issued.
    Another one was always right."""
    series = np.full(24 * 30, 100.0)
    origins = np.arange(200, 200 + 20 * 24, STEP)
    served = np.full((len(origins), HORIZON), 50.0)
    names = ("linear", MEAN, CORRECTED, "right")
    experts = np.stack(
        [served * (1 + rounding), served * (1 + rounding), served * (1 + rounding), served * 2], axis=1
    )
    now, models = int(origins[-1]) + STEP, {"linear": np.full(HORIZON, 50.0)}
    combined = combine(
        Record(names, origins, experts, served),
        series,
        now,
        models,
        {"right": np.full(HORIZON, 100.0)},
        floor=FLOOR,
    )
    assert (combined.weights[:, combined.names.index("right")] > 0.5).all()


def test_errors_of_the_corrected_mean_and_of_naive_forecasts_cancel() -> None:
    """Of what is always too high no more is wanted by itself, but beside what is as much too low."""
    series = air(9, gaps=0.0)
    now = len(series) - HORIZON - 1
    origins = np.arange(now - 24 * 30, now, STEP)

    def off(by: float) -> Array:
        return forecast(series, origins, 0, off=0.0, by=by)

    names = ("linear", MEAN, CORRECTED, "daily")
    experts = np.stack([off(0.1), off(0.1), off(0.3), off(-0.3)], axis=1)
    record = Record(names, origins, experts, served=off(0.1))
    models, others = {"linear": np.full(HORIZON, 100.0)}, {"daily": np.full(HORIZON, 70.0)}
    combined = combine(record, series, now, models, others, floor=FLOOR)
    weight = dict(zip(combined.names, combined.weights.T, strict=True))
    assert (weight[CORRECTED] > 0.3).all()
    assert (weight["daily"] > weight[CORRECTED]).all()
    # Without naive forecasts there is nothing to cancel.
    alone = combine(record, series, now, models, {}, floor=FLOOR)
    assert (alone.weights[:, alone.names.index(CORRECTED)] == 0).all()


def test_each_block_of_lead_times_has_its_own_weights() -> None:
    series = air(7, gaps=0.0)
    origins = np.arange(len(series) - 24 * 32, len(series) - 48, STEP)
    until = EXPERT_BLOCKS[4][1]
    early = until >= LEADS
    right, wrong = forecast(series, origins, 0, off=0.05), forecast(series, origins, 1, off=0.5, by=0.5)
    models = {"soon": np.where(early, right, wrong), "later": np.where(early, wrong, right)}
    issued, weights = rolling(series, origins, models, {}, floor=FLOOR)
    soon, later = (weekly_shares(issued.names, weights, name) for name in ("soon", "later"))
    assert (soon[:5] > 0.8).all()
    assert (later[5:] > 0.8).all()


def test_who_says_nothing_is_neither_praised_nor_blamed() -> None:
    series = air(8)
    now = len(series) - 1
    origins = scattered(8, 40, now)
    record = random_record(series, origins, 5)
    models, others = map(last, cast_of(series, np.array([now]), 20))
    place = record.names.index("daily")

    def weights(experts: Array) -> Array:
        return combine(replace(record, experts=experts), series, now, models, others, floor=FLOOR).weights

    # Where it said nothing is as where it said what was served: nothing is to be learnt of it.
    silent, same = record.experts.copy(), record.experts.copy()
    silent[::2, place] = np.nan
    same[::2, place] = record.served[::2]
    np.testing.assert_allclose(weights(silent), weights(same), rtol=1e-9)
    assert (weights(silent)[:, place] != weights(record.experts)[:, place]).any()
    # Never heard of, it has no weight, and the others have theirs in the same proportion (where it is not the one of
    # the largest regrets, against which those of the others are too small or not).
    place = record.names.index("provider")
    silent = record.experts.copy()
    silent[:, place] = np.nan
    without, whole = weights(silent), weights(record.experts)
    assert (without[:, place] == 0).all()
    rest = np.delete(whole, place, axis=1)
    spread = rest.sum(axis=1) > 0
    assert spread.any()
    np.testing.assert_allclose(
        np.delete(without, place, axis=1)[spread], (rest / rest.sum(axis=1, keepdims=True))[spread]
    )


def test_the_weight_of_who_says_nothing_now_goes_to_the_others() -> None:
    series = air(9)
    now = len(series) - 1
    record = random_record(series, scattered(9, 40, now), 5)
    models, others = map(last, cast_of(series, np.array([now]), 20))
    others |= {
        "provider": forecast(series, np.array([now]), 1)[0],
        "another": forecast(series, np.array([now]), 2)[0],
    }
    whole = combine(record, series, now, models, others, floor=FLOOR)
    gone = others | {"provider": np.where(LEADS > 30, np.nan, others["provider"])}
    combined = combine(record, series, now, models, gone, floor=FLOOR)
    np.testing.assert_array_equal(combined.weights, whole.weights)
    np.testing.assert_array_equal(combined.y[:30], whole.y[:30])
    shares = combined.weights[-1].copy()
    assert 0 < shares[combined.names.index("provider")] < 1
    shares[combined.names.index("provider")] = 0
    logs = np.nan_to_num(np.log(combined.experts[:, 36:] + FLOOR))
    np.testing.assert_allclose(combined.y[36:], np.exp(shares @ logs / shares.sum()) - FLOOR)


def test_where_all_with_weight_say_nothing_the_mean_is_issued() -> None:
    series = air(10, gaps=0.0)
    origins = np.arange(len(series) - 24 * 32, len(series) - 48, STEP)
    models, others = cast_of(series, origins, 1)
    others["right"] = forecast(series, origins, 0, off=0.0)
    record, weights = rolling(series, origins, models, others, floor=FLOOR)
    assert (weights[-1][:, record.names.index("right")] > 0.99).any()
    now = int(origins[-1]) + STEP
    silent = dict.fromkeys(others, np.full(HORIZON, np.nan))
    combined = combine(record, series, now, last(models), silent, floor=FLOOR)
    only = combined.weights.copy()
    only[:, [combined.names.index(name) for name in others]] = 0
    untold = only.sum(axis=1) == 0
    assert untold.any()
    block = np.repeat(np.arange(len(EXPERT_BLOCKS)), [end - first + 1 for first, end in EXPERT_BLOCKS])
    np.testing.assert_allclose(
        combined.y[untold[block]], combined.experts[combined.names.index(MEAN)][untold[block]]
    )


@pytest.mark.parametrize("factor", [0.6, 1.8])
def test_a_lasting_error_of_the_mean_is_corrected_more_the_longer_it_lasts(factor: float) -> None:
    series = air(11, gaps=0.0)
    origins = np.arange(len(series) - 24 * 45, len(series) - 48, STEP)
    by = math.log(factor)
    models = {name: forecast(series, origins, seed, off=0.1, by=by) for name, seed in (("a", 1), ("b", 2))}
    issued, _ = rolling(series, origins, models, {}, floor=FLOOR)

    def taken_back(row: int) -> Array:
        """Share of the error, by lead time."""
        mean, corrected = (issued.experts[row, issued.names.index(name)] for name in (MEAN, CORRECTED))
        return np.asarray(np.log((mean + FLOOR) / (corrected + FLOOR)) / by)

    np.testing.assert_allclose(taken_back(0), 0, atol=1e-12)
    # Of the second day nothing is known before its first hour has come.
    np.testing.assert_allclose(taken_back(24 // STEP)[24:], 0, atol=1e-12)
    assert (taken_back(24 // STEP)[:24] > 0.005).all()
    after = [float(taken_back(days * 24 // STEP).mean()) for days in (3, 10, 40)]
    assert after == sorted(after)
    # Shrunk by six days: 40 days, of which the last ones count most, weigh 26.
    assert (taken_back(40 * 24 // STEP) > 0.7).all()
    assert (taken_back(40 * 24 // STEP) < 0.9).all()


def test_an_error_of_some_hours_of_the_day_is_corrected_in_those() -> None:
    """Nights are said to be as days are; days are left as they are."""
    series = air(13, gaps=0.0)
    origins = np.arange(len(series) - 24 * 45, len(series) - 48, STEP)
    night = (origins[:, None] + LEADS - 1) % 24 < 9
    right = forecast(series, origins, 1, off=0.1)
    issued, _ = rolling(series, origins, {"a": np.where(night, right * 1.8, right)}, {}, floor=FLOOR)
    moved = np.log(
        issued.experts[-8:, issued.names.index(CORRECTED)] / issued.experts[-8:, issued.names.index(MEAN)]
    )
    assert (moved[night[-8:]] < -0.25).all()
    assert (np.abs(moved[~night[-8:]]) < 0.1).all()


def test_a_correction_that_pays_takes_the_weight() -> None:
    series = air(12, gaps=0.0)
    origins = np.arange(len(series) - 24 * 45, len(series) - 48, STEP)
    models = {name: forecast(series, origins, seed, off=0.2, by=0.6) for name, seed in (("a", 1), ("b", 2))}
    issued, weights = rolling(series, origins, models, {}, floor=FLOOR)
    assert (weekly_shares(issued.names, weights, CORRECTED) > 0.9).all()


def plain(origins: Sequence[int], names: Sequence[str], value: float) -> Record:
    shape = (len(origins), len(names), HORIZON)
    experts = np.broadcast_to(value + np.arange(len(names))[:, None], shape).astype(np.float64)
    return Record(
        tuple(names), np.array(origins, dtype=np.intp), experts, np.full((shape[0], HORIZON), value)
    )


def test_records_are_put_together_by_origin_and_by_name() -> None:
    first, other = plain([10, 30], ["a", "b"], 1.0), plain([5, 20], ["b", "c"], 10.0)
    both = first.merged(other)
    assert both.names == ("a", "b", "c")
    assert both.origins.tolist() == [5, 10, 20, 30]
    np.testing.assert_array_equal(both.served[:, 0], [10, 1, 10, 1])
    nan = np.nan
    np.testing.assert_array_equal(
        both.experts[:, :, 7], [[nan, 10, 11], [1, 2, nan], [nan, 10, 11], [1, 2, nan]]
    )
    np.testing.assert_array_equal(both.aligned(["c", "nobody", "a"])[1, :, 0], [nan, nan, 1])
    assert both.between(5, 20).origins.tolist() == [5, 10]
    for nothing in (Record.empty(), plain([], ["x"], 1.0)):
        assert first.merged(nothing).origins.tolist() == nothing.merged(first).origins.tolist() == [10, 30]
    assert Record.empty().aligned(["a"]).shape == (0, 1, HORIZON)


def test_what_was_served_at_some_origins() -> None:
    record = plain([10, 13, 20], ["a"], 1.0)
    record.served[:, 0] = [1, 2, 3]
    served = record.served_at(np.array([9, 13, 14, 20, 99]))
    np.testing.assert_array_equal(served[:, 0], [np.nan, 2, np.nan, 3, np.nan])
    assert np.isnan(Record.empty().served_at(np.array([3]))).all()
    assert Record.empty().served_at(np.array([3, 4])).shape == (2, HORIZON)


def test_an_earlier_record_counts_until_the_later_one_begins() -> None:
    issued, hindcast = plain([20, 30], ["a"], 1.0), plain([5, 14, 20, 25], ["a", "b"], 9.0)
    joined = issued.after(hindcast)
    assert joined.origins.tolist() == [5, 14, 20, 30]
    assert joined.served[:, 0].tolist() == [9, 9, 1, 1]
    assert issued.after(Record.empty()).origins.tolist() == [20, 30]
    assert Record.empty().after(hindcast).origins.tolist() == [5, 14, 20, 25]
    assert issued.after(plain([40], ["a"], 1.0)).origins.tolist() == [20, 30]


# Hindcasts as files.


def test_a_hindcast_is_counted_anew_where_it_is_read() -> None:
    record = plain([100, 103, 150], ["linear", MEAN], 80.0)
    data = as_file(replace(record, experts=np.where(record.experts > 80, np.nan, record.experts)), END, 160)
    moved = from_file(data, END + timedelta(days=2), 1000)
    assert moved.names == record.names
    assert moved.origins.tolist() == [1000 - 48 - 60, 1000 - 48 - 57, 1000 - 48 - 10]
    np.testing.assert_array_equal(moved.experts[:, 0], 80)
    assert np.isnan(moved.experts[:, 1]).all()
    np.testing.assert_array_equal(moved.served, record.served)
    # A replay that goes back sees it in its future, and does not look at it.
    earlier = from_file(data, END - 100 * HOUR, 500)
    assert earlier.origins.tolist() == [540, 543, 590]
    assert from_file(as_file(Record.empty(), END, 10), END, 10).origins.tolist() == []


@given(seeds, st.integers(0, 12))
@few
def test_a_hindcast_says_the_same_to_the_float_after_it_was_kept(seed: int, number: int) -> None:
    series = air(seed, days=80)
    record = random_record(series, scattered(seed, number, len(series)), seed)
    again = from_file(as_file(record, END, len(series) - 1), END, len(series) - 1)
    assert again.names == record.names
    np.testing.assert_array_equal(again.origins, record.origins)
    np.testing.assert_array_equal(again.experts, record.experts.astype(np.float32))
    np.testing.assert_array_equal(again.served, record.served.astype(np.float32))


WHOLE = as_file(plain([100, 103, 150], ["linear", MEAN], 80.0), END, 160)


def without(name: str) -> bytes:
    with np.load(io.BytesIO(WHOLE)) as file:
        parts: dict[str, Any] = {key: file[key] for key in file.files if key != name}
    made = io.BytesIO()
    np.savez_compressed(made, **parts)
    return made.getvalue()


@pytest.mark.parametrize(
    "data",
    [
        b"x",
        b"no file",
        WHOLE[: len(WHOLE) // 2],
        WHOLE[:-30],
        WHOLE[:200] + bytes(40) + WHOLE[240:],
        *(without(name) for name in ("last", "before", "names", "experts", "served")),
    ],
)
def test_a_damaged_hindcast_is_refused(data: bytes) -> None:
    with pytest.raises(ModelError, match="hindcasts of the model cannot be read; train the city again"):
        from_file(data, END, 100)


@pytest.mark.parametrize("change", [1, 64, 255])
@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_a_hindcast_with_a_wrong_byte_is_refused_or_says_the_same(change: int) -> None:
    """Whatever is done to it, it costs a forecast and is told: nothing else is raised, and nothing else is read."""
    whole, refused = from_file(WHOLE, END, 160), 0
    for place in range(len(WHOLE)):
        data = WHOLE[:place] + bytes([WHOLE[place] ^ change]) + WHOLE[place + 1 :]
        try:
            again = from_file(data, END, 160)
        except ModelError:
            refused += 1
        else:
            assert (again.names, again.origins.tolist()) == (whole.names, whole.origins.tolist())
            np.testing.assert_array_equal(again.experts, whole.experts)
            np.testing.assert_array_equal(again.served, whole.served)
    assert refused > len(WHOLE) / 3


def test_what_is_combined_says_how_it_was_made() -> None:
    series = air(1)
    models = {"only": np.full(HORIZON, 100.0)}
    combined = combine(Record.empty(), series, len(series) - 1, models, {}, floor=FLOOR)
    assert isinstance(combined, Combined)
    assert combined.names == ("only", MEAN, CORRECTED)
    assert combined.experts.shape == (3, HORIZON)
