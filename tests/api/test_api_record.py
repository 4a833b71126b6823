"""The public record over HTTP."""

import csv
import io
from datetime import UTC, datetime, timedelta
from math import isnan
from typing import Any

import pandas as pd
import pytest
import scores
import xarray as xr
from api_rows import (
    body_of,
    context_of,
    hour,
    issued,
    mark_simulated,
    problem_of,
    put_forecasts,
    put_hours,
    url,
)
from issued_records import MIDNIGHT, Recipe, live
from werkzeug.test import Client

from common.api import create_app
from common.domain.forecast import NAIVE
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


def get(client: Client, path: str, endpoint: str, **query: Any) -> Any:
    return body_of(client.get(url(path, **query)), endpoint)


def made(database: Database, recipe: Recipe) -> datetime:
    """A record as it comes about."""
    now = live(database, recipe, step=timedelta(hours=60))
    assert (now - MIDNIGHT).days >= recipe.days
    return now


def test_a_score_follows_from_the_hours_that_are_published(client: Client, database: Database) -> None:
    """As somebody who doubts it would compute it, from nothing but the API."""
    made(database, Recipe(seed=21, days=5, not_issued=0.02, providers=("open-meteo",)))
    lead, hours = 24, []
    for back in range(7 * 24):
        time = (MIDNIGHT + back * HOUR).isoformat()
        answer = client.get(url("/record/plume/delhi", time=time))
        if answer.status_code == 404:
            assert "no forecast of Delhi for the hour that ends at" in problem_of(answer, 404)["detail"]
            continue
        plume = body_of(answer, "/record/plume/{city}")
        if plume["counts"]:
            hours.append({"day": time[:10], "truth": plume["truth"], **_at_lead(plume["forecasts"], lead)})
    table = pd.DataFrame(hours)
    cells = get(client, "/record/scores/delhi", CITY, lead=lead)["cells"]
    n = [cell["n"] for cell in cells]
    assert sum(n) == len(table)
    truth = xr.DataArray(table["truth"].to_numpy())
    assert sum(cell["n"] * cell["mae"] for cell in cells) / sum(n) == pytest.approx(
        float(scores.continuous.mae(xr.DataArray(table["value"].to_numpy()), truth)), rel=1e-9
    )
    for name in NAIVE:
        assert sum(cell["n"] * cell["naive_mae"][name] for cell in cells) / sum(n) == pytest.approx(
            float(scores.continuous.mae(xr.DataArray(table[name].to_numpy()), truth)), rel=1e-9
        )
    inside = table["truth"].between(table["lower_80"], table["upper_80"])
    assert sum(cell["n"] * cell["coverage_80"] for cell in cells) == pytest.approx(inside.sum(), rel=1e-9)
    rivals = [rival for cell in cells for rival in cell["providers"]]
    assert sum(rival["n"] * rival["mae"] for rival in rivals) == pytest.approx(
        (table["open-meteo"] - table["truth"]).abs().sum(), rel=1e-9
    )
    warned = get(client, "/record/warnings", "/record/warnings", city="delhi", lead=lead, percent=30)[
        "warnings"
    ]
    for score in warned:
        table_of = scores.categorical.BinaryContingencyManager(
            xr.DataArray((table[str(score["above"])] >= 0.3).to_numpy(dtype=float)),
            xr.DataArray((table["truth"] >= score["above"] + 0.5).to_numpy(dtype=float)),
        )
        assert score["n"] == len(table)
        for name, value in {
            "pod": float(table_of.probability_of_detection()),
            "far": float(table_of.false_alarm_ratio()),
            "csi": float(table_of.critical_success_index()),
        }.items():
            assert score[name] == (None if isnan(value) else pytest.approx(value, abs=5e-4)), score
        assert score["base_rate"] == pytest.approx(float(table_of.base_rate()), abs=5e-5)


def _at_lead(forecasts: dict[str, Any], lead: int) -> dict[str, float]:
    at = forecasts["lead"].index(lead)
    return {
        **{name: forecasts[name][at] for name in ("value", "lower_80", "upper_80")},
        **{name: values[at] for name, values in forecasts["naive"].items()},
        **{name: values[at] for name, values in forecasts["exceedance"].items()},
        "open-meteo": forecasts["providers"].get("open-meteo", [None] * (at + 1))[at],
    }


