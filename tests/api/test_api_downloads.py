"""Lists as files: the same rows in every format, read back by the programs that people use."""

from __future__ import annotations

import base64
import csv
import io
import json
from contextlib import closing
from datetime import UTC, date, datetime, timedelta, timezone
from pathlib import Path
from typing import TYPE_CHECKING, Any

import openpyxl
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from api_rows import (
    body_of,
    context_of,
    hour,
    issued,
    mark_simulated,
    problem_of,
    put_forecasts,
    put_hours,
    url,
)
from hypothesis import given, settings
from hypothesis import strategies as st
from issued_records import MIDNIGHT, Recipe, live
from test_api_long_history import put_years
from tier_servers import fresh_database

from common.api import create_app, downloads
from common.api.downloads import XLSX_ROWS, csv_of, file_of
from common.api.schemas.files import CSV, PARQUET, XLSX
from common.archive.columns import FORECASTS, OBSERVATIONS
from common.domain.observation import HOUR, POLLUTANTS
from common.entry import aws
from common.services.verification import update_record
from common.store.engine import Database
from common.tables.downloads import DOWNLOADS, HOURS, Download
from common.tables.fields import Field

if TYPE_CHECKING:
    from collections.abc import Iterator

    from werkzeug.test import Client

IST = timezone(timedelta(hours=5, minutes=30))
NOW = datetime(2025, 11, 5, 10, 30, tzinfo=UTC)
MARKS = ["city", "standard", "simulated"]
HEADINGS = {
    "/aqi/history/delhi": [
        *MARKS, "time", "aqi", "category", "dominant_pollutant", "basis", "source", "flags", *POLLUTANTS,
    ],
    "/aqi/history/delhi?interval=day": [
        *MARKS, "date", "aqi", "aqi_max", "category", "hours", "basis", "source", *POLLUTANTS,
    ],
    "/record/scores": [
        "city", "season", "lead", "n", "days", "first_day", "last_day", "mae", "rmse", "bias", "best_naive", "skill",
        "skill_low", "skill_high", "coverage_80", "coverage_95", "width_80", "width_95", "persistence_mae", "daily_mae",
        "mean24_mae", "weekly_mae", "target", "mode", "simulated", "open-meteo_n", "open-meteo_days", "open-meteo_mae",
        "open-meteo_our_mae", "open-meteo_our_skill", "open-meteo_our_skill_low", "open-meteo_our_skill_high",
    ],
    "/record/days/delhi": [
        "day", "n", "within_80", "within_95", "weekly_n", "error", "squared", "bias", "width_80", "width_95",
        "persistence_error", "daily_error", "mean24_error", "weekly_error", "city", "lead", "target", "mode",
        "simulated", "open-meteo_n", "open-meteo_error", "open-meteo_our_error",
    ],
}  # fmt: skip
"""Those that CSV had before there were other formats: programs read them."""
LISTS = (
    "/aqi/history/delhi?days=3",
    "/aqi/history/delhi?interval=day&days=3&standard=us-epa",
    "/forecast/delhi",
    "/forecast/delhi?target=pm25&hours=7",
    "/record/scores",
    "/record/scores/delhi?lead=24",
    "/record/days/delhi?lead=6",
)
Rows = list[dict[str, Any]]


def address(path: str, **query: Any) -> str:
    return url(path) + "".join(
        f"{'&' if '?' in path else '?'}{name}={value}" for name, value in query.items()
    )


@pytest.fixture(scope="module")
def filled(server: str, template: str) -> Iterator[Database]:
    """Delhi with hours, forecasts and a record; some of it is not known. For tests that only read."""
    with fresh_database(server, f"TEMPLATE {template}") as url, closing(Database(url)) as database:
        fill(database, NOW)
        yield database


@pytest.fixture
def reader(filled: Database) -> Iterator[Client]:
    """The application over `filled`."""
    context = context_of(filled, NOW)
    yield create_app(context).test_client()
    context.probe.close()


