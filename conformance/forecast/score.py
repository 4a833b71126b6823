"""Scores of a window, and how sure they are: moving-block bootstrap over days, with a fixed seed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from common.metrics import coverage, scores, winkler_score

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from common.features import Array
    from conformance.forecast.benchmark import Task

SEED = 19
DRAWS = 2000
BLOCK_DAYS = 7
"""Errors of one weather are alike: days are drawn in runs of a week."""


def scored(task: Task, tables: dict[str, Array]) -> dict[str, Any]:
    """Skill in per cent against the naive forecast that was best on the window, with its 95 % interval; MAE; of each
    interval the file has, coverage in per cent and Winkler score."""
    y = tables["y_pred"]
    together = scores(task.actual, y, task.naive)
    best = together["best_naive"]
    low, high = skill_interval(task, y, task.naive[best])
    result: dict[str, Any] = {
        "window": task.window.window,
        "n": together["n"],
        "mae": together["mae"],
        "best_naive": best,
        "skill": 100 * together["skill"],
        "skill_low": 100 * low,
        "skill_high": 100 * high,
    }
    for level in (80, 95):
        bounds = tables.get(f"lo{level}"), tables.get(f"hi{level}")
        if bounds[0] is not None and bounds[1] is not None:
            result[f"coverage{level}"] = 100 * coverage(task.actual, bounds[0], bounds[1])
            result[f"winkler{level}"] = winkler_score(task.actual, bounds[0], bounds[1], level / 100)
    return result


def skill_interval(task: Task, y: Array, naive: Array) -> tuple[float, float]:
    """2.5 and 97.5 per cent quantiles of the skill over draws of days; the naive forecast stays the same."""
    days, at = np.unique(task.day, return_inverse=True)
    errors = [
        np.bincount(at, np.nansum(np.abs(task.actual - forecast), axis=1), len(days))
        for forecast in (y, naive)
    ]
    drawn = _blocks(len(days), np.random.default_rng(SEED))
    ours, theirs = (error[drawn].sum(axis=1) for error in errors)
    some = theirs > 0
    skill = 1 - ours[some] / theirs[some]
    low, high = np.quantile(skill, (0.025, 0.975)) if some.any() else (np.nan, np.nan)
    return float(low), float(high)


def _blocks(days: int, random: np.random.Generator) -> NDArray[np.intp]:
    """(draws, days): indices of days, in runs of a week that may begin at any day and go on from the first again."""
    runs = -(-days // BLOCK_DAYS)
    first = random.integers(0, days, (DRAWS, runs))
    drawn = (first[:, :, None] + np.arange(BLOCK_DAYS)) % days
    return np.asarray(drawn.reshape(DRAWS, -1)[:, :days], dtype=np.intp)
