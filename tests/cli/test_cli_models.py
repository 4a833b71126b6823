"""``train``, ``forecast``, ``score``: from a month of simulated history to a served forecast."""

from __future__ import annotations

from commands import Vayu, complaint, parsed
from made import count

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
        run(connection, "UPDATE forecast SET origin = origin - interval '30 hours'")
    [aqi, pm25] = parsed(vayu("score", "--json"))["records"]
    assert (aqi["target"], pm25["target"]) == ("aqi", "pm25")
    assert aqi["together"]["n"] == 30
    assert [one["lead"] for one in aqi["by_lead"]] == list(range(1, 31))
    table = vayu("score", "--city", "Delhi", "--mode", "live")
    assert "Delhi aqi (live)" in table.stdout
    assert parsed(vayu("status", "--json"))["totals"]["models"] == count(database, "model")
