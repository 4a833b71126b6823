"""One training on the hours before, then a forecast from each origin of the test window."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np

from common.domain.errors import DataError, ModelError
from common.domain.forecast import COMPOSED, COMPOSED_OF, HORIZON
from common.domain.observation import HOUR
from common.features import Array, FeatureSpec, LocalTime, build_rows, carried, composed_of, local_time
from common.inference.adaptive_conformal import Issued, rolling_quantiles
from common.inference.experts import APART, WINDOW_HOURS, Record, rolling
from common.inference.intervals import distribution, interval
from common.inference.naive import naive_forecasts
from common.inference.onnx_session import model_names, open_session, predict, predict_each
from common.training.backtest.plan import Plan, cleaned, make_layout, with_elsewhere
from common.training.dataset import LEADS, pooled_dataset
from common.training.parallel import in_process
from common.training.promote import best_of
from common.training.train import Candidate, Hindcasts, hindcasts, train_families

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from common.training.backtest.files import Hours
    from common.training.parallel import Runner

_AT_ONCE = 500
_NEEDED = 12
"""Of the last 24 values, so many must be known for a forecast to be issued."""


@dataclass(frozen=True, slots=True)
class Forecasts:
    """What was forecast, and what then happened; every array has one row an origin."""

    series: NDArray[np.intp]
    origin: NDArray[np.intp]
    """Index of the hour"""
    y: Array
    """(n, 48) in the target's unit, as are the bounds"""
    lo80: Array
    hi80: Array
    lo95: Array
    hi95: Array
    actual: Array
    """nan where not known"""
    naive: dict[str, Array]
    weights: Array
    """(n, n_blocks, n_experts): what each expert counted, by block of lead times; see `common.inference.experts`"""


@dataclass(frozen=True, slots=True)
class Backtest:
    """A finished backtest."""

    hours: Hours
    forecasts: Forecasts
    layout: FeatureSpec
    best: Candidate
    candidates: list[Candidate]
    left_out: dict[str, str]
    rows: int
    """Training rows: pairs of origin and lead time"""
    experts: tuple[str, ...]
    """Names of those that `Forecasts.weights` are of"""


def backtest(
    hours: Hours, plan: Plan, tick: Callable[[str], None] = lambda _: None, run: Runner = in_process
) -> Backtest:
    """Train on the rows before ``train_until`` and forecast the test window.

    `run` computes the fits and the forecasts of each series; the results are the same wherever it does.

    Raises:
        DataError: when there is nothing to train on or no origin to forecast from.
    """
    clean, elsewhere = with_elsewhere(cleaned(hours, plan.target), plan.target)
    cut = min(clean.index(int(plan.train_until.timestamp())), clean.length)
    if cut <= 0:
        raise DataError("the file has no rows before --train-until")
    layout, left_out = make_layout(clean, cut, plan, elsewhere)
    column = layout.inputs.index(layout.target)
    time = local_time(_end(clean, clean.length), clean.length, plan.zone)
    origins = [origins_of(table[:, column], time, clean, plan) for table in clean.values]
    if not sum(map(len, origins)):
        hint = "an origin needs 12 of its last 24 values"
        raise DataError(f"no origin in the test window at the hours {plan.origin_hours}; {hint}")
    tick("Training")
    trained_until = _last_known(clean, column, cut)
    past = [table[:trained_until] for table in clean.values]
    try:
        data = pooled_dataset(past, _end(clean, trained_until), plan.zone, layout)
        candidates = train_families(data, plan.families, run, plan.pooled)
    except ModelError as error:
        raise DataError(f"nothing can be learnt before --train-until: {error}") from error
    best = best_of([candidate for candidate in candidates if candidate.fault is None])
    beside = None
    if COMPOSED_OF in layout.composed:
        beside = _companion(clean, cut, plan, past, trained_until, run)
    tick("Forecasting")
    given = [(layout, best, hindcasts(data, best)), *([beside] if beside else [])]
    tasks = [
        (
            number,
            table,
            time,
            chosen,
            trained_until,
            best.prior,
            [
                (its, np.frombuffer(candidate.onnx, dtype=np.uint8), before[number])
                for its, candidate, before in given
            ],
        )
        for number, (table, chosen) in enumerate(zip(clean.values, origins, strict=True))
    ]
    done = []
    for part in run(_of_series, tasks):
        done.append(part)
        tick("Forecasting")
    experts, parts = done[0][0], [part for _, part in done]
    samples = int(np.isfinite(data.actual).sum())
    return Backtest(clean, _together(parts), layout, best, candidates, left_out, samples, experts)


