"""CPCB's portal exports into hourly readings."""

from __future__ import annotations

import csv
import gzip
import io
import math
import statistics
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from common.domain.cities import find_city
from common.domain.errors import DataError
from common.domain.observation import IST, hour_ending
from common.ingest.files.read import read_file

if TYPE_CHECKING:
    from pathlib import Path

    from common.ingest.files.result import ImportResult

JAIPUR = find_city("Jaipur")
NOW = datetime(2026, 1, 1, tzinfo=UTC)
NAME = "Raw_data_15Min_2025_site_134_Police_Commissionerate_Jaipur_RSPCB_15Min.csv"
HOUR = "2025-01-01 00:00:00,{}\n2025-01-01 00:15:00,{}\n2025-01-01 00:30:00,{}\n2025-01-01 00:45:00,{}\n"


def read(folder: Path, text: str, *, name: str = NAME, station: str | None = None) -> ImportResult:
    path = folder / name
    path.write_text(text, encoding="utf-8")
    result = read_file(path, city=JAIPUR, station=station, format=None, now=NOW)
    assert result.values_read == result.values_kept + sum(result.rejected.values())
    return result


def only_row(folder: Path, header: str, *cells: str) -> dict[str, float]:
    """The values of the one hour that four quarters make."""
    [reading] = read(folder, f"Timestamp,{header}\n" + HOUR.format(*cells)).readings
    return dict(reading.values)


def test_four_quarters_make_the_hour_in_which_they_end(tmp_path: Path) -> None:
    result = read(tmp_path, "Timestamp,PM2.5 (µg/m³)\n" + HOUR.format(10, 20, 30, 41))
    [reading] = result.readings
    assert reading.time == datetime(2025, 1, 1, 1, 0, tzinfo=IST)
    assert reading.values == {"pm25": 25.25}
    assert (reading.source, reading.basis, reading.city) == ("cpcb-export", "measured", "Jaipur")
    assert reading.station == result.station == "Police Commissionerate, Jaipur - RSPCB"
    assert (result.rows_read, result.values_read, result.values_kept, result.hourly_values) == (4, 4, 4, 1)
    assert result.interval_minutes == 15
    assert (result.first, result.last) == (reading.time, reading.time)


def test_three_quarters_are_enough_and_two_are_not(tmp_path: Path) -> None:
    header = "Timestamp,PM2.5 (µg/m³),PM10 (µg/m³)\n"
    result = read(tmp_path, header + HOUR.format("1,1", "2,NA", "NA,2", "3,None"))
    [reading] = result.readings
    assert reading.values == {"pm25": 2.0}
    assert result.rejected == {"missing": 3, "too_few": 2}
    assert result.hours_short == 1


def test_the_last_row_of_the_year_belongs_to_the_hour_that_ends_the_year(tmp_path: Path) -> None:
    rows = "".join(f"2024-12-31 23:{minute:02}:00,5\n" for minute in (0, 15, 30, 45))
    [reading] = read(tmp_path, "Timestamp,NO2 (µg/m³)\n" + rows).readings
    assert reading.time == datetime(2024, 12, 31, 18, 30, tzinfo=UTC)


def test_wind_is_averaged_as_vectors_and_its_speed_as_numbers(tmp_path: Path) -> None:
    values = only_row(tmp_path, "WS (m/s),WD (deg)", "2,350", "2,10", "2,350", "2,10")
    assert values["wind_speed"] == pytest.approx(2.0)
    assert values["wind_u"] == pytest.approx(0.0, abs=1e-12)
    assert values["wind_v"] == pytest.approx(-2 * math.cos(math.radians(10)))
    assert "wind_direction" not in values


def test_a_direction_without_a_speed_is_not_kept(tmp_path: Path) -> None:
    result = read(tmp_path, "Timestamp,WS (m/s),WD (deg)\n" + HOUR.format("1,90", "1,90", "NA,90", "1,NA"))
    assert result.rejected == {"missing": 2, "no_speed": 1, "too_few": 2}
    assert result.readings[0].values == {"wind_speed": 1.0}


def test_rain_is_summed(tmp_path: Path) -> None:
    assert only_row(tmp_path, "RF (mm)", "0.2", "0", "1.5", "0.3")["rain"] == pytest.approx(2.0)


