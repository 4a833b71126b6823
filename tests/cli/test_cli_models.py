"""``train``, ``forecast``, ``score``: from a month of simulated history to a served forecast."""

from __future__ import annotations

from commands import Vayu, complaint, parsed
from factories import count

from common.store.engine import Database, run


def test_train_forecast_score(vayu: Vayu, database: Database) -> None:
    parsed(vayu("backfill", "--offline", "--days", 30, "--city", "Delhi", "--json"))
    trained = parsed(vayu("train", "delhi", "--family", "linear", "--json"))
    [report] = trained["trained"]
    assert report["city"] == "Delhi"
    assert report["promoted"].keys() == {"aqi", "pm25"}
    assert report["metrics"]["aqi"]["linear"]["mae"] > 0

    fresh = vayu("train", "Delhi", "--family", "linear")
    assert fresh.exit_code == 0
    assert "--force" in fresh.stdout

    issued = parsed(vayu("forecast", "Delhi", "--json"))
    assert (issued["issued"], issued["repeated"], issued["skipped"]) == (2, 0, {})
    again = vayu("forecast", "Delhi")
    assert again.stdout.startswith("0 forecasts issued, 2 were issued before")
    assert count(database, "forecast") == 2

    assert "no forecast has been scored yet" in complaint(vayu("score"), 1)
    with database.transaction() as connection:  # as if 30 hours had gone by since
        run(connection, "SET LOCAL session_replication_role = replica")  # no trigger: rows are kept as issued
        run(connection, "UPDATE forecast SET origin = origin - interval '30 hours'")
    [aqi, pm25] = parsed(vayu("score", "--json"))["records"]
    assert (aqi["target"], pm25["target"]) == ("aqi", "pm25")
    assert aqi["together"]["n"] == 30
    assert [row["lead"] for row in aqi["by_lead"]] == list(range(1, 31))
    table = vayu("score", "--city", "Delhi", "--mode", "live")
    assert "Delhi aqi (live)" in table.stdout
    assert parsed(vayu("status", "--json"))["totals"]["models"] == count(database, "model")


def test_going_back_to_a_former_model(vayu: Vayu, database: Database) -> None:
    parsed(vayu("backfill", "--offline", "--days", 30, "--city", "Delhi", "--json"))
    assert "no former model" in complaint(vayu("models", "rollback", "Delhi"), 1)
    [first] = parsed(vayu("train", "delhi", "--family", "linear", "--json"))["trained"]
    old = first["promoted"]
    with database.transaction() as connection:  # as if a day had gone by since
        run(connection, "UPDATE model SET trained_at = trained_at - interval '1 day'")
        run(connection, "UPDATE model SET window_end = window_end - interval '1 day'")
        run(connection, "DELETE FROM city_hour WHERE time = (SELECT max(time) FROM city_hour)")
    parsed(vayu("collect", "--offline", "--city", "Delhi", "--json"))
    parsed(vayu("train", "Delhi", "--force", "--family", "random_forest", "--json"))

    listed = parsed(vayu("models", "list", "Delhi", "--json"))["models"]
    assert {model["status"] for model in listed} <= {"champion", "retired"}
    everything = parsed(vayu("models", "list", "Delhi", "--all", "--json"))["models"]
    assert len(everything) == count(database, "model") >= len(listed)
    champions = {model["target"]: model["version"] for model in listed if model["status"] == "champion"}
    for target in ("aqi", "pm25"):
        result = vayu("models", "promote", old[target])
        assert result.exit_code == 0
        assert f"{old[target]} is served" in result.stdout
    page = vayu("models", "card", "delhi").stdout
    [family] = [model["family"] for model in everything if model["version"] == old["aqi"]]
    assert page.startswith(f"# AQI (Indian NAQI) of Delhi: {family}")  # naive where the last days are hard
    assert "chosen by hand" in page
    assert "## Known weaknesses" in page
    assert vayu("models", "card", champions["pm25"]).stdout.startswith("# PM2.5 of Delhi")
    assert parsed(vayu("models", "card", "delhi", "--target", "pm25", "--json"))["card"].startswith("# PM2.5")
    assert "no model v9" in complaint(vayu("models", "card", "v9"), 1)
    assert "no model v9" in complaint(vayu("models", "promote", "v9"), 1)
    trained = parsed(vayu("train", "Delhi", "--force", "--family", "linear", "--json"))["trained"][0]
    assert set(trained["kept"]) == {"aqi", "pm25"}, (
        "what was chosen by hand is not undone by the next training"
    )
