"""The archive: written from a database, held against its manifests, and read back into a bare database."""

from __future__ import annotations

import csv
import hashlib
import json
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import jsonschema
import numpy as np
import openpyxl
import pyarrow.parquet as pq
import pytest
import time_machine
from factories import Clock, air, keep_and_reconcile, series
from issued_records import Recipe, live
from tier_servers import fresh_database, run_jobs

from common.adapters.object_store import UrlObjectStore
from common.adapters.postgres.queue import PostgresQueue
from common.archive.columns import TABLES, dictionary
from common.archive.export import Selection
from common.archive.verify import verify
from common.bootstrap.container import resources_of
from common.cli.schedule import Schedule
from common.config import from_mapping
from common.domain.errors import ConfigError, DataError, NotFound, StoreError
from common.domain.messages import ARCHIVE, Message
from common.services.archive import export_archive, handler, restore_record
from common.store.dataset_kind import claim_dataset
from common.store.engine import Database, run
from common.store.maintain import maintain
from common.store.migrate import migrate

if TYPE_CHECKING:
    from collections.abc import Callable

    from common.archive.export import Exported

ROOT = Path(__file__).parents[2]
NOW = datetime(2025, 12, 20, tzinfo=UTC)
SAME = ("city_hour", "model", "forecast", "forecast_truth")
MADE_ANEW = ("forecast_day", "verification_day", "verification_cell")


class Cut(UrlObjectStore):
    """A store whose connection ends after so many writes."""

    left = 0

    def put(self, key: str, data: bytes) -> None:
        if self.left == 0:
            raise StoreError("cut off")
        self.left -= 1
        super().put(key, data)


def filled(database: Database) -> None:
    """A city with hours over a new year, and two with a record, each of one target."""
    with database.transaction() as connection:
        claim_dataset(connection, "real")
    new_year = datetime(2025, 1, 2, 3, 30, tzinfo=UTC)
    keep_and_reconcile(database, series(new_year, 72, air(90.5), city="Navi Mumbai"), new_year)
    live(database, Recipe(days=3, unknown=0.1, without_weekly=2))
    live(database, Recipe(days=3, city="Mumbai", target="pm25", unknown=0.1))
    with database.transaction() as connection:
        run(
            connection,
            "INSERT INTO model (version, city, target, mode, family, status, reason, trained_at, window_start, "
            "window_end, samples, features_hash, checksum, metrics) VALUES ('Delhi-1', 'Delhi', 'aqi', 'live', "
            "'linear', 'champion', 'best, by \"skill\"\nof all', '2025-11-25Z', '2025-01-01Z', '2025-11-25Z', 9, "
            "'f', 'c', '{\"mae\": 1.5}')",
        )


def export(database: Database, folder: Path, *, now: datetime = NOW, **selection: Any) -> Exported:
    return export_archive(database, UrlObjectStore(folder.as_uri()), Selection(**selection), now=now)


def rows(database: Database, tables: tuple[str, ...]) -> dict[str, list[str]]:
    with database.transaction() as connection:
        return {
            table: sorted(
                str(text)
                for (text,) in run(connection, f"SELECT to_jsonb({table})::text FROM {table}")  # noqa: S608
            )
            for table in tables
        }


def sums(database: Database) -> dict[str, list[Any]]:
    """What is made anew; the order of additions may change the last digits."""

    def rounded(text: str) -> list[Any]:
        cells = json.loads(text, parse_float=lambda number: float(f"{float(number):.9g}"))
        return sorted(cells.items())

    return {
        table: sorted((rounded(text) for text in texts), key=str)
        for table, texts in rows(database, MADE_ANEW).items()
    }


def manifest(folder: Path) -> dict[str, Any]:
    result: dict[str, Any] = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
    return result


def faults(folder: Path) -> list[str]:
    return verify(UrlObjectStore(folder.as_uri())).faults


def days(database: Database) -> list[dict[str, Any]]:
    with database.transaction() as connection:
        return sorted(
            (row for (row,) in run(connection, "SELECT to_jsonb(city_day) - 'rolled_at' FROM city_day")),
            key=str,
        )