def test_units_are_turned_into_those_that_are_kept(tmp_path: Path) -> None:
    header = "CO (mg/m³),BP (mmHg),Ozone (ppb),AT (degree C),SR (W/mt2),RH (%)"
    values = only_row(tmp_path, header, *["1.5,750,10,20,100,50"] * 4)
    assert values["co"] == 1.5
    assert values["pressure"] == pytest.approx(999.9, abs=0.1)
    assert values["o3"] == pytest.approx(19.63)
    assert (values["temperature"], values["solar_radiation"], values["humidity"]) == (20, 100, 50)


def test_columns_that_are_not_kept_are_named_and_cost_nothing(tmp_path: Path) -> None:
    result = read(tmp_path, "Timestamp,NO (µg/m³),PM10 (µg/m³),TOT-RF (mm)\n" + HOUR.format(*["7,5,1"] * 4))
    assert result.readings[0].values == {"pm10": 5.0}
    assert any("unknown_column" in note and "NO (µg/m³), TOT-RF (mm)" in note for note in result.notes)
    assert result.values_read == 4


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("NA", "missing"),
        ("None", "missing"),
        ("", "missing"),
        ("-999", "missing"),
        ("much", "not_a_number"),
        ("1_0", "not_a_number"),
        ("1,5", "not_a_number"),
        ("-4", "implausible"),
        ("inf", "implausible"),
        ("99999", "implausible"),
    ],
)
def test_a_bad_value_is_counted_by_its_reason(tmp_path: Path, text: str, reason: str) -> None:
    cell = f'"{text}"' if "," in text else text
    result = read(
        tmp_path, "Timestamp,PM2.5 (µg/m³),NO2 (µg/m³)\n" + HOUR.format(f"{cell},1", "1,1", "1,1", "1,1")
    )
    assert result.rejected == {reason: 1}
    assert result.readings[0].values == {"pm25": 1.0, "no2": 1.0}


def test_stamps_that_are_no_times_cost_their_row_only(tmp_path: Path) -> None:
    text = "Timestamp,PM10 (µg/m³)\n" + HOUR.format(1, 2, 3, 4) + "total,10\n2025-02-30 00:00:00,5\n,7\n"
    result = read(tmp_path, text)
    assert result.rejected == {"bad_time": 3}
    assert result.readings[0].values == {"pm10": 2.5}


def test_rows_out_of_order_are_sorted_and_said(tmp_path: Path) -> None:
    lines = HOUR.format(1, 2, 3, 4).splitlines(keepends=True)
    result = read(tmp_path, "Timestamp,PM10 (µg/m³)\n" + "".join(reversed(lines)))
    assert result.readings[0].values == {"pm10": 2.5}
    assert any(note.startswith("out_of_order: 3 ") for note in result.notes)


def test_of_one_stamp_twice_the_first_value_stays_and_gaps_are_filled(tmp_path: Path) -> None:
    header = "Timestamp,PM10 (µg/m³),NO2 (µg/m³),SO2 (µg/m³)\n"
    text = header + HOUR.format("1,NA,4", "1,5,4", "1,5,4", "1,5,4") + "2025-01-01 00:00:00,1.0,5,6\n"
    result = read(tmp_path, text)
    assert result.rejected == {"missing": 1, "duplicate": 1, "conflict": 1}
    assert result.readings[0].values == {"pm10": 1.0, "no2": 5.0, "so2": 4.0}


def test_what_has_not_ended_yet_is_refused(tmp_path: Path, now: datetime) -> None:
    start = now.astimezone(IST).replace(tzinfo=None)
    rows = "".join(f"{start + timedelta(minutes=m)},5\n" for m in range(-60, 60, 15))
    path = tmp_path / NAME
    path.write_text("Timestamp,PM10 (µg/m³)\n" + rows, encoding="utf-8")
    result = read_file(path, city=JAIPUR, station=None, format="cpcb", now=now)
    assert result.rejected == {"future": 4}
    assert [reading.time for reading in result.readings] == [now]


