"""Train the families of one target, check each against its ONNX form, judge them alike, and put together those that
come near the best: each is an expert of its own in service."""

from __future__ import annotations

import time
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, cast

import numpy as np
from threadpoolctl import threadpool_limits

from common.domain.errors import ModelError
from common.domain.forecast import NAIVE, Family
from common.features import Rows
from common.inference.adaptive_conformal import Issued, held_out_quantiles
from common.inference.experts import APART
from common.inference.onnx_session import open_session, predict, predict_each
from common.metrics import mean_absolute_errors
from common.training.ensemble import Ensemble, near
from common.training.export import in_target_unit
from common.training.families import FitOptions, Fitted, LinearByLead, able, fit, naive_model
from common.training.holdout import holdout_scores
from common.training.parallel import in_process
from common.training.pooled import for_layout, shipped
from common.training.weather_fallback import falling_back

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from common.features import Array
    from common.training.dataset import Dataset
    from common.training.parallel import Runner
    from common.training.pooled import PooledModel

PARITY_TOLERANCE = 0.01
"""Largest allowed difference between native and ONNX prediction, as a share of the prediction plus the floor."""
_PARITY_ORIGINS = 60
_AT_ONCE = 2000
"""Origins whose rows are put together at a time: memory for a hundred megabytes."""


@dataclass(frozen=True, slots=True)
class Candidate:
    """A trained model, its ONNX file, and how it did on hours it had not seen."""

    family: Family
    onnx: bytes
    prior: Array
    """What its intervals begin with, (48, levels): see `held_out_quantiles`"""
    metrics: dict[str, Any]
    parity: float
    """Largest difference between native and ONNX prediction on real rows, in the target's unit"""
    fault: str | None
    """Why it must not be served; None where native and ONNX prediction agree."""
    samples: int
    held_out: Array
    """Its forecasts of the held-out origins, (n_held_out, 48), in the target's unit"""
    members: dict[str, Array] = field(default_factory=dict)
    """The models it consists of → their forecasts of the held-out origins, (n_held_out, 48), not rounded"""


LEVEL_FREE, POOLED = "level_free", "pooled"
"""Linear models that are not told how high the target stands; they come with the linear family. The second is shrunk
toward a model of other places, where there is one of the target and less than about a year is known."""


def train_families(
    data: Dataset,
    families: Sequence[Family],
    run: Runner = in_process,
    pooled: Mapping[str, PooledModel] | None = None,
) -> list[Candidate]:
    """One candidate a family, the ensemble of those near the best, and the best naive one as the last.

    Each family is first trained without the held-out hours and judged on them; what is served is trained
    again on all of them. Where the history is too short for that, the naive forecast is the only candidate,
    judged on all there is, and says why.

    Where the LSTM cannot be trained, for want of torch, all families means the others; ``left_out`` in the metrics
    says so. `run` computes the fits, which are independent tasks. `pooled`: models of other places, by target;
    by default those that are shipped.

    Raises:
        ModelError: when nothing can be served, or a family is named that cannot be trained here.
    """
    trainable, left_out = able(families)
    # Cities are trained side by side, each on one thread: threads that wait for each other in such small
    # matrices cost more than they give (a linear fit took 30 times as long on two busy cores).
    with threadpool_limits(limits=1):
        candidates = _train(data, trainable, run, shipped() if pooled is None else pooled)
    if left_out:
        for candidate in candidates:
            candidate.metrics["left_out"] = left_out
    return candidates


