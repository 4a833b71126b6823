"""``collect``, ``import``, ``maintain``, ``migrate``, ``status``: what they do and say."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING

import pytest
from commands import Vayu, complaint, parsed
from factories import city_hours, count

from common.store.engine import Database, run
from common.store.writer_lease import COLLECTING, take_lease

if TYPE_CHECKING:
    from pathlib import Path


def export(
    folder: Path, *, days: int = 3, value: float = 60.0, site: str = "site_134_Adarsh_Nagar_Jaipur_RSPCB"
) -> Path:
    """A file as CPCB's portal gives it."""
    rows = [
        f"2025-10-{day:02} {hour:02}:{minute:02}:00,{value},{value + 40},30,NA"
        for day in range(1, days + 1)
        for hour in range(24)
        for minute in (0, 15, 30, 45)
    ]
    path = folder / f"Raw_data_15Min_2025_{site}_15Min.csv"
    head = "Timestamp,PM2.5 (µg/m³),PM10 (µg/m³),NO2 (µg/m³),Ozone (µg/m³)"
    path.write_text("\n".join((head, *rows)), encoding="utf-8")
    return path


def test_collect_fills_the_last_day_once(vayu: Vayu, database: Database) -> None:
    first = parsed(
        vayu("collect", "--offline", "--city", "Delhi", "--city", "bengaluru", "--city", "DELHI", "--json")
    )
    assert first["cities"] == ["Bangalore", "Delhi"]
    assert first["hours"] == first["sources"]["simulated"]["new"] == 48
    assert first["sources"]["simulated"]["failure"] is None
    again = parsed(vayu("collect", "--source", "simulated", "--city", "Delhi", "--json"))
    assert (again["hours"], again["cities"]) == (0, [])
    assert len(city_hours(database)) == 24


def test_collect_says_why_nothing_came(vayu: Vayu, database: Database) -> None:
    result = vayu("collect", "--source", "open-meteo", "--source", "cpcb-feed", "--json")
    assert "no source gave anything" in complaint(result, 1)
    report = parsed(result, 1)["sources"]
    assert report.keys() == {"open-meteo", "cpcb-feed"}
    assert all(metric["failure"].startswith("refused: ") for metric in report.values())
    assert count(database, "source_run") == 2


def test_collect_leaves_it_to_who_is_at_it(vayu: Vayu, database: Database) -> None:
    with take_lease(database, COLLECTING):
        result = vayu("collect", "--offline")
        report = parsed(vayu("collect", "--offline", "--json"))
    assert result.exit_code == 0
    assert result.output.startswith("Nothing was done: another process is collecting, with token 1 since ")
    assert (report["skipped"][:7], report["sources"]) == ("another", {})
    assert count(database, "reading") == count(database, "source_run") == 0


def test_collect_dry_run_keeps_nothing(vayu: Vayu, database: Database) -> None:
    report = parsed(vayu("collect", "--offline", "--dry-run", "--city", "Pune", "--json"))
    assert report["sources"]["simulated"] == {
        "readings": 24, "new": 0, "changed": 0, "rejected": {}, "failure": None,
        "resting_until": None, "retry_after": None,
    }  # fmt: skip
    assert count(database, "reading") == count(database, "source_run") == 0


def test_import_twice(vayu: Vayu, database: Database, tmp_path: Path) -> None:
    file = export(tmp_path)
    [first] = parsed(vayu("import", file, "--city", "Jaipur", "--json"))["files"]
    assert (first["rows_read"], first["readings"], first["new"], first["changed"]) == (288, 72, 72, 0)
    assert first["city_hours"] == 72
    assert first["stations"] == ["Adarsh Nagar, Jaipur - RSPCB"]
    assert datetime.fromisoformat(first["first"]).utcoffset() == timedelta(0)
    assert first["first"].endswith("Z")
    before = city_hours(database, "Jaipur")
    assert sum(row["aqi"] is not None for row in before.values()) == 72 - 15
    [second] = parsed(vayu("import", file, "--city", "jaipur", "--json"))["files"]
    assert (second["new"], second["changed"], second["city_hours"]) == (0, 0, 0)
    assert city_hours(database, "Jaipur") == before


def test_import_for_people(vayu: Vayu, tmp_path: Path) -> None:
    result = vayu("import", export(tmp_path), "--city", "Jaipur")
    assert result.exit_code == 0
    assert "Adarsh Nagar, Jaipur - RSPCB" in result.stdout
    assert "Turned down" in result.stdout


