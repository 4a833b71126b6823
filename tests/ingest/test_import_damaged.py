"""Files that are cut off, damaged, or something else: refused whole, with a message that helps."""

from __future__ import annotations

import gzip
import io
import sys
import zipfile
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from openpyxl import Workbook

from common.domain.cities import find_city
from common.domain.errors import ConfigError, DataError
from common.ingest.files.read import read_file

if TYPE_CHECKING:
    from pathlib import Path

    from common.ingest.files.result import ImportResult

NAME = "Raw_data_15Min_2025_site_134_Police_Commissionerate_Jaipur_RSPCB_15Min.csv"
TEXT = "Timestamp,PM2.5 (µg/m³),AT (°C)\n" + "".join(
    f"2025-01-01 {hour:02}:{minute:02}:00,{hour + 1}.{minute},2{hour % 10}.5\n"
    for hour in range(24)
    for minute in (0, 15, 30, 45)
)


def read(folder: Path, data: bytes, name: str = NAME) -> ImportResult:
    path = folder / name
    path.write_bytes(data)
    return read_path(path)


def read_path(path: Path) -> ImportResult:
    return read_file(
        path, city=find_city("Jaipur"), station=None, format=None, now=datetime(2026, 1, 1, tzinfo=UTC)
    )


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "latin-1", "utf-16"])
def test_every_encoding_gives_the_same(tmp_path: Path, encoding: str) -> None:
    result = read(tmp_path, TEXT.encode(encoding))
    assert result.readings == read(tmp_path, TEXT.encode()).readings
    assert len(result.readings) == 24
    assert result.readings[0].values == {"pm25": pytest.approx(1.225), "temperature": 20.5}


def test_headings_that_were_once_read_as_latin_1_are_understood(tmp_path: Path) -> None:
    garbled = TEXT.encode().decode("latin-1")
    assert read(tmp_path, garbled.encode()).readings == read(tmp_path, TEXT.encode()).readings


@pytest.mark.parametrize("delimiter", [";", "\t"])
def test_other_delimiters_and_line_ends_are_understood(tmp_path: Path, delimiter: str) -> None:
    text = TEXT.replace(",", delimiter).replace("\n", "\r\n")
    assert read(tmp_path, text.encode()).readings == read(tmp_path, TEXT.encode()).readings


def test_the_kind_is_told_by_the_content_not_by_the_name(tmp_path: Path) -> None:
    zipped = gzip.compress(TEXT.encode())
    assert read(tmp_path, zipped).readings == read(tmp_path, TEXT.encode(), NAME + ".gz").readings


@pytest.mark.parametrize("share", [0.02, 0.5, 0.999])
def test_half_a_gzip_file_is_refused(tmp_path: Path, share: float) -> None:
    data = gzip.compress(TEXT.encode())
    with pytest.raises(DataError, match=r"ends in the middle of compressed data; nothing was imported"):
        read(tmp_path, data[: int(len(data) * share)], NAME + ".gz")


@settings(max_examples=40, deadline=None)
@given(st.integers(10, 10_000), st.integers(1, 255))
def test_a_flipped_byte_in_a_gzip_file_is_never_imported(tmp_path_factory, at: int, flip: int) -> None:  # type: ignore[no-untyped-def]
    data = bytearray(gzip.compress(TEXT.encode(), mtime=0))
    data[10 + at % (len(data) - 10)] ^= flip
    with pytest.raises(DataError, match="nothing was imported"):
        read(tmp_path_factory.mktemp("flip"), bytes(data), NAME + ".gz")


def test_a_text_that_ends_within_a_row_loses_that_row_only(tmp_path: Path) -> None:
    cut = TEXT[: TEXT.rindex(",")]
    result = read(tmp_path, cut.encode())
    assert result.rejected == {"wrong_width": 2}
    assert result.rows_read == 96
    assert "the last row is incomplete: the file may have been cut off" in result.notes
    assert result.values_read == result.values_kept + 2


