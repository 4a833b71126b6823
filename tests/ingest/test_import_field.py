"""Small inputs of real forms on which imports erred once, where VAYU_TEST_DATA names the folder that holds them."""

from __future__ import annotations

import os
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from common.domain.cities import find_city
from common.domain.errors import DataError
from common.domain.observation import HOUR, IST
from common.ingest.files.identity import unify
from common.ingest.files.read import read_file
from common.ingest.reconcile import reconcile
from common.store.engine import Database, run
from common.store.readings import upsert_readings

if TYPE_CHECKING:
    from common.ingest.files.result import ImportResult
    from common.tables.stamps import Order

FIELD = Path(os.environ.get("VAYU_TEST_DATA", "no-such-folder")) / "field"
NOW = datetime(2026, 1, 1, tzinfo=UTC)
RAW = "Raw_data_1Hr_2025_site_122_ITO_Delhi_CPCB_1Hr.csv"

pytestmark = pytest.mark.skipif(
    not FIELD.is_dir(), reason="VAYU_TEST_DATA names no folder with a folder 'field' in it"
)


def read(
    name: str, city: str = "Delhi", station: str | None = None, order: Order | None = None
) -> ImportResult:
    result = read_file(FIELD / name, city=find_city(city), station=station, format=None, now=NOW, order=order)
    assert result.values_read == result.values_kept + sum(result.rejected.values())
    return result


def aqi(database: Database, city: str, time: datetime, *names: str) -> int:
    """The city's AQI of that hour after an import of the files."""
    results = [read(name, city) for name in names]
    unify(results)
    with database.transaction() as connection:
        for result in results:
            upsert_readings(connection, result.readings, now=NOW)
        reconcile(connection, city, time.astimezone(UTC) - HOUR, time.astimezone(UTC), now=NOW)
        [(value,)] = run(
            connection, "SELECT aqi FROM city_hour WHERE city = :c AND time = :t", c=city, t=time
        )
    return int(value)


def test_month_first() -> None:
    result = read("month_first.csv", "Jaipur", "Adarsh Nagar, Jaipur - RSPCB")
    assert (result.first, result.last) == (
        datetime(2024, 1, 1, 1, tzinfo=IST),
        datetime(2024, 1, 15, tzinfo=IST),
    )
    assert all(
        each.values["pm25"] == ((each.time - HOUR).astimezone(IST).day + 0.5) for each in result.readings
    )


def test_half_converted_dates() -> None:
    result = read("half_converted_dates.xlsx", station="Test, Delhi - DPCC")
    assert (result.first, result.last) == (
        datetime(2024, 2, 1, 1, tzinfo=IST),
        datetime(2024, 2, 15, tzinfo=IST),
    )
    assert len(result.readings) == 14 * 24


@pytest.mark.parametrize(
    "name",
    [
        "aqi_hourly_city_level__2025_October_delhi_2025.xlsx",
        "aqi_hourly_station_level_ito,_delhi_-_cpcb_2025_October_delhi_2025.xlsx",
    ],
)
def test_a_published_index_is_not_averaged(database: Database, name: str) -> None:
    assert aqi(database, "Delhi", datetime(2025, 10, 3, 12, tzinfo=IST), name, RAW) == 200


def test_one_instrument_counts_once(database: Database) -> None:
    assert aqi(database, "Hyderabad", datetime(2025, 10, 2, tzinfo=IST), "one_station_two_names.csv") == 216


def test_a_city_level_table_that_names_a_station_is_the_stations() -> None:
    result = read("aqi_hourly_city_level_anand_vihar,_delhi_-_dpcc_2025_October_delhi_2025.xlsx")
    assert result.stations == ("Anand Vihar, Delhi - DPCC",)


def test_24_00() -> None:
    result = read("AQI_hourly_city_level_delhi_2024_January_delhi_2024.csv")
    assert (result.values_read, result.values_kept) == (48, 48)
    assert result.last == datetime(2024, 1, 3, tzinfo=IST)


def test_an_inclusive_end() -> None:
    result = read("to_is_inclusive.csv", station="Test, Delhi - DPCC")
    assert (result.interval_minutes, [each.values["pm25"] for each in result.readings]) == (
        15,
        [300.0, 301.0, 302.0],
    )


def test_a_zip_archive() -> None:
    assert read("zip_of_csv.zip").stations == ("Shadipur, Delhi - CPCB",)


def test_a_web_page() -> None:
    with pytest.raises(DataError, match="--dates day-first"):
        read("web_page.xls")
    result = read("web_page.xls", order="day-first")
    assert (result.stations, result.interval_minutes) == (("Test, Delhi - DPCC",), 15)
    assert result.rejected == {"too_few": 1}