@pytest.mark.tiers("plain", "apache", "community")
def test_the_record_is_rebuilt_in_a_bare_database(
    database: Database, server: str, tier: str, tmp_path: Path
) -> None:
    filled(database)
    maintain(database, now=NOW, retain_raw_days=90)
    export(database, tmp_path)
    with fresh_database(server) as url, closing(Database(url)) as bare:
        migrate(bare)
        first = restore_record(bare, UrlObjectStore(tmp_path.as_uri()), now=NOW, retain_raw_days=90)
        before, after = rows(database, SAME), rows(bare, SAME)
        assert all(before.values())
        assert after == before
        assert first.new == {"observations": len(before["city_hour"]), "models": 1} | {
            name: len(before["forecast"]) for name in ("forecasts", "scores")
        }
        computed = sums(database)
        assert all(computed.values())
        assert sums(bare) == computed
        assert days(bare) == days(database) != []
        if tier == "community":
            assert run_jobs(bare, "policy_compression") == 4
        again = restore_record(bare, UrlObjectStore(tmp_path.as_uri()), now=NOW, retain_raw_days=90)
        assert set(again.new.values()) == {0}
        assert rows(bare, SAME) == before
        assert sums(bare) == computed
        assert days(bare) == days(database)


def test_files_hold_what_the_manifest_says(database: Database, tmp_path: Path) -> None:
    filled(database)
    done = export(database, tmp_path)
    listed = manifest(tmp_path)
    assert done.files == len(listed["files"]) == len({entry["path"] for entry in listed["files"]})
    years = {(e["table"], e["city"], e["year"]) for e in listed["files"]}
    assert ("observations", "Navi Mumbai", 2024) in years
    assert ("observations", "Navi Mumbai", 2025) in years
    for entry in listed["files"]:
        data = (tmp_path / entry["path"]).read_bytes()
        assert (len(data), hashlib.sha256(data).hexdigest()) == (entry["bytes"], entry["sha256"])
        table = pq.read_table(tmp_path / entry["path"], partitioning=None)
        assert table.num_rows == entry["rows"]
        assert table.column_names == [field.name for field in TABLES[entry["table"]].fields]
        assert set(table["city"].to_pylist()) == {entry["city"]}
        assert set(table["year"].to_pylist()) == {entry["year"]}
        key = list(zip(*(table[name].to_pylist() for name in TABLES[entry["table"]].key), strict=True))
        assert key == sorted(key)
    sums = [line.split("  ") for line in (tmp_path / "SHA256SUMS").read_text(encoding="utf-8").splitlines()]
    assert len(sums) == len(listed["files"]) + 1
    for digest, path in sums:
        assert hashlib.sha256((tmp_path / path).read_bytes()).hexdigest() == digest
    assert done.manifest == hashlib.sha256((tmp_path / "manifest.json").read_bytes()).hexdigest()
    package = json.loads((tmp_path / "datapackage.json").read_text(encoding="utf-8"))
    assert [each["path"] for each in package["resources"]] == [entry["path"] for entry in listed["files"]]


