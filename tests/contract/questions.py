"""Every question that the API puts to the store, as the store is asked and as a client asks."""

from __future__ import annotations

import json
import re
from datetime import date, timedelta
from typing import TYPE_CHECKING, Any, Protocol
from urllib.parse import urlencode

from history import DAYS, LATER, NOW
from msgspec import structs

from common.api.blueprint import BASE
from common.domain.forecast import TARGETS
from common.domain.observation import HOUR
from common.store import city_hours, forecasts, verification
from common.store.reads import forecasts as read_forecasts
from common.store.reads import hours, models, service
from common.store.reads import verification as read_verification
from common.store.reads.verification import Filter
from common.store.verification import Span

if TYPE_CHECKING:
    from collections.abc import Callable

    from werkzeug.test import TestResponse

    from common.store.engine import Connection


class Client(Protocol):
    """What is needed of a test client."""

    def get(self, path: str, **options: Any) -> TestResponse: ...
    def post(self, path: str, **options: Any) -> TestResponse: ...


STANDARDS: tuple[Any, ...] = ("in-naqi", "us-epa")
START = NOW - timedelta(days=DAYS)
FIRST, LAST = date(2025, 7, 14), date(2025, 11, 5)
CITIES = ("Delhi", "Mumbai", "Navi Mumbai", "Pune")


def _to_nine_digits(scores: str) -> str:
    """Means of thousands of squares differ in their last digits by the order in which a plan adds them up."""
    return re.sub(r"\d+\.\d+(?:e-?\d+)?", lambda result: f"{float(result[0]):.9g}", scores)


STORE: dict[str, Callable[[Connection], object]] = {
    **{
        f"latest_hour {city} {standard}": lambda c, city=city, standard=standard: hours.latest_hour(
            c, city, standard, LATER
        )
        for city in CITIES
        for standard in STANDARDS
    },
    "latest_hour as of": lambda c: hours.latest_hour(c, "Delhi", "in-naqi", LATER, as_of=NOW),
    **{
        f"latest_indices {standard}": lambda c, standard=standard: hours.latest_indices(
            c, CITIES, standard, LATER
        )
        for standard in STANDARDS
    },
    **{
        f"hours_between {standard}": lambda c, standard=standard: hours.hours_between(
            c, "Delhi", standard, START, LATER
        )
        for standard in STANDARDS
    },
    **{
        f"indices_between {standard}": lambda c, standard=standard: {
            city: dict(sorted(indices.items()))
            for city, indices in sorted(hours.indices_between(c, CITIES, standard, START, LATER).items())
        }
        for standard in STANDARDS
    },
    "hours_between as of": lambda c: hours.hours_between(c, "Delhi", "in-naqi", START, LATER, as_of=NOW),
    **{
        f"days_between {city} {standard}": lambda c, city=city, standard=standard: hours.days_between(
            c, city, standard, first=FIRST, last=LAST
        )
        for city in CITIES
        for standard in STANDARDS
    },
    "days_between as of": lambda c: hours.days_between(
        c, "Delhi", "in-naqi", first=FIRST, last=LAST, as_of=NOW
    ),
    **{
        f"newest_forecasts {target}": lambda c, target=target: read_forecasts.newest_forecasts(
            c, CITIES, target, LATER
        )
        for target in TARGETS
    },
    "forecast_span": lambda c: read_forecasts.forecast_span(c, Span("Delhi", "aqi", "live", START, LATER)),
    **{
        f"record {target}": lambda c, target=target: _to_nine_digits(
            repr(verification.record(c, Span("Delhi", target, "live", START, LATER)))
        )
        for target in TARGETS
    },
    "reliability": lambda c: _to_nine_digits(
        repr(verification.reliability(c, Span("Delhi", "aqi", "live", START, LATER)))
    ),
    "modes": lambda c: read_verification.modes(c, "aqi"),
    "cells": lambda c: _to_nine_digits(repr(read_verification.cells(c, Filter("pm25", "live")))),
    "stated": lambda c: _to_nine_digits(repr(read_verification.stated(c, Filter("aqi", "live", lead=24)))),
    "newest_hour_with_truth": lambda c: read_verification.newest_hour_with_truth(c, "Delhi", "aqi", "live"),
    "plume": lambda c: read_verification.plume(c, "Delhi", "aqi", "live", NOW - 50 * HOUR),
    "issued_between": lambda c: forecasts.issued_between(
        c, "Delhi", "aqi", mode="live", after=START, before=LATER, apart=3
    ),
    "cities_with_record": lambda c: verification.cities_with_record(c, mode="live", start=START, end=LATER),
    "models_page": lambda c: models.models_page(c, {}, limit=3, offset=1),
    "latest_trainings": lambda c: models.latest_trainings(c, "Delhi", "aqi"),
    "champion_since": lambda c: models.champion_since(c, "Delhi", "aqi"),
    # How many connections a server has, and may have, is its own.
    "service_state": lambda c: structs.replace(
        service.service_state(c, LATER, fresh=timedelta(hours=3)), connections=0, most_connections=0
    ),
    "history": lambda c: city_hours.history(c, "Delhi", START, NOW, ("aqi", "pm25", "temperature")),
    "history as of": lambda c: city_hours.history(c, "Delhi", START, NOW, ("aqi", "pm25"), as_of=NOW),
    "span": lambda c: city_hours.span(c, "Mumbai"),
    "cities_between": lambda c: city_hours.cities_between(c, START, NOW),
}
"""The functions behind the API and the forecasts, with arguments that reach over all of the data."""


