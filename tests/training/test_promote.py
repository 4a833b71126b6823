"""Who is served: skill first, never one that loses to the naive forecast or to the present champion."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, cast

import numpy as np
import pytest
from synthetic import END, hours, make_model

from common.domain.observation import HOUR
from common.inference.session import Model
from common.store.models import ModelRow
from common.training.dataset import LEADS, Dataset, make_dataset
from common.training.evidence import Paired, by_hours
from common.training.promote import decide
from common.training.train import Candidate, train_families

if TYPE_CHECKING:
    from datetime import datetime

    from common.domain.forecast import Family
    from common.features import Array


@pytest.fixture(scope="module")
def data() -> Dataset:
    return make_dataset(hours(30, seed=9, memory=0.98), END, "pm25")


@pytest.fixture(scope="module")
def trained(data: Dataset) -> list[Candidate]:
    """A linear candidate that beats the naive forecast, and the naive one."""
    candidates = train_families(data, ["linear"])
    assert candidates[0].metrics["holdout"]["skill"] > 0.05
    return candidates


def scored(candidate: Candidate, family: Family, **scores: float) -> Candidate:
    """The candidate under another family's name and with other scores."""
    metrics = candidate.metrics | {"holdout": candidate.metrics["holdout"] | scores}
    metrics["training_seconds"] = scores.get("seconds", 1.0)
    return replace(candidate, family=family, metrics=metrics)


def row(family: Family, window_end: datetime, skill: float = 0.1) -> ModelRow:
    return ModelRow(
        version="old", city="Delhi", target="pm25", mode="live", family=family, status="champion", reason="",
        trained_at=window_end, window_start=window_end, window_end=window_end, samples=1, features_hash="",
        checksum="", metrics={"holdout": {"skill": skill}},
    )  # fmt: skip


@dataclass
class Oracle:
    """Stands in for an ONNX session: knows the truth of the held-out rows, and errs by a factor."""

    data: Dataset
    error: float
    asked: int = 0

    def run(self, _: None, feeds: dict[str, Array]) -> list[Array]:
        known = {X.tobytes(): actual for X, actual in zip(self.data.X, self.data.actual, strict=True)}
        rows = feeds["X"].reshape(-1, 48, feeds["X"].shape[1])
        self.asked = len(rows)
        return [np.concatenate([np.nan_to_num(known[one.tobytes()], nan=1.0) * self.error for one in rows])]


def model(session: Oracle) -> Model:
    return Model(make_model("pm25", "daily")[0], cast("Any", session))


def test_the_highest_skill_wins_then_rmse_then_time(data: Dataset, trained: list[Candidate]) -> None:
    linear, naive = trained
    best = scored(linear, "xgboost", skill=0.31, rmse=20.0)
    for others, winner in (
        ([scored(linear, "linear", skill=0.30, rmse=10.0), best], "xgboost"),
        ([best, scored(linear, "linear", skill=0.3101, rmse=19.0)], "linear"),
        ([best, scored(linear, "linear", skill=0.31, rmse=20.0, seconds=0.1)], "linear"),
        ([scored(linear, "linear", skill=0.31, rmse=20.0, seconds=3.0), best], "xgboost"),
    ):
        decision = decide([*others, naive], data, None, None)
        assert (decision.best.family, decision.promote) == (winner, True)
        assert f"{decision.best.metrics['holdout']['skill']:+.3f}" in decision.reason


@pytest.mark.parametrize("skill", [-0.2, 0.0, None])
def test_the_naive_forecast_is_served_where_nothing_beats_it(
    data: Dataset, trained: list[Candidate], skill: float | None
) -> None:
    linear, naive = trained
    loser = scored(linear, "linear", skill=cast("float", skill))
    decision = decide([loser, naive], data, None, None)
    assert (decision.best, decision.promote) == (naive, True)
    assert f"no family beat the naive forecast ({naive.metrics['naive']})" in decision.reason


def test_a_model_that_is_not_what_it_was_trained_to_be_is_not_served(
    data: Dataset, trained: list[Candidate]
) -> None:
    linear, naive = trained
    faulty = replace(scored(linear, "xgboost", skill=0.9), fault="its ONNX form differs")
    assert decide([faulty, linear, naive], data, None, None).best is linear
    assert decide([faulty, naive], data, None, None).best is naive


@pytest.mark.parametrize(("error", "promoted"), [(1.0, False), (1.01, False), (3.0, True)])
def test_on_hours_that_neither_has_seen_the_better_stays(
    data: Dataset, trained: list[Candidate], error: float, *, promoted: bool
) -> None:
    champion = row("linear", END - 96 * HOUR)
    session = Oracle(data, error)
    decision = decide(trained, data, champion, model(session))
    assert decision.promote is promoted
    unseen = (data.hours >= data.length - 1 - 96) & (data.hours >= data.hours[data.split()[1]].min())
    assert session.asked == unseen.sum()
    number = np.isfinite(data.actual[unseen]).sum()
    assert f"on {number} unseen hours" in decision.reason
    theirs = np.abs(data.actual[unseen] * (error - 1))
    assert f"the champion's {np.nanmean(theirs):.2f} on" in decision.reason


