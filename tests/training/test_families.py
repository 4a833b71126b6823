"""Each family as it is trained and as it is served: the same numbers from both."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from synthetic import END, hours

from common.domain.forecast import FAMILIES, HORIZON, NAIVE, TARGETS, Family, Target
from common.features import FLOOR, INPUTS, MAX_LAG_HOURS, Array, build, names, usable_origins
from common.inference.intervals import CEILING
from common.inference.naive import naive_forecasts
from common.inference.session import open_session, predict
from common.training.dataset import Dataset, make_dataset
from common.training.export import in_target_unit
from common.training.families import BLOCKS, Fitted, LinearByLead, fit, naive_model
from common.training.train import export, train_families

if TYPE_CHECKING:
    from numpy.typing import NDArray

HISTORY = hours(32, seed=3, gaps=0.02)
LAGGED = np.arange(1, HORIZON + MAX_LAG_HOURS + 1)


@pytest.fixture(scope="module")
def data() -> Dataset:
    return make_dataset(HISTORY, END, "aqi")


@pytest.fixture(scope="module", params=FAMILIES)
def fitted(request: pytest.FixtureRequest, data: Dataset) -> Fitted:
    """A trained model of each family in turn."""
    learn, _ = data.split()
    family: Family = request.param
    return fit(family, data.X, np.nan_to_num(data.log_ratio()), learn, names("aqi").index("lead"))


def served(model: Fitted, target: Target, X: Array) -> Array:
    """What the finished ONNX file says, (n_origins, n_leads), in the target's unit."""
    columns = names(target)
    file = in_target_unit(model.to_onnx(), columns.index("level"), FLOOR[target], CEILING[target])
    return predict(open_session(file), X.reshape(-1, X.shape[2])).reshape(X.shape[:2])


def in_unit(ratio: Array, level: Array, target: Target) -> Array:
    floor = FLOOR[target]
    return np.clip((level[:, None] + floor) * np.exp(ratio) - floor, 0, CEILING[target])


def test_the_onnx_form_agrees_with_the_model(fitted: Fitted, data: Dataset) -> None:
    native = in_unit(fitted.predict(data.X), data.level, "aqi")
    difference = np.abs(served(fitted, "aqi", data.X) - native)
    borders = [lead - 1 for block in BLOCKS for lead in block]
    assert difference[:, borders].max() < 1e-3, f"by up to {difference[:, borders].max():.2e} at borders"
    assert difference.max() < 1e-3, f"by up to {difference.max():.2e}"
    assert native.std(axis=0).min() > 1  # it does forecast something


def test_lead_times_beyond_the_horizon_are_answered_as_the_horizon(fitted: Fitted) -> None:
    origins = usable_origins(HISTORY, "aqi")[300::50]
    rows = build(HISTORY, END, "aqi", origins, LAGGED)
    found = served(fitted, "aqi", rows.X)
    for lead in (HORIZON + 1, HORIZON + MAX_LAG_HOURS):
        row = np.repeat(rows.X[:, [lead - 1]], HORIZON, axis=1)
        expected = in_unit(fitted.predict(row), rows.level, "aqi")[:, HORIZON - 1]
        np.testing.assert_allclose(found[:, lead - 1], expected, atol=1e-3)


@pytest.mark.parametrize("family", FAMILIES)
def test_each_block_answers_for_its_own_lead_times(family: Family, data: Dataset) -> None:
    """A model taught an offset that differs from block to block gives it back."""
    assert [lead for first, last in BLOCKS for lead in range(first, last + 1)] == list(range(1, HORIZON + 1))
    block = np.concatenate([[number] * (last - first + 1) for number, (first, last) in enumerate(BLOCKS)])
    offsets = np.array([-0.6, 0.2, -0.2, 0.6, 0.0])[block]
    everything = np.ones(data.X.shape[:2], dtype=bool)
    y = np.broadcast_to(offsets, everything.shape)
    taught = fit(family, data.X, y, everything, names("aqi").index("lead"))
    found = served(taught, "aqi", data.X[:20])
    expected = in_unit(np.broadcast_to(offsets, (20, HORIZON)), data.level[:20], "aqi")
    np.testing.assert_allclose(found, expected, atol=0.5)


