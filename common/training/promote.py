"""Which of the candidates, if any, is served from now on.

A recipe is a family with all that is decided by it. Fresh data are worth having, so a newly trained model of the
champion's own recipe takes over unless it is clearly worse. Another recipe must be clearly better, by `evidence`,
on the same held-out hours or in the record: the best of several nearly equal ones is a coin toss, tossed anew
each day. Nothing that loses to the naive forecast is served, however little; and as the naive forecast is what is
served for want of anything better, it gives way to what is likely better.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from common.training.evidence import Paired, by_hours

if TYPE_CHECKING:
    from collections.abc import Sequence

    from common.features import Array
    from common.inference.session import Model
    from common.store.models import ModelRow
    from common.training.dataset import Dataset
    from common.training.train import Candidate

ENOUGH_PAIRS = 48 * 24
"""Champion and challenger are compared on hours that neither has seen once there are this many pairs of them."""
BLEND_PREFERRED = 1.01
"""A blend is served unless another model's held-out MAE is this many times smaller."""


@dataclass(frozen=True, slots=True)
class Decision:
    """The best candidate, whether it is promoted, and why or why not."""

    best: Candidate
    promote: bool
    reason: str
    challenger: Candidate | None = None
    """The best of those that are not served, to be followed beside the champion; None: none beats the naive."""


def decide(
    candidates: Sequence[Candidate],
    data: Dataset,
    champion: ModelRow | None,
    champion_model: Model | None,
    *,
    held: bool = False,
    proven: tuple[str, Paired] | None = None,
    above_naive: Paired | None = None,
) -> Decision:
    """Skill first, then RMSE, then training time; never one that loses to the naive forecast or the champion.

    `champion_model` is None where there is no champion, or its file no longer fits this code. `held`: it was
    chosen by hand, so that being fresher is no reason to replace it. `proven`: the family whose forecasts, kept
    beside the champion's, did clearly better than those, and by how much. `above_naive`: how clearly the champion's
    own forecasts did better than the naive ones, if they did.
    """
    sound = [candidate for candidate in candidates if candidate.fault is None]
    best = best_of(sound)
    if "why" in best.metrics:
        reason = f"the naive forecast ({best.metrics['naive']}): {best.metrics['why']}"
        return Decision(best, promote=champion_model is None, reason=reason)
    if champion is None or champion_model is None:
        return _decided(sound, best, promote=True, why="")
    if best.family == "naive" and champion.family != "naive" and above_naive is not None and proven is None:
        # Held-out hours and the very forecasts that were issued disagree: the latter are what is wanted.
        return _decided(
            sound, best, promote=False, why=f"the champion stays: in the record, {above_naive} for that"
        )
    chosen, why = _recipe(sound, best, champion, data, proven)
    promote, against = _against_champion(sound, chosen, data, champion, champion_model, held=held)
    if proven is not None and chosen.family == proven[0]:
        promote = True  # the record is of the very champion, and of both as they were served
    return _decided(sound, chosen, promote=promote, why="; ".join(part for part in (why, against) if part))


def _decided(sound: Sequence[Candidate], chosen: Candidate, *, promote: bool, why: str) -> Decision:
    if chosen.family == "naive":
        reason = f"no family beat the naive forecast ({chosen.metrics['naive']}) on held-out hours"
    else:
        reason = f"skill {_skill(chosen):+.3f} on {chosen.metrics['holdout']['n']} held-out hours"
    others = [one for one in sound if one.family != "naive" and _skill(one) > 0]
    if promote:
        others = [one for one in others if one is not chosen]
    elif chosen in others:
        others = [chosen]  # it is what would have been served
    return Decision(
        chosen,
        promote=promote,
        reason=f"{reason}; {why}" if why else reason,
        challenger=min(others, key=_order) if others else None,
    )


def _recipe(
    sound: Sequence[Candidate],
    best: Candidate,
    champion: ModelRow,
    data: Dataset,
    proven: tuple[str, Paired] | None,
) -> tuple[Candidate, str]:
    """The candidate whose recipe is to be served, and why this one."""
    own = next((one for one in sound if one.family == champion.family), None)
    if proven is not None:
        named = (one for one in sound if one.family == proven[0])
        found = next((one for one in named if one.family == "naive" or _skill(one) > 0), None)
        if found is not None:
            return found, f"in the record, {proven[1]} for {champion.family}"
    if own is None or own is best:
        return best, ""
    if own.family != "naive" and _skill(own) <= 0:
        return best, f"{own.family} does not beat the naive forecast any more"
    if own.family == "naive" and "why" in champion.metrics:
        return best, "now there is enough history"
    _, judge = data.split()
    found_better = by_hours(data.judged(judge), own.held_out, best.held_out, data.hours[judge])
    if found_better.likely if own.family == "naive" else found_better.better:
        return best, f"{found_better} for {own.family}"
    return own, f"{best.family} is not clearly better: {found_better}"


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
    own_was_tried = champion.family in {candidate.family for candidate in sound}
    found = _on_unseen(chosen, data, champion, champion_model)
    if found is not None:
        verdict = (
            f"MAE {found.new_mae:.2f} against the champion's {found.old_mae:.2f} on {found.n} unseen hours"
        )
        if held:
            return found.better, f"{verdict}; the champion was chosen by hand"
        # A tie goes to the newer of the same recipe: it knows fresher data.
        return (not found.worse if own_was_tried else found.better), verdict
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
