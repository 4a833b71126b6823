"""One table in every form that programs give it: the same hours come back, or it is refused whole."""

from __future__ import annotations

import csv
import gzip
import io
import zipfile
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from openpyxl import Workbook

from common.domain.cities import find_city
from common.domain.errors import DataError
from common.domain.observation import IST
from common.ingest.files.identity import unify
from common.ingest.files.read import read_file

if TYPE_CHECKING:
    from pathlib import Path

    from common.ingest.files.result import ImportResult
    from common.tables.stamps import Order

NOW = datetime(2026, 1, 1, tzinfo=UTC)
START = datetime(2024, 1, 1)  # noqa: DTZ001 - Indian time, as the portal writes it
STATION = "Test, Delhi - DPCC"
FORMS = {
    "ISO": "%Y-%m-%d %H:%M:%S",
    "ISO with T": "%Y-%m-%dT%H:%M",
    "day-first": "%d/%m/%Y %H:%M",
    "day-first, dashes": "%d-%m-%Y %H:%M:%S",
    "day-first, dots": "%d.%m.%Y %H:%M",
    "month-first": "%m/%d/%Y %H:%M",
    "month-first, unpadded": "%-m/%-d/%Y %-H:%M",
    "month-first, two digits": "%-m/%-d/%y %-H:%M",
    "AM and PM": "%d/%m/%Y %I:%M %p",
    "month-first, AM and PM": "%-m/%-d/%Y %-I:%M:%S %p",
    "names": "%d-%b-%Y %H:%M",
    "microseconds off": "%Y-%m-%d %H:%M:%S.000400",
}
ENCODINGS = ("utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "latin-1", "cp1252")


def read(path: Path, *, order: Order | None = None, station: str | None = STATION) -> ImportResult:
    result = read_file(path, city=find_city("Delhi"), station=station, format=None, now=NOW, order=order)
    assert result.values_read == result.values_kept + sum(result.rejected.values())
    return result


def hours(result: ImportResult) -> dict[tuple[datetime, str], float]:
    return {(each.time, name): value for each in result.readings for name, value in each.values.items()}


def expected(rows: list[tuple[datetime, float]]) -> dict[tuple[datetime, str], float]:
    return {(time.replace(tzinfo=IST) + timedelta(hours=1), "pm25"): value for time, value in rows}


def table(days: int, first: datetime = START) -> list[tuple[datetime, float]]:
    return [(first + timedelta(hours=hour), 20 + hour % 97 + 0.5) for hour in range(24 * days)]


def text(rows: list[tuple[str, str]], separator: str) -> str:
    lines = io.StringIO()
    csv.writer(lines, delimiter=separator).writerows([("Timestamp", "PM2.5 (µg/m³)"), *rows])
    return lines.getvalue()


def pack(container: str, content: bytes) -> bytes:
    if container == "gz":
        return gzip.compress(content)
    if container == "zip":
        packed = io.BytesIO()
        with zipfile.ZipFile(packed, "w") as archive:
            archive.writestr("folder/export.csv", content)
        return packed.getvalue()
    return content


def workbook(path: Path, rows: list[list[object]]) -> Path:
    book = Workbook()
    sheet = book.active
    assert sheet is not None
    for row in rows:
        sheet.append(row)
    book.save(path)
    return path


def page(rows: list[tuple[str, str]]) -> str:
    cells = "".join(f"<tr><td>{time}</td><td>{value}</td></tr>" for time, value in rows)
    return (
        f"<html><body><table><tr><th>Timestamp</th><th>PM2.5 (µg/m³)</th></tr>{cells}</table></body></html>"
    )


@settings(max_examples=60, deadline=None)
@given(
    st.sampled_from(sorted(FORMS)),
    st.sampled_from(ENCODINGS),
    st.sampled_from([",", ";", "\t"]),
    st.sampled_from([".", ","]),
    st.sampled_from(["plain", "gz", "zip", "page"]),
    st.integers(0, 700),
    st.integers(2, 20),
)
def test_the_same_hours_come_back(  # type: ignore[no-untyped-def]
    tmp_path_factory, form, encoding, separator, decimal, container, start, days
) -> None:
    rows = table(days, START + timedelta(days=start))
    written = [(time.strftime(FORMS[form]), str(value).replace(".", decimal)) for time, value in rows]
    content = page(written) if container == "page" else text(written, separator)
    path = tmp_path_factory.mktemp("kinds") / ("export.xls" if container == "page" else "export.csv")
    path.write_bytes(pack(container, content.encode(encoding)))
    assert hours(read(path)) == expected(rows)


@pytest.mark.parametrize("wrong", ["2024-01-01 10:00:60", "2024-01-01 10:60:00", "2024-02-30 10:00:00"])
def test_a_time_that_no_clock_shows_costs_its_row(tmp_path: Path, wrong: str) -> None:
    rows = [(time.strftime(FORMS["ISO"]), str(value)) for time, value in table(2)]
    path = tmp_path / "export.csv"
    path.write_text(text([*rows, (wrong, "33.5")], ","), encoding="utf-8")
    result = read(path)
    assert hours(result) == expected(table(2))
    assert result.rejected == {"bad_time": 1}


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 700), st.integers(1, 20), st.sampled_from(["%d/%m/%Y %H:%M", "%m/%d/%Y %H:%M"]))
def test_dates_are_read_right_or_the_file_is_refused(tmp_path_factory, start, days, form) -> None:  # type: ignore[no-untyped-def]
    """With workbooks of other settings: what these can take for a date became a date cell, the rest stayed text."""
    rows = table(days, START + timedelta(days=start))
    cells: list[list[object]] = [["Timestamp", "PM2.5 (µg/m³)"]]
    for time, value in rows:
        taken_for = time.replace(day=time.month, month=time.day) if time.day <= 12 else time.strftime(form)
        cells.append([taken_for, value])
    path = workbook(tmp_path_factory.mktemp("half") / "half.xlsx", cells)
    try:
        result = hours(read(path))
    except DataError as refused:
        assert "--dates" in str(refused)  # noqa: PT017
        return
    if any(isinstance(cell, str) for cell, _ in cells[1:]) or days > 1:
        assert result == expected(rows)