def fill(database: Database, now: datetime) -> None:
    mark_simulated(database)
    live(database, Recipe(seed=7, days=4, unknown=0.1, without_weekly=60, providers=("open-meteo",)))
    with database.transaction() as connection:
        update_record(connection, mode="live", now=MIDNIGHT + timedelta(days=6))
    put_hours(
        database,
        *(hour("Delhi", now - back * HOUR, aqi=100 + back, aqi_us=90 + back) for back in range(3, 60)),
        hour("Delhi", now - 2 * HOUR, aqi=None, dominant=None, pm10=None),
        hour("Delhi", now - HOUR, source="cpcb+openaq", flags=["excluded:pm10", "spike:pm10"], no2=12.345),
        hour("Delhi", now, nh3=7.0),
    )
    put_forecasts(
        database,
        issued("Delhi", now),
        issued("Delhi", now, target="pm25", y=[88.88 + at for at in range(48)]),
    )


def of_parquet(content: bytes) -> tuple[list[str], Rows]:
    table = pq.read_table(io.BytesIO(content))
    return table.column_names, table.to_pylist()


def of_csv(content: bytes, kinds: dict[str, str]) -> tuple[list[str], Rows]:
    reader = csv.DictReader(io.StringIO(content.decode(), newline=""))
    read = {
        "time": datetime.fromisoformat,
        "date": date.fromisoformat,
        "integer": int,
        "number": float,
        "boolean": {"true": True, "false": False}.__getitem__,
    }
    rows = [
        {name: None if text == "" else read.get(kinds[name], str)(text) for name, text in row.items()}
        for row in reader
    ]
    return list(reader.fieldnames or ()), rows


def of_workbook(content: bytes) -> tuple[list[str], Rows]:
    """Its rows, times as they are in UTC: their Indian twins must say the same, and are left out."""
    book = openpyxl.load_workbook(io.BytesIO(content))
    assert book.sheetnames[0] == "README"
    heading, *lines = book[book.sheetnames[1]].iter_rows(values_only=True)
    rows = []
    for line in lines:
        row = dict(zip(map(str, heading), line, strict=True))
        for name in [name for name in row if name.endswith("_ist")]:
            local, utc = row.pop(name), row[name.removesuffix("_ist")]
            assert isinstance(local, datetime)
            assert isinstance(utc, datetime)
            row[name.removesuffix("_ist")] = utc.replace(tzinfo=UTC)
            assert local.replace(tzinfo=IST) == utc.replace(tzinfo=UTC)
        rows.append(row)
    return [name for name in map(str, heading) if not name.endswith("_ist")], rows


def kinds_of(schema: pa.Schema) -> dict[str, str]:
    kinds = {
        pa.string(): "text",
        pa.timestamp("us", tz="UTC"): "time",
        pa.date32(): "date",
        pa.int64(): "integer",
        pa.float64(): "number",
        pa.bool_(): "boolean",
    }
    return {field.name: kinds[field.type] for field in schema}


def plain(rows: Rows, kinds: dict[str, str]) -> Rows:
    """Rows of a workbook, whose cells are numbers, texts and times: days as days, floats as floats."""
    read = {"date": lambda value: value.date(), "number": float}
    return [
        {
            name: value if value is None or kinds[name] not in read else read[kinds[name]](value)
            for name, value in row.items()
        }
        for row in rows
    ]


def near(rows: Rows) -> list[Any]:
    """Excel writes numbers with 16 digits."""
    return [
        {
            name: pytest.approx(value, rel=1e-14, abs=1e-14) if isinstance(value, float) else value
            for name, value in row.items()
        }
        for row in rows
    ]


@pytest.mark.parametrize("path", LISTS)
def test_every_format_has_the_same_rows(reader: Client, path: str) -> None:
    parquet = reader.get(address(path, format="parquet"))
    assert parquet.status_code == 200, parquet.text
    schema = pq.read_schema(io.BytesIO(parquet.data))
    kinds = kinds_of(schema)
    columns, rows = of_parquet(parquet.data)
    assert rows
    if "flags" in kinds:
        assert {row["flags"] for row in rows} >= {""}  # no flag, which is an empty cell elsewhere
        rows = [row | {"flags": row["flags"] or None} for row in rows]
    text = reader.get(address(path, format="csv"))
    assert of_csv(text.data, kinds) == (columns, rows)
    book = reader.get(address(path, format="xlsx"))
    names, cells = of_workbook(book.data)
    assert names == columns
    assert plain(cells, kinds) == near(rows)
    assert {row["simulated"] for row in rows} == {True}


