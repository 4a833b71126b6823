"""OpenWeather: modelled air of each city, now, back to 27 November 2020 and 4 days ahead; weather now and 5 days ahead.

What it expects is asked for by turns, weather in even hours, air in odd ones: its rounds last for six, and three
calls a city are all that its limit a minute lets through in the time of a run.

Concentrations are µg/m³, CO too; its ``aqi`` of 1…5 is a scale of its own and not read. ``pressure`` is
reduced to the sea, so ``grnd_level``, what a barometer in the city shows, is taken. Rain is left out: it is
absent when dry, so that no rain and no news look the same, and comes as sums of hours that overlap.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from common.domain.errors import Permanent, QuotaExhausted, SourceError, Transient
from common.domain.observation import HOUR, Batch, ProviderForecast, Reading, hour_ending
from common.sources.http import Quota, provider_text
from common.sources.interface import (
    Request,
    Source,
    admit,
    admit_wind,
    ask_each,
    in_turn,
    issue_time,
    time_fault,
)

if TYPE_CHECKING:
    from collections import Counter

    from common.domain.cities import City
    from common.sources.http import Http

PER_MINUTE = 60
EARLIEST = datetime(2020, 11, 27, tzinfo=UTC)
DAYS_PER_CALL = 180
LIVE = timedelta(hours=24)
"""A window no longer than this is an hourly run: what is new is enough, hours gone by are a backfill's."""

AIR = {
    "pm2_5": "pm25",
    "pm10": "pm10",
    "no2": "no2",
    "so2": "so2",
    "nh3": "nh3",
    "co": "co",
    "o3": "o3",
}
WEATHER = {
    "temp": ("temperature", "°C"),
    "humidity": ("humidity", "%"),
    "grnd_level": ("pressure", "hPa"),
}

Hours = dict[datetime, dict[str, float]]


def fetch(request: Request, http: Http) -> Batch:
    """The present of each city, the hours of a window that reaches back beyond a day, and what is expected.

    Raises:
        SourceError: when no city could be had.
    """

    def ask(city: City, batch: Batch) -> None:
        hours: Hours = {}
        try:
            if request.now - request.start > LIVE:
                _past(city, request, http, hours, batch.rejected)
            if request.end > request.now - HOUR:
                _present(city, request, http, hours, batch)
        finally:  # what came before a failure is kept
            batch.readings += [
                Reading(SOURCE.name, city.name, time, SOURCE.basis, values)
                for time, values in hours.items()
                if request.start < time <= request.end
            ]

    return ask_each(in_turn(request.cities, request.now), ask)


def _past(city: City, request: Request, http: Http, hours: Hours, rejected: Counter[str]) -> None:
    """The air of hours gone by; their weather is not given away."""
    start, end = max(request.start, EARLIEST), min(request.end, request.now)
    while start < end:
        until = min(start + timedelta(days=DAYS_PER_CALL), end)
        span = {"start": str(int(start.timestamp())), "end": str(int(until.timestamp()))}
        for item in _list(_get("/air_pollution/history", city, request, http, span)):
            time = _time(item)
            if time is None or time > request.now:
                rejected["time" if time is None else "future"] += 1
            else:
                _keep(time, _air(item, rejected), hours, rejected)
        start = until


def _present(city: City, request: Request, http: Http, hours: Hours, batch: Batch) -> None:
    """Air and weather now, and what is expected of one of them."""
    for item in _some(_list(_get("/air_pollution", city, request, http, {}))):
        _now(item, _air(item, batch.rejected), request, hours, batch.rejected)
    metric = {"units": "metric"}
    weather = _get("/weather", city, request, http, metric)
    _now(weather, _weather(weather, batch.rejected), request, hours, batch.rejected)
    if not request.forecast_hours:
        return
    issued_at, horizon = issue_time(request.now), request.now + request.forecast_hours * HOUR
    ahead: Hours = {}
    weather_turn = request.now.astimezone(UTC).hour % 2 == 0
    path = "/forecast" if weather_turn else "/air_pollution/forecast"
    for item in _some(_list(_get(path, city, request, http, metric if weather_turn else {}))):
        time = _time(item)
        if time is None:
            batch.rejected["time"] += 1
        elif request.now < time <= horizon:
            values = _weather(item, batch.rejected) if weather_turn else _air(item, batch.rejected)
            _keep(time, values, ahead, batch.rejected)
    batch.forecasts += [
        ProviderForecast(SOURCE.name, city.name, issued_at, time, values) for time, values in ahead.items()
    ]


