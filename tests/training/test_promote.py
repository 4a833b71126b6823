"""Who is served: the ensemble of all that was trained, unless it is clearly worse than the present champion."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, cast

import numpy as np
import pytest
from synthetic import END, hours, make_model

from common.domain.observation import HOUR
from common.inference.onnx_session import Model
from common.store.models import ModelRow
from common.training.dataset import Dataset, make_dataset
from common.training.paired_bootstrap import by_hours
from common.training.promote import Decision, best_of, decide
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
    n_rows: int = 0

    def run(self, _: None, feeds: dict[str, Array]) -> list[Array]:
        known = {X.tobytes(): actual for X, actual in zip(self.data.X, self.data.actual, strict=True)}
        rows = feeds["X"].reshape(-1, 48, feeds["X"].shape[1])
        self.n_rows = len(rows)
        return [
            np.concatenate([np.nan_to_num(known[origin.tobytes()], nan=1.0) * self.error for origin in rows])
        ]


def model(session: Oracle) -> Model:
    return Model(make_model("pm25", "daily")[0], cast("Any", session))


def test_of_single_families_the_highest_skill_wins_then_rmse_then_time(
    data: Dataset, trained: list[Candidate]
) -> None:
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
def test_what_loses_to_the_naive_forecast_on_held_out_hours_is_served_all_the_same(
    data: Dataset, trained: list[Candidate], skill: float | None
) -> None:
    """The naive forecasts are experts beside it: where they do better of late the weights are theirs."""
    linear, naive = trained
    loser = scored(linear, "linear", skill=cast("float", skill))
    decision = decide([loser, naive], data, None, None)
    assert (decision.best, decision.promote) == (loser, True)
    assert f"skill {skill or 0.0:+.3f} on" in decision.reason


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
    assert session.n_rows == unseen.sum()
    number = np.isfinite(data.actual[unseen]).sum()
    assert f"on {number} unseen hours" in decision.reason
    theirs = np.abs(data.actual[unseen] * (error - 1))
    assert f"the champion's {np.nanmean(theirs):.2f} on" in decision.reason


def test_hours_the_champion_was_trained_on_do_not_count(data: Dataset, trained: list[Candidate]) -> None:
    """Here it has seen all but a day: too little to compare, but its recipe was tried again."""
    session = Oracle(data, 1.0)
    decision = decide(trained, data, row("linear", END - 24 * HOUR), model(session))
    assert session.n_rows == 0
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


@pytest.mark.parametrize("skill", [-0.1, 0.29, 0.9])
def test_the_ensemble_of_several_families_is_served_whatever_its_skill(
    data: Dataset, trained: list[Candidate], skill: float
) -> None:
    linear, naive = trained
    blend, single = scored(linear, "blend", skill=skill), scored(linear, "linear", skill=0.3)
    for candidates in ([single, blend, naive], [naive, blend, single]):
        assert best_of(candidates) is blend
        assert decide(candidates, data, None, None).best is blend
    assert best_of([naive, single]) is single
    assert best_of([naive]) is naive
    faulty = replace(blend, fault="its ONNX form differs")
    assert decide([single, faulty, naive], data, None, None).best is single


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


@dataclass
class Recorded:
    """Stands in for an ONNX session that says what was held out, row by row."""

    rows: Array
    y: Array

    def run(self, _: None, feeds: dict[str, Array]) -> list[Array]:
        known = {X.tobytes(): y for X, y in zip(self.rows, self.y, strict=True)}
        rows = feeds["X"].reshape(-1, 48, feeds["X"].shape[1])
        return [np.concatenate([known[origin.tobytes()] for origin in rows])]


def against(
    data: Dataset, candidate: Candidate, family: Family, share: float, *, held: bool = False
) -> Decision:
    """The decision where the champion is so much nearer to the truth than the candidate, by a share of its errors."""
    _, judge = data.split()
    truth = data.judged(judge)
    theirs = candidate.held_out + share * np.nan_to_num(truth - candidate.held_out)
    session = cast("Oracle", Recorded(data.X[judge], theirs))
    decision = decide([candidate], data, row(family, END - 144 * HOUR), model(session), held=held)
    unseen = data.hours[judge] >= data.length - 1 - 144
    compared = by_hours(truth[unseen], theirs[unseen], candidate.held_out[unseen], data.hours[judge][unseen])
    assert f"MAE {compared.new_mae:.2f} against the champion's {compared.old_mae:.2f}" in decision.reason
    assert (compared.better, compared.worse) == (share < -0.1, share > 0.1)
    return decision


@pytest.mark.parametrize("share", [-0.3, -0.01, 0.0, 0.01, 0.3])
def test_what_is_fresh_takes_over_unless_it_is_clearly_worse(
    data: Dataset, trained: list[Candidate], share: float
) -> None:
    linear, _ = trained
    assert against(data, linear, "linear", share).promote is (share < 0.1)
    blend = scored(linear, "blend")
    for champion in ("linear", "xgboost", "blend", "naive"):
        assert against(data, blend, cast("Family", champion), share).promote is (share < 0.1)


@pytest.mark.parametrize("share", [-0.3, -0.01, 0.0, 0.01, 0.3])
def test_a_single_family_takes_the_place_of_another_only_where_it_is_clearly_better(
    data: Dataset, trained: list[Candidate], share: float
) -> None:
    for champion in ("blend", "xgboost"):
        decision = against(data, trained[0], cast("Family", champion), share)
        assert decision.promote is (share < -0.1)


@pytest.mark.parametrize("share", [-0.3, -0.01, 0.0, 0.01, 0.3])
def test_a_champion_that_was_chosen_by_hand_gives_way_only_to_what_is_clearly_better(
    data: Dataset, trained: list[Candidate], share: float
) -> None:
    for family in ("linear", "blend"):
        decision = against(data, scored(trained[0], cast("Family", family)), "linear", share, held=True)
        assert decision.promote is (share < -0.1)
        assert "the champion was chosen by hand" in decision.reason


def test_without_unseen_hours_a_champion_that_was_chosen_by_hand_stays(
    data: Dataset, trained: list[Candidate]
) -> None:
    champion, session = row("linear", END - 24 * HOUR), model(Oracle(data, 3.0))
    assert decide(trained, data, champion, session).promote
    held = decide(trained, data, champion, session, held=True)
    assert not held.promote
    assert "chosen by hand, and too few hours are unseen" in held.reason
    # One that cannot be opened any more is replaced even so.
    assert decide(trained, data, champion, None, held=True).promote
