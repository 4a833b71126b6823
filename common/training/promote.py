"""Whether what was trained is served from now on.

Of a training the ensemble of all families that came near the best is served: who of them is believed, and how far the
naive forecasts are, is decided hour by hour by `common.inference.experts`. Fresh data are worth having, so a newly
trained ensemble takes over from the one before it unless it is clearly worse on hours that neither has seen.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from common.training.paired_bootstrap import Paired, by_hours

if TYPE_CHECKING:
    from collections.abc import Sequence

    from common.features import Array
    from common.inference.onnx_session import Model
    from common.store.models import ModelRow
    from common.training.dataset import Dataset
    from common.training.train import Candidate

ENOUGH_PAIRS = 48 * 24
"""Champion and challenger are compared on hours that neither has seen once there are this many pairs of them."""


@dataclass(frozen=True, slots=True)
class Decision:
    """The best candidate, whether it is promoted, and why or why not."""

    best: Candidate
    promote: bool
    reason: str


def decide(
    candidates: Sequence[Candidate],
    data: Dataset,
    champion: ModelRow | None,
    champion_model: Model | None,
    *,
    held: bool = False,
) -> Decision:
    """What was trained takes over unless it is clearly worse than the champion on hours that neither has seen.

    `champion_model` is None where there is no champion, or its file no longer fits this code. `held`: it was
    chosen by hand, so that being fresher is no reason to replace it.
    """
    sound = [candidate for candidate in candidates if candidate.fault is None]
    best = best_of(sound)
    if "why" in best.metrics:
        reason = f"the naive forecast ({best.metrics['naive']}): {best.metrics['why']}"
        return Decision(best, promote=champion_model is None, reason=reason)
    reason = f"skill {_skill(best):+.3f} on {best.metrics['holdout']['n']} held-out hours"
    if champion is None or champion_model is None:
        return Decision(best, promote=True, reason=reason)
    promote, against = _against_champion(sound, best, data, champion, champion_model, held=held)
    return Decision(best, promote=promote, reason=f"{reason}; {against}")


def _against_champion(
    sound: Sequence[Candidate],
    chosen: Candidate,
    data: Dataset,
    champion: ModelRow,
    champion_model: Model,
    *,
    held: bool,
) -> tuple[bool, str]:
    """Whether the candidate takes over from the very champion, and why or why not."""
    # What a single family was trained for does not take the place of several without proof.
    own_was_tried = champion.family in {candidate.family for candidate in sound} or chosen.family == "blend"
    comparison = _on_unseen(chosen, data, champion, champion_model)
    if comparison is not None:
        old, new = f"{comparison.old_mae:.2f}", f"{comparison.new_mae:.2f}"
        verdict = f"MAE {new} against the champion's {old} on {comparison.n} unseen hours"
        if held:
            return comparison.better, f"{verdict}; the champion was chosen by hand"
        # A tie goes to the newer of the same recipe: it knows fresher data.
        return (not comparison.worse if own_was_tried else comparison.better), verdict
    if held:
        return False, "the champion was chosen by hand, and too few hours are unseen by it to compare"
    if own_was_tried:
        return True, "the champion's family was tried on the same hours"
    recorded = champion.metrics["holdout"]["skill"] or 0.0
    return _skill(chosen) > recorded, f"the champion's skill was {recorded:+.3f}"


def _on_unseen(chosen: Candidate, data: Dataset, champion: ModelRow, champion_model: Model) -> Paired | None:
    """Champion and candidate on held-out hours after the champion's training; None where they are too few."""
    _, judge = data.split()
    unseen = _seen_until(data, champion) <= data.hours[judge]
    actual = data.judged(judge)[unseen]
    if np.isfinite(actual).sum() < ENOUGH_PAIRS:
        return None
    layout = champion_model.card.layout  # of other features, perhaps: as it is served
    those = data.rows if layout.signature == data.layout.signature else data.rows_as(layout)
    rows = those.dense(np.flatnonzero(judge)[unseen])
    theirs: Array = champion_model.predict(rows.reshape(-1, rows.shape[2])).reshape(actual.shape)
    return by_hours(actual, theirs, chosen.held_out[unseen], data.hours[judge][unseen])


def best_of(candidates: Sequence[Candidate]) -> Candidate:
    """The one to serve: the ensemble of several families; of a single one itself; the naive one for want of others.

    Whether they beat the naive forecast on held-out hours does not matter: it is an expert among them, and where it did
    better of late the weights are its own.
    """
    learnt = [candidate for candidate in candidates if candidate.family != "naive"]
    ensembles = [candidate for candidate in learnt if candidate.family == "blend"]
    return min(ensembles or learnt or candidates, key=_order)


def _order(candidate: Candidate) -> tuple[float, float, float]:
    holdout = candidate.metrics["holdout"]
    return -round(_skill(candidate), 3), holdout["rmse"], candidate.metrics["training_seconds"]


def _skill(candidate: Candidate) -> float:
    return float(candidate.metrics["holdout"]["skill"] or 0.0)


def _seen_until(data: Dataset, champion: ModelRow) -> int:
    """The champion's last training hour, counted like `Dataset.hours`."""
    return data.length - 1 - int((data.end - champion.window_end).total_seconds() // 3600)
