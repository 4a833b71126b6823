"""The lists of the API as tables: what CSV, Parquet and workbooks have as columns; see docs/data-dictionary.md."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING

import msgspec
from msgspec import structs

from common.domain.forecast import EXCEEDED, NAIVE
from common.domain.observation import POLLUTANTS, UNITS
from common.tables.fields import Field, described

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

OF_TARGET = "of the target"
CATEGORIES = ("good", "satisfactory", "moderate", "poor", "very_poor", "severe")


class Download(msgspec.Struct, frozen=True):
    """A list of the API as a table."""

    name: str
    title: str
    address: str
    """Where it is served"""
    fields: tuple[Field, ...]
    of_provider: tuple[Field, ...] = ()
    """Columns that each provider has at the end; the provider's name and ``_`` stand before theirs"""

    @property
    def names(self) -> list[str]:
        """Of its columns."""
        return [field.name for field in self.fields]

    def with_providers(self, providers: Iterable[str]) -> Download:
        """The same with the columns of these providers."""
        theirs = (
            structs.replace(field, name=f"{provider}_{field.name}", meaning=f"{provider}: {field.meaning}")
            for provider in providers
            for field in self.of_provider
        )
        return structs.replace(self, fields=(*self.fields, *theirs), of_provider=())


_CITY = Field("city", "text", "the city, as in GET /api/v1/cities/", required=True)
_STANDARD = Field("standard", "text", "of the index: in-naqi or us-epa", required=True)
_SIMULATED = Field("simulated", "boolean", "whether the data are simulated", required=True)
_TARGET = Field("target", "text", "what is forecast: aqi (Indian AQI) or pm25 (µg/m³)", required=True)
_MODE = Field(
    "mode", "text", "live, or replay: issued afterwards from what was known at the time", required=True
)
_BASIS = Field("basis", "text", "measured at stations, implied by a published index, or modelled")
_LEAD = Field("lead", "integer", "hours ahead", "h", required=True)
_N = Field("n", "integer", "hours compared", required=True)


def _of_hours(mean: str) -> tuple[Field, ...]:
    return tuple(Field(name, "number", f"mean of the {mean}: {name}", UNITS[name]) for name in POLLUTANTS)


HOURS = Download(
    "history-hours",
    "Hours of a city, oldest first",
    "/aqi/history/{city}",
    (
        _CITY,
        _STANDARD,
        _SIMULATED,
        Field("time", "time", "end of the hour", required=True),
        Field("aqi", "integer", "index, 0 to 500; empty where the rule withholds it"),
        Field("category", "text", "category of aqi"),
        Field("dominant_pollutant", "text", "the pollutant that decides aqi"),
        _BASIS,
        Field("source", "text", "the provider whose readings were taken"),
        Field("flags", "text", "quality flags, separated by blanks: docs/quality.md"),
        *_of_hours("hour"),
    ),
)

DAYS = Download(
    "history-days",
    "Days of a city, oldest first",
    "/aqi/history/{city}?interval=day",
    (
        _CITY,
        _STANDARD,
        _SIMULATED,
        Field("date", "date", "day of Indian time; midnight belongs to the day that it ends", required=True),
        Field("aqi", "integer", "mean index of the day's hours"),
        Field("aqi_max", "integer", "highest index of an hour of the day"),
        Field("category", "text", "category of aqi"),
        Field("hours", "integer", "hours of the day that have any value", "h", required=True),
        _BASIS,
        Field("source", "text", "providers whose readings were taken"),
        *_of_hours("day's hours"),
    ),
)

FORECAST = Download(
    "forecast",
    "The newest forecast of a city, a row an hour ahead",
    "/forecast/{city}",
    (
        _CITY,
        _STANDARD,
        _TARGET,
        _SIMULATED,
        Field("issued_at", "time", "when it was issued", required=True),
        Field(
            "origin", "time", "the hour that the forecast starts from: lead 1 is the hour after", required=True
        ),
        Field("known_until", "time", "the last hour whose values it was made from", required=True),
        Field("model_version", "text", "the model, as in GET /api/v1/models/list"),
        Field("family", "text", "family of the model; naive where no model beat it", required=True),
        Field("basis", "text", "basis of the values that it starts from"),
        Field("source", "text", "provider of the values that it starts from"),
        Field("time", "time", "end of the hour that is forecast", required=True),
        Field("lead_hours", "integer", "hours from origin to the hour that is forecast, 1 to 48", "h", required=True),
        Field("aqi", "integer", "the forecast index; this and what follows up to p_above_400: target aqi"),
        Field("category", "text", "category of aqi"),
        Field("confidence", "number", "probability that the stated category is right", "1"),
        *(
            Field(f"{end}_{level}", "integer", f"{end} end of the {level} % interval of aqi")
            for level in (80, 95)
            for end in ("lower", "upper")
        ),
        *(
            Field(f"p_{name}", "number", f"probability of the category {name.replace('_', ' ')}", "1")
            for name in CATEGORIES
        ),
        *(Field(f"p_above_{above}", "number", f"probability of an AQI above {above}", "1") for above in EXCEEDED),
        Field("pm25", "number", "the forecast of PM2.5", UNITS["pm25"]),
        *(
            Field(f"pm25_{end}_{level}", "number", f"{end} end of the {level} % interval of pm25", UNITS["pm25"])
            for level in (80, 95)
            for end in ("lower", "upper")
        ),
    ),
)  # fmt: skip

