"""CPCB's official AQI tables, as the workbooks that the portal gives."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest
from openpyxl import Workbook

from common.domain.cities import find_city
from common.domain.errors import DataError
from common.domain.observation import IST
from common.ingest.files.read import read_file

if TYPE_CHECKING:
    from pathlib import Path

    from common.ingest.files.result import ImportResult

NAME = "AQI_hourly_city_level_mumbai_2024_January.xlsx"
NOW = datetime(2026, 1, 1, tzinfo=UTC)
HOURS = [f"{hour:02}:00:00" for hour in range(24)]


def workbook(path: Path, rows: list[list[object]]) -> Path:
    book = Workbook()
    sheet = book.active
    assert sheet is not None
    for row in rows:
        sheet.append(row)
    book.save(path)
    return path


def read(
    folder: Path,
    rows: list[list[object]],
    *,
    name: str = NAME,
    city: str = "Mumbai",
    station: str | None = None,
) -> ImportResult:
    path = workbook(folder / name, [["Date", *HOURS], *rows])
    result = read_file(path, city=find_city(city), station=station, format=None, now=NOW)
    assert result.values_read == result.values_kept + sum(result.rejected.values())
    return result


def test_a_value_is_the_index_published_at_its_hour(tmp_path: Path) -> None:
    result = read(tmp_path, [[1, *range(100, 124)], [31, *range(200, 224)]])
    assert len(result.readings) == 48
    first, last = result.readings[0], result.readings[-1]
    assert first.time == datetime(2024, 1, 1, 0, tzinfo=IST)
    assert last.time == datetime(2024, 1, 31, 23, tzinfo=IST)
    assert (dict(first.published), dict(first.values), first.station) == ({"aqi": 100}, {}, "")
    assert (last.published["aqi"], last.source, last.city) == (223, "cpcb-export", "Mumbai")
    assert (result.rows_read, result.values_read, result.values_kept) == (2, 48, 48)


def test_gaps_and_impossible_values_are_counted(tmp_path: Path) -> None:
    result = read(tmp_path, [[1, None, "NA", 501, "bad", 100.0, *[50] * 19], [2, 7]])
    assert result.rejected == {"missing": 25, "implausible": 1, "not_a_number": 1}
    assert result.readings[0].published == {"aqi": 100}
    assert len(result.readings) == 21


def test_a_day_that_the_month_has_not_is_no_time(tmp_path: Path) -> None:
    name = NAME.replace("January", "February")
    result = read(tmp_path, [[29, *[50] * 24], [30, *[60] * 24], [31, *[None] * 24]], name=name)
    assert result.rejected == {"bad_time": 24, "missing": 24}
    assert result.last == datetime(2024, 2, 29, 23, tzinfo=IST)


@pytest.mark.parametrize(
    ("name", "city", "station"),
    [
        ("AQI_hourly_city_level_mumbai_2024_January_mumbai_January_2024.xlsx", "Mumbai", ""),
        ("aqi_hourly_city_level__2024_January_ahmedabad_2024.xlsx", "Ahmedabad", ""),
        ("AQI_hourly_city_level_navi_mumbai_2024_January (2).xlsx", "Navi Mumbai", ""),
        (
            "aqi_hourly_station_level_anand_vihar,_delhi_-_dpcc_2024_January_delhi_2024.xlsx",
            "Delhi",
            "Anand Vihar, Delhi - DPCC",
        ),
    ],
)
def test_names_that_the_portal_gives(tmp_path: Path, name: str, city: str, station: str) -> None:
    [reading] = read(tmp_path, [[5, 80]], name=name, city=city).readings
    assert reading.time == datetime(2024, 1, 5, 0, tzinfo=IST)
    assert (reading.city, reading.station) == (city, station)
    with pytest.raises(DataError, match=f"data of {city}, not of Patna"):
        read(tmp_path, [[5, 80]], name=name, city="Patna")


def test_a_name_without_a_month_is_refused_unless_the_rows_have_whole_dates(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="AQI_hourly_city_level_mumbai_2024_January"):
        read(tmp_path, [[5, 80]], name="aqi.xlsx")
    [reading] = read(tmp_path, [[datetime(2024, 1, 5), 80]], name="aqi.xlsx").readings  # noqa: DTZ001
    assert reading.time == datetime(2024, 1, 5, 0, tzinfo=IST)


def test_hours_to_come_are_refused(tmp_path: Path) -> None:
    path = workbook(tmp_path / NAME, [["Date", *HOURS], [1, *[70] * 24]])
    now = datetime(2024, 1, 1, 12, 15, tzinfo=IST)
    result = read_file(path, city=find_city("Mumbai"), station=None, format="cpcb", now=now)
    assert result.rejected == {"future": 11}
    assert result.last == datetime(2024, 1, 1, 12, tzinfo=IST)


def test_a_portal_export_may_be_a_workbook_too(tmp_path: Path) -> None:
    rows: list[list[object]] = [
        ["Station", "Ridge, Delhi - IMD"],
        ["From Date", "To Date", "PM2.5 (µg/m³)", "NH3 (µg/m³)"],
        ["01-01-2024 00:00", "01-01-2024 01:00", 12.5, None],
        [datetime(2024, 1, 1, 1), datetime(2024, 1, 1, 1, 59, 59, 999_900), 13, 4],  # noqa: DTZ001
    ]
    path = workbook(tmp_path / "site_10420240101.xlsx", rows)
    result = read_file(path, city=find_city("Delhi"), station=None, format=None, now=NOW)
    assert result.station == "Ridge, Delhi - IMD"
    assert [dict(r.values) for r in result.readings] == [{"pm25": 12.5}, {"pm25": 13.0, "nh3": 4.0}]
    assert result.last == datetime(2024, 1, 1, 2, tzinfo=IST)