@pytest.mark.parametrize("path", LISTS)
@pytest.mark.parametrize(
    ("format_", "media"),
    [("csv", f"{CSV}; charset=utf-8; header=present"), ("parquet", PARQUET), ("xlsx", XLSX)],
)
def test_a_file_says_what_it_is(reader: Client, path: str, format_: str, media: str) -> None:
    response = reader.get(address(path, format=format_))
    assert response.status_code == 200
    assert response.content_type == media
    assert response.headers["Content-Disposition"].endswith(f'.{format_}"')
    assert "Accept" in response.headers["Vary"]
    by_accept = reader.get(address(path), headers={"Accept": media.partition(";")[0]})
    assert (by_accept.content_type, by_accept.data) == (media, response.data)
    as_json = reader.get(address(path), headers={"Accept": "image/png, */*;q=0.1"})
    assert as_json.content_type == "application/json"
    assert "Accept" in as_json.headers["Vary"]
    assert "Content-Disposition" not in as_json.headers


@pytest.mark.parametrize("path", HEADINGS)
def test_columns_stay_what_programs_read(reader: Client, path: str) -> None:
    heading = reader.get(address(path, format="csv")).text.splitlines()[0]
    assert heading.split(",") == HEADINGS[path]


def test_hours_are_those_of_json(reader: Client) -> None:
    points = body_of(reader.get(url("/aqi/history/delhi", hours=30)), "/aqi/history/{city}")["points"]
    _, rows = of_parquet(reader.get(url("/aqi/history/delhi", hours=30, format="parquet")).data)
    assert len(points) == 30
    assert [row["time"] for row in rows] == [datetime.fromisoformat(point["time"]) for point in points]
    for name in ("aqi", "category", "dominant_pollutant", "basis", "source"):
        assert [row[name] for row in rows] == [point[name] for point in points]
    assert [row["flags"].split() for row in rows] == [point["flags"] for point in points]
    for name in POLLUTANTS:
        assert [row[name] for row in rows] == [point["pollutants"].get(name) for point in points]
    assert rows[-3]["pm10"] is None


def test_days_are_those_of_json(reader: Client) -> None:
    query: dict[str, Any] = {"interval": "day", "days": 3}
    points = body_of(reader.get(url("/aqi/history/delhi", **query)), "/aqi/history/{city}")["points"]
    _, rows = of_parquet(reader.get(url("/aqi/history/delhi", format="parquet", **query)).data)
    assert len(points) == 3
    assert [row["date"].isoformat() for row in rows] == [point["date"] for point in points]
    for name in ("aqi", "aqi_max", "category", "hours", "basis", "source"):
        assert [row[name] for row in rows] == [point[name] for point in points]


def test_a_forecast_is_that_of_json(reader: Client) -> None:
    body = body_of(reader.get(url("/forecast/delhi")), "/forecast/{city}")
    _, rows = of_parquet(reader.get(url("/forecast/delhi", format="parquet")).data)
    assert len(rows) == len(body["forecast"]) == 48
    for row, point in zip(rows, body["forecast"], strict=True):
        assert row["time"] == datetime.fromisoformat(point["time"])
        for name in ("lead_hours", "aqi", "category", "confidence"):
            assert row[name] == point[name]
        for end in ("lower_80", "upper_80", "lower_95", "upper_95"):
            assert (row[end], row[f"pm25_{end}"]) == (point[end], point["pm25"][end])
        assert row["pm25"] == point["pm25"]["value"]
        assert {
            f"p_{name.lower().replace(' ', '_')}": value for name, value in point["probabilities"].items()
        } == {
            name: row[name]
            for name in ("p_good", "p_satisfactory", "p_moderate", "p_poor", "p_very_poor", "p_severe")
        }
        assert [row[f"p_above_{above}"] for above in (200, 300, 400)] == list(point["exceedance"].values())
    assert {row["issued_at"] for row in rows} == {datetime.fromisoformat(body["issued_at"])}
    _, alone = of_parquet(reader.get(url("/forecast/delhi", format="parquet", target="pm25", hours=2)).data)
    assert [(row["target"], row["aqi"], row["p_good"], row["pm25"]) for row in alone] == [
        ("pm25", None, None, 88.9),
        ("pm25", None, None, 89.9),
    ]