def test_empty_cells_that_excel_left_out_are_missing(tmp_path: Path) -> None:
    lines = TEXT.splitlines()
    lines[2] = lines[2].rpartition(",")[0]
    result = read(tmp_path, "\n".join(lines).encode() + b"\n")
    assert result.rejected == {"missing": 1}


def test_a_row_with_too_many_cells_is_counted_and_left_out(tmp_path: Path) -> None:
    lines = TEXT.splitlines()
    lines[2] += ",7"
    lines[3] += ",,"
    result = read(tmp_path, "\n".join(lines).encode() + b"\n")
    assert result.rejected == {"wrong_width": 2}
    assert not any("cut off" in note for note in result.notes)


def workbook() -> bytes:
    book = Workbook()
    sheet = book.active
    assert sheet is not None
    for line in TEXT.splitlines():
        sheet.append(line.split(","))
    content = io.BytesIO()
    book.save(content)
    return content.getvalue()


def without(data: bytes, part: str) -> bytes:
    content = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(data)) as old, zipfile.ZipFile(content, "w") as new:
        for name in old.namelist():
            if name != part:
                new.writestr(name, old.read(name))
    return content.getvalue()


def test_a_workbook_gives_the_same_as_its_text(tmp_path: Path) -> None:
    assert read(tmp_path, workbook()).readings == read(tmp_path, TEXT.encode()).readings


@pytest.mark.parametrize("part", ["xl/worksheets/sheet1.xml", "xl/workbook.xml", "[Content_Types].xml"])
def test_a_workbook_that_lacks_a_part_is_refused(tmp_path: Path, part: str) -> None:
    with pytest.raises(DataError, match="nothing was imported"):
        read(tmp_path, without(workbook(), part))


def test_half_a_workbook_is_refused(tmp_path: Path) -> None:
    data = workbook()
    with pytest.raises(DataError, match="nothing was imported"):
        read(tmp_path, data[: len(data) // 2])


def test_a_workbook_without_openpyxl_says_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "openpyxl", None)
    with pytest.raises(ConfigError, match=r"vayu\[local\]"):
        read(tmp_path, workbook())


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (b"", "empty"),
        (b" \n\r\n", "empty"),
        (gzip.compress(b"", mtime=0), "empty"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "old Excel"),
        (b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR", "neither a text table nor an Excel"),
        (bytes(range(255, 0, -1)) * 20, "neither a text table nor an Excel"),
        (bytes(range(254, 0, -1)) * 20, "neither a text table nor an Excel"),
        (b"PK\x03\x04 and no more", "damaged"),
        (b"one line of prose\n", "no table"),
        (b'"never closed' + b"x" * 200_000, "cannot be read as CSV"),
        ("﻿,,,\n".encode(), "no table"),
    ],
)
def test_what_is_no_table_is_refused(tmp_path: Path, data: bytes, says: str) -> None:
    with pytest.raises(DataError) as refused:
        read(tmp_path, data)
    assert says in str(refused.value)


@pytest.mark.parametrize("data", [TEXT.encode(), gzip.compress(TEXT.encode(), mtime=0)])
def test_a_file_too_big_for_memory_is_refused(
    tmp_path: Path, data: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("common.tables.file.MOST_BYTES", 2000)
    with pytest.raises(DataError, match="split it"):
        read(tmp_path, data)


def test_a_folder_and_a_missing_file_are_said_to_be_so(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="is a folder; name the files in it"):
        read_path(tmp_path)
    with pytest.raises(DataError, match="there is no such file"):
        read_path(tmp_path / "none.csv")


@settings(max_examples=150, deadline=None)
@given(st.one_of(st.binary(max_size=300), st.text(max_size=200).map(str.encode)), st.booleans())
def test_no_content_breaks_it(tmp_path_factory, data: bytes, headed: bool) -> None:  # type: ignore[no-untyped-def]
    """Anything at all is either refused with a `DataError` or accounted for to the last value."""
    content = b"Timestamp,PM10,WS (m/s),WD (deg)\n2025-01-01 00:00,1,1,1\n" * headed + data
    try:
        result = read(tmp_path_factory.mktemp("any"), content)
    except DataError:
        return
    assert result.values_read == result.values_kept + sum(result.rejected.values())
