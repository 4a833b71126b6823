"""Train the families of one city and target, check each against its ONNX form, and judge them alike."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from threadpoolctl import threadpool_limits

from common.domain.errors import ModelError
from common.domain.forecast import NAIVE, Family
from common.features import Array, names
from common.inference.intervals import CEILING, residual_quantiles
from common.inference.session import open_session, predict
from common.training.export import in_target_unit
from common.training.families import Fitted, fit, naive_model
from common.training.judge import metrics

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from common.training.dataset import Dataset

PARITY_TOLERANCE = 0.01
"""Largest allowed difference between native and ONNX prediction, as a share of the prediction plus the floor."""
_PARITY_ORIGINS = 60


@dataclass(frozen=True, slots=True)
class Candidate:
    """A trained model, its ONNX file, and how it did on hours it had not seen."""

    family: Family
    onnx: bytes
    quantiles: Array
    """Held-out residual quantiles, (48, levels)"""
    metrics: dict[str, Any]
    parity: float
    """Largest difference between native and ONNX prediction on real rows, in the target's unit"""
    fault: str | None
    """Why it must not be served; None where native and ONNX prediction agree."""
    samples: int
    held_out: Array
    """Its forecasts of the held-out origins, (n_held_out, 48), in the target's unit"""


def train_families(data: Dataset, families: Sequence[Family]) -> list[Candidate]:
    """One candidate a family, and the best naive forecast as the last.

    Each family is first trained without the held-out hours and judged on them; what is served is trained
    again on all of them.

    Raises:
        ModelError: when the history is too short, or nothing can be served from it.
    """
    # Cities are trained side by side, each on one thread: threads that wait for each other in such small
    # matrices cost more than they give (a linear fit took 30 times as long on two busy cores).
    with threadpool_limits(limits=1):
        return _train(data, families)


def _train(data: Dataset, families: Sequence[Family]) -> list[Candidate]:
    learn, judge = data.split()
    everything = np.isfinite(data.actual)
    columns = names(data.target)
    ratios = np.nan_to_num(data.log_ratio())
    candidates = []
    for family in families:
        started = time.perf_counter()
        trial = fit(family, data.X, ratios, learn, columns.index("lead"))
        held_out = _in_unit(trial, data, judge)
        final = fit(family, data.X, ratios, everything, columns.index("lead"))
        seconds = time.perf_counter() - started
        candidates.append(_candidate(data, judge, family, final, held_out, seconds))
    best = min(NAIVE, key=lambda name: _mae(data.actual[judge], data.naive[name][judge]))
    naive = naive_model(best, columns)
    candidates.append(_candidate(data, judge, "naive", naive, _in_unit(naive, data, judge), 0.0))
    candidates[-1].metrics["naive"] = best
    if candidates[-1].fault is not None:
        raise ModelError(f"not even the naive forecast can be served: {candidates[-1].fault}")
    return candidates


def _candidate(
    data: Dataset, judge: NDArray[np.bool_], family: Family, model: Fitted, held_out: Array, seconds: float
) -> Candidate:
    actual = data.actual[judge]
    naive = {name: values[judge] for name, values in data.naive.items()}
    file, parity, fault = export(data, model)
    return Candidate(
        family=family,
        onnx=file,
        quantiles=residual_quantiles(actual, held_out, data.floor),
        metrics=metrics(actual, held_out, naive) | {"training_seconds": round(seconds, 2)},
        parity=parity,
        fault=fault,
        samples=int(np.isfinite(data.actual).sum()),
        held_out=held_out,
    )


def _in_unit(model: Fitted, data: Dataset, chosen: NDArray[np.bool_]) -> Array:
    """Forecasts of the chosen origins in the target's unit, as the ONNX file will give them."""
    level = data.level[chosen][:, None] + data.floor
    return np.clip(level * np.exp(model.predict(data.X[chosen])) - data.floor, 0.0, CEILING[data.target])


def export(data: Dataset, model: Fitted) -> tuple[bytes, float, str | None]:
    """The ONNX file, its largest difference from the model's own predictions on real rows, in the target's
    unit, and what is wrong with it, if that is too large."""
    columns = names(data.target)
    file = in_target_unit(model.to_onnx(), columns.index("level"), data.floor, CEILING[data.target])
    chosen = np.zeros(len(data.X), dtype=bool)
    chosen[np.linspace(0, len(data.X) - 1, min(_PARITY_ORIGINS, len(data.X))).astype(int)] = True
    native = _in_unit(model, data, chosen)
    served = predict(open_session(file), data.X[chosen].reshape(-1, data.X.shape[2])).reshape(native.shape)
    difference = np.abs(served - native)
    fault = None
    if (difference > PARITY_TOLERANCE * (native + data.floor)).any():
        fault = f"its ONNX form differs from the model by up to {difference.max():.3f}"
    return file, float(difference.max()), fault


def _mae(actual: Array, forecast: Array) -> float:
    return float(np.nanmean(np.abs(actual - forecast)))
