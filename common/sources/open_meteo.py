"""Open-Meteo: modelled air quality (CAMS, 45 km) and weather of all cities, keyless, 92 days back.

Two endpoints, each asked for up to 100 coordinates at once. What both say of one city and hour becomes one
reading; what lies after the present is what it expects. Values are taken at the time they are stamped with.
``ammonia`` is Europe only and not asked for; ``surface_pressure`` is what a barometer in the city shows.
"""

from __future__ import annotations

import json
import threading
from collections import Counter, defaultdict
from concurrent.futures import Future
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from typing import TYPE_CHECKING, Any, TypeVar

from common.domain.errors import Permanent, QuotaExhausted, SourceError, Transient
from common.domain.observation import Batch, ProviderForecast, Reading
from common.domain.units import wind_components
from common.sources.http import Quota, provider_text
from common.sources.interface import (
    Request,
    Source,
    admit_column,
    issue_time,
    most_telling,
    read_time,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from common.sources.http import Http

Result = TypeVar("Result")

CITIES_PER_CALL = 100
DAYS_PER_CALL = 31
"""No call of a backfill then costs more than its share: below 16 days some are dearer than what they give."""

DIRECTION = "wind_direction_10m"
AIR = {
    "pm2_5": "pm25",
    "pm10": "pm10",
    "nitrogen_dioxide": "no2",
    "sulphur_dioxide": "so2",
    "carbon_monoxide": "co",
    "ozone": "o3",
}
WEATHER = {
    "temperature_2m": "temperature",
    "relative_humidity_2m": "humidity",
    "dew_point_2m": "dew_point",
    "precipitation": "rain",
    "surface_pressure": "pressure",
    "wind_speed_10m": "wind_speed",
    "shortwave_radiation": "solar_radiation",
    "boundary_layer_height": "boundary_layer_height",
}


@dataclass(frozen=True, slots=True, eq=False)
class _Part:
    """One endpoint: the setting with its address, and what to ask it for, by their name → ours."""

    name: str
    setting: str
    variables: dict[str, str]
    params: dict[str, str]


_AIR = _Part("air", "OPEN_METEO_AIR_URL", AIR, {"hourly": ",".join(AIR)})
_WEATHER = _Part(
    "weather",
    "OPEN_METEO_WEATHER_URL",
    WEATHER,
    {"hourly": ",".join((*WEATHER, DIRECTION)), "wind_speed_unit": "ms"},
)

Values = dict[tuple[str, datetime], dict[str, float]]
"""(city, time) → variable → value."""


@dataclass(slots=True)
class _Answer:
    """What one endpoint told, until it failed."""

    values: Values = field(default_factory=lambda: defaultdict(dict))
    rejected: Counter[str] = field(default_factory=Counter)
    error: SourceError | None = None


@dataclass(frozen=True, slots=True)
class _Into:
    """Where the hours in `window` (start, end] are put."""

    window: tuple[datetime, datetime]
    days: tuple[date, date]
    """First and last UTC day that the answer may tell of."""
    values: Values
    rejected: Counter[str]


def fetch(request: Request, http: Http) -> Batch:
    """Readings of (start, end] up to the present, and what is expected after it.

    One endpoint failing costs only its own variables and is counted as ``air:REASON``, ``weather:REASON``.

    Raises:
        SourceError: when neither endpoint gave anything.
    """
    batch = Batch()
    end = min(request.end, request.now)
    horizon = request.now + timedelta(hours=request.forecast_hours)
    windows = [(request.start, end), (request.now, horizon)]
    if end > request.now - timedelta(days=1):
        windows = [(min(request.start, request.now), horizon)]  # one call where the two all but meet
    # The two are servers of their own; each is asked one question at a time, or it turns an address away.
    weather = _in_background(lambda: _ask(_WEATHER, windows, request, http), "open-meteo weather")
    answers = {_AIR: _ask(_AIR, windows, request, http), _WEATHER: weather()}
    values = answers[_AIR].values
    for key, weather_values in answers[_WEATHER].values.items():
        values[key].update(weather_values)
    errors = []
    for part, answer in answers.items():
        batch.rejected += answer.rejected
        if answer.error is not None:
            errors.append(answer.error)
            batch.heed(answer.error)
            batch.rejected[f"{part.name}:{answer.error.reason}"] += 1
    if errors and not values:
        raise most_telling(errors)
    _sort_out(values, request, end, batch)
    return batch


def _ask(part: _Part, windows: Sequence[tuple[datetime, datetime]], request: Request, http: Http) -> _Answer:
    """Ask one endpoint for all windows (start, end] of all cities, up to the first failure."""
    answer = _Answer()
    try:
        for window in windows:
            for days in _days(window, request.now):
                _collect(part, request, http, _Into(window, days, answer.values, answer.rejected))
    except SourceError as error:
        answer.error = error
    return answer


def _days(window: tuple[datetime, datetime], now: datetime) -> Iterator[tuple[date, date]]:
    """First and last UTC day of each call that the whole hours of `window` (start, end] need."""
    start, end = (time.astimezone(UTC) for time in window)
    first_hour = start.replace(minute=0, second=0, microsecond=0) + timedelta(hours=1)
    first = max(first_hour.date(), now.astimezone(UTC).date() - timedelta(days=SOURCE.backfill_days))
    days = (end.date() - first).days + 1 if first_hour <= end else 0
    calls = -(-days // DAYS_PER_CALL)
    for call in range(calls):
        begin, stop = days * call // calls, days * (call + 1) // calls
        yield first + timedelta(days=begin), first + timedelta(days=stop - 1)


def _collect(part: _Part, request: Request, http: Http, into: _Into) -> None:
    """Ask one endpoint for some days of all cities."""
    days = into.days
    for i in range(0, len(request.cities), CITIES_PER_CALL):
        cities = request.cities[i : i + CITIES_PER_CALL]
        payload = http.get_json(
            request.base_urls[part.setting],
            {
                "latitude": ",".join(str(city.latitude) for city in cities),
                "longitude": ",".join(str(city.longitude) for city in cities),
                "start_date": days[0].isoformat(),
                "end_date": days[1].isoformat(),
                "timezone": "GMT",
                **part.params,
            },
            explain=lambda _, body: _limit(body, request.now),
            weight=weight(len(cities), part.params["hourly"].count(",") + 1, (days[1] - days[0]).days + 1),
        )
        for city, location in zip(cities, _locations(payload, len(cities), request.now), strict=True):
            _read(part, location, city.name, into)


def weight(locations: int, variables: int, days: int) -> float:
    """As how many calls Open-Meteo counts one: more than 10 variables or two weeks cost more at each location.

    As its server computes it: max(1, variables/10, variables/10 × days/14).
    """
    return locations * max(1.0, variables / 10, variables / 10 * days / 14)


def _locations(payload: Any, expected: int, now: datetime) -> list[Any]:
    """The answer's parts in the order of the request: an object for one place, an array for more."""
    if isinstance(payload, dict) and payload.get("error"):
        body = json.dumps(payload, ensure_ascii=False)
        raise _limit(body, now) or Permanent(f"Open-Meteo answered {provider_text(body)}")
    locations = payload if isinstance(payload, list) else [payload]
    if len(locations) != expected:
        raise Permanent(f"Open-Meteo gave {len(locations)} places for {expected}", reason="shape")
    tables = [table for table in map(_table, locations) if table is not None]
    if not tables:
        raise Permanent("Open-Meteo's answer is not built as documented", reason="shape")
    if not any(hourly["time"] for hourly, _ in tables):
        raise Transient("Open-Meteo's answer holds no hours", reason="empty")
    return locations


def _limit(body: str, now: datetime) -> SourceError | None:
    """The error that a body about limits means; its counters empty at each minute, hour and day of UTC."""
    text = body.lower()
    if "too many concurrent requests" in text:
        return Transient("Open-Meteo is busy with other requests of this address", reason="busy")
    if "request limit exceeded" not in text:
        return None
    utc = now.astimezone(UTC)
    hour = utc.replace(minute=0, second=0, microsecond=0) + timedelta(hours=1)
    wait = 86400 - (utc - utc.replace(hour=0, minute=0, second=0, microsecond=0)).total_seconds()
    if "minutely" in text:
        wait = 60
    elif "hourly" in text:
        wait = (hour - utc).total_seconds()
    return QuotaExhausted(f"Open-Meteo answered {provider_text(body)}", retry_after=wait)


def _read(part: _Part, location: Any, city: str, into: _Into) -> None:
    """Put one place's hours into `into`; whatever cannot be used is counted."""
    table = _table(location)
    if table is None:
        into.rejected["shape"] += 1
        return
    hourly, units = table
    hours = _hours(hourly["time"], into)
    rows: list[dict[str, float]] = [{} for _ in hours]
    for theirs, ours in part.variables.items():
        column, unit = hourly.get(theirs), str(units.get(theirs))
        if not isinstance(column, list) or len(column) != len(hourly["time"]):
            into.rejected["shape"] += 1
            continue
        for values, value in zip(
            rows, admit_column(ours, [column[row] for row, _ in hours], unit, into.rejected), strict=True
        ):
            if value is not None:
                values[ours] = value
    for (row, time), values in zip(hours, rows, strict=True):
        if DIRECTION in hourly:
            _add_wind_components(values, hourly[DIRECTION], row)
        if values:
            into.values[city, time].update(values)


def _table(location: Any) -> tuple[dict[str, Any], dict[str, Any]] | None:
    """(columns, units) of one place; None where they are not built as documented, or not in GMT."""
    if not isinstance(location, dict) or location.get("utc_offset_seconds", 0) != 0:
        return None
    hourly, units = location.get("hourly"), location.get("hourly_units")
    if not isinstance(hourly, dict) or not isinstance(units, dict):
        return None
    return (hourly, units) if isinstance(hourly.get("time"), list) else None


def _hours(stamps: list[Any], into: _Into) -> list[tuple[int, datetime]]:
    """(row, time) of the rows whose time is wanted."""
    hours = []
    seen: set[datetime] = set()
    for row, stamp in enumerate(stamps):
        time = _read_hour(stamp) if isinstance(stamp, str) else None
        reason = "duplicate" if time in seen else _fault(time, into.days)
        if reason or time is None:
            into.rejected[reason] += 1
            continue
        seen.add(time)
        if into.window[0] < time <= into.window[1]:
            hours.append((row, time))
    return hours


_read_hour = lru_cache(maxsize=1024)(read_time)
"""All places of an answer have the same hours."""


def _fault(time: datetime | None, days: tuple[date, date]) -> str:
    """Why an hour cannot be of the days asked for; empty where it can."""
    if time is None:
        return "time"
    if time.date() > days[1]:
        return "future"
    return "stale" if time.date() < days[0] else ""


def _add_wind_components(values: dict[str, float], directions: Any, row: int) -> None:
    speed = values.get("wind_speed")
    direction = directions[row] if isinstance(directions, list) and row < len(directions) else None
    if speed is not None and isinstance(direction, int | float) and 0 <= direction <= 360:
        values["wind_u"], values["wind_v"] = wind_components(speed, direction)


def _sort_out(values: Values, request: Request, end: datetime, batch: Batch) -> None:
    """Past hours are readings; hours after the present are what was expected at the last model run."""
    issued_at = issue_time(request.now)
    for (city, time), variables in values.items():
        if time > request.now:
            batch.forecasts.append(ProviderForecast(SOURCE.name, city, issued_at, time, variables))
        elif request.start < time <= end:
            batch.readings.append(Reading(SOURCE.name, city, time, SOURCE.basis, variables))


def _in_background(call: Callable[[], Result], name: str) -> Callable[[], Result]:
    """Start `call` in a thread of its own; what is returned waits for it, and gives or raises what it did.

    A daemon, unlike the threads of `concurrent.futures`: the process may end while it hangs.
    """
    future: Future[Result] = Future()

    def run() -> None:
        try:
            future.set_result(call())
        except Exception as error:  # noqa: BLE001 - raised where it is waited for
            future.set_exception(error)

    threading.Thread(target=run, name=name, daemon=True).start()
    return future.result


SOURCE = Source(
    name="open-meteo",
    provides=frozenset({*AIR.values(), *WEATHER.values(), "wind_u", "wind_v"}),
    basis="modelled",
    key=None,
    base_urls={
        "OPEN_METEO_AIR_URL": "https://air-quality-api.open-meteo.com/v1/air-quality",
        "OPEN_METEO_WEATHER_URL": "https://api.open-meteo.com/v1/forecast",
    },
    backfill_days=92,
    attribution="Weather and air quality by Open-Meteo.com (CC BY 4.0), with CAMS of Copernicus/ECMWF",
    fetch=fetch,
    quota=Quota(minute=600, hour=5000, day=10_000, month=300_000),
    unit_cities=14,
    unit_days=DAYS_PER_CALL,
    unit_calls=lambda cities, days: weight(cities, len(AIR), days) + weight(cities, len(WEATHER) + 1, days),
)
