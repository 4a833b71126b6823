"""Champions and those followed beside them, over a real database: promotion by the record, going back, leaks."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from synthetic import END, hours, put_hours

from common.adapters.object_store import ObjectStore
from common.domain.errors import NotFound, StoreError
from common.domain.forecast import HORIZON, NAIVE
from common.domain.observation import HOUR
from common.features import INPUTS
from common.inference.card import card_key, model_key
from common.inference.issue import issue_forecasts
from common.inference.session import ModelCache
from common.store.alone import training_alone
from common.store.engine import Database, run
from common.store.forecasts import IssuedForecast, insert_forecast, score
from common.store.models import champion, give_up_files, is_held, model, promote, roll_back
from common.store.plans import due_for_training, plan_trainings
from common.store.rivals import followed, keep_rival, rival_days
from common.training.service import train_city

if TYPE_CHECKING:
    from pathlib import Path

NOW = END + timedelta(minutes=12)
DAY = timedelta(days=1)
HISTORY = hours(40, seed=5)
PM25 = HISTORY[:, INPUTS.index("pm25")]


@pytest.fixture
def files(tmp_path: Path) -> ObjectStore:
    return ObjectStore(tmp_path.as_uri())


@pytest.fixture
def models(files: ObjectStore) -> ModelCache:
    return ModelCache(files)


def train(database: Database, files: ObjectStore, families: list[Any], now: datetime = NOW) -> Any:
    return train_city(
        database, files, ModelCache(files), "Delhi", now=now, families=families, targets=["pm25"]
    )


def served(database: Database) -> Any:
    with database.transaction() as connection:
        return champion(connection, "Delhi", "pm25", "live")


def keep_record(
    database: Database,
    days: int,
    *,
    ours: float,
    rival: str | None,
    theirs: float,
    naive: float = 60.0,
    weekly_since: int | None = None,
) -> None:
    """A forecast of the champion a day, and of a rival beside it, wrong by so much; the naive ones by `naive`.

    `weekly_since`: it is wrong by 1 only, and was made on the last so many days.
    """
    row = served(database)
    with database.transaction() as connection:
        for day in range(days):
            origin = END - HORIZON * HOUR - day * DAY
            at = len(PM25) - 1 - HORIZON - 24 * day
            truth = PM25[at + 1 : at + 1 + HORIZON]
            naive_of: dict[str, Any] = {name: (truth + naive).tolist() for name in NAIVE}
            if weekly_since is not None:
                naive_of["weekly"] = (truth + 1).tolist() if day < weekly_since else None
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
            if rival is not None:
                keep_rival(
                    connection,
                    "Delhi",
                    "pm25",
                    "live",
                    origin=origin,
                    version=rival,
                    y=(truth + theirs).tolist(),
                )
        score(connection, mode="live", now=END, reach_hours=24 * 60)


def test_the_best_that_is_not_served_is_followed(
    database: Database, files: ObjectStore, models: ModelCache
) -> None:
    put_hours(database, "Delhi", HISTORY)
    report = train(database, files, ["linear", "random_forest"])
    [version] = report.followed.values()
    assert version not in report.promoted.values()
    with database.transaction() as connection:
        assert followed(connection, "Delhi", "pm25", "live", now=NOW) == [version]
        assert followed(connection, "Delhi", "pm25", "live", now=NOW + timedelta(days=15)) == []
        assert followed(connection, "Delhi", "pm25", "live", now=NOW - DAY) == []
    issue_forecasts(database, models, ["Delhi"], now=NOW)
    issue_forecasts(database, models, ["Delhi"], now=NOW)
    with database.transaction() as connection:
        [(rival, y, ours)] = run(
            connection,
            "SELECT rival, forecast_rival.y, forecast.y "
            "FROM forecast_rival JOIN forecast USING (city, target, mode, origin)",
        )
    assert rival == version
    assert len(y) == HORIZON
    assert y != ours
    # A later training names another; this one is followed no more, and its file may go.
    later = train(database, files, ["linear"], NOW + DAY)
    with database.transaction() as connection:
        assert version not in followed(connection, "Delhi", "pm25", "live", now=NOW + DAY)
    assert later.followed.get("pm25") != version


def test_a_followed_model_that_is_damaged_costs_no_forecast(
    database: Database, files: ObjectStore, models: ModelCache
) -> None:
    put_hours(database, "Delhi", HISTORY)
    report = train(database, files, ["linear", "random_forest"])
    files.put(model_key(report.followed["pm25"]), b"damaged")
    assert issue_forecasts(database, models, ["Delhi"], now=NOW).issued == 1
    with database.transaction() as connection:
        assert run(connection, "SELECT count(*) FROM forecast_rival") == [(0,)]


def test_a_family_that_did_better_in_the_record_is_promoted_and_the_reason_told(
    database: Database, files: ObjectStore
) -> None:
    put_hours(database, "Delhi", HISTORY)
    first = train(database, files, ["linear"], NOW - DAY)
    with database.transaction() as connection:
        run(connection, "UPDATE model SET family = 'xgboost' WHERE status = 'champion'")
    follows = train(database, files, ["linear"], NOW - HOUR)
    rival = follows.followed.get("pm25") or follows.promoted["pm25"]
    with database.transaction() as connection:
        promote(connection, first.promoted["pm25"], reason="", now=NOW - HOUR)
        run(connection, "UPDATE model SET status = 'rejected' WHERE version = :v", v=rival)
    keep_record(database, 9, ours=20, rival=rival, theirs=15)
    report = train(database, files, ["linear"])
    assert "-linear-" in report.promoted["pm25"]
    assert "in the record, MAE 15.00 against 20.00 on 432 pairs of 9 days" in report.reasons["pm25"]
    assert report.switched["pm25"] == first.promoted["pm25"]
    with database.transaction() as connection:
        assert first.promoted["pm25"] in followed(connection, "Delhi", "pm25", "live", now=NOW)


def test_a_champion_that_loses_to_the_naive_forecast_in_the_record_gives_way_to_it(
    database: Database, files: ObjectStore
) -> None:
    put_hours(database, "Delhi", HISTORY)
    train(database, files, ["linear"], NOW - DAY)
    keep_record(database, 9, ours=20, rival=None, theirs=0, naive=10)
    report = train(database, files, ["linear"])
    assert "-naive-" in report.promoted["pm25"]
    assert "in the record, MAE 10.00 against 20.00" in report.reasons["pm25"]


@pytest.mark.parametrize("since", [9, 8])
def test_a_naive_forecast_is_a_rival_only_where_it_was_made_beside_every_forecast(
    database: Database, files: ObjectStore, since: int
) -> None:
    put_hours(database, "Delhi", HISTORY)
    train(database, files, ["linear"], NOW - DAY)
    keep_record(database, 9, ours=20, rival=None, theirs=0, naive=30, weekly_since=since)
    with database.transaction() as connection:
        found = rival_days(connection, served(database), start=NOW - 30 * DAY, now=NOW)
    assert {name: sum(day.n for day in days) for name, days in found.items()} == {
        **dict.fromkeys(NAIVE, 9 * HORIZON),
        "weekly": since * HORIZON,
    }
    assert ("-naive-" in train(database, files, ["linear"]).promoted["pm25"]) == (since == 9)


def test_a_week_is_needed(database: Database, files: ObjectStore) -> None:
    put_hours(database, "Delhi", HISTORY)
    train(database, files, ["linear"], NOW - DAY)
    keep_record(database, 6, ours=20, rival=None, theirs=0, naive=10)
    assert "-linear-" in train(database, files, ["linear"]).promoted["pm25"]


def test_what_is_rolled_back_is_not_undone_by_the_next_training(
    database: Database, files: ObjectStore
) -> None:
    put_hours(database, "Delhi", HISTORY)
    old = train(database, files, ["linear"], NOW - 3 * DAY).promoted["pm25"]
    new = train(database, files, ["linear"], NOW - DAY).promoted["pm25"]
    with database.transaction() as connection:
        assert roll_back(connection, "Delhi", "pm25", "live", now=NOW - DAY) == (old, new)
        assert is_held(connection, old, now=NOW)
        assert followed(connection, "Delhi", "pm25", "live", now=NOW) == [new]
        assert model(connection, old).reason == f"rolled back from {new}"
        with pytest.raises(NotFound, match="no former model"):
            roll_back(connection, "Delhi", "pm25", "live", now=NOW)
    report = train(database, files, ["linear"])
    assert "chosen by hand" in report.kept["pm25"]
    assert served(database).version == old
    # Its rival's better record is evidence; so is the end of the hold.
    late = NOW + timedelta(days=15)
    put_hours(database, "Delhi", np.concatenate([HISTORY, hours(15, seed=6)]), END + timedelta(days=15))
    assert train(database, files, ["linear"], late).promoted


def test_a_rolled_back_model_whose_successor_did_better_in_the_record_gives_way(
    database: Database, files: ObjectStore
) -> None:
    put_hours(database, "Delhi", HISTORY)
    train(database, files, ["linear"], NOW - 3 * DAY)
    new = train(database, files, ["linear"], NOW - DAY).promoted["pm25"]
    with database.transaction() as connection:
        roll_back(connection, "Delhi", "pm25", "live", now=NOW - DAY)
    keep_record(database, 9, ours=20, rival=new, theirs=15)
    report = train(database, files, ["linear"])
    assert served(database).version == report.promoted["pm25"] == new
    assert "in the record, MAE 15.00 against 20.00" in served(database).reason


def test_files_of_followed_models_are_kept(database: Database, files: ObjectStore) -> None:
    put_hours(database, "Delhi", HISTORY)
    report = train(database, files, ["linear", "random_forest"])
    with database.transaction() as connection:
        give_up_files(connection, now=NOW + timedelta(days=5))
        assert followed(connection, "Delhi", "pm25", "live", now=NOW + timedelta(days=5)) == [
            report.followed["pm25"]
        ]


def test_what_comes_after_now_decides_nothing(database: Database, files: ObjectStore) -> None:
    """Planner and promotion: hours, truth, forecasts and models of the time to come are spoilt."""
    put_hours(database, "Delhi", HISTORY)
    then = NOW - 5 * DAY
    first = train(database, files, ["linear"], then - DAY)
    with database.transaction() as connection:  # naive forecasts are rivals of others only
        run(connection, "UPDATE model SET family = 'linear' WHERE status = 'champion'")
    keep_record(database, 12, ours=20, rival=first.promoted["pm25"], theirs=15, naive=25)

    def decided() -> Any:
        with database.transaction() as connection:
            row = champion(connection, "Delhi", "pm25", "live")
            assert row is not None
            due = due_for_training(connection, now=then)
            days = rival_days(connection, row, start=then - 14 * DAY, now=then)
        return due, days

    before = decided()
    assert before[0] == {"Delhi": "live R² below 0.75"} or before[0]
    assert before[1]["persistence"]
    with database.transaction() as connection:
        run(connection, "SET LOCAL session_replication_role = replica")
        run(connection, "UPDATE city_hour SET pm25 = 1, aqi = 1 WHERE time > :now", now=then)
        run(connection, "UPDATE forecast SET y = array_fill(0, ARRAY[48]) WHERE origin > :now", now=then)
        run(
            connection, "UPDATE forecast_rival SET y = array_fill(0, ARRAY[48]) WHERE origin > :now", now=then
        )
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
    with database.transaction() as connection:
        run(connection, "DELETE FROM model WHERE version = 'later'")
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
        with training_alone(database, city, mode, patience_s=1) as still_alone:
            still_alone()

    with training_alone(database, "Delhi", "live") as still_alone:
        with pytest.raises(StoreError, match="Delhi is being trained by another process"):
            another("Delhi", "live")
        another("Pune", "live")
        another("Delhi", "replay")
        still_alone()
    another("Delhi", "live")


def test_a_lock_that_was_lost_is_noticed_before_anything_is_written(database: Database) -> None:
    """As when the network fails, or this process was frozen for longer than the server waits."""
    lost = "lock on Delhi's training was lost"
    with pytest.raises(StoreError, match=lost), training_alone(database, "Delhi", "live") as still_alone:  # noqa: PT012
        with database.transaction() as connection:
            run(
                connection,
                "SELECT pg_terminate_backend(pid) FROM pg_locks "
                "WHERE locktype = 'advisory' AND pid <> pg_backend_pid()",
            )
        with pytest.raises(StoreError, match=lost):
            still_alone()


def test_every_page_of_a_model_is_kept_beside_it(database: Database, files: ObjectStore) -> None:
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