def test_days_add_up_to_their_cell_in_json_and_csv(client: Client, database: Database) -> None:
    made(database, Recipe(seed=22, days=6, without_weekly=60, providers=("open-meteo", "iqair")))
    [cell] = get(client, "/record/scores/Delhi", CITY, lead=6, season="ON")["cells"]
    body = get(client, "/record/days/Delhi", "/record/days/{city}", lead=6, season="ON")
    days = body["days"]
    assert (sum(days["n"]), len(days["day"])) == (cell["n"], cell["days"])
    assert sum(days["error"]) / cell["n"] == pytest.approx(cell["mae"], rel=1e-12)
    assert "weekly" not in cell["naive_mae"]
    assert sum(days["weekly_n"]) < cell["n"]
    for rival in cell["providers"]:
        theirs = body["providers"][rival["provider"]]
        assert sum(theirs["error"]) / sum(theirs["n"]) == pytest.approx(rival["mae"], rel=1e-12)
        assert sum(theirs["our_error"]) / sum(theirs["n"]) == pytest.approx(rival["our_mae"], rel=1e-12)
    answer = client.get(url("/record/days/Delhi", lead=6, season="ON"), headers={"Accept": "text/csv"})
    lines = list(csv.DictReader(io.StringIO(answer.text)))
    assert [float(line["error"]) for line in lines] == days["error"]
    assert {line["simulated"] for line in lines} == {"false"}
    assert "open-meteo_our_error" in lines[0]


def test_the_table_as_csv_has_all_digits(client: Client, database: Database) -> None:
    made(database, Recipe(seed=23, days=4, providers=("open-meteo",)))
    answer = client.get(url(TABLE, format="csv"))
    assert answer.content_type == "text/csv; charset=utf-8; header=present"
    assert answer.headers["Content-Disposition"] == 'attachment; filename="record.csv"'
    lines = list(csv.DictReader(io.StringIO(answer.text)))
    cells = get(client, "/record/scores/delhi", CITY)["cells"]
    assert [(line["season"], int(line["lead"])) for line in lines] == [
        (cell["season"], cell["lead"]) for cell in cells
    ]
    assert [float(line["mae"]) for line in lines] == [cell["mae"] for cell in cells]
    assert [float(line["open-meteo_our_skill"]) for line in lines] == [
        cell["providers"][0]["our_skill"] for cell in cells
    ]


def test_reliability_adds_up_what_is_not_named(client: Client, database: Database) -> None:
    for seed, city in enumerate(("Delhi", "Pune")):
        made(database, Recipe(seed=seed, days=4, city=city))
    path = "/record/reliability"
    both = get(client, path, path)["events"]
    parts = [
        get(client, path, path, city=city, lead=lead)["events"]
        for city in ("Delhi", "Pune")
        for lead in (1, 3, 6, 12, 24, 48)
    ]
    assert list(both) == ["category", "200", "300", "400"]
    for event, whole in both.items():
        assert whole["n"] == sum(part[event]["n"] for part in parts)
        for tenth in whole["bins"]:
            same = [each for part in parts for each in part[event]["bins"] if each["above"] == tenth["above"]]
            assert tenth["n"] == sum(each["n"] for each in same)
            assert tenth["enough"] == (tenth["n"] >= 30)
            assert tenth["above"] <= tenth["stated"] <= tenth["below"]
            assert tenth["realised"] * tenth["n"] == pytest.approx(
                sum(each["realised"] * each["n"] for each in same), abs=0.02 * len(same)
            )


def test_losses_are_the_cells_below_zero_worst_first(client: Client, database: Database) -> None:
    made(database, Recipe(seed=24, days=11, providers=("open-meteo",)))
    made(database, Recipe(seed=24, days=11, city="Pune", good=True))
    body = get(client, "/record/losses", "/record/losses")
    cells = [
        (city, cell)
        for city in ("Delhi", "Pune")
        for cell in get(client, f"/record/scores/{city}", CITY)["cells"]
        if cell["enough"]
    ]
    lost = {(city, cell["season"], cell["lead"]) for city, cell in cells if cell["skill"] < 0}
    named = [loss for loss in body["losses"] if loss["kind"] == "naive"]
    assert lost == {(loss["city"], loss["season"], loss["lead"]) for loss in named} != set()
    assert {loss["city"] for loss in body["losses"]} == {"Delhi"}
    assert [loss["skill"] for loss in body["losses"]] == sorted(loss["skill"] for loss in body["losses"])
    assert body["count"] == len(body["losses"])
    tally = body["naive"]
    assert tally["cells"] == len(cells) == tally["better"] + tally["worse"] + tally["undecided"]
    assert tally["worse"] == sum(loss["significant"] for loss in named)
    assert tally["better"] >= 6
    assert all(loss["n"] >= 30 for loss in body["losses"])
    [worst] = get(client, "/record/losses", "/record/losses", limit=1)["losses"]
    assert worst == body["losses"][0]