_Trained = tuple[FeatureSpec, Candidate, "list[Hindcasts]"]


def _companion(
    clean: Hours, cut: int, plan: Plan, past: list[Array], trained_until: int, run: Runner
) -> _Trained | None:
    """The linear models of PM2.5, from whose forecasts the index follows; None where there is too little of it."""
    layout, _ = make_layout(clean, cut, replace(plan, target=COMPOSED_OF))
    try:
        data = pooled_dataset(past, _end(clean, trained_until), plan.zone, layout)
        best = best_of(train_families(data, ("linear",), run, plan.pooled))
    except ModelError:
        return None
    return (layout, best, hindcasts(data, best)) if best.members and best.fault is None else None


def _end(hours: Hours, length: int) -> datetime:
    return datetime.fromtimestamp(hours.first, UTC) + (length - 1) * HOUR


def _last_known(hours: Hours, column: int, cut: int) -> int:
    """The hour after the last one before `cut` in which any series is known."""
    known = np.any([np.isfinite(table[:cut, column]) for table in hours.values], axis=0)
    return int(np.flatnonzero(known)[-1]) + 1


def origins_of(series: Array, time: LocalTime, hours: Hours, plan: Plan) -> NDArray[np.intp]:
    """Hours of a series, by index, that a forecast is due from: at the plan's hours, with enough values before."""
    first = max(hours.index(int(plan.test_from.timestamp())), 0)
    last = hours.length - 1
    if plan.test_to is not None:
        last = min(last, hours.index(int(plan.test_to.timestamp()) + 1) - 1)
    at = np.arange(first, last + 1)
    known = np.cumsum(np.concatenate([np.zeros(24), np.isfinite(series)]))
    enough = known[at + 24] - known[at] >= _NEEDED
    chosen: NDArray[np.intp] = at[enough & np.isin(time.hour(at), plan.origin_hours)]
    return chosen


def forecast_from(
    session: Any, table: Array, time: LocalTime, layout: FeatureSpec, origins: NDArray[np.intp]
) -> dict[str, Array]:
    """Forecasts of each model from origins, name → (n_origins, 48), in the target's unit, as production issues them:
    where the last hours are missing, from the last known hour over longer lead times. One model without a name is
    called ``model``."""
    lags = _lags(table[:, layout.inputs.index(layout.target)], origins)
    names = model_names(session) or ["model"]
    forecasts = {name: np.empty((len(origins), HORIZON)) for name in names}
    for lag in np.unique(lags):
        late = np.flatnonzero(lags == lag)
        for first in range(0, len(late), _AT_ONCE):
            some = late[first : first + _AT_ONCE]
            rows = build_rows(table, time, layout, origins[some] - lag, LEADS + lag).dense()
            X = rows.reshape(-1, rows.shape[2])
            for name, y in (predict_each(session, X) or {"model": predict(session, X)}).items():
                forecasts[name][some] = np.clip(y.reshape(len(some), HORIZON), 0.0, layout.ceiling)
    return forecasts


def _lags(series: Array, origins: NDArray[np.intp]) -> NDArray[np.intp]:
    """Hours from the last known one until each origin."""
    known = np.flatnonzero(np.isfinite(series))
    return np.asarray(origins - known[np.searchsorted(known, origins, side="right") - 1])