PATH = {"type": "string", "pattern": r"^(?=^[^./~])(^((?!\.{2}).)*$).*$"}
FIELD = {
    "type": "object",
    "required": ["name", "type"],
    "properties": {
        "name": {"type": "string"},
        "type": {
            "enum": [
                "string", "number", "integer", "boolean", "object", "array", "date", "time", "datetime", "year",
                "yearmonth", "duration", "geopoint", "geojson", "any",
            ]
        },
        "description": {"type": "string"},
        "constraints": {"type": "object", "properties": {"required": {"type": "boolean"}}},
    },
}  # fmt: skip
TABLE_SCHEMA = {
    "type": "object",
    "required": ["fields"],
    "properties": {
        "fields": {"type": "array", "minItems": 1, "items": FIELD},
        "primaryKey": {"type": "array", "minItems": 1, "uniqueItems": True, "items": {"type": "string"}},
        "missingValues": {"type": "array", "minItems": 1, "items": {"type": "string"}},
    },
}
RESOURCE = {
    "type": "object",
    "required": ["name", "path"],
    "properties": {
        "profile": {"enum": ["data-resource", "tabular-data-resource"]},
        "name": {"type": "string", "pattern": r"^([-a-z0-9._/])+$"},
        "path": PATH,
        "title": {"type": "string"},
        "format": {"type": "string"},
        "schema": PATH,
    },
    "if": {"properties": {"profile": {"const": "tabular-data-resource"}}, "required": ["profile"]},
    "then": {"required": ["schema", "profile"]},
}
DATA_PACKAGE = {
    "$schema": "http://json-schema.org/draft-07/schema#",
    "type": "object",
    "required": ["resources"],
    "properties": {
        "profile": {"const": "data-package"},
        "name": {"type": "string", "pattern": r"^([-a-z0-9._/])+$"},
        "title": {"type": "string"},
        "created": {
            "type": "string",
            "pattern": r"^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(\.\d+)?(Z|[+-]\d{2}:\d{2})$",
        },
        "sources": {
            "type": "array",
            "minItems": 1,
            "items": {
                "type": "object",
                "required": ["title"],
                "properties": {"title": {"type": "string", "minLength": 1}},
            },
        },
        "resources": {"type": "array", "minItems": 1, "items": RESOURCE},
    },
}
"""What the profiles data-package, data-resource, tabular-data-resource and table-schema of Data Package 1 demand
(https://specs.frictionlessdata.io/profiles/), of the properties that an export writes"""
CELLS: dict[str, Callable[[str], object]] = {
    "string": str,
    "integer": int,
    "number": float,
    "datetime": lambda text: datetime.strptime(text, "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC),
}
"""Type of a field → reads it as Table Schema says, where it has no format of its own"""


@pytest.mark.parametrize("format_", ["parquet", "csv", "xlsx"])
def test_the_data_package_is_what_the_standard_demands(
    database: Database, tmp_path: Path, format_: str
) -> None:
    filled(database)
    export(database, tmp_path, format=format_)
    package = json.loads((tmp_path / "datapackage.json").read_text(encoding="utf-8"))
    validator = jsonschema.Draft7Validator(DATA_PACKAGE)
    validator.check_schema(DATA_PACKAGE)
    assert [error.message for error in validator.iter_errors(package)] == []
    names = [resource["name"] for resource in package["resources"]]
    assert len(set(names)) == len(names)
    for resource in package["resources"]:
        assert resource["format"] == format_
        assert (resource["profile"] == "tabular-data-resource") is (format_ == "csv")
        path = tmp_path / resource["path"]
        schema = json.loads((tmp_path / resource["schema"]).read_text(encoding="utf-8"))
        assert [error.message for error in jsonschema.Draft7Validator(TABLE_SCHEMA).iter_errors(schema)] == []
        fields = [field["name"] for field in schema["fields"]]
        assert fields == columns(path, resource)
        assert set(schema["primaryKey"]) <= set(fields)


def columns(path: Path, resource: dict[str, Any]) -> list[str]:
    """Those that a file has."""
    if path.suffix == ".parquet":
        return list(pq.read_schema(path).names)
    if path.suffix == ".csv":
        with path.open(encoding="utf-8", newline="") as file:
            return next(csv.reader(file))
    with closing(openpyxl.load_workbook(path, read_only=True)) as book:
        sheet = book[resource["dialect"]["excel"]["sheet"]]
        return [str(value) for value in next(sheet.iter_rows(values_only=True))]


def test_what_the_data_package_says_of_columns_is_so_in_csv(database: Database, tmp_path: Path) -> None:
    filled(database)
    export(database, tmp_path, format="csv")
    package = json.loads((tmp_path / "datapackage.json").read_text(encoding="utf-8"))
    for resource in package["resources"]:
        schema = json.loads((tmp_path / resource["schema"]).read_text(encoding="utf-8"))
        keys = []
        with (tmp_path / resource["path"]).open(encoding="utf-8", newline="") as file:
            lines = csv.reader(file)
            assert next(lines) == [field["name"] for field in schema["fields"]]
            for line in lines:
                cells = dict(zip((field["name"] for field in schema["fields"]), line, strict=True))
                for field in schema["fields"]:
                    text = cells[field["name"]]
                    assert text or "constraints" not in field, (resource["path"], field["name"])
                    if text not in schema["missingValues"]:
                        CELLS[field["type"]](text)
                keys.append(tuple(cells[name] for name in schema["primaryKey"]))
        assert keys
        assert len(set(keys)) == len(keys)


def test_scores_agree_with_forecasts_and_hours(database: Database, tmp_path: Path) -> None:
    filled(database)
    export(database, tmp_path)
    read = {name: pq.read_table(tmp_path / name, partitioning=None).to_pandas() for name in TABLES}
    joined = read["scores"].merge(
        read["forecasts"], on=["city", "origin", "target", "mode", "lead", "valid_time"]
    )
    assert len(joined) == len(read["forecasts"]) == 2 * 3 * 24 * 48
    joined = joined.merge(read["observations"], left_on=["city", "valid_time"], right_on=["city", "time"])
    truth = joined["aqi"].where(joined["target"] == "aqi", joined["pm25"])
    known = joined["actual"].notna()
    assert known.sum() > 5_000
    np.testing.assert_allclose(joined["actual"][known], truth[known].astype(float), rtol=1e-6)
    np.testing.assert_allclose(joined["error"][known], (joined["y"] - truth)[known].astype(float), atol=1e-3)
    inside = (joined["actual"] >= joined["lo80"]) & (joined["actual"] <= joined["hi80"])
    assert (joined["within80"][known] == inside[known]).all()
    of_index = joined["target"] == "aqi"
    chances = joined[[name for name in joined if name.startswith("p_")]]
    np.testing.assert_allclose(chances[of_index].sum(axis=1), 1, atol=1e-4)
    assert chances[~of_index].isna().all(axis=None)
    assert (
        joined["valid_time"] - joined["origin"] == joined["lead"].map(lambda lead: timedelta(hours=lead))
    ).all()


def test_only_what_changed_is_written_again(database: Database, tmp_path: Path) -> None:
    filled(database)
    first = export(database, tmp_path)
    assert first.written == first.files
    names = {entry["path"] for entry in manifest(tmp_path)["files"]}
    later = NOW + timedelta(days=1)
    keep_and_reconcile(database, series(later, 24, air(70), city="Pune"), later)
    second = export(database, tmp_path, now=later)
    assert (second.files, second.written, second.deleted) == (first.files + 1, 1, 0)
    assert names < {entry["path"] for entry in manifest(tmp_path)["files"]}
    keep_and_reconcile(database, series(later, 24, air(71), city="Pune"), later + timedelta(hours=1))
    third = export(database, tmp_path, now=later + timedelta(hours=1))
    assert (third.written, third.deleted) == (1, 0)
    assert export(database, tmp_path, now=later + timedelta(hours=2)).deleted == 1
    assert manifest(tmp_path)["number"] == 4
    assert faults(tmp_path) == []


def test_an_export_that_is_cut_off_leaves_the_last_archive_true(database: Database, tmp_path: Path) -> None:
    filled(database)
    done = export(database, tmp_path)
    later = NOW + timedelta(days=1)
    keep_and_reconcile(database, series(later, 24, air(70)), later)
    for writes in range(4):  # of a file, the manifest's lasting copy, and the two files beside it
        files = Cut(tmp_path.as_uri())
        files.left = writes
        with pytest.raises(StoreError, match="cut off"):
            export_archive(database, files, Selection(), now=later)
        result = verify(UrlObjectStore(tmp_path.as_uri()))
        assert (result.faults, result.manifest) == ([], done.manifest)
        for line in (tmp_path / "SHA256SUMS").read_text(encoding="utf-8").splitlines():
            digest, path = line.split("  ")
            assert hashlib.sha256((tmp_path / path).read_bytes()).hexdigest() == digest
    assert export(database, tmp_path, now=later).written == 1
    assert faults(tmp_path) == []


def test_each_fault_is_found(database: Database, tmp_path: Path) -> None:
    filled(database)
    for day in range(3):
        export(database, tmp_path, now=NOW + timedelta(days=day))
    assert faults(tmp_path) == []
    path = tmp_path / manifest(tmp_path)["files"][0]["path"]
    whole = path.read_bytes()
    path.write_bytes(whole[:100] + bytes([whole[100] ^ 1]) + whole[101:])
    assert [fault for fault in faults(tmp_path) if path.name in fault and "was changed" in fault]
    path.write_bytes(whole[:-1])
    assert "bytes in place of" in faults(tmp_path)[0]
    path.unlink()
    assert faults(tmp_path) == [f"{path.relative_to(tmp_path)} is missing"]
    path.write_bytes(whole)
    first, second, _ = sorted((tmp_path / "manifests").iterdir())
    text = first.read_bytes()
    first.unlink()
    assert "the chain is cut" in faults(tmp_path)[0]
    first.write_bytes(text.replace(b"2025", b"2024", 1))
    assert "the chain is cut" in faults(tmp_path)[0]
    first.write_bytes(text)
    assert faults(tmp_path) == []
    (tmp_path / "manifest.json").write_bytes(
        second.read_bytes()
    )  # an older one in place of the newest is whole
    assert faults(tmp_path) == []
    (tmp_path / "manifest.json").write_bytes(second.read_bytes().replace(b"2025", b"2024", 1))
    assert "manifest.json was changed" in faults(tmp_path)[0]


def test_another_version_is_refused(database: Database, tmp_path: Path) -> None:
    export(database, tmp_path)
    path = tmp_path / "manifest.json"
    path.write_bytes(path.read_bytes().replace(b"vayu-archive/1", b"vayu-archive/9"))
    files = UrlObjectStore(tmp_path.as_uri())
    for action in (
        lambda: verify(files),
        lambda: restore_record(database, files, now=NOW, retain_raw_days=90),
        lambda: export(database, tmp_path),
    ):
        with pytest.raises(DataError, match=r"version 'vayu-archive/9'.*reads vayu-archive/1"):
            action()
    path.write_text("{}x", encoding="utf-8")
    with pytest.raises(DataError, match="damaged"):
        verify(files)
    path.unlink()
    with pytest.raises(NotFound, match="there is no archive"):
        verify(files)


def test_a_damaged_file_is_not_restored(database: Database, server: str, tmp_path: Path) -> None:
    filled(database)
    export(database, tmp_path)
    path = tmp_path / manifest(tmp_path)["files"][0]["path"]
    path.write_bytes(b"x" + path.read_bytes()[1:])
    with fresh_database(server) as url, closing(Database(url)) as bare:
        migrate(bare)
        with pytest.raises(DataError, match="was changed"):
            restore_record(bare, UrlObjectStore(tmp_path.as_uri()), now=NOW, retain_raw_days=90)


def test_simulated_data_are_not_mixed_with_real(database: Database, server: str, tmp_path: Path) -> None:
    filled(database)
    export(database, tmp_path)
    with fresh_database(server) as url, closing(Database(url)) as bare:
        migrate(bare)
        with bare.transaction() as connection:
            claim_dataset(connection, "simulated")
        with pytest.raises(ConfigError):
            restore_record(bare, UrlObjectStore(tmp_path.as_uri()), now=NOW, retain_raw_days=90)
        with pytest.raises(DataError, match="holds real data"):
            export(bare, tmp_path)


def test_another_span_or_format_needs_another_address(database: Database, tmp_path: Path) -> None:
    filled(database)
    export(database, tmp_path)
    for selection in ({"format": "csv"}, {"start": NOW}):
        with pytest.raises(DataError, match="choose another address"):
            export(database, tmp_path, **selection)


def test_what_a_provider_forbids_is_left_out(database: Database, tmp_path: Path) -> None:
    with database.transaction() as connection:
        for hour, source in enumerate(("waqi", "cpcb+waqi", "cpcb")):
            run(
                connection,
                "INSERT INTO city_hour (city, time, source, basis, pm25, computed_at) "
                "VALUES ('Delhi', CAST(:time AS timestamptz), :source, 'implied', 7, now())",
                time=f"2025-11-05T0{hour}:30Z",
                source=source,
            )
        run(
            connection,
            "INSERT INTO city_hour (city, time, source, computed_at) VALUES ('Pune', '2025-11-05Z', 'waqi', now())",
        )
    export(database, tmp_path)
    assert manifest(tmp_path)["left_out"] == ["waqi"]
    [entry] = manifest(tmp_path)["files"]
    assert pq.read_table(tmp_path / entry["path"], partitioning=None)["source"].to_pylist() == ["cpcb"]


@pytest.mark.parametrize("format_", ["csv", "xlsx"])
def test_no_cell_begins_a_formula(database: Database, tmp_path: Path, format_: str) -> None:
    with database.transaction() as connection:
        run(
            connection,
            "INSERT INTO city_hour (city, time, source, aqi, computed_at) VALUES "
            "('Delhi', '2025-11-05 10:30Z', '=1+1', 300, now()), ('Delhi', '2025-11-05 11:30Z', 'cpcb', NULL, now())",
        )
    export(database, tmp_path, format=format_, what=("observations",))
    [entry] = manifest(tmp_path)["files"]
    path = tmp_path / entry["path"]
    if format_ == "csv":
        heading, first, second = path.read_text(encoding="utf-8").splitlines()
        assert heading.split(",")[:3] == ['"city"', '"time"', '"source"']
        assert first.split(",")[:3] == ['"Delhi"', '"2025-11-05T10:30:00Z"', '"\'=1+1"']
        assert second.split(",")[2] == '"cpcb"'
        return
    book = openpyxl.load_workbook(path)
    assert book.sheetnames == ["README", "observations"]
    heading, first, second = book["observations"].iter_rows()
    named = {
        cell.value: (content.value, content.data_type) for cell, content in zip(heading, first, strict=True)
    }
    assert named["source"] == ("=1+1", "s")
    assert named["aqi"][0] == 300
    assert named["time"][0] == datetime(2025, 11, 5, 10, 30)  # noqa: DTZ001 — Excel knows no zones
    assert named["time_ist"][0] == datetime(2025, 11, 5, 16, 0)  # noqa: DTZ001
    assert second[4].value is None or second[4].value == "cpcb"


def test_the_archive_is_written_at_its_hour_and_only_where_it_has_an_address(
    database: Database, tmp_path: Path
) -> None:
    with database.transaction() as connection:
        run(
            connection,
            "INSERT INTO city_hour (city, time, aqi, computed_at) VALUES ('Pune', now(), 80, now())",
        )
    present = Clock(datetime(2025, 11, 5, 3, 29, tzinfo=UTC))
    for address, expected in ((None, []), (tmp_path.as_uri(), [ARCHIVE])):
        settings = from_mapping({"VAYU_ARCHIVE_URL": address or "", "MODEL_STORE_URL": "memory:"})
        resources = resources_of(settings, database, PostgresQueue(database, present), present)
        with time_machine.travel(present.now, tick=False) as hands:
            schedule = Schedule(resources)
            hands.shift(timedelta(minutes=1))
            schedule.run_due()
            schedule.shutdown()
        with database.transaction() as connection:
            sent = [
                type_ for (type_,) in run(connection, "DELETE FROM job RETURNING type") if type_ == ARCHIVE
            ]
        assert sent == expected
        outcome = handler(resources)(Message(ARCHIVE))
        assert outcome.get("files") == (1 if address else None)
    assert faults(tmp_path) == []


def test_the_data_dictionary_is_up_to_date() -> None:
    assert (ROOT / "docs" / "data-dictionary.md").read_text(encoding="utf-8") == dictionary()
