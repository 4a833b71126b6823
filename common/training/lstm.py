"""An LSTM over the hours ahead, beside a linear model of each: what the linear models leave is what it learns.

Its sequence are the 48 rows of an origin. What they share, the origin's own features, makes the state it begins
with; each hour then brings what varies with the lead time: among it the hours of the last two days, each beside
the hour ahead that has its time of day, and the weather where it is known ahead. A linear part and a recurrent one
side by side: Lai et al., *SIGIR* 2018 (LSTNet). It is trained with torch and served without.
"""

from __future__ import annotations

import copy
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from importlib import import_module
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

import numpy as np

from common.domain.errors import ModelError
from common.domain.forecast import HORIZON
from common.features import MAX_LAG_HOURS
from common.training.export import sum_of
from common.training.linear import LinearByLead, fit_linear

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    import onnx
    from numpy.typing import NDArray

    from common.features import Array, Rows

WITHOUT_TORCH = (
    "torch or onnxscript is not installed: pip install 'vayu[lstm]', or layers/lstm/requirements.txt"
)

_SEED = 20251105
_MEMBERS = 2
"""So many networks are averaged, each checked on other days than the others."""
_RATE = 2e-3
_STEPS, _CHECKED_EVERY, _PATIENCE = 400, 50, 200
"""Steps of learning; after so many a network is checked; after so many without improvement it is given up."""
_BATCH = 128
"""Origins"""
_REACH = 4.0
"""A feature further than this many standard deviations from what was learnt from is taken as that far."""
_CHECK_SHARE = 8
"""One of so many blocks of days is not learnt from, but tells when to stop."""
_CHECK_BLOCK_HOURS = (24, 24 * 5)
_CHECK_ORIGINS = 1500
_LATE_SHARE = 0.2
"""Of the batches begin later than at a lead time of one hour, as forecasts from late data do."""
_AT_ONCE = 1000


@dataclass(frozen=True)
class Lstm:
    """A linear model of each lead time, and networks over all of them that correct it."""

    linear: LinearByLead
    nets: tuple[Any, ...]
    centre: Array
    """(n_features,)"""
    inverse: Array
    """(n_features,): one over the standard deviation; 0 for features that did not vary"""
    scale: Array
    """(48,): what the networks' answers are multiplied with: log-ratios"""
    n_fixed: int
    """The first so many features are the same at all lead times of an origin."""

    def predict(self, X: NDArray[np.float32]) -> Array:
        torch = _torch()
        base = self.linear.predict(X)
        standard = _standard(X, self.centre, self.inverse)
        lead = X[:, :, self.linear.lead_column].astype(np.intp) - 1
        with _one_thread(torch), torch.no_grad():
            for first in range(0, len(X), _AT_ONCE):
                part = torch.from_numpy(standard[first : first + _AT_ONCE])
                fixed, varying = part[:, 0, : self.n_fixed], part[:, :, self.n_fixed :].transpose(0, 1)
                answers = [net(fixed, varying).T.numpy() for net in self.nets]
                base[first : first + _AT_ONCE] += (
                    np.mean(answers, axis=0) * self.scale[lead[first : first + _AT_ONCE]]
                )
        return base

    def to_onnx(self) -> onnx.ModelProto:
        return sum_of([self.linear.to_onnx(), self._corrections])

    @cached_property
    def _corrections(self) -> onnx.ModelProto:
        """The networks' part of the graph, exported once: that takes seconds, and several files need it."""
        from common.training.lstm_network import Served

        served = Served(
            self.nets,
            centre=self.centre,
            inverse=self.inverse,
            reach=_REACH,
            scale=self.scale,
            lead_column=self.linear.lead_column,
        )
        return served.to_onnx()


def is_missing() -> str | None:
    """Why no LSTM can be trained here; None where it can."""
    try:
        _torch()
    except ModelError as error:
        return str(error)
    return None


def fit_lstm(
    rows: Rows,
    y: Array,
    learn: NDArray[np.bool_],
    weight: Array,
    *,
    lead_column: int,
    hours: NDArray[np.intp],
    guesses: Sequence[int] = (),
) -> Lstm:
    """Least weighted absolute errors, until they grow on days that are set aside of what may be learnt from.

    Arguments as those of `families.fit`; `hours`: (n_origins,), of the origins. The same rows give the same model.

    Raises:
        ModelError: when torch is not installed.
    """
    torch = _torch()
    linear = fit_linear(rows, y, learn, weight, lead_column, guesses)
    rest = y - _in_parts(linear, rows)
    taught: NDArray[np.bool_] = np.any(learn, axis=1)
    centre, inverse = _spread(rows, taught)
    scale = np.array([_mean(np.abs(rest[on, lead]), weight[on]) for lead, on in enumerate(learn.T)])
    scale = np.maximum(scale, 1e-6)
    # An error counts by the root of what is usual at its lead time: else the first hours would not count at all.
    counts = learn * (weight / weight[taught].mean())[:, None] * np.sqrt(scale)
    lesson = _Lesson(rows, centre, inverse, (rest / scale).astype(np.float32), counts.astype(np.float32))
    with _one_thread(torch), torch.random.fork_rng(devices=[]):
        nets = tuple(
            _taught(torch, lesson, _checked(hours, learn, member), member) for member in range(_MEMBERS)
        )
    return Lstm(linear, nets, centre, inverse, scale, rows.fixed.shape[1])


