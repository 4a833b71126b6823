"""The model pooled over places: what is shipped, and how a city's own is shrunk toward it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from synthetic import END, hours

from common.domain.errors import ModelError
from common.domain.forecast import TARGETS
from common.features import INPUTS, production
from common.inference.onnx_session import open_session, predict_each
from common.training.dataset import make_dataset
from common.training.pooled import SHIPPED, fit_pooled, fit_shrunk, read, shipped, write
from common.training.train import train_families

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from common.features import Array, Rows
    from common.training.dataset import Dataset
    from common.training.linear import LinearByLead
    from common.training.pooled import PooledModel

SHOWN = slice(None, None, 50)


@pytest.fixture(scope="module")
def city() -> Dataset:
    return make_dataset(hours(60, seed=3), END, "pm25")


@pytest.fixture(scope="module")
def elsewhere(city: Dataset) -> PooledModel:
    """Fitted on another place, whose air falls where the city's rises."""
    rows = city.taught(level_free=True)
    learn = np.isfinite(city.actual)
    return fit_pooled(rows, -np.nan_to_num(city.log_ratio()), learn, np.ones(len(rows)), city.layout)


def shrunk(
    city: Dataset, toward: PooledModel, rows: Rows, y: Array, learn: NDArray[np.bool_]
) -> LinearByLead:
    lead = city.layout.index("lead")
    return fit_shrunk(rows, y, learn, np.ones(len(rows)), lead, toward.on(city.layout))


def test_there_is_one_of_each_target_of_features_that_production_has() -> None:
    assert SHIPPED.stat().st_size < 250_000
    assert set(shipped()) == set(TARGETS)
    for target in TARGETS:
        layout, model = production(target), shipped()[target]
        features = set(model.features.tolist())
        assert features <= set(layout.names)
        assert not features & {*layout.of_level, *layout.seasonal}
        assert model.floor == pytest.approx(layout.floor)
        spread = np.linalg.eigvalsh(model.covariance)
        assert (spread > -1e-5 * spread.max()).all()
        assert (model.low < model.high).all()


def test_it_is_an_expert_of_the_linear_family(city: Dataset) -> None:
    linear, _ = train_families(city, ["linear"])
    assert list(linear.members) == ["level_free", "linear", "pooled"]
    own, _ = train_families(city, ["linear"], pooled={})
    assert list(own.members) == ["level_free", "linear"]
    np.testing.assert_array_equal(own.members["linear"], linear.members["linear"])


def test_its_file_forecasts_what_was_held_out_as_its_trial_did_but_for_what_it_learnt_since(
    city: Dataset,
) -> None:
    linear, naive = train_families(city, ["linear"])
    _, judge = city.split()
    result = predict_each(open_session(linear.onnx), city.X[judge].reshape(-1, city.X.shape[2]))["pooled"]
    trial = linear.members["pooled"]
    assert np.corrcoef(result, trial.ravel())[0, 1] > 0.95
    truth = city.judged(judge)
    assert np.nanmean(np.abs(trial - truth)) < np.nanmean(np.abs(naive.held_out - truth))


def forecast_by(model: PooledModel, city: Dataset, X: NDArray[np.float32]) -> Array:
    """What the pooled model forecasts by itself, (n_origins, 48); no feature of these rows is near a bound."""
    theirs = model.on(city.layout)
    return np.asarray(np.einsum("olf,lf->ol", X[:, :, theirs.columns], theirs.weights) + theirs.bias)


def test_the_less_a_city_knows_the_more_it_is_like_other_places(
    city: Dataset, elsewhere: PooledModel
) -> None:
    rows, y, known = city.taught(level_free=True), np.nan_to_num(city.log_ratio()), np.isfinite(city.actual)
    X = rows.dense(np.arange(len(rows))[SHOWN])
    other = forecast_by(elsewhere, city, X)
    errors, apart = [], []
    for share in (0.05, 0.25, 1.0):
        learn = known.copy()
        learn[int(share * len(learn)) :] = False
        result = shrunk(city, elsewhere, rows, y, learn).predict(X)
        errors.append(np.abs(result - y[SHOWN])[known[SHOWN]].mean())
        change = result - other
        apart.append(np.abs(change - change.mean(axis=0)).mean())  # the constant is always the city's own
    assert errors == sorted(errors, reverse=True)
    assert apart == sorted(apart)


def test_what_agrees_with_other_places_is_left_as_it_is(city: Dataset) -> None:
    rows, y, known = city.taught(level_free=True), np.nan_to_num(city.log_ratio()), np.isfinite(city.actual)
    same = fit_pooled(rows, y, known, np.ones(len(rows)), city.layout)
    X = rows.dense(np.arange(len(rows))[SHOWN])
    after = shrunk(city, same, rows, y, known).predict(X)
    assert np.abs(after - forecast_by(same, city, X)).mean() < 0.1 * np.abs(y[SHOWN]).mean()


def test_features_that_the_city_has_not_count_nothing(city: Dataset, elsewhere: PooledModel) -> None:
    history = hours(60, seed=3)
    history[:, [INPUTS.index(name) for name in INPUTS if name not in ("pm25", "aqi")]] = np.nan
    alone = make_dataset(history, END, "pm25")
    linear, naive = train_families(alone, ["linear"], pooled={"pm25": elsewhere})
    _, judge = alone.split()
    truth = alone.judged(judge)
    errors = np.abs(linear.members["pooled"] - truth)
    assert np.nanmean(errors) < 2 * np.nanmean(np.abs(naive.held_out - truth))


def test_a_file_gives_back_what_was_kept_and_says_so_when_it_is_damaged(
    tmp_path: Path, elsewhere: PooledModel
) -> None:
    path = tmp_path / "model.npz"
    write({"pm25": elsewhere}, "one made-up city", path)
    [(target, result)] = read(path).items()
    assert target == "pm25"
    assert result.features.tolist() == elsewhere.features.tolist()
    for name in ("floor", "weights", "bias", "low", "high", "covariance"):
        np.testing.assert_allclose(getattr(result, name), getattr(elsewhere, name), rtol=1e-5, atol=1e-7)
    path.write_bytes(path.read_bytes()[:-200])
    with pytest.raises(ModelError, match=r"model\.npz cannot be read"):
        read(path)