def test_a_replay_is_shown_where_nothing_is_live(client: Client, database: Database) -> None:
    made(database, Recipe(seed=25, days=4, mode="replay"))
    assert get(client, "/record/scores", TABLE)["mode"] == "replay"
    assert get(client, "/record/scores", TABLE, mode="live")["count"] == 0
    made(database, Recipe(seed=26, days=4, city="Pune"))
    shown = get(client, "/record/scores", TABLE)
    assert (shown["mode"], shown["modes"]) == ("live", ["live", "replay"])
    assert set(shown["cells"]["city"]) == {"Pune"}
    assert set(get(client, "/record/scores", TABLE, mode="replay")["cells"]["city"]) == {"Delhi"}
    assert get(client, "/record/plume/delhi", "/record/plume/{city}", mode="replay")["mode"] == "replay"


def test_simulated_data_say_so_everywhere(client: Client, database: Database) -> None:
    mark_simulated(database)
    made(database, Recipe(seed=27, days=4))
    for path, endpoint in (
        (TABLE, TABLE), ("/record/scores/delhi", CITY), ("/record/days/delhi", "/record/days/{city}"),
        ("/record/reliability", "/record/reliability"), ("/record/warnings", "/record/warnings"),
        ("/record/losses", "/record/losses"), ("/record/plume/delhi", "/record/plume/{city}"),
    ):  # fmt: skip
        assert get(client, path, endpoint)["simulated"] is True, path
    assert ",true" in client.get(url(TABLE, format="csv")).text


def test_an_answer_holds_until_the_record_changes(client: Client, database: Database, now: datetime) -> None:
    record(database, now)
    first = client.get(url(TABLE))
    again = client.get(url(TABLE), headers={"If-None-Match": first.headers["ETag"]})
    assert again.status_code == 304
    put_hours(database, hour("Delhi", now - 20 * HOUR, aqi=90))
    with database.transaction() as connection:
        update_record(connection, mode="live", now=now + timedelta(days=1))
    changed = client.get(url(TABLE), headers={"If-None-Match": first.headers["ETag"]})
    assert changed.status_code == 200
    assert changed.json["cells"]["mae"] != first.json["cells"]["mae"]


@pytest.mark.parametrize(
    ("path", "query", "sentence"),
    [
        ("/record/scores", {"lead": "2"}, "lead must be one of 1, 3, 6, 12, 24, 48, not '2'"),
        ("/record/scores", {"season": "winter"}, "season must be one of DJF, JJAS, MAM, ON, not 'winter'"),
        ("/record/warnings", {"percent": "55"}, "percent must be one of 10, 20, 30, 40, 50, 60, 70, 80, 90"),
        ("/record/plume/delhi", {"time": "noon"}, "time must be a time with its offset"),
    ],
)
def test_what_does_not_fit_is_named(client: Client, path: str, query: dict[str, str], sentence: str) -> None:
    assert sentence in problem_of(client.get(url(path, **query)), 400)["detail"]


def test_a_forecast_names_its_record(client: Client, database: Database, now: datetime) -> None:
    record(database, now)
    body = get(client, "/forecast/delhi", "/forecast/{city}", target="aqi")
    answer = client.get(body["record"])
    [cell] = body_of(answer, CITY)["cells"]
    assert (cell["season"], cell["lead"]) == ("ON", 24)
    winter = datetime(2025, 11, 29, 20, 30, tzinfo=UTC)  # 24 hours on it is December in India
    put_forecasts(database, issued("Pune", winter, target="pm25"))
    later = create_app(context_of(database, winter)).test_client()
    assert get(later, "/forecast/pune", "/forecast/{city}", target="pm25")["record"] == (
        "/api/v1/record/scores/pune?target=pm25&season=DJF&lead=24"
    )