def _get(path: str, city: City, request: Request, http: Http, params: dict[str, str]) -> dict[str, Any]:
    key = request.key or ""
    payload = http.get_json(
        request.base_urls["OPENWEATHER_BASE_URL"].rstrip("/") + path,
        {"lat": str(city.latitude), "lon": str(city.longitude), **params, "appid": key},
        per_minute=PER_MINUTE,
    )
    if not isinstance(payload, dict):
        raise Permanent("OpenWeather's answer is not built as documented", reason="shape")
    code = str(payload.get("cod", 200))  # a number in some answers, a text in others
    if code != "200":
        raise _error(code, provider_text(str(payload.get("message")), (key,)))
    return payload


def _error(code: str, message: str) -> SourceError:
    """The error that an answer means which says so only in its body."""
    text = f"OpenWeather answered {code[:9]}: {message}"
    if code == "429":
        return QuotaExhausted(text)
    if code.startswith("5"):
        return Transient(text, reason="server_error")
    return Permanent(text, reason="key" if code in ("401", "403") else "refused")


def _list(payload: dict[str, Any]) -> list[Any]:
    items = payload.get("list")
    if not isinstance(items, list):
        raise Permanent("OpenWeather's answer is not built as documented", reason="shape")
    return items


def _some(items: list[Any]) -> list[Any]:
    if not items:
        raise Transient("OpenWeather's answer is empty", reason="empty")
    return items


def _time(item: Any) -> datetime | None:
    """The instant of ``dt``, seconds since 1970 in UTC."""
    seconds = item.get("dt") if isinstance(item, dict) else None
    if isinstance(seconds, bool) or not isinstance(seconds, int) or not 0 < seconds < 10**10:
        return None
    return datetime.fromtimestamp(seconds, UTC)


def _now(item: Any, values: dict[str, float], request: Request, hours: Hours, rejected: Counter[str]) -> None:
    """Keep what is said of the present, at the whole hour where that lies in the same Indian hour.

    Stamps are of the whole hour or of the call. The one stamp for both makes a second call in the hour a
    correction; and a call that had to wait for its turn is still of the time that was asked for.
    """
    time = _time(item)
    reason = time_fault(time, request.now, LIVE)
    if reason or time is None:
        rejected[reason] += 1
        return
    time = min(time, request.now)
    whole = time.replace(minute=0, second=0, microsecond=0)
    _keep(whole if hour_ending(whole) == hour_ending(time) else time, values, hours, rejected)


def _keep(time: datetime, values: dict[str, float], hours: Hours, rejected: Counter[str]) -> None:
    if values:
        hours[time] = hours.get(time, {}) | values
    else:
        rejected["no_values"] += 1


def _air(item: Any, rejected: Counter[str]) -> dict[str, float]:
    components = item.get("components") if isinstance(item, dict) else None
    if not isinstance(components, dict):
        rejected["shape"] += 1
        return {}
    admitted = {ours: admit(ours, components.get(theirs), "µg/m³", rejected) for theirs, ours in AIR.items()}
    return {variable: value for variable, value in admitted.items() if value is not None}


def _weather(item: Any, rejected: Counter[str]) -> dict[str, float]:
    main = item.get("main") if isinstance(item, dict) else None
    if not isinstance(main, dict):
        rejected["shape"] += 1
        return {}
    admitted = {
        ours: admit(ours, main.get(theirs), unit, rejected) for theirs, (ours, unit) in WEATHER.items()
    }
    values = {variable: value for variable, value in admitted.items() if value is not None}
    wind = item.get("wind")
    return values | (
        admit_wind(wind.get("speed"), wind.get("deg"), rejected) if isinstance(wind, dict) else {}
    )


SOURCE = Source(
    name="openweather",
    provides=frozenset(
        {*AIR.values(), *(ours for ours, _ in WEATHER.values()), "wind_speed", "wind_u", "wind_v"}
    ),
    basis="modelled",
    key="OPENWEATHER_API_KEY",
    base_urls={"OPENWEATHER_BASE_URL": "https://api.openweathermap.org/data/2.5"},
    backfill_days=1825,
    attribution="Weather and air quality by OpenWeather (openweathermap.org, CC BY-SA 4.0)",
    fetch=fetch,
    quota=Quota(minute=PER_MINUTE, month=1_000_000),
    unit_days=DAYS_PER_CALL,
    unit_calls=lambda cities, _: 3 * cities,  # today's are three
)