def test_scores_are_those_of_json(reader: Client) -> None:
    cells = body_of(reader.get(url("/record/scores/delhi")), "/record/scores/{city}")["cells"]
    _, rows = of_parquet(reader.get(url("/record/scores", format="parquet")).data)
    assert len(rows) == len(cells) == 6
    for row, cell in zip(rows, cells, strict=True):
        for name in (
            "season",
            "lead",
            "n",
            "days",
            "mae",
            "rmse",
            "bias",
            "best_naive",
            "skill",
            "skill_low",
            "width_95",
        ):
            assert row[name] == cell[name]
        assert row["first_day"].isoformat() == cell["first_day"]
        assert {name: row[f"{name}_mae"] for name in cell["naive_mae"]} == cell["naive_mae"]
        [provider] = cell["providers"]
        assert row["open-meteo_our_skill"] == provider["our_skill"]
    assert {row["weekly_mae"] for row in rows} == {None}


def test_pandas_reads_them_as_they_are(reader: Client) -> None:
    hours = {"days": 2}
    parquet = pd.read_parquet(
        io.BytesIO(reader.get(url("/aqi/history/delhi", format="parquet", **hours)).data)
    )
    book = pd.read_excel(
        io.BytesIO(reader.get(url("/aqi/history/delhi", format="xlsx", **hours)).data),
        sheet_name=HOURS.name,
        index_col="time",
    )
    text = pd.read_csv(
        io.BytesIO(reader.get(url("/aqi/history/delhi", format="csv", **hours)).data), parse_dates=["time"]
    )
    assert str(parquet["time"].dt.tz) == "UTC"
    assert parquet["pm25"].mean() == text["pm25"].mean() == book["pm25"].mean()
    assert (parquet["time"] == text["time"]).all()
    assert (parquet["time"].dt.tz_localize(None).to_numpy() == book.index.to_numpy()).all()


def test_units_go_with_the_columns(reader: Client) -> None:
    schema = pq.read_schema(io.BytesIO(reader.get(url("/aqi/history/delhi", format="parquet")).data))
    units = {field.name: (field.metadata or {}).get(b"unit", b"").decode() for field in schema}
    assert (units["pm25"], units["co"], units["aqi"]) == ("µg/m³", "mg/m³", "")
    book = openpyxl.load_workbook(
        io.BytesIO(reader.get(url("/aqi/history/delhi", format="xlsx")).data), read_only=True
    )
    notes = {row[0]: row[1] for row in book["README"].iter_rows(values_only=True)}
    assert notes["co"] == "mean of the hour: co [mg/m³]"
    assert "time_ist is Indian time" in str(notes["times"])


@pytest.mark.parametrize("table", DOWNLOADS.values(), ids=list(DOWNLOADS))
def test_a_column_means_what_it_does_in_the_archive(table: Download) -> None:
    assert len(set(table.names)) == len(table.names)
    archived = {field.name: field for field in (*FORECASTS.fields, *OBSERVATIONS.fields)}
    shared = [field for field in table.fields if field.name in archived]
    assert shared
    for field in shared:
        assert (field.kind, field.unit) == (archived[field.name].kind, archived[field.name].unit), field.name