def test_an_hourly_export_needs_one_value_an_hour(tmp_path: Path) -> None:
    result = read(tmp_path, "Timestamp,PM10 (µg/m³)\n2025-01-01 00:00:00,1\n2025-01-01 01:00:00,2\n")
    assert result.interval_minutes == 60
    assert [(r.time.astimezone(IST).hour, r.values["pm10"]) for r in result.readings] == [(1, 1.0), (2, 2.0)]


def test_daily_means_are_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="1440 minutes apart"):
        read(tmp_path, "Timestamp,PM10 (µg/m³)\n2025-01-01 00:00:00,1\n2025-01-02 00:00:00,2\n")


def test_one_row_does_not_tell_its_interval_unless_its_end_is_given(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="15 minutes or of an hour"):
        read(tmp_path, "Timestamp,PM10 (µg/m³)\n2025-01-01 00:00:00,1\n")
    result = read(tmp_path, "From Date,To Date,PM10 (µg/m³)\n01-01-2025 00:00,01-01-2025 01:00,1\n")
    assert result.interval_minutes == 60
    assert result.readings[0].time == datetime(2024, 12, 31, 19, 30, tzinfo=UTC)


OLD = """CENTRAL POLLUTION CONTROL BOARD,
CONTINUOUS AMBIENT AIR QUALITY,
Date: Tuesday May 19 2026,
,State,Rajasthan
,City,{city}
,Station,"Shastri Nagar, Jaipur - RSPCB"
,Parameter,PM2.5,PM10,CO
,AvgPeriod,1 Hours
,From,18-05-2025T00:00:00Z 00:00
,
Prescribed Standards,,0-60,0-100,0-4
From Date,To Date,PM2.5,PM10,CO
18-05-2025 00:00,18-05-2025 01:00,38.21,65.4,0.5
18-05-2025 01:00,18-05-2025 02:00,34.76,None,0.4
"""


def test_an_older_export_tells_its_station_and_has_the_portals_units(tmp_path: Path) -> None:
    result = read(tmp_path, OLD.format(city="Jaipur"), name="site_1396.csv")
    assert result.station == "Shastri Nagar, Jaipur - RSPCB"
    assert result.readings[0].values == {"pm25": 38.21, "pm10": 65.4, "co": 0.5}
    assert result.readings[0].time == datetime(2025, 5, 18, 1, tzinfo=IST)
    assert any("no unit given for PM2.5, PM10, CO" in note for note in result.notes)


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("site_1396.csv", OLD.format(city="Ludhiana")),
        ("Raw_data_15Min_2025_site_1_Sidhrawali_Navi_Mumbai_MPCB_15Min.csv", OLD.format(city="")),
    ],
)
def test_a_file_of_another_city_is_refused(tmp_path: Path, name: str, text: str) -> None:
    with pytest.raises(DataError, match=r"data of (Ludhiana|Navi Mumbai), not of Jaipur"):
        read(tmp_path, text, name=name, station="S")


@pytest.mark.parametrize(
    ("city", "name", "station"),
    [
        (
            "Navi Mumbai",
            "Raw_data_15Min_2024_site_1_Nerul_Navi_Mumbai_MPCB_15Min (1).csv",
            "Nerul, Navi Mumbai - MPCB",
        ),
        (
            "Delhi",
            "15Min_2017_site_103_CRRI_Mathura_Road_Delhi_IMD_15Min.csv",
            "CRRI Mathura Road, Delhi - IMD",
        ),
        ("Bangalore", "Raw_data_1Hr_2025_site_9_Hebbal_Bengaluru_KSPCB_1Hr.csv", "Hebbal, Bengaluru - KSPCB"),
        (
            "Hubli-Dharwad",
            "Raw_data_1H_2025_site_9_Kalabhavan_Dharwad_KSPCB_1H.csv",
            "Kalabhavan, Dharwad - KSPCB",
        ),
    ],
)
def test_the_station_is_read_from_the_portals_file_name(
    tmp_path: Path, city: str, name: str, station: str
) -> None:
    path = tmp_path / name
    path.write_text("Timestamp,PM10 (µg/m³)\n" + HOUR.format(1, 2, 3, 4), encoding="utf-8")
    result = read_file(path, city=find_city(city), station=None, format=None, now=NOW)
    assert result.station == station