def _get(path: str, **query: Any) -> Callable[[Client], TestResponse]:
    return lambda client: client.get(BASE + path + ("?" + urlencode(query) if query else ""))


_AS_OF = NOW.isoformat()
HTTP: dict[str, tuple[str, Callable[[Client], TestResponse]]] = {
    "cities": ("/cities/", _get("/cities/")),
    "cities us-epa": ("/cities/", _get("/cities/", standard="us-epa")),
    "rankings": ("/cities/rankings", _get("/cities/rankings")),
    "rankings of days": ("/cities/rankings", _get("/cities/rankings", window="7d", by="pm25", order="asc")),
    "compare": ("/cities/compare", _get("/cities/compare", cities="Delhi,Navi Mumbai", days="7")),
    "overview": ("/overview", _get("/overview")),
    "overview us-epa": ("/overview", _get("/overview", standard="us-epa")),
    "job": ("/models/jobs/{job}", _get("/models/jobs/1")),
    "export": ("/exports/{id}", _get("/exports/1")),
    "current": ("/aqi/current/{city}", _get("/aqi/current/Delhi", explain="true")),
    "current us-epa": ("/aqi/current/{city}", _get("/aqi/current/navi-mumbai", standard="us-epa")),
    "current as of": ("/aqi/current/{city}", _get("/aqi/current/Delhi", as_of=_AS_OF)),
    "current, nothing known": ("/aqi/current/{city}", _get("/aqi/current/Pune")),
    "convert": ("/aqi/convert", _get("/aqi/convert", pm25=34, pm10=121, o3=57, co="1.2")),
    "last day": ("/aqi/history/{city}", _get("/aqi/history/Delhi")),
    "last month by hour": ("/aqi/history/{city}", _get("/aqi/history/Delhi", days=30)),
    "last month as of": ("/aqi/history/{city}", _get("/aqi/history/Delhi", days=30, as_of=_AS_OF)),
    "hours of old": (
        "/aqi/history/{city}",
        _get(
            "/aqi/history/Delhi", start=(START + 9 * HOUR).isoformat(), end=(START + 200 * HOUR).isoformat()
        ),
    ),
    "hours as CSV": ("/aqi/history/{city}", _get("/aqi/history/Mumbai", days=20, format="csv")),
    **{
        f"days of {city} {standard}": (
            "/aqi/history/{city}",
            _get(f"/aqi/history/{city}", interval="day", days=DAYS, standard=standard),
        )
        for city in ("Delhi", "Mumbai", "Navi Mumbai")
        for standard in STANDARDS
    },
    "days as of": (
        "/aqi/history/{city}",
        _get("/aqi/history/Delhi", interval="day", days=DAYS, as_of=_AS_OF),
    ),
    "days as CSV": (
        "/aqi/history/{city}",
        _get("/aqi/history/Delhi", interval="day", days=DAYS, format="csv"),
    ),
    "hours as Parquet": ("/aqi/history/{city}", _get("/aqi/history/Mumbai", days=20, format="parquet")),
    "days as a workbook": (
        "/aqi/history/{city}",
        _get("/aqi/history/Delhi", interval="day", days=DAYS, format="xlsx"),
    ),
    "forecast as CSV": ("/forecast/{city}", _get("/forecast/Delhi", format="csv")),
    "pollutants": ("/aqi/pollutants/{city}", _get("/aqi/pollutants/Delhi")),
    "forecast": ("/forecast/{city}", _get("/forecast/Delhi")),
    "forecast of PM2.5": ("/forecast/{city}", _get("/forecast/Delhi", target="pm25", hours=7)),
    "parts of a forecast": ("/forecast/{city}/reproduce", _get("/forecast/Delhi/reproduce")),
    "matrix of a forecast": (
        "/forecast/{city}/reproduce/{part}",
        _get("/forecast/Delhi/reproduce/matrix", target="pm25"),
    ),
    "recipe of a forecast": ("/forecast/{city}/reproduce/{part}", _get("/forecast/Delhi/reproduce/recipe")),
    "model file": ("/models/files/{sha256}", _get(f"/models/files/{'c' * 64}")),
    "forecasts": (
        "/forecast/batch",
        lambda client: client.post(BASE + "/forecast/batch", json={"cities": ["Delhi", "Mumbai", "Oz"]}),
    ),
    "models": ("/models/list", _get("/models/list")),
    "models of a family": ("/models/list", _get("/models/list", family="xgboost", city="Delhi")),
    "performance": ("/models/performance/{city}", _get("/models/performance/Delhi")),
    "performance of PM2.5": ("/models/performance/{city}", _get("/models/performance/Delhi", target="pm25")),
    "confidence": ("/forecast/confidence/{city}", _get("/forecast/confidence/Delhi")),
    "confidence of PM2.5": ("/forecast/confidence/{city}", _get("/forecast/confidence/Delhi", target="pm25")),
    "record": ("/record/scores", _get("/record/scores")),
    "record of PM2.5": ("/record/scores", _get("/record/scores", target="pm25", season="ON", lead=24)),
    "record of a city": ("/record/scores/{city}", _get("/record/scores/Delhi")),
    "record of a city as CSV": ("/record/scores/{city}", _get("/record/scores/Delhi", format="csv")),
    "record of days": ("/record/days/{city}", _get("/record/days/Delhi", lead=1)),
    "record of days as CSV": ("/record/days/{city}", _get("/record/days/Delhi", format="csv", target="pm25")),
    "record of probabilities": ("/record/reliability", _get("/record/reliability")),
    "record of warnings": ("/record/warnings", _get("/record/warnings", percent=30)),
    "record of losses": ("/record/losses", _get("/record/losses")),
    "record of an hour": ("/record/plume/{city}", _get("/record/plume/Delhi")),
    "record of an hour named": (
        "/record/plume/{city}",
        _get("/record/plume/Delhi", target="pm25", time=(NOW - 30 * HOUR).isoformat()),
    ),
    "events of a kind": ("/events", _get("/events", kinds="model", cities="Delhi")),
    "live": ("/live", _get("/live")),
    "slo": ("/slo", _get("/slo")),
    "health": ("/health", _get("/health")),
    "metrics": ("/metrics", _get("/metrics")),
    "metrics as text": (
        "/metrics",
        lambda client: client.get(BASE + "/metrics", headers={"Accept": "text/plain"}),
    ),
}
"""What a client asks: name → (path of the route, how)."""