def test_nothing_known_is_a_table_without_rows(client: Client) -> None:
    for path, columns in (("/aqi/history/delhi", HEADINGS["/aqi/history/delhi"]), ("/record/scores", None)):
        parquet, rows = of_parquet(client.get(address(path, format="parquet")).data)
        assert rows == []
        assert of_workbook(client.get(address(path, format="xlsx")).data) == (parquet, [])
        assert columns is None or parquet == columns
    for format_ in ("csv", "parquet", "xlsx"):
        problem_of(client.get(url("/forecast/delhi", format=format_)), 404)


@pytest.mark.parametrize(("format_", "status"), [("xlsx", 422), ("parquet", 200), ("csv", 200)])
def test_a_workbook_has_at_most_a_year_of_hours(
    client: Client, database: Database, now: datetime, format_: str, status: int
) -> None:
    count = put_years(database, now, 2)
    longest = client.get(url("/aqi/history/delhi", hours=XLSX_ROWS, format=format_))
    assert longest.status_code == 200
    response = client.get(url("/aqi/history/delhi", days=730, format=format_))
    assert response.status_code == status
    if status == 422:
        problem = problem_of(response, 422)
        assert problem["type"] == "urn:vayu:problem:too-much"
        assert (
            "at most 8784 rows here, and this would have up to 17520; ask for a year at a time"
            in problem["detail"]
        )
        assert problem["errors"][0]["parameter"] == "format"
        expected = sum(back % 100 != 50 for back in range(XLSX_ROWS))
        _, rows = of_workbook(longest.data)
        assert len(rows) == len({row["time"] for row in rows}) == expected
        assert (
            client.get(url("/aqi/history/delhi", days=730, interval="day", format="xlsx")).status_code == 200
        )
    elif format_ == "parquet":
        file = pq.ParquetFile(io.BytesIO(response.data))
        assert file.metadata.num_rows == count
        assert file.metadata.num_row_groups == 3
        times = file.read()["time"].to_pylist()
        assert times == sorted(set(times))


@pytest.mark.parametrize("library", ["pyarrow", "xlsxwriter"])
def test_where_a_library_is_absent_it_says_so(
    reader: Client, monkeypatch: pytest.MonkeyPatch, library: str
) -> None:
    real = downloads.find_spec
    monkeypatch.setattr(downloads, "find_spec", lambda name: None if name == library else real(name))
    absent, present = ("parquet", "xlsx") if library == "pyarrow" else ("xlsx", "parquet")
    for path in LISTS:
        problem = problem_of(reader.get(address(path, format=absent)), 406)
        assert problem["type"] == "urn:vayu:problem:not-acceptable"
        assert problem["detail"].startswith(f"format={absent} is not available")
        assert "take format=csv or json, or have files made by POST /api/v1/exports" in problem["detail"]
        [fault] = problem["errors"]
        assert fault["allowed"] == f"one of json, csv, {present}"
        media = PARQUET if absent == "parquet" else XLSX
        problem_of(reader.get(address(path), headers={"Accept": media}), 406)
        for format_ in (present, "csv", "json"):
            assert reader.get(address(path, format=format_)).status_code == 200


def test_what_a_forecast_is_made_of_is_no_table(reader: Client) -> None:
    for format_ in ("csv", "parquet", "xlsx"):
        problem = problem_of(reader.get(url("/forecast/delhi", format=format_, explain="true")), 400)
        assert problem["detail"] == "explain is for JSON alone"
    assert reader.get(url("/forecast/delhi", format="json", explain="true")).status_code == 200


@pytest.mark.parametrize("format_", ["csv", "parquet", "xlsx"])
@pytest.mark.parametrize("path", ["/aqi/history/delhi", "/record/scores"])
def test_the_same_rows_are_the_same_bytes(filled: Database, path: str, format_: str) -> None:
    """So that a tag still holds when another process made the file."""
    first, second = (
        create_app(context_of(filled, NOW)).test_client().get(address(path, format=format_)) for _ in "ab"
    )
    assert first.data == second.data