_SKILL = "1 − MAE / MAE of the best naive forecast in hindsight"

SCORES = Download(
    "record",
    "Scores by city, season and lead time, on the same hours for all",
    "/record/scores",
    (
        _CITY,
        Field("season", "text", "season of the hours that were forecast: DJF, MAM, JJAS or ON", required=True),
        _LEAD,
        _N,
        Field("days", "integer", "days that the hours belong to", required=True),
        Field("first_day", "date", "first Indian day", required=True),
        Field("last_day", "date", "last Indian day", required=True),
        Field("mae", "number", "mean absolute error", OF_TARGET, required=True),
        Field("rmse", "number", "root of the mean squared error", OF_TARGET, required=True),
        Field("bias", "number", "mean of forecast − truth", OF_TARGET, required=True),
        Field("best_naive", "text", "the best naive forecast in hindsight", required=True),
        Field("skill", "number", f"{_SKILL}; empty where that one made no error", "1"),
        Field("skill_low", "number", "lower bound of the skill's 95 % interval", "1"),
        Field("skill_high", "number", "upper bound of the skill's 95 % interval", "1"),
        *(
            Field(f"coverage_{level}", "number", f"share of the truth in the {level} % interval", "1", required=True)
            for level in (80, 95)
        ),
        *(
            Field(f"width_{level}", "number", f"mean width of the {level} % interval", OF_TARGET, required=True)
            for level in (80, 95)
        ),
        *(Field(f"{name}_mae", "number", f"MAE of the naive forecast {name}", OF_TARGET) for name in NAIVE),
        _TARGET,
        _MODE,
        _SIMULATED,
    ),
    (
        Field("n", "integer", "hours that both forecast"),
        Field("days", "integer", "days that these hours belong to"),
        Field("mae", "number", "the provider's MAE on these hours", OF_TARGET),
        Field("our_mae", "number", "our MAE on these hours", OF_TARGET),
        Field("our_skill", "number", "1 − our MAE / the provider's", "1"),
        Field("our_skill_low", "number", "lower bound of its 95 % interval", "1"),
        Field("our_skill_high", "number", "upper bound of its 95 % interval", "1"),
    ),
)  # fmt: skip

SCORE_DAYS = Download(
    "record-days",
    "What the scores of a city are made of: sums over the hours of each day, at one lead time",
    "/record/days/{city}",
    (
        Field("day", "date", "Indian day", required=True),
        _N,
        *(
            Field(f"within_{level}", "integer", f"hours whose truth lay within the {level} % interval", required=True)
            for level in (80, 95)
        ),
        Field("weekly_n", "integer", "hours that have the naive forecast weekly", required=True),
        Field("error", "number", "sum of the absolute errors", OF_TARGET, required=True),
        Field("squared", "number", "sum of the squared errors", "of the target, squared", required=True),
        Field("bias", "number", "sum of forecast − truth", OF_TARGET, required=True),
        *(
            Field(f"width_{level}", "number", f"sum of the widths of the {level} % interval", OF_TARGET, required=True)
            for level in (80, 95)
        ),
        *(
            Field(f"{name}_error", "number", f"sum of the absolute errors of the naive forecast {name}", OF_TARGET)
            for name in NAIVE
        ),
        _CITY,
        _LEAD,
        _TARGET,
        _MODE,
        _SIMULATED,
    ),
    (
        Field("n", "integer", "hours that both forecast"),
        Field("error", "number", "sum of the provider's absolute errors on these hours", OF_TARGET),
        Field("our_error", "number", "sum of ours", OF_TARGET),
    ),
)  # fmt: skip

DOWNLOADS: Mapping[str, Download] = MappingProxyType(
    {table.name: table for table in (HOURS, DAYS, FORECAST, SCORES, SCORE_DAYS)}
)


def dictionary() -> list[str]:
    """What the columns mean, as Markdown, line by line."""
    lines = [
        "## Lists of the API",
        "",
        "The same columns in `format=csv`, `parquet` and `xlsx`: [api.md](api.md#files). In workbooks, a column",
        "`…_ist` of Indian time stands beside each time.",
    ]
    for table in DOWNLOADS.values():
        lines += ["", f"### {table.name}", "", f"{table.title}: `GET /api/v1{table.address}`.", ""]
        lines += described(table.fields)
        if table.of_provider:
            lines += ["", "Then of each provider, after its name, such as `open-meteo_n`:", ""]
            lines += described(table.of_provider)
    return lines