def test_import_of_a_month_suggests_a_replay(vayu: Vayu, tmp_path: Path) -> None:
    short = vayu("import", export(tmp_path, days=30), "--city", "Jaipur")
    assert "vayu replay" not in short.stdout
    month = vayu("import", export(tmp_path, days=31), "--city", "Jaipur")
    printed = " ".join(month.stdout.split())
    assert "vayu replay --city jaipur --from 2025-10-24 --to 2025-10-31 --family linear" in printed


def test_a_second_station_joins_the_first(vayu: Vayu, database: Database, tmp_path: Path) -> None:
    first = export(tmp_path, value=60.0)
    other = export(tmp_path, value=120.0, site="site_1393_Police_Commissionerate_Jaipur_RSPCB")
    report = parsed(vayu("import", first, other, "--city", "Jaipur", "--json"))["files"]
    assert [(each["new"], each["city_hours"]) for each in report] == [(72, 72), (72, 72)]
    last = city_hours(database, "Jaipur")[max(city_hours(database, "Jaipur"))]
    assert (last["stations"], last["pm25"], last["aqi"]) == (2, 90, 200)


def test_import_dry_run_needs_no_database(lost: Vayu, tmp_path: Path) -> None:
    [report] = parsed(lost("import", export(tmp_path), "--city", "Jaipur", "--dry-run", "--json"))["files"]
    assert report["readings"] == 72
    assert "new" not in report


def test_one_bad_file_leaves_nothing_half_done(vayu: Vayu, database: Database, tmp_path: Path) -> None:
    bad = tmp_path / "Raw_data_15Min_2025_site_2_X_Jaipur_RSPCB_15Min.csv"
    bad.write_text("this is not\na table at all")
    result = vayu("import", export(tmp_path), bad, "--city", "Jaipur")
    assert bad.name in complaint(result, 1)
    assert count(database, "reading") == 0


def test_measurements_never_join_simulated_data(vayu: Vayu, database: Database, tmp_path: Path) -> None:
    parsed(vayu("collect", "--offline", "--city", "Delhi", "--json"))
    result = vayu("import", export(tmp_path), "--city", "Jaipur")
    assert "must not be mixed" in complaint(result, 2)
    assert list(city_hours(database, "Jaipur")) == []


def test_a_database_goes_on_with_what_it_holds(vayu: Vayu, tmp_path: Path) -> None:
    parsed(vayu("collect", "--offline", "--city", "Delhi", "--json"))
    assert parsed(vayu("collect", "--city", "Delhi", "--json"))["sources"].keys() == {"simulated"}


def test_real_data_are_never_joined_by_simulated(vayu: Vayu, tmp_path: Path) -> None:
    parsed(vayu("import", export(tmp_path), "--city", "Jaipur", "--json"))
    for command in (("collect", "--offline"), ("backfill", "--days", "1", "--source", "simulated")):
        assert "DATABASE_URL" in complaint(vayu(*command), 2)


def test_maintain_rolls_up_and_drops(vayu: Vayu, database: Database, tmp_path: Path) -> None:
    parsed(vayu("import", export(tmp_path), "--city", "Jaipur", "--json"))
    done = parsed(vayu("maintain", "--json", env={"VAYU_RETAIN_RAW": "36500"}))
    assert (done["days"], done["dropped"]["reading"]) == (3, 0)
    assert vayu("maintain", env={"VAYU_RETAIN_RAW": "1 day"}).exit_code == 0
    assert count(database, "reading") == 0
    assert (count(database, "city_day"), len(city_hours(database, "Jaipur"))) == (3, 72)


def test_migrate(vayu: Vayu, database: Database) -> None:
    with database.transaction() as connection:
        run(connection, "DROP SCHEMA public CASCADE")
        run(connection, "CREATE SCHEMA public")
    assert parsed(vayu("migrate", "--json")) == {"migrated": True}
    assert count(database, "city_hour") == 0
    assert vayu("migrate").exit_code == 0


@pytest.mark.parametrize("filled", [False, True])
def test_status(vayu: Vayu, filled: bool) -> None:
    if filled:
        parsed(vayu("collect", "--offline", "--city", "Delhi", "--json"))
    result = parsed(vayu("status", "--json"))
    assert result["dataset"] == ("simulated" if filled else None)
    assert result["totals"] == {"city_hours": 24 * filled, "cities": int(filled), "forecasts": 0, "models": 0}
    assert result["sources"].keys() == ({"simulated"} if filled else set())
    assert (result["latest"] is None) != filled
    shown = vayu("status")
    assert shown.exit_code == 0
    assert ("data: simulated" if filled else "data: none yet") in shown.stdout
