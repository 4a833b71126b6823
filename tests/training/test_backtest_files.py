"""Files of a backtest are read as imports read them: any form of dates, encodings, missing values."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import numpy as np
import pytest

from common.domain.errors import DataError
from common.domain.observation import IST
from common.training.backtest.files import read_hours

if TYPE_CHECKING:
    from pathlib import Path

TIMES = [datetime(2024, 3, 11) + timedelta(hours=hour) for hour in range(72)]  # noqa: DTZ001 - Indian time
FORMS = ("%Y-%m-%d %H:%M:%S", "%d/%m/%Y %H:%M", "%-m/%-d/%Y %-H:%M", "%m/%d/%Y %I:%M %p", "%d-%b-%Y %H:%M")


def write(
    path: Path, form: str, *, separator: str = ",", encoding: str = "utf-8", first: str = "0.5"
) -> Path:
    values = [first, *(f"{hour}.5" for hour in range(1, len(TIMES)))]
    decimal = "," if separator == ";" else "."
    lines = [f"time{separator}PM2.5 (µg/m³)"]
    lines += [
        f"{time.strftime(form)}{separator}{value.replace('.', decimal)}"
        for time, value in zip(TIMES, values, strict=True)
    ]
    path.write_bytes("\n".join([*lines, ""]).encode(encoding))
    return path


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("encoding", ["utf-8-sig", "latin-1", "utf-16"])
def test_every_form_gives_the_same_hours_and_comes_back(tmp_path: Path, form: str, encoding: str) -> None:
    separator = ";" if encoding == "latin-1" else ","
    hours = read_hours(write(tmp_path / "in.csv", form, separator=separator, encoding=encoding), IST)
    assert hours.columns == ("PM2.5 (µg/m³)",)
    assert datetime.fromtimestamp(hours.first, UTC) == TIMES[0].replace(tzinfo=IST)
    np.testing.assert_array_equal(hours.values[0][:, 0], np.arange(72) + 0.5)
    assert hours.form.write(hours.seconds(np.arange(72))).tolist() == [time.strftime(form) for time in TIMES]


@pytest.mark.parametrize(
    ("cell", "remarks"), [("None", {}), ("NA", {}), ("-999", {}), ("bad", {"cells that": 1})]
)
def test_what_is_missing_is_what_imports_miss(tmp_path: Path, cell: str, remarks: dict[str, int]) -> None:
    hours = read_hours(write(tmp_path / "in.csv", FORMS[0], first=cell), IST)
    assert np.isnan(hours.values[0][0, 0])
    assert np.isfinite(hours.values[0][1:, 0]).all()
    assert {what[:10]: number for what, number in hours.remarks.items()} == remarks


def test_ambiguous_dates_and_daily_means_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "in.csv"
    path.write_text("time,pm25\n" + "".join(f"05/06/2024 {hour}:00,5\n" for hour in range(24)))
    with pytest.raises(DataError, match="--dates day-first or --dates month-first"):
        read_hours(path, IST)
    hours = read_hours(path, IST, "month-first")
    assert datetime.fromtimestamp(hours.first, IST) == datetime(2024, 5, 6, tzinfo=IST)
    path.write_text("time,pm25\n" + "".join(f"2024-06-{day:02},5\n" for day in range(1, 15)))
    with pytest.raises(DataError, match="these are daily means"):
        read_hours(path, IST)