@dataclass(frozen=True, slots=True)
class _Lesson:
    rows: Rows
    centre: Array
    inverse: Array
    y: NDArray[np.float32]
    """(n_origins, 48)"""
    counts: NDArray[np.float32]
    """What each pair counts, (n_origins, 48); 0 where it may not be learnt from"""

    def some(self, torch: Any, chosen: NDArray[np.intp]) -> tuple[Any, Any]:
        """What is shared by all lead times of some origins, and what varies, the lead times first."""
        n = self.rows.fixed.shape[1]
        fixed = _standard(self.rows.fixed[chosen], self.centre[:n], self.inverse[:n])
        varying = _standard(self.rows.by_lead[:, chosen], self.centre[n:], self.inverse[n:])
        return torch.from_numpy(fixed), torch.from_numpy(varying)


def _taught(torch: Any, lesson: _Lesson, aside: NDArray[np.bool_], member: int) -> Any:
    """One network, as it was when it did best on the pairs set `aside`, (n_origins, 48)."""
    from common.training.lstm_network import Network

    torch.manual_seed(_SEED + member)
    random = np.random.default_rng(_SEED + member)
    net = Network(lesson.rows.fixed.shape[1], lesson.rows.by_lead.shape[2]).eval()
    counts, check = np.where(aside, 0, lesson.counts), np.where(aside, lesson.counts, 0)
    origins, checked = (np.flatnonzero(some.any(axis=1)) for some in (counts, check))
    if not len(origins) or not len(checked):
        return net
    checked = checked[:: -(-len(checked) // _CHECK_ORIGINS)]
    known = *lesson.some(torch, checked), lesson.y[checked], check[checked]
    order = np.concatenate([random.permutation(origins) for _ in range(-(-_STEPS * _BATCH // len(origins)))])
    rule = torch.optim.AdamW(net.parameters(), lr=_RATE)
    rates = torch.optim.lr_scheduler.OneCycleLR(rule, _RATE, total_steps=_STEPS, pct_start=0.15)
    best, best_state, best_step = _error(torch, net, *known), copy.deepcopy(net.state_dict()), 0
    for step in range(1, _STEPS + 1):
        chosen = order[(step - 1) * _BATCH : step * _BATCH]
        late = int(random.integers(1, MAX_LAG_HOURS + 1)) if random.random() < _LATE_SHARE else 0
        fixed, varying = lesson.some(torch, chosen)
        corrections = net(fixed, varying[late:])
        share = torch.from_numpy(counts[chosen, late:].T.copy())
        wrong = (corrections - torch.from_numpy(lesson.y[chosen, late:].T.copy())).abs()
        loss = (share * wrong).sum() / share.sum().clamp(min=1e-9)
        rule.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(net.parameters(), 1.0)
        rule.step()
        rates.step()
        if step % _CHECKED_EVERY == 0 and (error := _error(torch, net, *known)) < best:
            best, best_state, best_step = error, copy.deepcopy(net.state_dict()), step
        if step - best_step >= _PATIENCE:
            break
    net.load_state_dict(best_state)
    return net.eval()


def _error(torch: Any, net: Any, fixed: Any, varying: Any, y: NDArray[np.float32], share: Array) -> float:
    net.eval()
    with torch.no_grad():
        corrections = net(fixed, varying).T.numpy()
    net.train()
    return _mean(np.abs(corrections - y), share)


def _checked(hours: NDArray[np.intp], learn: NDArray[np.bool_], member: int) -> NDArray[np.bool_]:
    """Pairs that tell when to stop, (n_origins, 48): those whose target hour lies in certain blocks of days."""
    targets = hours[:, None] + np.arange(1, HORIZON + 1)
    first, last = targets[learn].min(), targets[learn].max()
    shortest, longest = _CHECK_BLOCK_HOURS
    block = int(np.clip((last - first) // (2 * _CHECK_SHARE), shortest, longest))
    number = (targets - first) // block
    aside: NDArray[np.bool_] = learn & (number % _CHECK_SHARE == (3 * member + 2) % _CHECK_SHARE)
    return aside


def _in_parts(linear: LinearByLead, rows: Rows) -> Array:
    log_ratios = np.empty((len(rows), HORIZON))
    for first in range(0, len(rows), _AT_ONCE):
        some = np.arange(first, min(first + _AT_ONCE, len(rows)))
        log_ratios[some] = linear.predict(rows.dense(some))
    return log_ratios


def _spread(rows: Rows, taught: NDArray[np.bool_]) -> tuple[Array, Array]:
    """Centre of each feature and one over its standard deviation, 0 where it does not vary or is hidden."""
    varying = [rows.by_lead[:, taught, column] for column in range(rows.by_lead.shape[2])]
    columns = [*rows.fixed[taught].T, *varying]
    centre = np.array([column.mean(dtype=np.float64) for column in columns])
    spread = np.array([column.std(dtype=np.float64) for column in columns])
    inverse = np.where(spread < 1e-6, 0.0, 1 / np.maximum(spread, 1e-6))
    inverse[list(rows.hidden)] = 0.0
    return centre, inverse


def _standard(values: NDArray[np.float32], centre: Array, inverse: Array) -> NDArray[np.float32]:
    """As the ONNX graph does it: in single precision."""
    standardised: NDArray[np.float32] = (values - centre.astype(np.float32)) * inverse.astype(np.float32)
    return np.clip(standardised, -_REACH, _REACH, out=standardised)


def _mean(values: Array, weights: Array) -> float:
    return float(np.average(values, weights=weights)) if weights.any() else 0.0


def _torch() -> Any:
    try:
        torch = import_module("torch")
    except ImportError as error:
        raise ModelError(WITHOUT_TORCH) from error
    if find_spec("onnxscript") is None:  # torch exports by it
        raise ModelError(WITHOUT_TORCH)
    return torch


@contextmanager
def _one_thread(torch: Any) -> Iterator[None]:
    """Sums of several threads would not always be the same to the last bit."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)
