"""The real files, where VAYU_TEST_DATA names the folder that holds them."""

from __future__ import annotations

import csv
import gzip
import os
import statistics
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from common.domain.cities import find_city
from common.domain.observation import IST
from common.ingest.files.read import read_file
from common.store.readings import upsert_readings

if TYPE_CHECKING:
    from common.ingest.files.result import ImportResult
    from common.store.engine import Database

DATA = Path(os.environ.get("VAYU_TEST_DATA", "no-such-folder"))
NOW = datetime(2026, 1, 1, tzinfo=UTC)

pytestmark = pytest.mark.skipif(
    not DATA.is_dir(), reason="VAYU_TEST_DATA does not name the folder with the real measurements"
)


def read(path: Path, city: str, station: str | None = None) -> ImportResult:
    result = read_file(path, city=find_city(city), station=station, format=None, now=NOW)
    assert result.values_read == result.values_kept + sum(result.rejected.values())
    return result


def exports(folder: str) -> list[Path]:
    result = sorted((DATA / folder).glob("*.csv.gz"))
    assert result
    return result


def by_hand(path: Path, heading: str) -> dict[datetime, float]:
    """Hourly means of a 15-minute column, by another way: numbers of quarters since the epoch."""
    hours: dict[int, list[float]] = {}
    with gzip.open(path, "rt", encoding="utf-8-sig", newline="") as lines:
        for row in csv.DictReader(lines):
            if row[heading] != "NA":
                start = datetime.fromisoformat(row["Timestamp"] + "+05:30").timestamp()
                hours.setdefault(int((start + 1800) // 3600), []).append(float(row[heading]))
    return {
        datetime.fromtimestamp(hour * 3600 + 1800, UTC): statistics.fmean(values)
        for hour, values in hours.items()
        if len(values) >= 3
    }


def test_three_stations_of_jaipur() -> None:
    columns = [("PM2.5 (µg/m³)", "pm25"), ("CO (mg/m³)", "co"), ("Ozone (µg/m³)", "o3")]
    for path, (heading, variable) in zip(exports("cpcb_jaipur_2025"), columns, strict=False):
        result = read(path, "Jaipur")
        assert result.station.endswith(", Jaipur - RSPCB")
        assert result.rows_read == 29184
        assert result.interval_minutes == 15
        assert result.first == datetime(2025, 1, 1, 1, tzinfo=IST)
        assert result.last == datetime(2025, 11, 1, 0, tzinfo=IST)
        assert not set(result.rejected) - {"missing", "no_speed", "too_few"}
        actual = {r.time: r.values[variable] for r in result.readings if variable in r.values}
        assert actual == pytest.approx(by_hand(path, heading))
        assert len(actual) > 5500


def test_a_year_of_quarters_is_read_in_three_seconds_of_cpu() -> None:
    path = exports("cpcb_jaipur_2025")[0]
    start = time.process_time()
    read(path, "Jaipur")
    assert time.process_time() - start < 3


def test_bengaluru_needs_the_station_and_has_what_it_has() -> None:
    actual = {
        path.name: read(path, "Bengaluru", "Some, Bengaluru - KSPCB")
        for path in exports("cpcb_bengaluru_2025")
    }
    variables = {name: {v for r in result.readings for v in r.values} for name, result in actual.items()}
    assert variables["city_railway_station_bengaluru_kspcb_15m.csv.gz"] == {"pm10", "no2", "so2", "co"}
    assert variables["hebbal_bengaluru_kspcb_15m.csv.gz"] >= {"pm25", "pm10", "no2", "so2", "nh3", "co", "o3"}


def test_mumbais_workbook_and_table_agree() -> None:
    folder = DATA / "cpcb_mumbai_aqi"
    month = read(next(folder.glob("*.xlsx")), "Mumbai")
    table = {r.time: r for r in read(next(folder.glob("*.csv")), "Mumbai").readings}
    assert len(month.readings) == 739
    assert all(table[reading.time] == reading for reading in month.readings)


def test_the_embassys_pm25() -> None:
    for path in exports("us_embassy_delhi"):
        result = read(path, "Delhi", "US Embassy, Delhi")
        assert result.stations == ("US Embassy, Delhi",)
        assert result.values_kept > 7000
        assert all(0 <= reading.values["pm25"] <= 2500 for reading in result.readings)
        assert result.rejected["flagged"] > 0
        assert result.last is not None
        assert result.last.astimezone(IST).minute == 0


def test_a_real_file_is_stored_once(database: Database) -> None:
    result = read(exports("cpcb_jaipur_2025")[0], "Jaipur")
    for now, expected in ((NOW, len(result.readings)), (NOW + timedelta(hours=1), 0)):
        with database.transaction() as connection:
            written = upsert_readings(connection, result.readings, now=now)
        assert (written.new, written.changed) == (expected, 0)