@pytest.mark.parametrize(("order", "month", "day"), [("day-first", 6, 5), ("month-first", 5, 6)])
def test_what_stays_ambiguous_is_refused_until_it_is_told(
    tmp_path: Path, order: Order, month: int, day: int
) -> None:
    path = tmp_path / "export.csv"
    path.write_text(text([(f"05/06/2024 {hour:02}:00", "7") for hour in range(24)], ","), encoding="utf-8")
    with pytest.raises(DataError, match=r"'05/06/2024 00:00'.*--dates day-first or --dates month-first"):
        read(path)
    assert read(path, order=order).first == datetime(2024, month, day, 1, tzinfo=IST)


def test_an_order_that_the_file_does_not_allow_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "export.csv"
    path.write_text(text([("12/31/2024 00:00", "7"), ("12/31/2024 01:00", "7")], ","), encoding="utf-8")
    with pytest.raises(DataError, match="month-first, not day-first"):
        read(path, order="day-first")
    path.write_text(text([("12/31/2024 00:00", "7"), ("31/12/2024 01:00", "7")], ","), encoding="utf-8")
    with pytest.raises(DataError, match="write all of them alike"):
        read(path)


def test_24_00_is_the_midnight_that_ends_the_day(tmp_path: Path) -> None:
    path = tmp_path / "export.csv"
    path.write_text(text([("31/12/2024 23:00", "1"), ("31/12/2024 24:00", "2")], ","), encoding="utf-8")
    assert read(path).last == datetime(2025, 1, 1, 1, tzinfo=IST)
    columns = ",".join(f"{hour:02}:00:00" for hour in range(1, 25))
    path = tmp_path / "AQI_hourly_city_level_delhi_2024_January_delhi_2024.csv"
    path.write_text(f"Date,{columns}\n31,{','.join(['100'] * 24)}\n", encoding="utf-8")
    result = read(path, station=None)
    assert (result.values_kept, result.last) == (24, datetime(2024, 2, 1, tzinfo=IST))


