"""Which of the candidates, if any, is served from now on."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from common.features import Array
    from common.inference.session import Model
    from common.store.models import ModelRow
    from common.training.dataset import Dataset
    from common.training.train import Candidate

ENOUGH_ROWS = 48 * 24
"""Champion and challenger are compared on hours that neither has seen once there are this many pairs of them."""
BLEND_PREFERRED = 1.01
"""A blend is served unless another model's held-out MAE is this many times smaller."""


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
) -> Decision:
    """Skill first, then RMSE, then training time; never one that loses to the naive forecast or the champion.

    `champion_model` is None where there is no champion, or its file no longer fits this code.
    """
    sound = [candidate for candidate in candidates if candidate.fault is None]
    best = best_of(sound)
    if "why" in best.metrics:
        reason = f"the naive forecast ({best.metrics['naive']}): {best.metrics['why']}"
        return Decision(best, promote=champion_model is None, reason=reason)
    if best.family == "naive":
        reason = f"no family beat the naive forecast ({best.metrics['naive']}) on held-out hours"
    else:
        reason = f"skill {_skill(best):+.3f} on {best.metrics['holdout']['n']} held-out hours"
    if champion is None or champion_model is None:
        return Decision(best, promote=True, reason=reason)
    _, judge = data.split()
    unseen = _seen_until(data, champion) <= data.hours[judge]
    actual = data.judged(judge)[unseen]
    if np.isfinite(actual).sum() >= ENOUGH_ROWS:
        rows = data.rows.dense(np.flatnonzero(judge)[unseen])
        theirs = champion_model.predict(rows.reshape(-1, rows.shape[2])).reshape(actual.shape)
        old, new = _mae(actual, theirs), _mae(actual, best.held_out[unseen])
        verdict = (
            f"MAE {new:.2f} against the champion's {old:.2f} on {np.isfinite(actual).sum()} unseen hours"
        )
        # A tie goes to the newer, for its fresher intervals.
        return Decision(best, promote=new <= old, reason=f"{reason}; {verdict}")
    if champion.family in {candidate.family for candidate in sound}:
        # The champion's own recipe was among the candidates, so the best of them is at least as good.
        return Decision(
            best, promote=True, reason=f"{reason}; the champion's family was tried on the same hours"
        )
    recorded = champion.metrics["holdout"]["skill"] or 0.0
    verdict = f"the champion's skill was {recorded:+.3f}"
    return Decision(best, promote=_skill(best) > recorded, reason=f"{reason}; {verdict}")


def best_of(candidates: Sequence[Candidate]) -> Candidate:
    """The one to serve: by skill, RMSE and training time; the naive one where no other beats it.

    A blend that comes within 1 % of the best is preferred: held-out weeks cannot tell such a difference, and
    the mean of several models errs less often badly.
    """
    able = [candidate for candidate in candidates if candidate.family != "naive" and _skill(candidate) > 0]
    if not able:
        return next(candidate for candidate in candidates if candidate.family == "naive")
    best = min(
        able,
        key=lambda one: (
            -round(_skill(one), 3),
            one.metrics["holdout"]["rmse"],
            one.metrics["training_seconds"],
        ),
    )
    enough = BLEND_PREFERRED * best.metrics["holdout"]["mae"]
    blends = (one for one in able if one.family == "blend" and one.metrics["holdout"]["mae"] <= enough)
    return next(blends, best)


def _skill(candidate: Candidate) -> float:
    return float(candidate.metrics["holdout"]["skill"] or 0.0)


def _seen_until(data: Dataset, champion: ModelRow) -> int:
    """The champion's last training hour, counted like `Dataset.hours`."""
    return data.length - 1 - int((data.end - champion.window_end).total_seconds() // 3600)


def _mae(actual: Array, forecast: Array) -> float:
    return float(np.nanmean(np.abs(actual - forecast)))
