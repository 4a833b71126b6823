"""Which cities the daily planner trains, and why."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

from synthetic import END, hours, put_hours

from common.domain.forecast import HORIZON, NAIVE
from common.domain.observation import HOUR
from common.features import INPUTS
from common.store.engine import run
from common.store.forecasts import IssuedForecast, insert_forecast, score
from common.store.models import ModelRow, insert_model
from common.store.training_schedule import due_for_training, latest_training, not_due

if TYPE_CHECKING:
    from datetime import datetime

    from common.store.engine import Database

HISTORY = hours(5)
AQI = HISTORY[:, INPUTS.index("aqi")]


def trained(database: Database, city: str, until: datetime) -> None:
    row = ModelRow(
        version=f"{city}-{until}", city=city, target="aqi", mode="live", family="linear", status="rejected",
        reason="", trained_at=until, window_start=until, window_end=until, samples=1, features_hash="",
        checksum="", metrics={},
    )  # fmt: skip
    with database.transaction() as connection:
        insert_model(connection, row)


def forecast(
    database: Database, city: str, target: str = "aqi", *, hours_before: int = 0, **errors: float | None
) -> None:
    """A forecast of two days ago, wrong by so much, None: not made; the naive ones by 30 where nothing else is said."""
    truth = HISTORY[len(HISTORY) - HORIZON - hours_before :, INPUTS.index(target)][:HORIZON]
    wrong = dict.fromkeys(("y", *NAIVE), 30.0) | errors
    arrays: dict[str, Any] = {
        name: None if by is None else (truth + by).tolist() for name, by in wrong.items()
    }
    bounds = dict.fromkeys(("lo80", "hi80", "lo95", "hi95"), [0.0] * HORIZON)
    origin = END - (HORIZON + hours_before) * HOUR
    issued = IssuedForecast(
        city=city, target=target, mode="live", issued_at=origin, origin=origin, known_until=origin,
        model_version=None, family="linear", inputs_hash="", basis=None, source=None, categories=[],
        **arrays, **bounds,
    )  # fmt: skip
    with database.transaction() as connection:
        assert insert_forecast(connection, issued)
        score(connection, mode="live", now=END)


def test_why_a_city_is_trained(database: Database) -> None:
    half = float(AQI[-HORIZON:].std() * 0.6)
    assert half > 5
    day = timedelta(days=1)
    put_hours(database, "Agra", HISTORY)  # never trained
    put_hours(database, "Delhi", HISTORY)
    trained(database, "Delhi", END - day)  # a whole new day
    put_hours(database, "Mumbai", HISTORY)
    trained(database, "Mumbai", END - 8 * HOUR)  # trained today
    put_hours(database, "Pune", HISTORY[:-5], END - 5 * HOUR)
    trained(database, "Pune", END - day)  # 19 new hours
    put_hours(database, "Jaipur", HISTORY[:-30], END - 30 * HOUR)  # silent since yesterday
    for city, wrong in {
        "Surat": {"y": half},
        "Nashik": {"y": 4.0, "mean24": 3.0},
        "Patna": {"y": 1.0},
    }.items():
        put_hours(database, city, HISTORY)
        trained(database, city, END - 8 * HOUR)
        forecast(database, city, **wrong)
    with database.transaction() as connection:
        assert due_for_training(connection, now=END) == {
            "Agra": "never trained",
            "Delhi": "20 or more new hours",
            "Nashik": "worse than the naive forecast",
            "Surat": "live R² below 0.75",
        }
        assert latest_training(connection, "live")["Delhi"] == END - day
        assert latest_training(connection, "replay") == {}


def test_a_naive_forecast_that_some_were_issued_without_is_not_what_they_must_beat(
    database: Database,
) -> None:
    for city, before in {"Delhi": None, "Nashik": 3.0}.items():
        put_hours(database, city, HISTORY)
        trained(database, city, END - 8 * HOUR)
        forecast(database, city, y=4.0, weekly=3.0)
        forecast(database, city, hours_before=1, y=4.0, weekly=before)
    with database.transaction() as connection:
        assert due_for_training(connection, now=END) == {"Nashik": "worse than the naive forecast"}


def test_old_failures_are_forgotten(database: Database) -> None:
    put_hours(database, "Delhi", HISTORY)
    forecast(database, "Delhi", y=200.0)
    later = END + timedelta(weeks=2)
    put_hours(database, "Delhi", HISTORY, later)
    trained(database, "Delhi", later)
    with database.transaction() as connection:
        assert due_for_training(connection, now=later) == {}


def test_an_old_champion_and_either_target(database: Database) -> None:
    put_hours(database, "Delhi", HISTORY[:-5], END - 5 * HOUR)  # 19 new hours: not enough by themselves
    trained(database, "Delhi", END - timedelta(days=8))
    put_hours(database, "Agra", HISTORY)
    trained(database, "Agra", END - 8 * HOUR)
    forecast(database, "Agra", target="pm25", y=40.0)
    with database.transaction() as connection:
        assert due_for_training(connection, now=END) == {"Agra": "live R² below 0.75"}
        run(connection, "UPDATE model SET status = 'champion' WHERE city = 'Delhi'")
        assert due_for_training(connection, now=END)["Delhi"] == "the champion is 8 days old"
        assert due_for_training(connection, now=END, mode="replay").keys() == {"Agra", "Delhi"}
        assert not_due(connection, ["Delhi", "Pune"], now=END) == {}


def test_what_is_not_due_is_told(database: Database) -> None:
    put_hours(database, "Delhi", HISTORY)
    trained(database, "Delhi", END - 3 * HOUR)
    with database.transaction() as connection:
        assert not_due(connection, ["Delhi", "Pune"], now=END) == {
            "Delhi": "not due: trained on what was known at 2025-11-05 07:30 UTC, 3 hours since"
        }
