"""The LSTM: that it learns what follows from a sequence, is served as it was trained, and is left out without torch.

Most of it needs torch, which is no part of the test set: ``make test-lstm``.
"""

from __future__ import annotations

import json
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from synthetic import END, hours

from common.domain.errors import ModelError
from common.domain.forecast import HORIZON
from common.features import FLOOR, INPUTS, MAX_LAG_HOURS, Array, build, usable_origins
from common.inference.onnx_session import open_session, predict
from common.training.dataset import Dataset, make_dataset
from common.training.ensemble import Ensemble
from common.training.export import in_target_unit
from common.training.families import FitOptions, Fitted, fit, naive_model
from common.training.train import export, train_families

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from common.training.lstm import Lstm

ROOT = Path(__file__).parents[2]
needs_torch = pytest.mark.skipif(find_spec("torch") is None, reason="torch is not installed: make test-lstm")
LEADS = np.arange(1, HORIZON + 1)


@pytest.fixture(scope="module")
def data() -> Dataset:
    return make_dataset(hours(40, seed=3, gaps=0.03), END, "pm25")


@pytest.fixture(scope="module")
def pattern(data: Dataset) -> Array:
    """Log-ratios that no linear model of one lead time can give: whether the hour ahead is like the same hour of the
    day before or its opposite depends on the level."""
    yesterday = data.X[:, :, data.layout.index("daily")].astype(np.float64)
    level = data.X[:, :, data.layout.index("level")]
    return np.where(level > np.median(level), 0.5, -0.5) * np.tanh(2 * yesterday)


@pytest.fixture(scope="module")
def model(data: Dataset, pattern: Array) -> Lstm:
    return taught(data, pattern)


def taught(data: Dataset, y: Array) -> Any:
    learn, _ = data.split()
    options = FitOptions(weight=data.weight(), lead_column=data.layout.index("lead"), hours=data.hours)
    return fit("lstm", data.taught(), y, learn, options)


@needs_torch
def test_it_learns_what_no_linear_model_can(model: Lstm, data: Dataset, pattern: Array) -> None:
    _, judge = data.split()
    X, truth = data.X[judge], pattern[judge]
    error = np.abs(model.predict(X) - truth).mean()
    assert error < 0.8 * np.abs(model.linear.predict(X) - truth).mean()
    assert error < 0.6 * np.abs(truth).mean()


@needs_torch
def test_what_is_served_is_what_was_trained(model: Lstm, data: Dataset) -> None:
    file, parity, fault = export(data, model)
    assert fault is None
    assert parity < 1e-2
    assert len(file) < 1_000_000
    corrections = model.predict(data.X) - model.linear.predict(data.X)
    assert np.abs(corrections).mean() > 0.05  # there is more to be compared than the linear part
    ensemble = Ensemble({"lstm": model, "daily": naive_model("daily", data.layout.names)})
    assert export(data, ensemble)[1:] == (pytest.approx(0, abs=1e-2), None)


@needs_torch
def test_every_origin_is_answered_by_its_own_rows(model: Lstm, data: Dataset) -> None:
    session = open_session(export(data, model)[0])
    X = data.X[100:160:12]
    together = predict(session, X.reshape(-1, X.shape[2])).reshape(X.shape[:2])
    apart = [predict(session, rows) for rows in X]
    np.testing.assert_allclose(together, apart, rtol=1e-5, atol=1e-3)


@needs_torch
@pytest.mark.parametrize("rows", [1, HORIZON - 1, HORIZON + 1])
def test_rows_that_are_no_whole_origins_are_refused(model: Lstm, data: Dataset, rows: int) -> None:
    session = open_session(export(data, model)[0])
    X = data.X[:2].reshape(-1, data.X.shape[2])
    with pytest.raises(ModelError, match="does not take these rows"):
        predict(session, X[:rows])


@needs_torch
@pytest.mark.parametrize("lag", [0, 1, MAX_LAG_HOURS])
def test_late_data_make_longer_lead_times(model: Lstm, data: Dataset, lag: int) -> None:
    """Rows that begin later than at one hour, and end beyond the horizon, get the same from both forms."""
    history = hours(40, seed=3, gaps=0.03)
    origins = usable_origins(history[:, INPUTS.index("pm25")])[300::40]
    X = build(history, END, "pm25", origins, LEADS + lag).X
    linear, both = (served(form, data, X) for form in (model.linear, model))
    correction = model.predict(X) - model.linear.predict(X)
    assert np.abs(correction).mean() > 0.05
    floor = FLOOR["pm25"]
    np.testing.assert_allclose(both + floor, (linear + floor) * np.exp(correction), rtol=1e-3)