def test_forecasts_stay_within_the_scale() -> None:
    columns = names("aqi")
    wild = LinearByLead(np.zeros((HORIZON, len(columns))), np.linspace(-9, 9, HORIZON), columns.index("lead"))
    X = build(HISTORY, END, "aqi", np.array([500]), np.arange(1, HORIZON + 1)).X
    found = served(wild, "aqi", X)
    assert (found.min(), found.max()) == (0.0, 500.0)


@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize("name", NAIVE)
def test_a_naive_forecast_is_served_as_it_is_judged(name: str, target: Target) -> None:
    origins = usable_origins(HISTORY, target)[170:]
    rows = build(HISTORY, END, target, origins, LAGGED)
    found = served(naive_model(name, names(target)), target, rows.X)
    expected = naive_forecasts(HISTORY[:, INPUTS.index(target)], origins, LAGGED)[name]
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-3)


def test_linear_models_find_what_is_linear(data: Dataset) -> None:
    """Against the textbook: ridge regression on standardised columns."""
    learn, _ = data.split()
    y = np.nan_to_num(data.log_ratio())
    model = fit("linear", data.X, y, learn, names("aqi").index("lead"))
    for lead in (1, 30):
        rows = data.X[learn[:, lead - 1], lead - 1].astype(np.float64)
        values = y[learn[:, lead - 1], lead - 1]
        scale = np.where(rows.std(axis=0) < 1e-6, 1.0, rows.std(axis=0))
        z = (rows - rows.mean(axis=0)) / scale
        stacked = np.vstack([z, np.sqrt(300.0) * np.eye(z.shape[1])])
        wanted = np.concatenate([values - values.mean(), np.zeros(z.shape[1])])
        weights, *_ = np.linalg.lstsq(stacked, wanted, rcond=None)
        expected = z @ weights + values.mean()
        found = model.predict(np.repeat(rows[:, None, :].astype(np.float32), HORIZON, axis=1))[:, lead - 1]
        np.testing.assert_allclose(found, expected, atol=1e-6)


class Liar:
    """A model whose ONNX form says something else than it does."""

    def __init__(self, honest: Fitted) -> None:
        self._honest = honest
        self.to_onnx = honest.to_onnx

    def predict(self, X: Array) -> Array:
        return self._honest.predict(X) + 0.05


def test_a_model_whose_onnx_form_disagrees_is_found_out(data: Dataset) -> None:
    honest = naive_model("mean24", names("aqi"))
    file, parity, fault = export(data, honest)
    assert fault is None
    assert parity < 1e-3
    same_file, parity, fault = export(data, Liar(honest))
    assert same_file == file
    assert parity > 1
    assert fault is not None
    assert f"{parity:.3f}" in fault


def test_candidates_are_judged_on_rows_they_have_not_seen_and_served_knowing_all(data: Dataset) -> None:
    linear, naive = train_families(data, ["linear"])
    learn, judge = data.split()
    known = np.isfinite(data.actual[judge])
    for one in (linear, naive):
        errors = np.abs(one.held_out - data.actual[judge])[known]
        assert one.metrics["holdout"]["mae"] == pytest.approx(errors.mean(), abs=1e-4)
        assert one.metrics["holdout"]["n"] == known.sum()
        assert one.samples == np.isfinite(data.actual).sum()
        assert one.fault is None
    assert (linear.family, naive.family) == ("linear", "naive")
    assert naive.metrics["naive"] in NAIVE

    def taught(pairs: NDArray[np.bool_]) -> Array:
        y = np.nan_to_num(data.log_ratio())
        model = fit("linear", data.X, y, pairs, names("aqi").index("lead"))
        return in_unit(model.predict(data.X[judge]), data.level[judge], "aqi")

    np.testing.assert_allclose(linear.held_out, taught(learn), atol=1e-6)
    finished = predict(open_session(linear.onnx), data.X[judge].reshape(-1, data.X.shape[2]))
    np.testing.assert_allclose(finished.reshape(known.shape), taught(np.isfinite(data.actual)), atol=1e-3)
