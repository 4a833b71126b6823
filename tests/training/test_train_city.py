"""Training over a real database and a folder of models."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from synthetic import END, hours, put_hours, random_walk

from common.adapters.object_store import UrlObjectStore
from common.domain.errors import NotFound
from common.domain.forecast import HORIZON, NAIVE, QUANTILES, TARGETS
from common.domain.model_files import card_key, model_key
from common.domain.observation import HOUR
from common.features import build, names, signature
from common.inference.card import checksum
from common.inference.issue import issue_forecasts
from common.inference.onnx_session import ModelCache
from common.store.engine import Database, run
from common.store.models import ModelRow, champion, insert_model, promote
from common.training.service import train_city

if TYPE_CHECKING:
    from pathlib import Path

NOW = END + timedelta(minutes=12)
HISTORY = hours(30, seed=9, memory=0.98)
"""Noise that lasts for days: else the mean of a week is the best that a month teaches."""


@pytest.fixture
def files(tmp_path: Path) -> UrlObjectStore:
    return UrlObjectStore(tmp_path.as_uri())


@pytest.fixture
def models(files: UrlObjectStore) -> ModelCache:
    return ModelCache(files)


def rows(database: Database) -> list[dict[str, Any]]:
    with database.transaction() as connection:
        return [row for (row,) in run(connection, "SELECT to_jsonb(model) FROM model ORDER BY version")]


def test_every_model_is_kept_with_its_card(
    database: Database, files: UrlObjectStore, models: ModelCache
) -> None:
    put_hours(database, "Navi Mumbai", HISTORY)
    report = train_city(database, models, "Navi Mumbai", now=NOW, families=["linear"])
    assert set(report.promoted) == {"aqi", "pm25"}
    assert (report.kept, report.failed) == ({}, {})
    assert set(report.metrics) == set(TARGETS)
    assert all(set(scores) == {"linear", "naive"} for scores in report.metrics.values())
    stored = rows(database)
    assert len(stored) == 4
    for row in stored:
        card = models.get(row["version"]).card
        assert row["version"].startswith(f"navi-mumbai-{row['target']}-{row['family']}-20251105T1030Z-")
        assert (card.city, card.target, card.family, card.mode) == (
            "Navi Mumbai",
            row["target"],
            row["family"],
            "live",
        )
        assert card.features == names(card.target)
        assert card.features_hash == row["features_hash"] == signature(card.target)
        assert card.checksum == row["checksum"] == checksum(files.get(model_key(card.version)))
        assert datetime.fromisoformat(card.window_start) == END - len(HISTORY) * HOUR
        assert datetime.fromisoformat(card.window_end) == END
        assert datetime.fromisoformat(card.trained_at) == NOW
        assert card.quantile_levels == QUANTILES
        assert np.shape(card.held_out_quantiles) == (HORIZON, len(QUANTILES))
        assert (np.diff(card.held_out_quantiles, axis=1) >= 0).all()
        assert 0 <= card.parity < 0.01
        assert row["metrics"] == json.loads(json.dumps(card.metrics)) | {"parity": card.parity}
        assert [lead["lead"] for lead in card.metrics["by_lead"]] == list(range(1, HORIZON + 1))
        assert card.samples == row["samples"] > 10000
        served = row["version"] in report.promoted.values()
        assert row["status"] == ("champion" if served else "rejected")
        assert ("skill" in row["reason"]) == served
    assert issue_forecasts(database, models, ["Navi Mumbai"], now=NOW).issued == 2


def test_the_same_call_again_changes_nothing(
    database: Database, files: UrlObjectStore, models: ModelCache
) -> None:
    put_hours(database, "Delhi", HISTORY)
    first = train_city(database, models, "Delhi", now=NOW, targets=["pm25"])
    before, listed = rows(database), files.list()
    onnx = {key: files.get(key) for key in listed if key.endswith(".onnx")}
    later = NOW + timedelta(minutes=20)
    second = train_city(database, ModelCache(files), "Delhi", now=later, targets=["pm25"])
    assert (list(first.promoted), second.promoted) == (["pm25"], {})
    assert second.kept == {"pm25": "the same model is served already"}
    assert rows(database) == before
    assert files.list() == listed
    assert {key: files.get(key) for key in onnx} == onnx
    # Three families and the naive one, and a blend where it is worth one.
    assert len(onnx) == len(before) >= 4


def test_where_nothing_can_be_said_the_naive_forecast_has_the_weight_from_the_beginning(
    database: Database, files: UrlObjectStore, models: ModelCache
) -> None:
    """Each step of a random walk is news: no model beats that it stays where it is, as the hindcasts show."""
    history = random_walk(31)
    put_hours(database, "Delhi", history, END + timedelta(days=1))
    report = train_city(database, models, "Delhi", now=NOW, families=["linear"])
    assert all("-linear-" in version for version in report.promoted.values())
    for target in TARGETS:
        skill = report.metrics[target]["linear"]["skill"]
        assert isinstance(skill, float)
        assert skill < 0
    ends = range(0, 24, 4)
    for hour in ends:
        issue_forecasts(database, models, ["Delhi"], now=NOW + hour * HOUR)
    with database.transaction() as connection:
        result = run(
            connection,
            "SELECT forecast.y, persistence, expert.y, names, weights FROM forecast "
            "JOIN forecast_expert AS expert USING (city, target, mode, origin)",
        )
    assert len(result) == len(ends) * len(TARGETS)
    away = {"served": 0.0, "mean": 0.0}
    for y, persistence, experts, given, _ in result:
        mean = np.array(experts).reshape(-1, HORIZON)[given.index("mean")]
        away["served"] += float(np.abs(np.array(y) - persistence).mean())
        away["mean"] += float(np.abs(mean - persistence).mean())
    naive = [np.array(weights).reshape(-1, len(given))[:, -len(NAIVE) :] for *_, given, weights in result]
    assert np.mean(naive, axis=0)[0].argmax() == NAIVE.index("persistence")
    assert np.mean(naive, axis=0).sum(axis=1).mean() > 0.6
    assert away["served"] < 0.8 * away["mean"]


def test_a_better_model_replaces_the_champion_and_it_is_retired(
    database: Database, files: UrlObjectStore, models: ModelCache
) -> None:
    history = hours(36, seed=9, memory=0.98)
    put_hours(database, "Delhi", history)
    early = train_city(database, models, "Delhi", now=NOW - timedelta(days=5), families=["linear"])
    assert all("-linear-" in version for version in early.promoted.values())
    # The old one's weights are spoilt: it still opens, but forecasts poorly.
    with database.transaction() as connection:
        for target in TARGETS:
            _swap_for_a_poor_one(connection, files, target, END - timedelta(days=5))
    late = train_city(database, models, "Delhi", now=NOW, families=["linear"])
    assert set(late.promoted) == set(TARGETS)
    stored = rows(database)
    for target in TARGETS:
        [served] = [row for row in stored if (row["target"], row["status"]) == (target, "champion")]
        assert served["version"] == late.promoted[target]
        assert "against the champion's" in served["reason"]
        assert datetime.fromisoformat(served["promoted_at"]) == NOW
        [old] = [row for row in stored if row["version"] == f"poor-{target}"]
        assert (old["status"], old["reason"]) == ("retired", f"replaced by {served['version']}")


def _swap_for_a_poor_one(connection: Any, files: UrlObjectStore, target: str, window_end: datetime) -> None:
    import msgspec
    import onnx

    row = champion(connection, "Delhi", target, "live")
    assert row is not None
    model = onnx.load_from_string(files.get(model_key(row.version)))
    for constant in model.graph.initializer:
        if constant.name == "bias":
            constant.CopyFrom(onnx.numpy_helper.from_array(np.full(HORIZON, 2.0, dtype=np.float32), "bias"))
    data = model.SerializeToString()
    version = f"poor-{target}"
    card = json.loads(files.get(card_key(row.version))) | {"version": version, "checksum": checksum(data)}
    files.put(model_key(version), data)
    files.put(card_key(version), msgspec.json.encode(card))
    values = {name: getattr(row, name) for name in ModelRow.__struct_fields__}
    insert_model(connection, ModelRow(**(values | {"version": version, "status": "candidate"})))
    promote(connection, version, reason="spoilt", now=window_end)


def test_a_champion_that_does_better_on_unseen_hours_is_kept(
    database: Database, files: UrlObjectStore, models: ModelCache
) -> None:
    """It was taught by more than two months; by then all but the last 26 days are gone."""
    history = hours(80, seed=7, memory=0.98)
    put_hours(database, "Delhi", history)
    now = NOW - timedelta(days=6)
    first = train_city(database, models, "Delhi", now=now, families=["linear"], targets=["pm25"])
    with database.transaction() as connection:
        run(connection, "DELETE FROM city_hour WHERE time < :t", t=END - timedelta(days=26))
    second = train_city(database, models, "Delhi", now=NOW, families=["linear"], targets=["pm25"])
    assert second.promoted == {}
    assert "against the champion's" in second.kept["pm25"]
    with database.transaction() as connection:
        row = champion(connection, "Delhi", "pm25", "live")
    assert row is not None
    assert row.version == first.promoted["pm25"]
    [rejected] = [model for model in rows(database) if "linear-20251105" in model["version"]]
    assert (rejected["status"], rejected["reason"]) == ("rejected", second.kept["pm25"])


@pytest.mark.parametrize("damage", ["file", "card", "gone"])
def test_a_damaged_champion_is_replaced(
    database: Database, files: UrlObjectStore, models: ModelCache, damage: str
) -> None:
    put_hours(database, "Delhi", HISTORY)
    first = train_city(database, models, "Delhi", now=NOW, families=["linear"], targets=["pm25"])
    version = first.promoted["pm25"]
    if damage == "gone":
        files.delete(model_key(version))
    else:
        files.put(model_key(version) if damage == "file" else card_key(version), b"{}")
    fresh = ModelCache(files)
    assert issue_forecasts(database, fresh, ["Delhi"], now=NOW).issued == 0
    # Trained on the very same hours it is the same model: its files are written again.
    again = train_city(database, fresh, "Delhi", now=NOW, families=["linear"], targets=["pm25"])
    assert again.promoted == first.promoted
    assert issue_forecasts(database, fresh, ["Delhi"], now=NOW).issued == 1
    assert [row["status"] for row in rows(database)].count("champion") == 1


def test_replayed_models_stand_beside_live_ones(
    database: Database, files: UrlObjectStore, models: ModelCache
) -> None:
    put_hours(database, "Delhi", HISTORY)
    live = train_city(database, models, "Delhi", now=NOW, families=["linear"], targets=["pm25"])
    replayed = train_city(
        database, models, "Delhi", now=NOW, families=["linear"], targets=["pm25"], mode="replay"
    )
    assert replayed.promoted["pm25"] == "replay-" + live.promoted["pm25"]
    assert sorted(row["mode"] for row in rows(database) if row["status"] == "champion") == ["live", "replay"]


def test_a_short_history_is_served_the_naive_forecast_and_says_why(
    database: Database, files: UrlObjectStore, models: ModelCache
) -> None:
    history = HISTORY.copy()
    history[: 24 * 13, -1] = np.nan  # the index begins later
    put_hours(database, "Delhi", history)
    report = train_city(database, models, "Delhi", now=NOW, families=["linear"])
    assert set(report.promoted) == {"aqi", "pm25"}
    assert "-naive-" in report.promoted["aqi"]
    assert "-linear-" in report.promoted["pm25"]
    [short] = [row for row in rows(database) if row["target"] == "aqi"]
    assert "too little history: 720 hours; training needs about 24 days" in short["reason"]
    nothing = train_city(database, models, "Mumbai", now=NOW)
    assert nothing.failed.keys() == set(TARGETS)
    assert all(
        "nothing has been collected for this city yet; fill it in" in reason
        for reason in nothing.failed.values()
    )
    before = train_city(database, models, "Delhi", now=NOW - timedelta(days=100))
    assert all("later than the training's end" in reason for reason in before.failed.values())
    assert {row["city"] for row in rows(database)} == {"Delhi"}


def test_only_hours_before_the_clock_are_learnt_from(
    database: Database, files: UrlObjectStore, models: ModelCache
) -> None:
    put_hours(database, "Delhi", HISTORY)
    then = NOW - timedelta(days=3)
    first = train_city(database, models, "Delhi", now=then, families=["linear"], mode="replay")
    poisoned = HISTORY.copy()
    poisoned[-72:] *= 10
    put_hours(database, "Delhi", poisoned)
    second = train_city(database, models, "Delhi", now=then, families=["linear"], mode="replay")
    assert set(second.kept) == set(first.promoted) == set(TARGETS)
    assert second.metrics == first.metrics


def test_promoting_what_is_not_there(database: Database) -> None:
    with database.transaction() as connection, pytest.raises(NotFound, match="no model nothing"):
        promote(connection, "nothing", reason="", now=NOW)


def test_promotions_at_the_same_time_leave_one_champion(database: Database) -> None:
    def row(version: str) -> ModelRow:
        return ModelRow(
            version=version, city="Delhi", target="aqi", mode="live", family="linear", status="candidate",
            reason="", trained_at=NOW, window_start=NOW, window_end=NOW, samples=1, features_hash="",
            checksum="", metrics={},
        )  # fmt: skip

    versions = [f"v{number}" for number in range(4)]
    with database.transaction() as connection:
        for version in versions:
            insert_model(connection, row(version))
        promote(connection, "v0", reason="first", now=NOW)
    failed: list[Exception] = []
    together = threading.Barrier(3)

    def work(version: str) -> None:
        try:
            with database.transaction() as connection:
                together.wait(10)
                promote(connection, version, reason="better", now=NOW)
        except Exception as error:  # noqa: BLE001 - shown by the assertion below
            failed.append(error)

    threads = [threading.Thread(target=work, args=(version,)) for version in versions[1:]]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failed == []
    assert sorted(model["status"] for model in rows(database)) == [
        "champion",
        "retired",
        "retired",
        "retired",
    ]


ALONE = """
import sys
class Refused:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in {"common", "onnx", "sklearn", "skl2onnx", "xgboost", "onnxmltools", "scipy"}:
            raise ImportError(name)