@pytest.mark.parametrize(("step", "name"), [(timedelta(days=1), "daily"), (timedelta(days=30), "monthly")])
@pytest.mark.parametrize("heading", ["Timestamp", "Date"])
def test_means_of_days_and_months_are_refused_by_name(
    tmp_path: Path, step: timedelta, name: str, heading: str
) -> None:
    path = tmp_path / "export.csv"
    rows = "".join(f"{START + number * step},5\n" for number in range(9))
    path.write_text(f"{heading},PM10 (µg/m³)\n{rows}", encoding="utf-8")
    with pytest.raises(DataError, match=f"these are {name} means"):
        read(path)


def test_an_archive_of_several_files_is_to_be_unpacked(tmp_path: Path) -> None:
    path = tmp_path / "exports.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("a.csv", "x")
        archive.writestr("b.csv", "x")
    with pytest.raises(DataError, match="holds 2 files; unpack it first"):
        read(path)


def long_table(path: Path, series: dict[str, list[float]]) -> Path:
    rows = [
        (str(START + timedelta(hours=hour)), name, "pm25", value, "ug/m3")
        for name, values in series.items()
        for hour, value in enumerate(values)
    ]
    with path.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([("time", "station", "variable", "value", "unit"), *rows])
    return path


VALUES = [float(20 + 3 * hour % 41) for hour in range(48)]
OTHERS = [value + 5 for value in VALUES]


@pytest.mark.parametrize(
    ("series", "stations"),
    [
        ({"ITO, Delhi - CPCB": VALUES, "ito,delhi-cpcb": OTHERS}, ("ITO, Delhi - CPCB",)),
        ({"ITO, Delhi - CPCB": VALUES, "ITO, Delhi": VALUES}, ("ITO, Delhi - CPCB",)),
        ({"Lodhi Road, Delhi - IMD": VALUES, "Lodhi Road, Delhi - IITM": OTHERS}, None),
        (
            {"Mandir Marg, Delhi - DPCC": VALUES, "Mandir Marg New, Delhi - DPCC": VALUES},
            ("Mandir Marg New, Delhi - DPCC",),
        ),
        ({"Mandir Marg, Delhi - DPCC": VALUES, "Mandir Marg New, Delhi - DPCC": OTHERS}, None),
        ({"ITO, Delhi - CPCB": VALUES, "Ridge, Delhi - IMD": VALUES}, None),
    ],
)
def test_stations_have_one_identity(
    tmp_path: Path, series: dict[str, list[float]], stations: tuple[str, ...] | None
) -> None:
    result = read(long_table(tmp_path / "long.csv", series), station=None)
    assert result.stations == (stations or tuple(sorted(series)))
    assert len(result.readings) == 48 * len(result.stations)


def test_stations_of_several_files_have_one_name(tmp_path: Path) -> None:
    results = [
        read(long_table(tmp_path / f"{number}.csv", {name: VALUES}), station=None)
        for number, name in enumerate(("Ito,Delhi - CPCB", "ITO, Delhi - CPCB"))
    ]
    unify(results)
    assert {each.station for result in results for each in result.readings} == {"ITO, Delhi - CPCB"}
    assert any("is taken to be 'ITO, Delhi - CPCB'" in note for note in results[0].notes)


@pytest.mark.parametrize(
    "name",
    [
        "Raw_data_1Hr_2024_site_122_ITO_Mumbai_MPCB_1Hr.csv",
        "Raw_data_1Hr_2024_site_122_Kala_Kshetram_Rajamahendravaram_APPCB_1Hr.csv",
        "AQI_hourly_city_level_tirupati_2024_January_tirupati_2024.csv",
        "aqi_hourly_station_level_worli,_mumbai_-_mpcb_2024_January_mumbai_2024.csv",
    ],
)
def test_a_file_whose_name_says_another_city_is_refused(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    official = name.lower().startswith("aqi")
    path.write_text(
        "Date,00:00:00\n1,80\n" if official else text([("2024-01-01 00:00", "1")], ","), encoding="utf-8"
    )
    with pytest.raises(DataError, match=r"not Delhi|not of Delhi"):
        read(path, station=None)
