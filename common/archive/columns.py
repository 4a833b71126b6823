"""The tables of the archive and their columns; docs/data-dictionary.md and datapackage.json are made of this."""

from __future__ import annotations

from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING

from common.domain.exports import EXPORT_TABLES
from common.domain.observation import POLLUTANTS, UNITS, WEATHER
from common.tables import downloads
from common.tables.fields import Field, described

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

CATEGORIES = downloads.CATEGORIES
INTERVALS = (
    ("lo80", "lower", 80),
    ("hi80", "upper", 80),
    ("lo95", "lower", 95),
    ("hi95", "upper", 95),
)
NAIVE = ("persistence", "daily", "mean24", "weekly")


@dataclass(frozen=True, slots=True)
class DataTable:
    """One table of the archive, a file for each city and year (UTC) of `time`.

    Times are to the microsecond; numbers have single precision, as stored.
    """

    name: str
    title: str
    fields: tuple[Field, ...]
    key: tuple[str, ...]
    """What tells rows apart; files are sorted by it"""
    time: str
    """The column whose year names the file"""


_CITY = Field("city", "text", "the city, as in GET /api/v1/cities/", required=True)
_YEAR = Field("year", "integer", "the year that names the file, in UTC", required=True)
_TARGET = Field("target", "text", "what is forecast: aqi (Indian AQI) or pm25 (µg/m³)", required=True)
_MODE = Field(
    "mode", "text", "live, or replay: issued afterwards from what was known at the time", required=True
)
_ORIGIN = Field(
    "origin", "time", "the hour that the forecast starts from: lead 1 is the hour after", required=True
)
_LEAD = Field(
    "lead", "integer", "hours from origin to the hour that is forecast, 1 to 48", "h", required=True
)
_VALID = Field("valid_time", "time", "end of the hour that is forecast", required=True)
_OF_TARGET = "of the target"

OBSERVATIONS = DataTable(
    "observations",
    "One row a city and hour, reconciled from all stations and providers",
    (
        _CITY,
        Field("time", "time", "end of the hour", required=True),
        Field("source", "text", "the provider whose readings were taken"),
        Field("basis", "text", "measured at stations, implied by a published index, or modelled"),
        Field(
            "stations", "integer", "stations that the values are a mean of; 0: not by station", required=True
        ),
        *(Field(name, "number", f"mean of the hour: {name}", UNITS[name]) for name in POLLUTANTS),
        *(Field(name, "number", f"weather: {name.replace('_', ' ')}", UNITS[name]) for name in WEATHER),
        Field("aqi", "integer", "Indian AQI (NAQI, CPCB 2014), 0 to 500; empty where the rule withholds it"),
        Field("dominant", "text", "the pollutant that decides aqi"),
        Field("aqi_us", "integer", "AQI of the US EPA (2024, NowCast), 0 to 500"),
        Field("dominant_us", "text", "the pollutant that decides aqi_us"),
        Field("flags", "text", "quality flags, separated by blanks: docs/quality.md"),
        Field("detail", "json", "how the indices came about: windows, hours present, rules", required=True),
        Field("computed_at", "time", "when this row was last computed", required=True),
        _YEAR,
    ),
    ("city", "time"),
    "time",
)

FORECASTS = DataTable(
    "forecasts",
    "Every forecast as it was issued, one row a lead time",
    (
        _CITY, _TARGET, _MODE, _ORIGIN, _LEAD, _VALID,
        Field("issued_at", "time", "when it was issued", required=True),
        Field("known_until", "time", "the last hour whose values it was made from", required=True),
        Field("model_version", "text", "the model: its row in the table models"),
        Field("family", "text", "family of the model; naive where no model beat it", required=True),
        Field("inputs_hash", "text", "SHA-256 of the inputs", required=True),
        Field("basis", "text", "basis of the values that it starts from"),
        Field("source", "text", "provider of the values that it starts from"),
        Field("y", "number", "the forecast", _OF_TARGET),
        *(
            Field(name, "number", f"{end} end of the {level} % interval", _OF_TARGET)
            for name, end, level in INTERVALS
        ),
        *(
            Field(f"p_{name}", "number", f"probability of the category {name.replace('_', ' ')}; target aqi", "1")
            for name in CATEGORIES
        ),
        *(Field(name, "number", f"the naive forecast {name}: docs/glossary.md", _OF_TARGET) for name in NAIVE),
        _YEAR,
    ),
    ("city", "origin", "target", "mode", "lead"),
    "origin",
)  # fmt: skip

SCORES = DataTable(
    "scores",
    "What came of each forecast, one row a lead time; join it to forecasts by its key",
    (
        _CITY, _TARGET, _MODE, _ORIGIN, _LEAD, _VALID,
        Field("actual", "number", "what the hour became, as known at scored_at; empty: not known yet", _OF_TARGET),
        Field("error", "number", "forecast less actual", _OF_TARGET),
        Field("within80", "integer", "1 where actual lies in the 80 % interval, else 0"),
        Field("within95", "integer", "1 where actual lies in the 95 % interval, else 0"),
        Field("scored_at", "time", "when the truth was last set beside the forecast", required=True),
        _YEAR,
    ),
    ("city", "origin", "target", "mode", "lead"),
    "origin",
)  # fmt: skip

MODELS = DataTable(
    "models",
    "Every model that was trained; goes with the forecasts",
    (
        _CITY, _TARGET, _MODE,
        Field("version", "text", "its name", required=True),
        Field("family", "text", "its family", required=True),
        Field("status", "text", "candidate, champion, retired or rejected", required=True),
        Field("reason", "text", "why it has that status", required=True),
        Field("trained_at", "time", "when it was trained", required=True),
        Field("window_start", "time", "first hour that it learnt from", required=True),
        Field("window_end", "time", "last hour that it learnt from", required=True),
        Field("samples", "integer", "rows that it learnt from", required=True),
        Field("features_hash", "text", "names and order of its features", required=True),
        Field("checksum", "text", "SHA-256 of its file", required=True),
        Field("metrics", "json", "its scores on held-out data", required=True),
        Field("promoted_at", "time", "when it became champion"),
        _YEAR,
    ),
    ("city", "trained_at", "version"),
    "trained_at",
)  # fmt: skip

TABLES: Mapping[str, DataTable] = MappingProxyType(
    {table.name: table for table in (OBSERVATIONS, MODELS, FORECASTS, SCORES)}
)
"""In the order in which they are restored: forecasts name models, scores name forecasts."""

WHATS = EXPORT_TABLES
"""What can be exported by name; models go with the forecasts."""


def tables_of(whats: Collection[str]) -> tuple[DataTable, ...]:
    """The tables that are meant by some of `WHATS`; without any: all."""
    if not whats:
        return tuple(TABLES.values())
    named = {*whats, "models"} if "forecasts" in whats else set(whats)
    return tuple(table for name, table in TABLES.items() if name in named)


def dictionary() -> str:
    """The data dictionary, as Markdown."""
    lines = [
        "# Data dictionary",
        "",
        "Look up what a column of the archive means; [open-data.md](open-data.md) says how to get the files. Made from",
        "`common/archive/columns.py`; after a change run `python -m common.archive.columns > docs/data-dictionary.md`.",
        "",
        "Times are the ends of hours in UTC. A cell that is empty (null) is not known; it is never 0.",
    ]
    for table in TABLES.values():
        lines += ["", f"## {table.name}", "", f"{table.title}. Sorted by {', '.join(table.key)}.", ""]
        lines += described(table.fields)
    lines += ["", *downloads.dictionary()]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    import sys

    sys.stdout.write(dictionary())
