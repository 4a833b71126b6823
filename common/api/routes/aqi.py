"""Air quality: current, its pollutants, its history."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from flask import Response, request
from flask_openapi3 import Tag
from msgspec import structs

from common.api.blueprint import Blueprint
from common.api.context import context
from common.api.downloads import refuse_long, sent, wanted
from common.api.errors import Problem
from common.api.history import Past, body, moment, window, wrong
from common.api.responses import index
from common.api.schemas import CityPath, StandardQuery
from common.api.schemas.aqi import (
    BandShown,
    Converted,
    ConvertedIndex,
    ConvertedPollutant,
    ConvertQuery,
    Current,
    CurrentQuery,
    DayHistory,
    History,
    HistoryQuery,
    HourHistory,
    Pollutant,
    Pollutants,
)
from common.api.serialize_values import rounded, utc
from common.domain.aqi import RULES, STANDARDS, Aqi, PollutantIndex, Standard, category, naqi, us_aqi
from common.domain.breakpoints import band_of
from common.domain.cities import City
from common.domain.errors import NotFound
from common.domain.observation import POLLUTANTS, UNITS
from common.quality.explanation import explain_readings, unpack
from common.store.reads.hours import LatestHour, latest_hour

HOURS_ASSUMED = 24
"""The longest window of either standard."""

api = Blueprint("aqi", abp_tags=[Tag(name="Air quality", description="Now and before")])


@api.get("/aqi/current/<city>", responses={200: Current, 404: Problem}, cache="minute")
def current(path: CityPath, query: CurrentQuery) -> dict[str, Any]:
    """The latest index of a city, with the concentrations of that hour."""
    city, now = path.city, context.clock()
    as_of = moment(query.as_of, now)
    if as_of and query.explain:
        raise wrong(
            "explain tells of what is known now; how an index came about is not kept for as_of",
            explain=("true", "true without as_of"),
        )
    hour = _latest(city, query.standard, now, as_of)
    if hour.aqi is None:
        reason = hour.detail.get("withheld", {}).get(query.standard) or "it cannot be computed"
        raise NotFound(f"no hour of the {_last_48(as_of)} has an index for {city.name}: {reason}")
    concentrations = {name: rounded(value, 2) for name, value in hour.concentrations.items()}
    return Current.answer(
        city=city.name,
        state=city.state,
        standard=query.standard,
        units={name: UNITS[name] for name in concentrations},
        source=hour.source,
        stations=hour.stations,
        flags=hour.flags,
        simulated=context.simulated(),
        as_of=None if as_of is None else utc(as_of),
        explanation=_explanation(hour, query.standard) if query.explain else None,
        **_index(hour, query.standard, as_of or now),
        **concentrations,
    )


@api.get("/aqi/pollutants/<city>", responses={200: Pollutants, 404: Problem}, cache="minute")
def pollutants(path: CityPath, query: StandardQuery) -> dict[str, Any]:
    """Concentrations, windows and sub-indices of the pollutants of a city's latest hour."""
    city, now = path.city, context.clock()
    hour = _latest(city, query.standard, now)
    explained = _explained(hour, query.standard)
    return Pollutants.answer(
        city=city.name,
        state=city.state,
        standard=query.standard,
        withheld=explained.withheld if hour.aqi is None else None,
        source=hour.source,
        stations=hour.stations,
        flags=hour.flags,
        simulated=context.simulated(),
        pollutants={
            name: _pollutant(name, hour, explained)
            for name in POLLUTANTS
            if name in hour.concentrations or name in explained.pollutants
        },
        **_index(hour, query.standard, now),
    )


@api.get(
    "/aqi/history/<city>",
    responses={200: History, 404: Problem, 406: Problem, 422: Problem},
    cache="data",
)
def history(path: CityPath, query: HistoryQuery) -> Response:
    """The hours or days of a city, oldest first, as JSON, CSV, Parquet or a workbook.

    Up to ten years at once; workbooks up to a year of hours. A long answer in JSON or CSV is sent as it is read; if it
    breaks off, the connection does too, and it must be asked for again.
    """
    city, now = path.city, context.clock()
    as_of = moment(query.as_of, now)
    format_ = wanted(query.format)
    past = Past(context.reads, city, query, window(query, as_of or now), as_of)
    if "serverless.event" in request.environ:
        past.refuse_buffering()
    refuse_long(format_, past.expected, "ask for a year at a time: start and end")
    model = HourHistory if query.interval == "hour" else DayHistory
    head = model.answer(
        interval=query.interval,
        city=city.name,
        state=city.state,
        standard=query.standard,
        start=utc(past.range.start),
        end=utc(past.range.end),
        count=0,
        expected=past.expected,
        units={name: UNITS[name] for name in POLLUTANTS},
        simulated=context.simulated(),
        as_of=None if as_of is None else utc(as_of),
        points=[],
    )
    return sent(body(past, head, format_), format_, city.slug)