def _train(
    data: Dataset, families: Sequence[Family], run: Runner, pooled: Mapping[str, PooledModel]
) -> list[Candidate]:
    try:
        learn, judge = data.split()
    except ModelError as error:
        if not np.isfinite(data.actual).any():
            raise
        everything = np.ones(len(data.rows), dtype=bool)
        return [_naive(data, everything, data.actual, why=str(error))]
    truth, everything = data.judged(judge), np.isfinite(data.actual)
    rows, ratios, index = data.taught(), np.nan_to_num(data.log_ratio()), data.layout.index
    level_free = data.taught(level_free=True)
    ahead = data.knows_ahead()
    options = FitOptions(
        weight=data.weight(),
        lead_column=index("lead"),
        known_ahead=ahead,
        # Larger trees gain 3 points of skill from forecasts as issued, and cost three times as much for every city.
        large=bool(data.layout.ahead) and not data.layout.as_issued,
        products=[(index(first), index(second)) for first, second in data.layout.products if ahead],
        guesses=[index(name) for name in data.layout.guesses],
        hours=data.hours,
    )
    # In a season that was not seen, all but one linear model do without the level: trees least of all forget it.
    others = rows if data.knows_seasons() else level_free
    # Without the level, errors are as large in high as in low air, and every origin counts alike.
    unweighted = replace(options, weight=np.ones(len(data.rows)))
    linear = {LEVEL_FREE: (level_free, unweighted), "linear": (rows, options)}
    # Who has seen the seasons, or knows the weather to come, has nothing to learn from other places; nor has a city
    # whose air never changes.
    alone = ahead or data.knows_seasons() or not ratios.any()
    toward = None if alone else for_layout(pooled, data.layout)
    if toward is not None:
        linear[POOLED] = level_free, replace(unweighted, toward=toward)
    plans: dict[str, tuple[Family, Rows, FitOptions]] = {}
    for family in families:
        if family == "linear":
            plans |= {name: ("linear", *its) for name, its in linear.items()}
        else:
            plans[family] = family, others, options
    fits: dict[str, list[tuple[Fitted, float]]] = {}
    # Boosted trees correct a linear model where the weather ahead is known: those are fitted first then.
    base = "linear" if data.knows_seasons() else LEVEL_FREE
    first = [name for name, (family, _, _) in plans.items() if family == "linear" and ahead]
    for some in (first, [name for name in plans if name not in first]):
        bases = [cast("LinearByLead", model) for model, _ in fits[base]] if base in fits else [None, None]
        tasks = [
            (
                _FitTask(family, its.hidden, its_options, corrected),
                its.fixed,
                its.by_lead,
                its.level,
                ratios,
                pairs,
            )
            for family, its, its_options in (plans[name] for name in some)
            for pairs, corrected in zip((learn, everything), bases, strict=True)
        ]
        done = list(run(_fit, tasks))
        fits |= {name: done[2 * at : 2 * at + 2] for at, name in enumerate(some)}
    gate_of = {name: name if name in linear else base for name in plans}
    gates = {
        name: [
            falling_back(data.layout, linear[name][0], ratios, pairs, linear[name][1])
            for pairs in (learn, everything)
        ]
        for name in set(gate_of.values())
    }
    trained = {
        name: _Trained(
            plans[name][0],
            gates[gate_of[name]][1](final),
            _in_unit(gates[gate_of[name]][0](trial), data, judge, exact=True),
            seconds + more,
        )
        for name, ((trial, seconds), (final, more)) in fits.items()
    }
    candidates = [
        _ensemble(data, judge, truth, family, {k: v for k, v in trained.items() if v.family == family})
        for family in families
    ]
    chosen = _near_best(candidates, truth)
    if ahead and "xgboost" in chosen:
        # Boosted trees correct the linear model then: it has its part in them already.
        chosen.discard("linear")
    if len(chosen) > 1:
        together = {name: model for name, model in trained.items() if model.family in chosen}
        candidates.append(_ensemble(data, judge, truth, "blend", together))
        families_of_it = [candidate.family for candidate in candidates if candidate.family in chosen]
        candidates[-1].metrics["blend_of"] = families_of_it
    return [*candidates, _naive(data, judge, truth)]


@dataclass(frozen=True, slots=True)
class _Trained:
    """One model of a family."""

    family: Family
    final: Fitted
    held_out: Array
    """What its trial, which had not seen them, forecast of the held-out origins, (n_held_out, 48), not rounded"""
    seconds: float


@dataclass(frozen=True, slots=True)
class _FitTask:
    """What is to be fitted, apart from the arrays of its rows."""

    family: Family
    hidden: tuple[int, ...]
    options: FitOptions
    base: LinearByLead | None


def _fit(
    task: _FitTask,
    fixed: NDArray[np.float32],
    by_lead: NDArray[np.float32],
    level: Array,
    y: Array,
    learn: NDArray[np.bool_],
) -> tuple[Fitted, float]:
    """`fit`, and the seconds that it took. The arrays of its rows are arguments of their own: see `parallel`."""
    started = time.perf_counter()
    rows = Rows(fixed, by_lead, level, task.hidden)
    model = fit(task.family, rows, y, learn, task.options, task.base)
    return model, time.perf_counter() - started


def _naive(data: Dataset, judge: NDArray[np.bool_], truth: Array, why: str | None = None) -> Candidate:
    """The best naive forecast; `why`: the reason for which nothing else was tried."""
    errors = mean_absolute_errors(truth, {name: data.naive[name][judge] for name in NAIVE})
    best = min(errors, key=errors.__getitem__)
    model = naive_model(best, data.layout.names)
    candidate = _candidate(data, judge, truth, "naive", model, _in_unit(model, data, judge), 0.0)
    candidate.metrics["naive"] = best
    if why is not None:
        candidate.metrics["why"] = why
    if candidate.fault is not None:
        raise ModelError(f"not even the naive forecast can be served: {candidate.fault}")
    return candidate


def _near_best(candidates: Sequence[Candidate], truth: Array) -> set[Family]:
    """The families that come near the best one."""
    sound = [candidate for candidate in candidates if candidate.fault is None]
    if not sound:
        return set()
    return {sound[number].family for number in near([candidate.held_out for candidate in sound], truth)}


def _ensemble(
    data: Dataset, judge: NDArray[np.bool_], truth: Array, family: Family, trained: dict[str, _Trained]
) -> Candidate:
    held_out = {name: member.held_out for name, member in trained.items()}
    logs = np.mean([np.log(values + data.floor) for values in held_out.values()], axis=0)
    mean = np.exp(logs) - data.floor
    model = Ensemble({name: member.final for name, member in trained.items()})
    seconds = sum(member.seconds for member in trained.values())
    candidate = _candidate(
        data, judge, truth, family, model, np.round(mean) if data.layout.whole else mean, seconds
    )
    candidate.metrics["models"] = list(trained)
    return replace(candidate, members=held_out)