QUESTIONS = (*STORE, *(f"GET {name}" for name in HTTP))


def answers(connection: Connection, client: Client) -> dict[str, str]:
    """Question → answer, to the last character."""
    statement = {name: repr(ask(connection)) for name, ask in STORE.items()}
    for name, (_, ask) in HTTP.items():
        response = ask(client)
        text = response.get_data().decode(errors="backslashreplace")
        text = text.replace(response.headers["X-Request-Id"], "…")
        if name.startswith("metrics"):
            text = _of_the_database(text)
        if name.startswith("events"):
            text = re.sub(r'"data_version":\d+', '"data_version":…', text)  # a clock of the server's
        if name.startswith("record"):
            text = _to_nine_digits(text)
        statement[f"GET {name}"] = f"{response.status_code} {response.content_type}\n{text}"
    return statement


def _of_the_database(metrics: str) -> str:
    """Without what is counted of requests, processes and connections, which no two runs have in common."""
    if metrics.startswith("{"):
        message = json.loads(metrics)
        return json.dumps(
            {name: message[name] for name in ("data_age_minutes", "queue", "sources")}, indent=1
        )
    mine = ("vayu_data_age", "vayu_queue", "vayu_source")
    return "\n".join(line for line in metrics.splitlines() if line.startswith(mine))