def test_a_function_sends_a_file_whole(filled: Database) -> None:
    handler = aws.http(lambda: create_app(context_of(filled, NOW)))
    event = json.loads((Path(__file__).parents[1] / "events" / "aws" / "http_get.json").read_text())
    event["rawPath"] = event["requestContext"]["http"]["path"] = "/api/v1/aqi/history/delhi"
    event["rawQueryString"] = "hours=30&format=parquet"
    event["headers"].pop("accept-encoding", None)
    answer = handler(event, None)
    assert (answer["statusCode"], answer["isBase64Encoded"]) == (200, True)
    _, rows = of_parquet(base64.b64decode(answer["body"]))
    assert len(rows) == 30


ALL_KINDS = Download(
    "all",
    "Every kind of cell",
    "/nowhere",
    (
        Field("text", "text", "a text"),
        Field("time", "time", "a time"),
        Field("date", "date", "a day"),
        Field("integer", "integer", "a whole number"),
        Field("number", "number", "a number", "1"),
        Field("boolean", "boolean", "yes or no"),
    ),
)
_KINDS = {field.name: field.kind for field in ALL_KINDS.fields}
_PRINTABLE = st.characters(min_codepoint=32, max_codepoint=0xD7FF, exclude_categories=("Cc", "Cs"))
_ROWS = st.lists(
    st.tuples(
        st.none() | st.text(_PRINTABLE, min_size=1, max_size=30),
        st.none()
        | st.integers(946_684_800, 4_102_444_800).map(lambda seconds: datetime.fromtimestamp(seconds, UTC)),
        st.none() | st.dates(date(2000, 1, 1), date(2100, 1, 1)),
        st.integers(-(2**31), 2**31),
        st.none() | st.floats(-1e12, 1e12, allow_nan=False),
        st.none() | st.booleans(),
    ),
    max_size=8,
)


def texts(rows: list[tuple[Any, ...]]) -> Iterator[list[Any]]:
    """Times and days as JSON has them."""
    for row in rows:
        yield [cell.isoformat() if isinstance(cell, date) else cell for cell in row]


@settings(max_examples=60, deadline=None)
@given(rows=_ROWS, as_texts=st.booleans())
def test_whatever_is_in_the_cells_comes_back(rows: list[tuple[Any, ...]], as_texts: bool) -> None:
    expected = [dict(zip(ALL_KINDS.names, row, strict=True)) for row in rows]

    def cells() -> Any:
        return texts(rows) if as_texts else rows

    assert of_parquet(file_of(ALL_KINDS, cells(), "parquet")) == (ALL_KINDS.names, expected)
    names, read = of_workbook_with_gaps(file_of(ALL_KINDS, cells(), "xlsx"))
    assert names == ALL_KINDS.names
    assert plain(read, _KINDS) == near(expected)
    if not as_texts:
        assert of_csv(csv_of(ALL_KINDS, rows), _KINDS) == (ALL_KINDS.names, expected)


def of_workbook_with_gaps(content: bytes) -> tuple[list[str], Rows]:
    """As `of_workbook`, for times that may be absent: the Indian one must be absent with it."""
    book = openpyxl.load_workbook(io.BytesIO(content))
    heading, *lines = book["all"].iter_rows(values_only=True)
    rows = []
    for line in lines:
        row: dict[str, Any] = dict(zip(map(str, heading), line, strict=True))
        local = row.pop("time_ist")
        if row["time"] is not None:
            row["time"] = row["time"].replace(tzinfo=UTC)
            assert local.replace(tzinfo=IST) == row["time"]
        else:
            assert local is None
        rows.append(row)
    return [name for name in map(str, heading) if name != "time_ist"], rows


@pytest.mark.parametrize("text", ["=1+1", "+1", "-1", "@SUM(A1)", "http://127.0.0.1/", "{=1}", "'=1"])
def test_no_text_is_a_formula_or_a_link(text: str) -> None:
    rows = [(text, None, None, None, None, None)]
    book = openpyxl.load_workbook(io.BytesIO(file_of(ALL_KINDS, rows, "xlsx")))
    cell = book["all"]["A2"]
    assert (cell.value, cell.data_type, cell.hyperlink) == (text, "s", None)
