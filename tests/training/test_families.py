"""Each family as it is trained and as it is served: the same numbers from both."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

import numpy as np
import pytest
from synthetic import END, hours

from common.domain.forecast import FAMILIES, HORIZON, NAIVE, TARGETS, Family, Target
from common.features import CEILING, FLOOR, INPUTS, MAX_LAG_HOURS, Array, build, names, usable_origins
from common.inference.naive import naive_forecasts
from common.inference.onnx_session import model_names, open_session, predict, predict_each
from common.training.dataset import Dataset, make_dataset
from common.training.ensemble import Ensemble, near
from common.training.export import in_target_unit
from common.training.families import BLOCKS, FitOptions, Fitted, LinearByLead, fit, naive_model
from common.training.train import export, train_families

if TYPE_CHECKING:
    from numpy.typing import NDArray

HISTORY = hours(32, seed=3, gaps=0.02)
BY_ROW = tuple(family for family in FAMILIES if family != "lstm")
"""Families that answer each row by itself; the other one: test_lstm.py."""
LAGGED = np.arange(1, HORIZON + MAX_LAG_HOURS + 1)


@pytest.fixture(scope="module")
def data() -> Dataset:
    return make_dataset(HISTORY, END, "aqi")


@pytest.fixture(scope="module", params=BY_ROW)
def fitted(request: pytest.FixtureRequest, data: Dataset) -> Fitted:
    """A trained model of each family in turn."""
    learn, _ = data.split()
    family: Family = request.param
    return taught(data, family, learn)


def taught(data: Dataset, family: Family, learn: NDArray[np.bool_], y: Array | None = None) -> Fitted:
    """One family, trained on some pairs; `y`: other log-ratios than the true ones."""
    values = np.nan_to_num(data.log_ratio()) if y is None else y
    lead_column = data.layout.index("lead")
    options = FitOptions(weight=data.weight(), lead_column=lead_column)
    return fit(family, data.taught(), values, learn, options)


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
    origins = usable_origins(HISTORY[:, INPUTS.index("aqi")])[300::50]
    rows = build(HISTORY, END, "aqi", origins, LAGGED)
    forecasts = served(fitted, "aqi", rows.X)
    for lead in (HORIZON + 1, HORIZON + MAX_LAG_HOURS):
        row = np.repeat(rows.X[:, [lead - 1]], HORIZON, axis=1)
        expected = in_unit(fitted.predict(row), rows.level, "aqi")[:, HORIZON - 1]
        np.testing.assert_allclose(forecasts[:, lead - 1], expected, atol=1e-3)


@pytest.mark.parametrize("family", BY_ROW)
def test_each_block_answers_for_its_own_lead_times(family: Family, data: Dataset) -> None:
    """A model taught an offset that differs from block to block gives it back."""
    assert [lead for first, last in BLOCKS for lead in range(first, last + 1)] == list(range(1, HORIZON + 1))
    block = np.concatenate([[number] * (last - first + 1) for number, (first, last) in enumerate(BLOCKS)])
    offsets = np.array([-0.6, 0.2, -0.2, 0.6, 0.0])[block]
    everything = np.ones(data.X.shape[:2], dtype=bool)
    y = np.broadcast_to(offsets, everything.shape)
    forecasts = served(taught(data, family, everything, y), "aqi", data.X[:20])
    expected = in_unit(np.broadcast_to(offsets, (20, HORIZON)), data.level[:20], "aqi")
    np.testing.assert_allclose(forecasts, expected, atol=0.5)


def test_forecasts_stay_within_the_scale() -> None:
    columns = names("aqi")
    nothing, bias = np.zeros((HORIZON, len(columns))), np.linspace(-9, 9, HORIZON)
    wild = LinearByLead.unbounded(nothing, bias, columns.index("lead"))
    X = build(HISTORY, END, "aqi", np.array([500]), np.arange(1, HORIZON + 1)).X
    forecasts = served(wild, "aqi", X)
    assert (forecasts.min(), forecasts.max()) == (0.0, 500.0)


@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize("name", NAIVE)
def test_a_naive_forecast_is_served_as_it_is_judged(name: str, target: Target) -> None:
    origins = usable_origins(HISTORY[:, INPUTS.index(target)])[170:]
    rows = build(HISTORY, END, target, origins, LAGGED)
    forecasts = served(naive_model(name, names(target)), target, rows.X)
    expected = naive_forecasts(HISTORY[:, INPUTS.index(target)], origins, LAGGED)[name]
    np.testing.assert_allclose(forecasts, expected, rtol=1e-5, atol=1e-3)


def test_an_hour_that_is_never_known_is_served_as_it_is_judged() -> None:
    """The level stands for it in both, from the first day on."""
    history = HISTORY.copy()
    history[5::24] = np.nan
    origins = usable_origins(history[:, INPUTS.index("pm25")])[::7]
    rows = build(history, END, "pm25", origins, LAGGED)
    forecasts = served(naive_model("weekly", names("pm25")), "pm25", rows.X)
    expected = naive_forecasts(history[:, INPUTS.index("pm25")], origins, LAGGED)["weekly"]
    np.testing.assert_allclose(forecasts, expected, rtol=1e-5, atol=1e-3)
    never = (origins[:, None] + LAGGED) % 24 == 5
    np.testing.assert_array_equal(expected[never], np.broadcast_to(rows.level[:, None], never.shape)[never])


def test_the_mean_of_a_week_is_served_where_it_is_the_best_that_can_be_said() -> None:
    """A daily cycle with noise that remembers nothing."""
    data = make_dataset(hours(40, seed=5, memory=0.0), END, "pm25")
    [naive] = train_families(data, ())
    _, judge = data.split()
    assert (naive.family, naive.metrics["naive"]) == ("naive", "weekly")
    assert naive.metrics["holdout"]["best_naive"] == "weekly"
    assert naive.metrics["holdout"]["skill"] == pytest.approx(0, abs=1e-3)
    np.testing.assert_allclose(naive.held_out, data.naive["weekly"][judge], rtol=1e-5, atol=1e-3)
    finished = predict(open_session(naive.onnx), data.X[judge].reshape(-1, data.X.shape[2]))
    np.testing.assert_allclose(finished.reshape(naive.held_out.shape), naive.held_out, rtol=1e-5, atol=1e-3)


def test_linear_models_have_the_least_deviations(data: Dataset) -> None:
    """No small change of the weights makes the penalised sum of absolute errors much smaller."""
    learn, _ = data.split()
    y = np.nan_to_num(data.log_ratio())
    model = cast("LinearByLead", taught(data, "linear", learn))
    random = np.random.default_rng(1)
    for lead in (1, 30):
        rows = data.taught().at(lead - 1, learn[:, lead - 1]).astype(np.float64)
        values, weight = y[learn[:, lead - 1], lead - 1], data.weight()[learn[:, lead - 1]]
        scale = np.where(rows.std(axis=0) < 1e-6, 1.0, rows.std(axis=0))
        weights = model.weights[lead - 1]

        def error(change: Array, lead: int = lead) -> float:
            residual = values - rows @ (weights + change) - model.bias[lead - 1]  # noqa: B023
            return float(np.average(np.abs(residual), weights=weight))  # noqa: B023

        best = error(np.zeros(len(weights)))
        assert best < 0.97 * error(-weights)
        for _ in range(20):
            change = random.normal(0, 0.02, len(weights)) / scale
            assert error(change) > best - 0.002


def test_a_wild_feature_counts_no_more_than_what_was_learnt_from(data: Dataset) -> None:
    model = taught(data, "linear", data.split()[0])
    wild = data.X[:3].copy()
    wild[..., names("aqi").index("lag1")] = 1e6
    wilder = wild.copy()
    wilder[..., names("aqi").index("lag1")] = 1e9
    np.testing.assert_array_equal(model.predict(wild), model.predict(wilder))
    np.testing.assert_allclose(served(model, "aqi", wild), served(model, "aqi", wilder))


@pytest.mark.parametrize("target", TARGETS)
def test_an_ensemble_gives_each_of_its_models_and_their_mean_in_one_file(target: Target) -> None:
    data = make_dataset(HISTORY, END, target)
    learn, _ = data.split()
    models = {name: taught(data, name, learn) for name in ("linear", "xgboost", "random_forest")}
    ensemble = Ensemble(models)
    ratios = {name: model.predict(data.X) for name, model in models.items()}
    mean = sum(ratios.values()) / len(ratios)
    np.testing.assert_allclose(ensemble.predict(data.X), mean)
    assert {name: forecasts.tolist() for name, forecasts in ensemble.each(data.X).items()} == {
        name: ratio.tolist() for name, ratio in ratios.items()
    }
    file, parity, fault = export(data, ensemble)
    assert (fault, parity < 1e-2) == (None, True)
    session, rows = open_session(file), data.X.reshape(-1, data.X.shape[2])
    assert model_names(session) == list(models)
    each = predict_each(session, rows)
    for name, ratio in ratios.items():
        native = in_unit(ratio, data.level, target)
        np.testing.assert_allclose(each[name].reshape(native.shape), native, atol=1e-3, rtol=1e-5)
    native = in_unit(mean, data.level, target)
    forecasts = predict(session, rows).reshape(native.shape)
    if data.layout.whole:
        exact = predict(session, rows, "exact").reshape(native.shape)
        np.testing.assert_allclose(exact, native, atol=1e-3, rtol=1e-5)
        np.testing.assert_array_equal(forecasts, np.round(exact))
        assert any((values != np.round(values)).any() for values in each.values())  # these are not rounded
    else:
        np.testing.assert_allclose(forecasts, native, atol=1e-3, rtol=1e-5)


def test_one_lying_model_of_an_ensemble_is_found_out(data: Dataset) -> None:
    """Their mean would hide it where many are honest."""
    honest = naive_model("mean24", names("aqi"))
    assert export(data, Ensemble({"one": honest, "other": honest}))[2] is None
    liar = cast("Fitted", Liar(honest))
    _, parity, fault = export(data, Ensemble({str(n): honest for n in range(9)} | {"liar": liar}))
    assert fault is not None
    assert parity > 1


@pytest.mark.parametrize("family", ["linear", "xgboost"])
def test_products_and_what_corrects_them_are_served_as_trained(family: Family, data: Dataset) -> None:
    """A pattern in the product of two features, which no sum of them gives."""
    learn, _ = data.split()
    pair = data.layout.index("lag48"), data.layout.index("hour_cos2")
    product = data.X[:, :, pair[0]].astype(np.float64) * data.X[:, :, pair[1]]
    options = FitOptions(
        weight=data.weight(), lead_column=data.layout.index("lead"), known_ahead=True, products=[pair]
    )
    known = fit(family, data.taught(), product, learn, options)
    plain = cast("LinearByLead", taught(data, "linear", learn, product))
    errors = [np.abs(model.predict(data.X) - product).mean() for model in (known, plain)]
    assert errors[0] < 0.8 * errors[1], errors
    native = in_unit(known.predict(data.X), data.level, "aqi")
    assert np.abs(served(known, "aqi", data.X) - native).max() < 1e-3


def test_only_what_comes_near_the_best_is_blended_and_no_twin() -> None:
    random = np.random.default_rng(7)
    truth = random.uniform(50, 150, (100, HORIZON))
    best, close, far = truth + 10, truth - 10.5, truth + 12
    assert near([far, best, close, best.copy()], truth) == [1, 2]


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


def test_candidates_are_judged_on_rows_they_have_not_seen_and_served_knowing_all() -> None:
    data = make_dataset(hours(45, seed=3), END, "pm25")
    linear, boosted, blend, naive = train_families(data, ["linear", "xgboost"])
    learn, judge = data.split()
    truth = data.judged(judge)
    known = np.isfinite(truth)
    for candidate in (linear, boosted, blend, naive):
        errors = np.abs(candidate.held_out - truth)[known]
        assert candidate.metrics["holdout"]["mae"] == pytest.approx(errors.mean(), abs=1e-4)
        assert candidate.metrics["holdout"]["n"] == known.sum()
        assert candidate.samples == np.isfinite(data.actual).sum()
        assert candidate.fault is None
    families = [candidate.family for candidate in (linear, boosted, blend, naive)]
    assert families == ["linear", "xgboost", "blend", "naive"]
    assert naive.metrics["naive"] in NAIVE
    assert blend.metrics["blend_of"] == ["linear", "xgboost"]
    assert [list(candidate.members) for candidate in (linear, boosted, blend, naive)] == [
        ["level_free", "linear", "pooled"],
        ["xgboost"],
        ["level_free", "linear", "pooled", "xgboost"],
        [],
    ]
    for candidate in (linear, boosted, blend):
        assert (
            candidate.metrics["models"]
            == list(candidate.members)
            == model_names(open_session(candidate.onnx))
        )
        logs = np.mean([np.log(held + FLOOR["pm25"]) for held in candidate.members.values()], axis=0)
        np.testing.assert_allclose(candidate.held_out, np.exp(logs) - FLOOR["pm25"], rtol=1e-9)

    def seeing(pairs: NDArray[np.bool_]) -> Array:
        model = taught(data, "linear", pairs)
        return in_unit(model.predict(data.X[judge]), data.level[judge], "pm25")

    np.testing.assert_allclose(linear.members["linear"], seeing(learn), rtol=1e-5)
    finished = predict_each(open_session(linear.onnx), data.X[judge].reshape(-1, data.X.shape[2]))
    np.testing.assert_allclose(
        finished["linear"].reshape(known.shape), seeing(np.isfinite(data.actual)), atol=1e-3
    )


@pytest.mark.parametrize(("days", "level_known"), [(60, False), (345, True)])
def test_trees_do_without_the_level_until_about_a_year_is_known(days: int, *, level_known: bool) -> None:
    """What is not told changes no forecast: one model is told the level in any case, and one never."""
    history = hours(days, seed=3)
    history[24 * 15 : -24 * 45] = np.nan  # of a year its ends are enough
    data = make_dataset(history, END, "pm25")
    assert data.knows_seasons() is level_known
    linear, boosted, *_ = train_families(data, ["linear", "xgboost"])
    X = data.X[:: len(data.X) // 40].reshape(-1, data.X.shape[2])
    altered = X.copy()
    columns = [
        name for name in data.layout.of_level if name != "level"
    ]  # that one brings it back into the unit
    altered[:, [data.layout.index(name) for name in columns]] += np.float32(0.5)
    changed = {}
    for candidate in (linear, boosted):
        session = open_session(candidate.onnx)
        before, after = predict_each(session, X), predict_each(session, altered)
        changed |= {name: bool(np.abs(after[name] - y).max() > 0.01) for name, y in before.items()}
    assert changed.pop("pooled", None) is (None if level_known else False)
    assert changed == {"level_free": False, "linear": True, "xgboost": level_known}


def test_of_a_few_days_only_the_naive_forecast_is_made_and_says_why() -> None:
    [naive] = train_families(make_dataset(hours(3, seed=2), END, "aqi"), ["linear"])
    assert naive.family == "naive"
    assert "too little history: 72 hours" in naive.metrics["why"]
    assert naive.held_out.shape[0] == 61


def test_a_constant_series_is_forecast_as_it_is() -> None:
    history = hours(40, seed=2)
    history[:] = 80.0
    candidates = train_families(make_dataset(history, END, "pm25"), ["linear", "xgboost"])
    assert [candidate.family for candidate in candidates] == ["linear", "xgboost", "naive"]
    for candidate in candidates:
        np.testing.assert_allclose(candidate.held_out, 80.0, atol=0.5)
