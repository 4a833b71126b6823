"""Champions and those that were replaced by hand and forecast beside them, over a real database: going back, leaks."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from synthetic import END, hours, put_hours

from common.adapters.object_store import UrlObjectStore
from common.domain.errors import NotFound, StoreError
from common.domain.forecast import HORIZON, NAIVE
from common.domain.model_files import card_key, model_key
from common.domain.observation import HOUR
from common.features import INPUTS, build
from common.inference.issue import issue_forecasts
from common.inference.onnx_session import ModelCache
from common.store.challengers import current_challengers
from common.store.engine import Database, run
from common.store.forecasts import IssuedForecast, insert_forecast, score
from common.store.models import (
    CHALLENGE_PERIOD,
    champion,
    get_model,
    give_up_files,
    is_held,
    promote,
    roll_back,
)
from common.store.training_lock import hold_training_lock
from common.store.training_schedule import due_for_training, plan_trainings
from common.training.service import train_city

if TYPE_CHECKING:
    from pathlib import Path

NOW = END + timedelta(minutes=12)
DAY = timedelta(days=1)
HISTORY = hours(40, seed=5)
PM25 = HISTORY[:, INPUTS.index("pm25")]


@pytest.fixture
def files(tmp_path: Path) -> UrlObjectStore:
    return UrlObjectStore(tmp_path.as_uri())


@pytest.fixture
def models(files: UrlObjectStore) -> ModelCache:
    return ModelCache(files)


def train(database: Database, files: UrlObjectStore, families: list[Any], now: datetime = NOW) -> Any:
    return train_city(database, ModelCache(files), "Delhi", now=now, families=families, targets=["pm25"])


def served(database: Database) -> Any:
    with database.transaction() as connection:
        return champion(connection, "Delhi", "pm25", "live")


def replaced_by_hand(database: Database, files: UrlObjectStore) -> tuple[str, str]:
    """What was chosen by hand, and the champion before it, which goes on forecasting beside it."""
    put_hours(database, "Delhi", HISTORY)
    before = train(database, files, ["linear", "random_forest"]).promoted["pm25"]
    with database.transaction() as connection:
        [(chosen,)] = run(connection, "SELECT version FROM model WHERE family = 'random_forest'")
        assert promote(connection, chosen, reason="by hand", now=NOW, hold=True) == before
    return chosen, before


def keep_record(database: Database, days: int, *, ours: float, naive: float) -> None:
    """A forecast of the champion a day, wrong by so much; the naive ones by `naive`."""
    row = served(database)
    with database.transaction() as connection:
        for day in range(days):
            origin = END - HORIZON * HOUR - day * DAY
            at = len(PM25) - 1 - HORIZON - 24 * day
            truth = PM25[at + 1 : at + 1 + HORIZON]
            naive_of: dict[str, Any] = {name: (truth + naive).tolist() for name in NAIVE}
            bounds = {name: truth.tolist() for name in ("lo80", "hi80", "lo95", "hi95")}
            insert_forecast(
                connection,
                IssuedForecast(
                    city="Delhi", target="pm25", mode="live", issued_at=origin, origin=origin, known_until=origin,
                    model_version=row.version, family=row.family, inputs_hash="", basis=None, source=None,
                    y=(truth + ours).tolist(), categories=[],
                    **naive_of, **bounds,
                ),
            )  # fmt: skip
        score(connection, mode="live", now=END, reach_hours=24 * 60)


def test_a_champion_that_was_replaced_by_hand_goes_on_forecasting_beside_the_new_one(
    database: Database, files: UrlObjectStore, models: ModelCache
) -> None:
    chosen, before = replaced_by_hand(database, files)
    assert "-linear-" in before
    with database.transaction() as connection:
        assert current_challengers(connection, "Delhi", "pm25", "live", now=NOW) == [before]
        assert current_challengers(connection, "Delhi", "pm25", "live", now=NOW + CHALLENGE_PERIOD) == []
        assert current_challengers(connection, "Delhi", "pm25", "live", now=NOW - DAY) == []
        assert current_challengers(connection, "Delhi", "pm25", "replay", now=NOW) == []
    issue_forecasts(database, models, ["Delhi"], now=NOW)
    issue_forecasts(database, models, ["Delhi"], now=NOW)
    with database.transaction() as connection:
        [(challenger, y, version)] = run(
            connection,
            "SELECT challenger, forecast_challenger.y, model_version "
            "FROM forecast_challenger JOIN forecast USING (city, target, mode, origin)",
        )
    assert (challenger, version) == (before, chosen)
    own = models.get(before)
    at = np.array([len(HISTORY) - 1])
    rows = build(HISTORY, END, "pm25", at, np.arange(1, HORIZON + 1), layout=own.card.layout)
    np.testing.assert_allclose(y, own.predict(rows.X[0]), atol=0.051)
    # Replaced by a training, another family is followed, too; chosen again, it is followed no more.
    with database.transaction() as connection:
        promote(connection, before, reason="again", now=NOW)
        assert current_challengers(connection, "Delhi", "pm25", "live", now=NOW) == [chosen]


def test_a_followed_model_that_is_damaged_costs_no_forecast(
    database: Database, files: UrlObjectStore, models: ModelCache
) -> None:
    _, before = replaced_by_hand(database, files)
    files.put(model_key(before), b"damaged")
    assert issue_forecasts(database, models, ["Delhi"], now=NOW).issued == 1
    with database.transaction() as connection:
        assert run(connection, "SELECT count(*) FROM forecast_challenger") == [(0,)]


def test_what_is_rolled_back_is_not_undone_by_the_next_training(
    database: Database, files: UrlObjectStore
) -> None:
    put_hours(database, "Delhi", HISTORY)
    old = train(database, files, ["linear"], NOW - 3 * DAY).promoted["pm25"]
    new = train(database, files, ["linear"], NOW - DAY).promoted["pm25"]
    with database.transaction() as connection:
        assert roll_back(connection, "Delhi", "pm25", "live", now=NOW - DAY) == (old, new)
        assert is_held(connection, old, now=NOW)
        assert current_challengers(connection, "Delhi", "pm25", "live", now=NOW) == [new]
        assert get_model(connection, old).reason == f"rolled back from {new}"
        with pytest.raises(NotFound, match="no former model"):
            roll_back(connection, "Delhi", "pm25", "live", now=NOW)
    report = train(database, files, ["linear"])
    assert "chosen by hand" in report.kept["pm25"]
    assert served(database).version == old
    # Until nobody holds it any more.
    late = NOW + timedelta(days=15)
    put_hours(database, "Delhi", np.concatenate([HISTORY, hours(15, seed=6)]), END + timedelta(days=15))
    assert train(database, files, ["linear"], late).promoted


def test_files_of_followed_models_are_kept(database: Database, files: UrlObjectStore) -> None:
    _, before = replaced_by_hand(database, files)
    with (
        database.transaction() as connection
    ):  # as if it were no former champion, whose files are kept anyway
        run(connection, "UPDATE model SET promoted_at = NULL WHERE version = :version", version=before)
        assert give_up_files(connection, now=NOW + CHALLENGE_PERIOD - HOUR) == 1  # the naive one
        assert current_challengers(
            connection, "Delhi", "pm25", "live", now=NOW + CHALLENGE_PERIOD - HOUR
        ) == [before]
        assert give_up_files(connection, now=NOW + CHALLENGE_PERIOD) == 1


def test_what_comes_after_now_decides_nothing(database: Database, files: UrlObjectStore) -> None:
    """When a city is trained again: hours, truth, forecasts and models of the time to come are spoilt."""
    put_hours(database, "Delhi", HISTORY)
    then = NOW - 5 * DAY
    train(database, files, ["linear"], then - DAY)
    keep_record(database, 12, ours=20, naive=25)

    def decided() -> Any:
        with database.transaction() as connection:
            return due_for_training(connection, now=then)

    before = decided()
    assert before
    with database.transaction() as connection:
        run(connection, "SET LOCAL session_replication_role = replica")
        run(connection, "UPDATE city_hour SET pm25 = 1, aqi = 1 WHERE time > :now", now=then)
        run(connection, "UPDATE forecast SET y = array_fill(0, ARRAY[48]) WHERE origin > :now", now=then)
        run(
            connection,
            """
            UPDATE forecast_truth SET actual = (
              SELECT array_agg(CASE WHEN origin + n * interval '1 hour' > :now THEN 9999 ELSE a END ORDER BY n)
              FROM unnest(actual) WITH ORDINALITY AS one(a, n))
            """,
            now=then,
        )
        run(
            connection,
            "INSERT INTO model (version, city, target, mode, family, status, reason, trained_at, window_start, "
            "window_end, samples, features_hash, checksum, metrics) SELECT 'later', city, target, mode, family, "
            "'rejected', '', :late, window_start, :late, 1, '', '', '{}' FROM model LIMIT 1",
            late=then + DAY,
        )
    assert decided() == before
    report = train(database, files, ["linear"], then)
    assert report.metrics["pm25"]["linear"]["mae"] < 100


def test_a_city_is_planned_once_a_utc_day(database: Database) -> None:
    with database.transaction() as connection:
        due = {"Delhi": "never trained", "Pune": "never trained"}
        assert plan_trainings(connection, due, "live", now=NOW) == ["Delhi", "Pune"]
        assert plan_trainings(connection, {**due, "Agra": "x"}, "live", now=NOW + HOUR) == ["Agra"]
        assert plan_trainings(connection, due, "replay", now=NOW) == ["Delhi", "Pune"]
        assert plan_trainings(connection, due, "live", now=NOW + DAY) == ["Delhi", "Pune"]


def test_one_training_of_a_city_at_a_time(database: Database) -> None:
    def another(city: str, mode: str) -> None:
        with hold_training_lock(database, city, mode, patience_s=1) as check_lock:
            check_lock()

    with hold_training_lock(database, "Delhi", "live") as check_lock:
        with pytest.raises(StoreError, match="Delhi is being trained by another process"):
            another("Delhi", "live")
        another("Pune", "live")
        another("Delhi", "replay")
        check_lock()
    another("Delhi", "live")


def test_a_lock_that_was_lost_is_noticed_before_anything_is_written(database: Database) -> None:
    """As when the network fails, or this process was frozen for longer than the server waits."""
    lost = "lock on Delhi's training was lost"
    with pytest.raises(StoreError, match=lost), hold_training_lock(database, "Delhi", "live") as check_lock:  # noqa: PT012
        with database.transaction() as connection:
            run(
                connection,
                "SELECT pg_terminate_backend(pid) FROM pg_locks "
                "WHERE locktype = 'advisory' AND pid <> pg_backend_pid()",
            )
        with pytest.raises(StoreError, match=lost):
            check_lock()


def test_every_page_of_a_model_is_kept_beside_it(database: Database, files: UrlObjectStore) -> None:
    put_hours(database, "Delhi", HISTORY)
    version = train(database, files, ["linear"]).promoted["pm25"]
    page = files.get(f"{version}/card.md").decode()
    row = served(database)
    assert page.startswith("# PM2.5 of Delhi: linear\n")
    assert f"`{row.checksum}`" in page
    assert "100% of its hours measured at stations (960 hours)" in page
    assert "(40 days)" in page
    assert "It has learnt from 40 days only." in page
    assert "| 1–6 h |" in page
    assert "| 25–48 h |" in page
    assert f"MAE {row.metrics['holdout']['mae']:.1f}" in page
    assert f"{row.metrics['coverage']['80']:.0%} lay in intervals" in page
    assert files.get(card_key(version))