def test_without_a_telling_name_the_station_must_be_given(tmp_path: Path) -> None:
    text = "Timestamp,PM10 (µg/m³)\n" + HOUR.format(1, 2, 3, 4)
    with pytest.raises(DataError, match="--station"):
        read(tmp_path, text, name="jaipur.csv")
    assert read(tmp_path, text, name="jaipur.csv", station="Roof").readings[0].station == "Roof"


def test_an_unknown_unit_is_named_with_the_column_and_the_accepted_ones(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"'CO \(drops\)'.*'drops'.*mg/m³, ppb, ppm"):
        read(tmp_path, "Timestamp,CO (drops)\n" + HOUR.format(1, 2, 3, 4))


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("Timestamp,PM10 (µg/m³),PM10 (µg/m³)\n" + HOUR.format(*["1,2"] * 4), "two columns are named 'PM10'"),
        ("Timestamp,Station,PM10 (µg/m³)\n" + HOUR.format(*["A,2"] * 4), "column 'Station'"),
        ("Timestamp,PM10 (µg/m³)\n2025-01-01T00:00:00Z,1\n2025-01-01T01:00:00Z,2\n", "offset to UTC"),
        ("Timestamp,PM10 (µg/m³)\nyesterday,1\n", "'yesterday'; expected"),
        ("Timestamp,PM10 (µg/m³)\n", "no rows under the headings"),
        (
            "Timestamp,NO2 (µg/m³)\n" + HOUR.format(*"1234") + "Timestamp,PM10 (µg/m³)\n",
            "second table begins",
        ),
        ("When,PM10 (µg/m³)\n1,2\n", "no column 'Timestamp' or 'From Date'. Found 'When', 'PM10"),
        (
            "Timestamp,Benzene (µg/m³)\n1,2\n",
            "no column of a variable that is kept. Found 'Timestamp', 'Benz",
        ),
    ],
)
def test_a_table_that_does_not_say_what_it_means_is_refused(tmp_path: Path, text: str, says: str) -> None:
    with pytest.raises(DataError) as refused:
        read(tmp_path, text)
    assert says in str(refused.value)
    assert NAME in str(refused.value)


cells = st.one_of(st.just("NA"), st.decimals(0, 900, places=2).map(str))


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.tuples(cells, cells), min_size=5, max_size=30),
    st.integers(0, 3),
    st.sampled_from([15, 30, 60]),
    st.randoms(use_true_random=False),
)
def test_hours_are_the_means_of_what_the_table_says(tmp_path_factory, rows, skip, minutes, random) -> None:  # type: ignore[no-untyped-def]
    """Against a computation by hand, rows in any order, plain and gzipped."""
    start = datetime(2025, 3, 1, 22, 0, tzinfo=IST) + skip * timedelta(minutes=minutes)
    table = [(start + n * timedelta(minutes=minutes), *row) for n, row in enumerate(rows)]
    expected: dict[tuple[datetime, str], list[float]] = {}
    for stamp, *texts in table:
        hour = hour_ending(stamp + timedelta(minutes=minutes))
        for name, text in zip(("pm25", "o3"), texts, strict=True):
            if text != "NA":
                expected.setdefault((hour, name), []).append(float(text))
    need = {15: 3, 30: 2, 60: 1}[minutes]
    means = {key: statistics.fmean(item) for key, item in expected.items() if len(item) >= need}

    random.shuffle(table)
    text = io.StringIO()
    csv.writer(text).writerows(
        [
            ("Timestamp", "PM2.5 (µg/m³)", "Ozone (µg/m³)"),
            *((f"{t:%Y-%m-%d %H:%M:%S}", *v) for t, *v in table),
        ]
    )
    path = tmp_path_factory.mktemp("export") / (NAME + ".gz")
    path.write_bytes(gzip.compress(text.getvalue().encode()))
    result = read_file(path, city=JAIPUR, station=None, format=None, now=NOW)

    assert result.interval_minutes == minutes
    actual = {(r.time, name): value for r in result.readings for name, value in r.values.items()}
    assert actual == pytest.approx(means)
    assert [r.time for r in result.readings] == sorted({hour for hour, _ in means})
    assert result.values_kept == sum(len(v) for v in expected.values() if len(v) >= need)
    assert result.values_read == 2 * len(rows) == result.values_kept + sum(result.rejected.values())
    assert result.hours_short == len(expected) - len(means)