def _candidate(
    data: Dataset,
    judge: NDArray[np.bool_],
    truth: Array,
    family: Family,
    model: Fitted,
    held_out: Array,
    seconds: float,
) -> Candidate:
    naive = {name: values[judge] for name, values in data.naive.items()}
    file, parity, fault = export(data, model)
    return Candidate(
        family=family,
        onnx=file,
        prior=held_out_quantiles(held_out_record(data, held_out), data.floor),
        metrics=holdout_scores(truth, held_out, naive) | {"training_seconds": round(seconds, 2)},
        parity=parity,
        fault=fault,
        samples=int(np.isfinite(data.actual).sum()),
        held_out=held_out,
    )


@dataclass(frozen=True, slots=True)
class Hindcasts:
    """Of one history: what its models' like, which had not seen them, forecast of the held-out hours at its end."""

    origins: NDArray[np.intp]
    """(n,), every `APART` hours"""
    models: dict[str, Array]
    """Name → (n, 48), in the target's unit"""


def hindcasts(data: Dataset, candidate: Candidate) -> list[Hindcasts]:
    """Those of each history: what is issued after training begins with what they teach.

    Nothing of what follows is looked at.
    """
    if not candidate.members:
        return [Hindcasts(np.empty(0, dtype=np.intp), {})] * len(data.past)
    _, judge = data.split()
    hours, number = data.hours[judge], data.series[judge]
    chosen = (hours >= data.last_block()) & (hours % APART == 0)
    each = (chosen & (number == place) for place in range(len(data.past)))
    return [
        Hindcasts(hours[mine], {name: values[mine] for name, values in candidate.members.items()})
        for mine in each
    ]


def held_out_record(data: Dataset, forecasts: Array) -> list[tuple[Array, Issued]]:
    """The target of each history, and its held-out forecasts, nan for hours that were learnt from.

    `forecasts` are as in `Candidate.held_out`. Where nothing was learnt, all of them count.
    """
    try:
        _, judge = data.split()
        truth = data.judged(judge)
    except ModelError:
        judge, truth = np.ones(len(data.rows), dtype=bool), data.actual
    unseen = np.where(np.isfinite(truth), forecasts, np.nan)
    hours, number = data.hours[judge], data.series[judge]
    return [
        (past, Issued(hours[number == place], unseen[number == place]))
        for place, past in enumerate(data.past)
    ]


def _in_unit(
    model: Fitted, data: Dataset, chosen: NDArray[np.bool_] | NDArray[np.intp], *, exact: bool = False
) -> Array:
    """Forecasts of the chosen origins in the target's unit, as the ONNX file will give them; `exact`: not rounded."""
    origins = np.arange(len(data.rows))[chosen]
    out = np.empty((len(origins), data.actual.shape[1]))
    for first in range(0, len(origins), _AT_ONCE):
        some = origins[first : first + _AT_ONCE]
        out[first : first + _AT_ONCE] = _unit(data, model.predict(data.rows.dense(some)), some)
    return np.round(out) if data.layout.whole and not exact else out


def export(data: Dataset, model: Fitted) -> tuple[bytes, float, str | None]:
    """The ONNX file, its largest difference from the model's own predictions on real rows, in the target's
    unit, and what is wrong with it, if that is too large. They are compared before they are rounded."""
    layout = data.layout
    graph = model.to_onnx()
    file = in_target_unit(graph, layout.index("level"), data.floor, layout.ceiling, whole=layout.whole)
    chosen = np.unique(np.linspace(0, len(data.rows) - 1, min(_PARITY_ORIGINS, len(data.rows))).astype(int))
    X = data.rows.dense(chosen)
    flat = X.reshape(-1, X.shape[2])
    session, answer = open_session(file), "exact" if layout.whole else "y"
    pairs = [(_unit(data, model.predict(X), chosen), predict(session, flat, answer))]
    if isinstance(model, Ensemble):
        each = predict_each(session, flat)
        pairs += [(_unit(data, ratio, chosen), each[name]) for name, ratio in model.each(X).items()]
    parity, fault = 0.0, None
    for native, served in pairs:
        difference = np.abs(served.reshape(native.shape) - native)
        parity = max(parity, float(difference.max()))
        if (difference > PARITY_TOLERANCE * (native + data.floor)).any():
            fault = f"its ONNX form differs from the model by up to {parity:.3f}"
    return file, parity, fault


def _unit(data: Dataset, ratio: Array, origins: NDArray[np.intp]) -> Array:
    """Log-ratios of some origins, (n, 48), in the target's unit."""
    level = data.level[origins][:, None] + data.floor
    return np.asarray(np.clip(level * np.exp(ratio) - data.floor, 0.0, data.layout.ceiling))