def test_hours_the_champion_was_trained_on_do_not_count(data: Dataset, trained: list[Candidate]) -> None:
    """Here it has seen all but a day: too little to compare, but its recipe was tried again."""
    session = Oracle(data, 1.0)
    decision = decide(trained, data, row("linear", END - 24 * HOUR), model(session))
    assert session.asked == 0
    assert decision.promote
    assert "tried on the same hours" in decision.reason


@pytest.mark.parametrize(("skill", "promoted"), [(0.99, False), (0.01, True), (-0.5, True)])
def test_a_champion_of_a_family_that_was_not_tried_is_judged_by_its_own_record(
    data: Dataset, trained: list[Candidate], skill: float, *, promoted: bool
) -> None:
    champion = row("random_forest", END - 24 * HOUR, skill)
    decision = decide(trained, data, champion, model(Oracle(data, 1.0)))
    assert decision.promote is promoted
    assert f"{skill:+.3f}" in decision.reason


def test_a_blend_is_preferred_to_what_is_hardly_better(data: Dataset, trained: list[Candidate]) -> None:
    linear, naive = trained
    for mae, winner in ((10.0, "blend"), (10.09, "blend"), (10.2, "linear")):
        blend = scored(linear, "blend", skill=0.3, mae=mae)
        best = scored(linear, "linear", skill=0.301, mae=10.0)
        assert decide([best, blend, naive], data, None, None).best.family == winner


def test_too_short_a_history_replaces_no_champion(data: Dataset) -> None:
    short = make_dataset(hours(3, seed=5), END, "pm25")
    candidates = train_families(short, ["linear"])
    first = decide(candidates, short, None, None)
    assert (first.best.family, first.promote) == ("naive", True)
    assert "too little history" in first.reason
    champion = row("linear", END - 96 * HOUR)
    assert not decide(candidates, short, champion, model(Oracle(data, 1.0))).promote


def test_a_champion_that_cannot_be_served_is_replaced(data: Dataset, trained: list[Candidate]) -> None:
    decision = decide(trained, data, row("random_forest", END - 24 * HOUR, 0.99), None)
    assert decision.promote


def test_a_champion_whose_record_beats_the_naive_forecast_is_not_given_up_for_held_out_hours(
    data: Dataset, trained: list[Candidate]
) -> None:
    linear, naive = trained
    loser = scored(linear, "linear", skill=-0.001)
    champion, session = row("linear", END - 24 * HOUR), model(Oracle(data, 1.0))
    gives_way = decide([loser, naive], data, champion, session)
    assert (gives_way.best, gives_way.promote) == (naive, True)
    stays = decide([loser, naive], data, champion, session, above_naive=Paired(900, 9, 25.0, 20.0, 1.0))
    assert not stays.promote
    assert "the champion stays: in the record, MAE 20.00 against 25.00 on 900 pairs" in stays.reason
    assert stays.challenger is None


def test_another_family_must_be_clearly_better_and_the_champions_own_is_renewed(
    data: Dataset, trained: list[Candidate]
) -> None:
    linear, naive = trained
    champion, session = row("linear", END - 24 * HOUR), model(Oracle(data, 1.0))
    truth = data.judged(data.split()[1])
    slightly = replace(
        scored(linear, "xgboost", skill=0.99), held_out=linear.held_out * 0.999 + 0.001 * truth
    )
    renewed = decide([linear, slightly, naive], data, champion, session)
    assert (renewed.best, renewed.promote) == (linear, True)
    assert "xgboost is not clearly better: MAE" in renewed.reason
    assert renewed.challenger is slightly
    clearly = replace(slightly, held_out=(linear.held_out + truth) / 2)
    switched = decide([linear, clearly, naive], data, champion, session)
    assert (switched.best, switched.promote) == (clearly, True)
    assert "for linear" in switched.reason
    held = decide([linear, clearly, naive], data, champion, session, held=True)
    assert not held.promote
    proven = decide(
        [linear, slightly, naive], data, champion, session, held=True,
        proven=("xgboost", Paired(900, 9, 25.0, 20.0, 1.0)),
    )  # fmt: skip
    assert (proven.best, proven.promote) == (slightly, True)
    assert "in the record, MAE 20.00 against 25.00" in proven.reason


@pytest.mark.parametrize(("champion", "promoted"), [("naive", True), ("linear", False)])
def test_the_naive_forecast_gives_way_to_what_is_likely_better(
    data: Dataset, trained: list[Candidate], champion: Family, promoted: bool
) -> None:
    linear, naive = trained
    _, judge = data.split()
    truth, hours = data.judged(judge), data.hours[judge]
    days = (hours[:, None] + LEADS) // 24
    share = np.where(days == days.min() + 2, -0.5, 0.3)  # one of six days is worse
    mixed = naive.held_out + share * np.nan_to_num(truth - naive.held_out)
    found = by_hours(truth, naive.held_out, mixed, hours)
    assert found.likely
    assert not found.better
    candidate = replace(scored(linear, "xgboost", skill=0.5), held_out=mixed)
    former = replace(scored(linear, "linear", skill=0.4), held_out=naive.held_out)
    decision = decide([candidate, former, naive], data, row(champion, END), model(Oracle(data, 1.3)))
    assert decision.best is (candidate if promoted else former)
    assert decision.promote
