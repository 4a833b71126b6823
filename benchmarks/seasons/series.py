"""The measurements of each place as `vayu backtest` reads them: by station, or as the city mean that is served."""

from __future__ import annotations

import tempfile
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet

from common.domain.observation import POLLUTANTS
from common.inference.providers import running_naqi
from common.training.backtest.files import Hours, read_hours

if TYPE_CHECKING:
    from collections.abc import Mapping

    from common.features import Array

FILES = {
    "jaipur": "backtest/jaipur_aqi.parquet",
    "mumbai": "backtest/mumbai_aqi.parquet",
    "delhi": "backtest/delhi_pm25.parquet",
    "ncr": "backtest/ncr_pm25.parquet",
    "beijing": "backtest/beijing_pm25.parquet",
    "bengaluru": "cpcb_bengaluru_2025/hourly.parquet",
    "ahmedabad": "kaggle_ahmedabad_hourly/first_half.csv.gz",
}
_ZONES = {"beijing": "Asia/Shanghai"}
_RENAMED = {
    "bengaluru": {
        "station": "series", "time_ist": "time", "at_c": "temperature", "rh": "humidity", "ws": "wind_speed",
        "rf": "rain",
    },
    "ahmedabad": {
        "City": "series", "time_ist": "time", "AQI": "aqi", "NO2": "no2", "NH3": "nh3", "CO": "co", "SO2": "so2",
        "O3": "o3",
    },
}  # fmt: skip
_LEFT_OUT = (
    "no",
    "nox",
    "benzene",
    "toluene",
    "wd",
    "sr",
    "bp_mmhg",
    "source",
    "NOx",
    "Benzene",
    "Toluene",
    "Xylene",
)
_CO_IN_MICROGRAMS = ("beijing",)
_HIGHEST_INDEX = 500.0


def zone_of(place: str) -> ZoneInfo:
    """The time zone of the place's file."""
    return ZoneInfo(_ZONES.get(place, "Asia/Kolkata"))


@cache
def stations(folder: Path, place: str) -> Hours:
    """Hourly values of each station; where the pollutants allow it, with the NAQI by the published rule.

    Raises:
        OSError: when the folder has no such file.
    """
    path = folder / FILES[place]
    if place in _RENAMED:
        with tempfile.TemporaryDirectory() as scratch:
            copy = Path(scratch) / "renamed.parquet"
            pyarrow.parquet.write_table(_renamed(path, _RENAMED[place]), copy)
            hours = read_hours(copy, zone_of(place))
    else:
        hours = read_hours(path, zone_of(place))
    # The tables of a file that was read are views of a frame, which cannot be written to.
    hours = replace(hours, values=[table.copy() for table in hours.values])
    if place in _CO_IN_MICROGRAMS:
        at = hours.columns.index("co")
        for table in hours.values:
            table[:, at] /= 1000
    if "aqi" in hours.columns:
        at = hours.columns.index("aqi")
        for table in hours.values:
            table[:, at] = np.minimum(table[:, at], _HIGHEST_INDEX)
        return hours
    return _with_index(hours)


def city(hours: Hours) -> Hours:
    """One series: of each column the mean of the stations that report, and of the index its whole number."""
    stacked = np.stack(hours.values)
    known = np.isfinite(stacked)
    total, number = np.where(known, stacked, 0.0).sum(axis=0), known.sum(axis=0)
    mean = np.where(number > 0, total / np.maximum(number, 1), np.nan)
    if "aqi" in hours.columns:
        at = hours.columns.index("aqi")
        mean[:, at] = np.round(mean[:, at])
    return replace(hours, values=[mean], names=pd.Series(["city"]))


def between(hours: Hours, first: int, last: int) -> Hours:
    """The hours of a file from `first` until before `last`, seconds since 1970 in UTC."""
    begin, end = max(hours.index(first), 0), min(hours.index(last), hours.length)
    return replace(
        hours, values=[table[begin:end] for table in hours.values], first=hours.first + 3600 * begin
    )


def without(hours: Hours, column: str) -> Hours:
    """A file without one of its columns."""
    if column not in hours.columns:
        return hours
    at = hours.columns.index(column)
    columns = tuple(name for name in hours.columns if name != column)
    return replace(hours, columns=columns, values=[np.delete(table, at, axis=1) for table in hours.values])


def _renamed(path: Path, names: Mapping[str, str]) -> pa.Table:
    table = pyarrow.parquet.read_table(path) if path.suffix == ".parquet" else pyarrow.csv.read_csv(path)
    table = table.drop_columns([name for name in table.column_names if name in _LEFT_OUT])
    return table.rename_columns([names.get(name, name) for name in table.column_names])


def _with_index(hours: Hours) -> Hours:
    if not {"pm25", "pm10"} & set(hours.columns) or len(set(POLLUTANTS) & set(hours.columns)) < 3:
        return hours
    values = [np.column_stack([table, _index(table, hours.columns)]) for table in hours.values]
    return replace(hours, columns=(*hours.columns, "aqi"), values=values)


def _index(table: Array, columns: tuple[str, ...]) -> Array:
    unknown = np.full(len(table), np.nan)
    return running_naqi(
        np.stack([table[:, columns.index(name)] if name in columns else unknown for name in POLLUTANTS])
    )