def served(model: Fitted, data: Dataset, X: NDArray[np.float32]) -> Array:
    """What the finished file says, (n_origins, 48)."""
    file = in_target_unit(model.to_onnx(), data.layout.index("level"), data.floor, data.layout.ceiling)
    return predict(open_session(file), X.reshape(-1, X.shape[2])).reshape(X.shape[:2])


@needs_torch
def test_the_same_rows_give_the_same_model(model: Lstm, data: Dataset, pattern: Array) -> None:
    import torch

    torch.manual_seed(1)
    before = torch.random.get_rng_state()
    again = taught(data, pattern)
    assert again.to_onnx().SerializeToString() == model.to_onnx().SerializeToString()
    assert (torch.random.get_rng_state() == before).all()


@needs_torch
def test_nothing_is_learnt_from_hours_that_are_held_out(data: Dataset, pattern: Array, model: Lstm) -> None:
    learn, _ = data.split()
    spoilt = np.where(learn, pattern, 99.0)
    np.testing.assert_array_equal(taught(data, spoilt).predict(data.X[:50]), model.predict(data.X[:50]))


@needs_torch
def test_what_is_missing_or_hidden_counts_as_nothing(data: Dataset, pattern: Array) -> None:
    history = hours(40, seed=3, gaps=0.03)
    history[:, INPUTS.index("no2")] = np.nan
    poor = make_dataset(history, END, "pm25")
    model = taught(poor, np.nan_to_num(poor.log_ratio()))
    X = poor.X[:20]
    answers = model.predict(X)
    assert np.isfinite(answers).all()
    other = X.copy()
    for name in ("no2_1_24", "no2_level", "season_sin", "level_season_cos"):
        other[..., poor.layout.index(name)] = 2.5
    np.testing.assert_array_equal(model.predict(other), answers)


@needs_torch
def test_it_is_a_candidate_like_the_others(data: Dataset) -> None:
    candidates = train_families(data, ["linear", "lstm"])
    linear, lstm, *_, naive = candidates
    assert (linear.family, lstm.family, naive.family) == ("linear", "lstm", "naive")
    blended = any(candidate.family == "blend" for candidate in candidates)
    assert blended is not np.allclose(linear.held_out, lstm.held_out)  # twins are no blend
    for candidate in candidates:
        assert candidate.fault is None
        assert "left_out" not in candidate.metrics


WITHOUT = """
import json, sys

class Blocked:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] == "torch":
            raise ModuleNotFoundError("No module named 'torch'", name="torch")

sys.meta_path.insert(0, Blocked())
sys.path.insert(0, "tests")
from synthetic import END, hours
from common.domain.errors import ModelError
from common.domain.forecast import FAMILIES
from common.training.dataset import make_dataset
from common.training.train import train_families

data = make_dataset(hours(30, seed=3), END, "pm25")
found = [(one.family, one.metrics.get("left_out")) for one in train_families(data, FAMILIES)]
asked = {}
for named in (["lstm"], ["linear", "lstm"], ["linear"]):
    try:
        train_families(data, named)
    except ModelError as error:
        asked[",".join(named)] = str(error)
print(json.dumps([found, asked]))
"""


def test_without_torch_it_is_left_out_and_that_is_said() -> None:
    done = subprocess.run(
        [sys.executable, "-c", WITHOUT], cwd=ROOT, capture_output=True, text=True, check=False, timeout=300
    )
    assert done.returncode == 0, done.stderr
    trained, refused = json.loads(done.stdout)
    assert {"linear", "random_forest", "xgboost", "naive"} <= {family for family, _ in trained}
    assert "lstm" not in {family for family, _ in trained}
    for _, left_out in trained:
        assert "pip install" in left_out["lstm"]
    assert set(refused) == {"lstm", "linear,lstm"}
    for error in refused.values():
        assert "lstm cannot be trained" in error
        assert "pip install 'vayu[lstm]'" in error