def _of_series(
    number: int,
    table: Array,
    time: LocalTime,
    chosen: NDArray[np.intp],
    trained_until: int,
    prior: Array,
    given: list[tuple[FeatureSpec, NDArray[np.uint8], Hindcasts]],
) -> tuple[tuple[str, ...], Forecasts]:
    """The task of one series. `given`: the model of the target and, where there is one, that of PM2.5, each with the
    bytes of its file, for a session cannot be sent."""
    composed_of_it: Record | None = None
    for layout, onnx, hindcast in reversed(given):
        session = _session(onnx.tobytes())
        record, weights = _issued(
            session, table, time, layout, chosen, hindcast, trained_until, composed_of_it
        )
        composed_of_it = record
    return record.names, _forecasts(number, table, layout, record, weights, chosen, prior)


@lru_cache(maxsize=2)
def _session(onnx: bytes) -> Any:
    return open_session(onnx)


def _issued(
    session: Any,
    table: Array,
    time: LocalTime,
    layout: FeatureSpec,
    chosen: NDArray[np.intp],
    hindcast: Hindcasts,
    trained_until: int,
    composed_of_it: Record | None,
) -> tuple[Record, Array]:
    """What is issued of one series, and the weights of it. Beside the requested forecasts there is one every few hours
    from the end of training on. Experts and intervals learn from their errors, as they do from the hindcasts."""
    series = table[:, layout.inputs.index(layout.target)]
    known = np.cumsum(np.concatenate([np.zeros(24), np.isfinite(series)]))
    made = np.arange(trained_until, trained_until)
    if len(chosen):
        between = np.arange(max(trained_until, chosen[0] - WINDOW_HOURS), chosen[-1] + 1)
        made = np.union1d(between[between % APART == 0], chosen)
        made = made[known[made + 24] - known[made] >= _NEEDED]
    origins = np.concatenate([hindcast.origins, made])
    models = {
        name: np.concatenate([hindcast.models.get(name, np.empty((0, HORIZON))), y])
        for name, y in forecast_from(session, table, time, layout, made).items()
    }
    if composed_of_it is not None:
        columns = {name: table[:, layout.inputs.index(name)] for name in layout.composed}
        pm25 = composed_of_it.served_at(origins)
        models[COMPOSED] = composed_of(columns, origins, carried(series, 3)[origins], pm25)
    return rolling(series, origins, models, naive_forecasts(series, origins, LEADS), floor=layout.floor)


def _forecasts(
    number: int,
    table: Array,
    layout: FeatureSpec,
    record: Record,
    weights: Array,
    chosen: NDArray[np.intp],
    prior: Array,
) -> Forecasts:
    series = table[:, layout.inputs.index(layout.target)]
    requested = np.isin(record.origins, chosen)
    served = np.clip(record.served, 0.0, layout.ceiling)
    served = np.round(served) if layout.whole else served
    issued = Issued(record.origins, served, lags=np.maximum(_lags(series, record.origins), 0))
    y = served[requested]
    tables = rolling_quantiles(
        series, issued, requested, prior=prior, floor=layout.floor, ceiling=layout.ceiling
    )
    bounds = np.empty((4, *y.shape))
    for row, table_of in enumerate(tables):
        values = distribution(y[row], table_of, layout.floor, layout.ceiling)
        bounds[:2, row] = interval(values, y[row], 0.80)
        bounds[2:, row] = interval(values, y[row], 0.95)
    padded = np.concatenate([series, np.full(HORIZON, np.nan)])
    return Forecasts(
        series=np.full(len(chosen), number),
        origin=chosen,
        y=y,
        lo80=bounds[0],
        hi80=bounds[1],
        lo95=bounds[2],
        hi95=bounds[3],
        actual=padded[chosen[:, None] + LEADS],
        naive=naive_forecasts(series, chosen, LEADS),
        weights=weights[requested],
    )


def _together(parts: list[Forecasts]) -> Forecasts:
    def joined(name: str) -> Any:
        return np.concatenate([getattr(part, name) for part in parts])

    names = ("series", "origin", "y", "lo80", "hi80", "lo95", "hi95", "actual", "weights")
    naive = {name: np.concatenate([part.naive[name] for part in parts]) for name in parts[0].naive}
    return Forecasts(**{name: joined(name) for name in names}, naive=naive)