@api.get("/aqi/convert", responses={200: Converted}, cache="data")
def convert(query: ConvertQuery) -> dict[str, Any]:
    """Both indices of concentrations, explained: sub-index, band and window of each pollutant, and what is missing.

    A concentration stands for each of the last 24 hours, so it is the mean over every window at once.
    """
    series = {
        name: (value,) * HOURS_ASSUMED for name in POLLUTANTS if (value := getattr(query, name)) is not None
    }
    by_standard = {"in-naqi": naqi, "us-epa": us_aqi}
    return Converted.answer(
        assumed=f"the air was the same in each of the last {HOURS_ASSUMED} hours",
        indices={
            standard: _converted(
                by_standard[standard](series), {name: hours[0] for name, hours in series.items()}
            )
            for standard in STANDARDS
        },
    )


def _converted(result: Aqi, given: Mapping[str, float]) -> dict[str, Any]:
    return ConvertedIndex.answer(
        aqi=result.value,
        category=result.category,
        dominant_pollutant=result.dominant,
        withheld=result.withheld,
        missing=[name for name, part in result.pollutants.items() if part.index is None],
        pollutants={
            name: _converted_pollutant(part, given[name], result.standard)
            for name, part in result.pollutants.items()
            if name in given
        },
        rules=list(RULES[result.standard]),
    )


def _converted_pollutant(part: PollutantIndex, given: float, standard: Standard) -> dict[str, Any]:
    # The Indian scales have one averaging time each; ozone's goes on with the 1 h value.
    hours = part.hours_window if standard == "us-epa" else None
    band = None if part.index is None else band_of(part.pollutant, given, standard, hours=hours)
    return ConvertedPollutant.answer(
        concentration=given,
        unit=UNITS[part.pollutant],
        sub_index=part.index,
        category=None if part.index is None else category(part.index, standard),
        window=part.window,
        band=None
        if band is None
        else BandShown.answer(
            concentration_low=round(band.low, 3),
            concentration_high=round(band.high, 3),
            index_low=band.index_low,
            index_high=band.index_high,
        ),
        withheld=part.withheld,
    )


def _latest(city: City, standard: Standard, now: datetime, as_of: datetime | None = None) -> LatestHour:
    with context.reads.reading() as connection:
        hour = latest_hour(connection, city.name, standard, now, as_of=as_of)
    if hour is None:
        raise NotFound(f"there are no data of the {_last_48(as_of)} for {city.name}")
    return hour


def _last_48(as_of: datetime | None) -> str:
    return (
        "last 48 hours"
        if as_of is None
        else f"48 hours before {utc(as_of):%Y-%m-%dT%H:%M:%SZ}, as known then,"
    )


def _index(hour: LatestHour, standard: Standard, now: datetime) -> dict[str, Any]:
    return index(standard, now, time=hour.time, aqi=hour.aqi, dominant=hour.dominant, basis=hour.basis)


def _explanation(hour: LatestHour, standard: Standard) -> dict[str, Any]:
    """How the index came about: by which rule, from which readings, and what was left out."""
    readings = explain_readings(hour.detail, source=hour.source, basis=hour.basis, flags=hour.flags)
    return _explained(hour, standard).explain() | readings


def _explained(hour: LatestHour, standard: Standard) -> Aqi:
    return structs.replace(unpack(hour.detail, standard), value=hour.aqi, dominant=hour.dominant)


def _pollutant(name: str, hour: LatestHour, explained: Aqi) -> dict[str, Any]:
    hourly = hour.concentrations.get(name)
    part: PollutantIndex | None = explained.pollutants.get(name)
    index = part.index if part else None
    # An index that its provider published came without its hours.
    counted = part if part and not (part.index is not None and part.hours_present == 0) else None
    return Pollutant.answer(
        concentration=None if hourly is None else rounded(hourly, 2),
        unit=UNITS[name],
        sub_index=index,
        category=None if index is None else category(index, explained.standard),
        window=part.window if part else None,
        window_mean=part.concentration if part else None,
        hours_present=counted.hours_present if counted else None,
        hours_required=counted.hours_required if counted else None,
        hours_window=counted.hours_window if counted else None,
        dominant=name == hour.dominant,
        withheld=part.withheld if part else "the standard has no sub-index of it, or none was computed",
    )
