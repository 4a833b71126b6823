"""Forecasts: one city, or many at once."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from math import isnan
from typing import Literal

from flask import Response
from msgspec import UNSET

from common.api import serializers
from common.api.context import ApiContext
from common.api.route import Route
from common.api.schemas.common import CityError, raw
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
from common.api.serialize_forecasts import ServedForecast, newest_forecasts
from common.api.stored_responses import kept_response
from common.domain.cities import City, find_city
from common.domain.errors import NotFound
from common.domain.forecast import CORRECTED, EXPERT_BLOCKS, HORIZON, LOG_FLOOR, MEAN, NAIVE, Target
from common.store.experts import IssuedExperts, experts_of

STALE = timedelta(hours=3)
_BLOCKS = tuple(enumerate(EXPERT_BLOCKS))
_NAIVE_NOTE = "There is too little history to train a model: it is made of naive forecasts."


def forecast(context: ApiContext, *, city: City, query: ForecastQuery) -> Forecast:
    """The newest forecast of a city, hour by hour, as it was issued."""
    now = context.clock()
    with context.database.reading() as connection:
        found = newest_forecasts(connection, [city.name], query.target, query.hours, now)
        served = _in_force(city, found.get(city.name), now)
        experts = experts_of(connection, city.name, query.target, served.origin) if query.explain else None
    answer = _shown(city, served, query.target, query.hours, now, simulated=context.simulated())
    if experts is not None:
        answer.explanation = _explanation(experts, query.target, query.hours)
    elif query.explain:
        answer.note = "What this forecast was made of is not kept."
    return answer


def batch(context: ApiContext, *, body: BatchBody) -> Response:
    """AQI forecasts of several cities; those that cannot be served are reported one by one."""
    return kept_response(context, "minute", body, lambda: _batch(context, body))


def _batch(context: ApiContext, body: BatchBody) -> Batch:
    now = context.clock()
    simulated = context.simulated()
    wanted: dict[str, City] = {}
    errors: dict[str, CityError] = {}
    for name in body.cities:
        try:
            city = find_city(name)
        except NotFound as error:
            errors[name] = CityError(
                city=name[:100], status=404, detail=str(error), nearest=list(error.nearest) or UNSET
            )
        else:
            wanted[city.name] = city
    with context.database.reading() as connection:
        found = newest_forecasts(connection, list(wanted), "aqi", body.hours_ahead, now)
    forecasts = []
    for name, city in wanted.items():
        try:
            served = _in_force(city, found.get(name), now)
        except NotFound as error:
            errors[name] = CityError(city=name, status=404, detail=str(error))
        else:
            forecasts.append(_shown(city, served, "aqi", body.hours_ahead, now, simulated=simulated))
    return Batch(
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
        last = serializers.utc(served.issued_at).isoformat().replace("+00:00", "Z")
        raise NotFound(
            f"the newest forecast for {city.name}, issued at {last}, has run out; none was issued since"
        )
    return served


def _explanation(made_of: IssuedExperts, target: Target, hours: int) -> Explanation:
    count = len(made_of.names)
    return Explanation(
        floor=LOG_FLOOR[target],
        experts=[
            Expert(
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
                    ExpertWeight(
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


def _shown(
    city: City, served: ServedForecast, target: Target, hours: int, now: datetime, *, simulated: bool
) -> Forecast:
    naive = served.family == "naive"
    return Forecast(
        city=city.name,
        state=city.state,
        standard="in-naqi",
        target=target,
        issued_at=serializers.utc(served.issued_at),
        origin=serializers.utc(served.origin),
        known_until=serializers.utc(served.known_until),
        stale=now - served.issued_at > STALE,
        model=ForecastModel(version=served.model_version, family=served.family),
        naive=naive,
        note=_NAIVE_NOTE if naive else UNSET,
        basis=served.basis,
        source=served.source,
        simulated=simulated,
        hours=hours,
        forecast=raw(served.points),
    )


ROUTES = (
    Route(
        "GET",
        "/forecast/{city}",
        forecast,
        Forecast,
        query=ForecastQuery,
        errors=(404,),
        cache="minute",
        tag="Forecasts",
    ),
    Route("POST", "/forecast/batch", batch, Batch, body=BatchBody, errors=(413, 415), tag="Forecasts"),
)
