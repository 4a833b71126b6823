"""Long tables into readings: the stamp is the end of the hour."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from common.domain.cities import find_city
from common.domain.errors import DataError
from common.domain.observation import IST
from common.domain.units import to_canonical
from common.ingest.files.read import Format, read_file

if TYPE_CHECKING:
    from pathlib import Path

    from common.ingest.files.result import ImportResult

NOW = datetime(2026, 1, 1, tzinfo=UTC)
HEADER = "time,variable,value,unit\n"


def read(
    folder: Path,
    text: str,
    *,
    station: str | None = None,
    format: Format | None = None,  # noqa: A002
) -> ImportResult:
    path = folder / "table.csv"
    path.write_text(text, encoding="utf-8")
    result = read_file(path, city=find_city("Delhi"), station=station, format=format, now=NOW)
    assert result.values_read == result.values_kept + sum(result.rejected.values())
    return result


def test_values_of_one_time_make_one_reading(tmp_path: Path) -> None:
    text = HEADER + (
        "2025-01-01T10:30:00Z,pm25,80,µg/m³\n"
        "2025-01-01T16:00:00+05:30,CO,1200,ug/m3\n"
        "01-01-2025 16:00,RH,40,%\n"
    )
    [reading] = read(tmp_path, text).readings
    assert reading.time == datetime(2025, 1, 1, 10, 30, tzinfo=UTC)
    assert reading.values == pytest.approx({"pm25": 80.0, "co": 1.2, "humidity": 40.0})
    assert (reading.source, reading.station, reading.basis) == ("long-table", "", "measured")


def test_a_column_of_utc_is_taken_as_utc(tmp_path: Path) -> None:
    [reading] = read(tmp_path, "time_utc,variable,value,unit\n2025-01-01 10:00,pm25,80,ug/m3\n").readings
    assert reading.time == datetime(2025, 1, 1, 10, tzinfo=UTC)


def test_speed_and_direction_become_components(tmp_path: Path) -> None:
    rows = "2025-01-01 16:00,wind_speed,3,m/s\n2025-01-01 16:00,wind_direction,270,deg\n"
    [reading] = read(tmp_path, HEADER + rows).readings
    assert reading.values == pytest.approx({"wind_speed": 3, "wind_u": 3, "wind_v": 0}, abs=1e-12)


def test_an_index_is_published_and_not_measured(tmp_path: Path) -> None:
    text = (
        HEADER
        + "2025-01-01 16:00,AQI,187,\n2025-01-01 16:00,pm25,151,index\n2025-01-01 16:00,pm25,78.5,µg/m³\n"
    )
    [reading] = read(tmp_path, text).readings
    assert reading.published == {"aqi": 187, "pm25": 151}
    assert reading.values == {"pm25": 78.5}


def test_another_index_than_the_indian_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="'US AQI', which is not known for it; accepted: index"):
        read(tmp_path, HEADER + "2025-01-01 16:00,aqi,187,US AQI\n")


def test_rows_of_other_cities_are_refused_and_aliases_understood(tmp_path: Path) -> None:
    text = "time,city,variable,value,unit\n" + "".join(
        f"2025-01-01 16:00,{city},{variable},5,µg/m³\n"
        for city, variable in [("New Delhi", "pm25"), ("Mumbai", "pm10"), ("Atlantis", "no2"), ("", "o3")]
    )
    result = read(tmp_path, text)
    assert result.readings[0].values == {"pm25": 5.0, "o3": 5.0}
    assert result.rejected == {"other_city": 2}


STATIONS = "time,location_name,parameter,value,units\n" + "".join(
    f'2025-01-01T{hour:02}:30:00Z,"{name}",pm25,{value},µg/m³\n'
    for hour in (1, 2)
    for name, value in (("ITO, Delhi - CPCB", 5), ("Ridge, Delhi - IMD", 7))
)


def test_stations_stay_apart_and_one_can_be_picked(tmp_path: Path) -> None:
    result = read(tmp_path, STATIONS)
    assert result.stations == ("ITO, Delhi - CPCB", "Ridge, Delhi - IMD")
    assert len(result.readings) == 4
    picked = read(tmp_path, STATIONS, station="ridge delhi imd")
    assert {reading.station for reading in picked.readings} == {"Ridge, Delhi - IMD"}
    assert picked.rejected == {"other_station": 2}
    with pytest.raises(DataError, match="no station 'Lodhi' in it; it has ITO"):
        read(tmp_path, STATIONS, station="Lodhi")


def test_the_only_station_can_be_named(tmp_path: Path) -> None:
    result = read(tmp_path, HEADER + "2025-01-01 16:00,pm25,5,ug/m3\n", station="Roof")
    assert result.readings[0].station == result.station == "Roof"


def test_each_bad_row_is_counted_by_its_reason(tmp_path: Path) -> None:
    rows = [
        "2025-01-01 16:00,pm25,5,ug/m3",
        "2025-01-01 16:00,pm25,5.0,ug/m3",
        "2025-01-01 16:00,pm25,6,ug/m3",
        "2025-01-01 17:00,pm25,,",
        "2025-01-01 17:00,pm25,-999,ug/m3",
        "2025-01-01 17:00,pm25,-3,ug/m3",
        "2025-01-01 17:00,pm25,x,ug/m3",
        "2026-02-01 17:00,pm25,5,ug/m3",
        "16 o'clock,pm25,5,ug/m3",
        "2025-01-01 17:00,pm1,5,ug/m3",
        "2025-01-01 17:00,Ridge, Delhi - IMD,pm25,5,ug/m3",
    ]
    result = read(tmp_path, HEADER + "\n".join(rows) + "\n")
    assert result.rejected == {
        "duplicate": 1, "conflict": 1, "missing": 2, "implausible": 1, "not_a_number": 1, "future": 1,
        "bad_time": 1, "unknown_variable": 1, "wrong_width": 1,
    }  # fmt: skip
    assert [reading.values["pm25"] for reading in result.readings] == [5.0]
    assert result.rows_read == len(rows)
    assert "unknown_variable: not kept: pm1" in result.notes


def test_quarters_of_an_hour_become_hours(tmp_path: Path) -> None:
    rows = "".join(f"2025-01-01 15:{m:02},pm25,{m},ug/m3\n" for m in (15, 30, 45))
    result = read(tmp_path, HEADER + rows + "2025-01-01 16:00,pm25,60,ug/m3\n2025-01-01 16:15,pm25,1,ug/m3\n")
    [reading] = result.readings
    assert reading.time == datetime(2025, 1, 1, 16, tzinfo=IST)
    assert reading.values == {"pm25": 37.5}
    assert result.rejected == {"too_few": 1}


def test_hourly_variables_may_have_stamps_of_their_own(tmp_path: Path) -> None:
    hours = range(8, 12)
    rows = [f"2025-01-01T{h:02}:00:00Z,pm25,5,ug/m3\n2025-01-01T{h:02}:30:00Z,humidity,5,%\n" for h in hours]
    result = read(tmp_path, HEADER + "".join(rows))
    assert result.values_kept == len(result.readings) == 8


def test_tables_of_official_aqi(tmp_path: Path) -> None:
    rows = ("2024-01-01 00:00:00,129.0,Delhi", "2024-01-01 01:00:00,,Delhi", "2024-01-01 00:00:00,9,Pune")
    text = "\n".join(("time_ist,aqi,city", *rows))
    for format in (None, "long", "cpcb"):  # noqa: A001
        result = read(tmp_path, text, format=format)
        [reading] = result.readings
        assert (dict(reading.published), dict(reading.values)) == ({"aqi": 129}, {})
        assert (reading.source, reading.time) == ("cpcb-export", datetime(2024, 1, 1, tzinfo=IST))
        assert result.rejected == {"missing": 1, "other_city": 1}


def test_airnows_tables_fit_as_they_are(tmp_path: Path) -> None:
    header = (
        "Site,Parameter,Date (LT),Year,Month,Day,Hour,NowCast Conc.,AQI,AQI Category,Raw Conc.,Conc. Unit,"
        "Duration,QC Name\n"
    )
    row = "New Delhi,PM2.5 - Principal,2015-01-01 {},2015,01,01,01,-999.0,-999,N/A,{},UG/M3,1 Hr,{}\n"
    text = header + "".join(
        row.format(*cells)
        for cells in (
            ("01:00 AM", 88.0, "Valid"),
            ("12:00 PM", 90, "Invalid"),
            ("01:00 PM", "-999.0", "Missing"),
            ("11:00 PM", 91, "Valid"),
        )
    )
    result = read(tmp_path, text, station="US Embassy")
    assert [(r.time.astimezone(IST).hour, r.values["pm25"], r.station) for r in result.readings] == [
        (1, 88.0, "US Embassy"),
        (23, 91.0, "US Embassy"),
    ]
    assert result.rejected == {"flagged": 1, "missing": 1}


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("time,variable,value\n2025-01-01 16:00,pm25,5\n", "no column 'unit'"),
        ("variable,value,unit\npm25,5,ug/m3\n", "no column 'time'. Found 'variable', 'value', 'unit'"),
        (HEADER + "2025-01-01 16:00,pm25,5,buckets\n", "accepted: µg/m³, mg/m³"),
        (HEADER + "now,pm25,5,ug/m3\n", "no row has a time that can be read"),
        (HEADER, "no rows under the headings"),
        (HEADER + "".join(f"2025-01-0{day} 00:00,pm25,5,ug/m3\n" for day in range(1, 8)), "daily"),
        (HEADER + "2025-01-01,pm25,5,ug/m3\n", "no row has a time that can be read"),
        ("time,aqi,pm25\n2025-01-01T10:30:00Z,80,40\n", "no column 'Timestamp' or 'From Date'"),
    ],
)
def test_a_table_that_does_not_say_what_it_means_is_refused(tmp_path: Path, text: str, says: str) -> None:
    with pytest.raises(DataError) as refused:
        read(tmp_path, text)
    assert says in str(refused.value)


def test_the_format_that_was_asked_for_is_held_to(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="it is a long table"):
        read(tmp_path, HEADER + "2025-01-01 16:00,pm25,5,ug/m3\n", format="cpcb")
    with pytest.raises(DataError, match="no column 'variable', 'value', 'unit'"):
        read(tmp_path, "Timestamp,PM10 (µg/m³)\n2025-01-01 00:00:00,1\n", format="long")


UNITS = [
    ("pm25", "µg/m³"),
    ("pm25", "mg/m³"),
    ("o3", "ppb"),
    ("co", "ppm"),
    ("temperature", "°F"),
    ("pressure", "kPa"),
]
stamps = st.integers(0, 200).map(lambda hours: datetime(2025, 1, 1, tzinfo=UTC) + timedelta(hours=hours))


@settings(max_examples=60, deadline=None)
@given(
    st.dictionaries(
        st.tuples(stamps, st.sampled_from(UNITS).map(lambda unit: unit[0]), st.sampled_from(["", "A", "B"])),
        st.tuples(st.floats(85.0, 105.0), st.booleans()),
        min_size=1,
        max_size=40,
    )
)
def test_every_value_comes_back(tmp_path_factory, table) -> None:  # type: ignore[no-untyped-def]
    """Written in any unit and either way of telling the time, read in the unit that is kept."""
    units: dict[str, str] = dict(reversed(UNITS))
    units["pm25"] = "µg/m³"
    lines = ["time,station,variable,value,unit"]
    expected: dict[tuple[datetime, str, str], float] = {}
    for (time, variable, station), (value, naive) in table.items():
        stamp = f"{time.astimezone(IST):%Y-%m-%d %H:%M}" if naive else time.isoformat()
        lines.append(f"{stamp},{station},{variable},{value!r},{units[variable]}")
        expected[time, station, variable] = to_canonical(variable, value, units[variable])
    result = read(tmp_path_factory.mktemp("long"), "\n".join(lines) + "\n")
    actual = {(r.time, r.station, name): value for r in result.readings for name, value in r.values.items()}
    assert actual == pytest.approx(expected)
    assert len({(r.time, r.station) for r in result.readings}) == len(result.readings)
    assert result.values_kept == len(table)
