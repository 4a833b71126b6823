"""Imported readings in PostgreSQL: once, corrected with a trace, never erased."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from common.domain.cities import find_city
from common.ingest.files.read import read_file
from common.store.engine import Database, run
from common.store.readings import Written, upsert_readings

if TYPE_CHECKING:
    from pathlib import Path

    from common.ingest.files.result import ImportResult

NAME = "Raw_data_15Min_2025_site_134_Police_Commissionerate_Jaipur_RSPCB_15Min.csv"
ROWS = [
    f"2025-10-{day:02} {hour:02}:{minute:02}:00,{day + hour / 7:.2f},{hour or 'NA'},{minute},1.5"
    for day in (1, 2, 3)
    for hour in range(24)
    for minute in (0, 15, 30, 45)
]


def read(folder: Path, rows: list[str], now: datetime) -> ImportResult:
    path = folder / NAME
    path.write_text(
        "\n".join(("Timestamp,PM2.5 (µg/m³),NO2 (µg/m³),WD (deg),WS (m/s)", *rows)), encoding="utf-8"
    )
    return read_file(path, city=find_city("Jaipur"), station=None, format=None, now=now)


def store(database: Database, result: ImportResult, now: datetime) -> Written:
    with database.transaction() as connection:
        return upsert_readings(connection, result.readings, now=now)


def test_the_same_file_twice_changes_nothing(tmp_path: Path, database: Database, now: datetime) -> None:
    result = read(tmp_path, ROWS, now)
    first = store(database, result, now)
    assert (first.new, first.changed) == (72, 0)
    assert (first.first, first.last) == (result.first, result.last)
    again = store(database, read(tmp_path, ROWS, now), now + timedelta(hours=1))
    assert (again.new, again.changed) == (0, 0)
    with database.transaction() as connection:
        assert run(connection, "SELECT count(*) FROM reading_revision")[0] == (0,)
        [(count, received)] = run(connection, "SELECT count(*), max(received_at) FROM reading")
    assert (count, received) == (72, now)


def test_what_was_read_is_what_is_stored(tmp_path: Path, database: Database, now: datetime) -> None:
    result = read(tmp_path, ROWS, now)
    store(database, result, now)
    with database.transaction() as connection:
        rows = run(
            connection,
            "SELECT time, source, station, basis, pm25, no2, wind_u, wind_v, wind_speed "
            "FROM reading ORDER BY time",
        )
    assert len(rows) == len(result.readings)
    names = ("pm25", "no2", "wind_u", "wind_v", "wind_speed")
    for row, reading in zip(rows, result.readings, strict=True):
        assert tuple(row)[:4] == (reading.time, "cpcb-export", reading.station, "measured")
        for value, name in zip(tuple(row)[4:], names, strict=True):
            stored = reading.values.get(name)
            assert (value is None) == (stored is None)
            assert value is None or stored is None or abs(value - stored) <= 1e-6 * max(1, abs(stored))


def test_a_corrected_value_leaves_what_it_replaced(tmp_path: Path, database: Database, now: datetime) -> None:
    store(database, read(tmp_path, ROWS, now), now)
    later = now + timedelta(days=1)
    corrected = [row.replace("01 05:15:00,1.71", "01 05:15:00,9.71") for row in ROWS]
    written = store(database, read(tmp_path, corrected, now), later)
    assert (written.new, written.changed) == (0, 1)
    hour = datetime(2025, 10, 1, 0, 30, tzinfo=UTC)
    assert (written.first, written.last) == (hour, hour)
    with database.transaction() as connection:
        [(time, was, replaced)] = run(connection, "SELECT time, was, replaced_at FROM reading_revision")
        [(value, received)] = run(connection, "SELECT pm25, received_at FROM reading WHERE time = :t", t=hour)
    assert (time, replaced, received) == (hour, later, later)
    assert abs(was["pm25"] - 1.71) < 1e-5
    assert abs(value - 3.71) < 1e-5


def test_a_gap_in_a_later_export_erases_nothing(tmp_path: Path, database: Database, now: datetime) -> None:
    store(database, read(tmp_path, ROWS, now), now)
    blank = [row.split(",")[0] + ",NA,NA,NA,NA" for row in ROWS[:40]] + ROWS[40:]
    assert store(database, read(tmp_path, blank, now), now) == Written()
    with database.transaction() as connection:
        assert run(connection, "SELECT count(pm25) FROM reading")[0] == (72,)


def test_an_index_and_a_later_correction_of_it(tmp_path: Path, database: Database, now: datetime) -> None:
    path = tmp_path / "aqi.csv"

    def keep(aqi: int) -> Written:
        path.write_text(f"time_ist,aqi,city\n2025-01-01 00:00:00,{aqi}.0,Jaipur\n", encoding="utf-8")
        result = read_file(path, city=find_city("Jaipur"), station=None, format=None, now=now)
        return store(database, result, now + timedelta(minutes=aqi))

    assert [(w.new, w.changed) for w in (keep(100), keep(100), keep(120))] == [(1, 0), (0, 0), (0, 1)]
    with database.transaction() as connection:
        assert run(connection, "SELECT station, published FROM reading")[0] == ("", {"aqi": 120})
        [(was,)] = run(connection, "SELECT was FROM reading_revision")
    assert was["published"] == {"aqi": 100}
