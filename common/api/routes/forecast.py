"""Forecasts: one city, or many at once."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from math import isnan
from typing import Any, Literal

from flask import Response
from flask_openapi3 import Tag
from werkzeug.routing import BaseConverter

from common.api.blueprint import BASE, Blueprint
from common.api.context import context
from common.api.downloads import download, varying, wanted
from common.api.errors import Problem
from common.api.history import wrong
from common.api.responses import city_error, json_response
from common.api.schemas import CityPath
from common.api.schemas.forecast import (
    Batch,
    BatchBody,
    Expert,
    ExpertWeight,
    Explanation,
    Forecast,
    ForecastModel,
    ForecastQuery,
)
from common.api.serialize_forecasts import ServedForecast, forecast_rows, newest_forecasts
from common.api.serialize_values import utc
from common.domain.cities import City, find_city
from common.domain.errors import NotFound
from common.domain.forecast import (
    CORRECTED,
    EXPERT_BLOCKS,
    HORIZON,
    LOG_FLOOR,
    MEAN,
    NAIVE,
    Target,
    season_code,
)
from common.domain.observation import HOUR, indian_day
from common.store.experts import IssuedExperts, experts_of
from common.tables.downloads import FORECAST

FORECASTS = Tag(name="Forecasts", description="Up to 48 hours ahead, and how far to trust them")
api = Blueprint("forecast", abp_tags=[FORECASTS])


class _NotBatch(BaseConverter):
    """Any name but that of the endpoint beside it, so that a GET of it is a 405, not an unknown city."""

    regex = "(?!batch$)[^/]+"


api.record(lambda state: state.app.url_map.converters.update(not_batch=_NotBatch))

STALE = timedelta(hours=3)
RECORD_LEAD = 24
"""Hours ahead of the scores that a forecast refers to: what people plan by."""
_BLOCKS = tuple(enumerate(EXPERT_BLOCKS))
_NAIVE_NOTE = "There is too little history to train a model: it is made of naive forecasts."


@api.get("/forecast/<not_batch:city>", responses={200: Forecast, 404: Problem, 406: Problem}, cache="minute")
def forecast(path: CityPath, query: ForecastQuery) -> Response:
    """The newest forecast of a city, hour by hour, as it was issued; as JSON, CSV, Parquet or a workbook."""
    city, now = path.city, context.clock()
    format_ = wanted(query.format)
    if query.explain and format_ != "json":
        raise wrong("explain is for JSON alone", explain=("true", "true with format=json"))
    with context.reads.reading() as connection:
        newest = newest_forecasts(connection, [city.name], query.target, query.hours, now)
        served = _in_force(city, newest.get(city.name), now)
        experts = experts_of(connection, city.name, query.target, served.origin) if query.explain else None
    if format_ != "json":
        rows = forecast_rows(city.name, query.target, served, simulated=context.simulated())
        return download(FORECAST, rows, format_, f"forecast-{city.slug}")
    note = _NAIVE_NOTE if served.family == "naive" else None
    if query.explain and experts is None:
        note = "What this forecast was made of is not kept."
    explanation = None if experts is None else _explanation(experts, query.target, query.hours)
    return varying(
        json_response(
            Forecast.answer(
                **_fields(city, served, query.target, query.hours, now),
                note=note,
                simulated=context.simulated(),
                explanation=explanation,
            )
        )
    )


@api.post("/forecast/batch", responses={200: Batch, 413: Problem, 415: Problem}, cache="minute")
def batch(body: BatchBody) -> dict[str, Any]:
    """AQI forecasts of several cities; those that cannot be served are reported one by one."""
    now = context.clock()
    simulated = context.simulated()
    cities: dict[str, City] = {}
    errors: dict[str, dict[str, Any]] = {}
    for name in body.cities:
        try:
            city = find_city(name)
        except NotFound as error:
            errors[name] = city_error(name[:100], error)
        else:
            cities[city.name] = city
    with context.reads.reading() as connection:
        newest = newest_forecasts(connection, list(cities), "aqi", body.hours_ahead, now)
    forecasts = []
    for name, city in cities.items():
        try:
            served = _in_force(city, newest.get(name), now)
        except NotFound as error:
            errors[name] = city_error(name, error)
        else:
            forecasts.append(
                Forecast.answer(
                    **_fields(city, served, "aqi", body.hours_ahead, now),
                    note=_NAIVE_NOTE if served.family == "naive" else None,
                    simulated=simulated,
                )
            )
    return Batch.answer(
        hours_ahead=body.hours_ahead,
        count=len(forecasts),
        simulated=simulated,
        forecasts=forecasts,
        errors=list(errors.values()),
    )


def _in_force(city: City, served: ServedForecast | None, now: datetime) -> ServedForecast:
    if served is None:
        raise NotFound(f"no forecast has been issued for {city.name} yet")
    if now - served.origin > timedelta(hours=HORIZON):
        last = utc(served.issued_at).isoformat().replace("+00:00", "Z")
        raise NotFound(
            f"the newest forecast for {city.name}, issued at {last}, has run out; none was issued since"
        )
    return served


def _explanation(made_of: IssuedExperts, target: Target, hours: int) -> dict[str, Any]:
    count = len(made_of.names)
    return Explanation.answer(
        floor=LOG_FLOOR[target],
        experts=[
            Expert.answer(
                name=name,
                kind=_kind(name, made_of.names),
                share=round(
                    sum(
                        (last - first + 1) * made_of.weights[block * count + at]
                        for block, (first, last) in _BLOCKS
                    )
                    / HORIZON,
                    4,
                ),
                weights=[
                    ExpertWeight.answer(
                        first_lead=first, last_lead=last, weight=round(made_of.weights[block * count + at], 6)
                    )
                    for block, (first, last) in _BLOCKS
                ],
                values=[
                    None if isnan(value) else round(value, 4)
                    for value in made_of.y[at * HORIZON : at * HORIZON + hours]
                ],
            )
            for at, name in enumerate(made_of.names)
        ],
    )


def _kind(name: str, names: Sequence[str]) -> Literal["model", "mean", "corrected", "provider", "naive"]:
    if name in NAIVE:
        return "naive"
    if name == MEAN:
        return "mean"
    if name == CORRECTED:
        return "corrected"
    return "model" if names.index(name) < names.index(MEAN) else "provider"


def _fields(city: City, served: ServedForecast, target: Target, hours: int, now: datetime) -> dict[str, Any]:
    season = season_code(indian_day(served.origin + RECORD_LEAD * HOUR))
    return {
        "city": city.name,
        "state": city.state,
        "standard": "in-naqi",
        "target": target,
        "issued_at": utc(served.issued_at),
        "origin": utc(served.origin),
        "known_until": utc(served.known_until),
        "stale": now - served.issued_at > STALE,
        "model": ForecastModel.answer(version=served.model_version, family=served.family),
        "naive": served.family == "naive",
        "basis": served.basis,
        "source": served.source,
        "record": f"{BASE}/record/scores/{city.slug}?target={target}&season={season}&lead={RECORD_LEAD}",
        "hours": hours,
        "forecast": served.points,
    }