sys.meta_path.insert(0, Refused())
import numpy as np, onnxruntime
X = np.load(sys.argv[1])
for path in sys.argv[2:]:
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    [given] = session.get_inputs()
    assert (given.name, given.type) == ("X", "tensor(float)"), given
    (y,) = session.run(["y"], {"X": X})
    np.save(path + ".npy", y)
"""


def test_an_artefact_needs_numpy_and_onnxruntime_and_nothing_else(
    database: Database, files: UrlObjectStore, models: ModelCache, tmp_path: Path
) -> None:
    put_hours(database, "Delhi", HISTORY)
    families = ["linear", "random_forest", "xgboost"]
    train_city(database, models, "Delhi", now=NOW, families=families, targets=["pm25"])  # type: ignore[arg-type]
    X = build(HISTORY, END, "pm25", np.array([700]), np.arange(1, HORIZON + 1)).X[0]
    np.save(tmp_path / "X.npy", X)
    stored = rows(database)
    assert {row["family"] for row in stored} - {"blend"} == {"linear", "naive", "random_forest", "xgboost"}
    paths = {row["version"]: str(tmp_path / model_key(row["version"])) for row in stored}
    command = [sys.executable, "-W", "error", "-c", ALONE, str(tmp_path / "X.npy"), *paths.values()]
    subprocess.run(command, check=True, timeout=60)
    for version, path in paths.items():
        np.testing.assert_array_equal(np.load(path + ".npy"), models.get(version).predict(X))
