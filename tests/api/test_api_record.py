"""The public record over HTTP."""

from datetime import datetime, timedelta

from api_rows import body_of, hour, issued, put_forecasts, put_hours, url
from werkzeug.test import Client

from common.domain.observation import HOUR
from common.services.verification import update_record
from common.store.engine import Database

TABLE, CITY = "/record/scores", "/record/scores/{city}"


def record(
    database: Database, now: datetime, *, days: int = 4, mode: str = "live", city: str = "Delhi"
) -> None:
    """Hourly forecasts of that many days, and an index of 190 in each hour."""
    origins = [now - back * HOUR for back in range(days * 24, 0, -1)]
    put_forecasts(database, *(issued(city, origin, mode=mode) for origin in origins))
    put_hours(database, *(hour(city, origin + HOUR, aqi=190) for origin in origins))
    with database.transaction() as connection:
        update_record(connection, mode=mode, now=now + timedelta(days=1))  # type: ignore[arg-type]


def test_scores_of_all_cities_as_columns(client: Client, database: Database, now: datetime) -> None:
    record(database, now)
    body = body_of(client.get(url(TABLE)), TABLE)
    cells = body["cells"]
    assert (body["mode"], body["modes"], body["unit"], body["count"]) == ("live", ["live"], "AQI", 6)
    assert cells["city"] == ["Delhi"] * 6
    assert cells["season"] == ["ON"] * 6
    assert cells["lead"] == [1, 3, 6, 12, 24, 48]
    assert cells["mae"] == [9.6, 7.6, 4.6, 1.4, 13.4, 37.4]
    assert cells["naive_mae"]["weekly"] == [50.0] * 6
    assert [body["naive_names"][at] for at in cells["best_naive"]] == ["weekly"] * 6
    assert cells["enough"] == [True] * 6
    assert len(set(cells["n"])) == 1


def test_scores_of_a_city_have_all_digits(client: Client, database: Database, now: datetime) -> None:
    record(database, now)
    [cell] = body_of(client.get(url("/record/scores/delhi", lead=24)), CITY)["cells"]
    assert cell["n"] == 49
    assert cell["skill"] == 1 - cell["mae"] / cell["naive_mae"]["weekly"]


def test_nothing_recorded_says_why(client: Client, database: Database) -> None:
    body = body_of(client.get(url(TABLE)), TABLE)
    assert (body["count"], body["modes"], body["first_day"]) == (0, [], None)
    assert "1, 3, 6, 12, 24 and 48 hours ahead" in body["note"]
