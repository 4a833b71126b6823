"""Invented but plausible weather and air for working offline: the same city and hour is always the same.

No state, no randomness beyond hashes: smooth noise seeded by region and city makes multi-day weather, which
moves the wind, the mixing height and the rain, and these the pollution. So history holds what a forecast can
learn, and what is expected of the weather, with an error that grows with lead time, helps. Magnitudes follow the
Indian seasons: winter haze in the north, rain-washed monsoon months, dust before them.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache, lru_cache
from hashlib import blake2b
from math import cos, exp, floor, fsum, log, pi, radians, sin, sqrt
from operator import mul
from typing import TYPE_CHECKING

from common.domain.observation import HOUR, VARIABLES, Batch, ProviderForecast, Reading
from common.domain.units import wind_components
from common.sources.interface import Request, Source, issue_time

if TYPE_CHECKING:
    from common.domain.cities import City
    from common.sources.http import Http

MEMORY = 24
"""Hours of past weather that an hour's pollution still feels."""

_ZERO = datetime(1970, 1, 1, 0, 30, tzinfo=UTC)
_FADING = [exp(-ago / 10) / sum(exp(-each / 10) for each in range(MEMORY)) for ago in reversed(range(MEMORY))]
"""Weight of past stillness, the latest hour last."""
_LATENTS = {"wind": 66, "wet": 54, "warm": 120, "turn": 48}
"""Hidden weather → hours between its swings over a region; a city has quicker ones of its own."""


@dataclass(frozen=True, slots=True)
class _Place:
    """What makes a city's climate; from `north` to `high` each is a share, 0 to 1."""

    name: str
    region: str
    latitude: float
    longitude: float
    north: float
    plain: float
    """How much it lies in the haze of the Gangetic plain."""
    dry: float
    high: float
    size: float


@dataclass(frozen=True, slots=True)
class _Day:
    """The season at a place: each from 0 to 1 but for `mean` (°C) and the sun's `declination` (radians)."""

    winter: float
    monsoon: float
    summer: float
    stubble: float
    mean: float
    declination: float


def fetch(request: Request, http: Http) -> Batch:  # noqa: ARG001 - nobody is asked
    """Readings on the Indian hour grid in (start, end], none after the present; what is expected after it."""
    batch = Batch()
    first, last = _index(request.start) + 1, _index(min(request.end, request.now))
    present = _index(request.now)
    issued_at = issue_time(request.now)
    for city in request.cities:
        place = _place(city)
        for hour, values in _air_and_weather(place, first, last):
            batch.readings.append(Reading(SOURCE.name, city.name, _ZERO + hour * HOUR, SOURCE.basis, values))
        for hour, values in _expected(place, issued_at, present + 1, present + request.forecast_hours):
            batch.forecasts.append(
                ProviderForecast(SOURCE.name, city.name, issued_at, _ZERO + hour * HOUR, values)
            )
    return batch


def _index(time: datetime) -> int:
    """Number of the last Indian hour that is over at `time`; hour 0 ends at `_ZERO`."""
    return floor((time - _ZERO) / HOUR)


def _unit(seed: str) -> float:
    """A number in [0, 1) that belongs to `seed`."""
    return int.from_bytes(blake2b(seed.encode(), digest_size=4).digest()) / 2**32


@lru_cache(maxsize=65536)
def _normal(seed: str, index: int) -> float:
    """A nearly normal number, mean 0, deviation 1, that belongs to `seed` and `index`."""
    digest = blake2b(f"{seed}:{index}".encode(), digest_size=8).digest()
    total = sum(int.from_bytes(digest[i : i + 2]) for i in (0, 2, 4, 6))
    return (total / 65536 - 2) * sqrt(3)


def _noise(seed: str, period: int, first: int, last: int) -> list[float]:
    """Smooth noise at the hours `first`…`last`: a new value every `period` hours, eased in between."""
    shift = int(_unit(seed) * period)
    first, last = first + shift, last + shift
    eased = _eased(period)
    values: list[float] = []
    for cell in range(first // period, last // period + 1):
        before = _normal(seed, cell)
        step = _normal(seed, cell + 1) - before
        begin = max(0, first - cell * period)
        end = min(period, last - cell * period + 1)
        values += [before + step * part for part in eased[begin:end]]
    return values


@cache
def _eased(period: int) -> list[float]:
    """Shares of the way from one value to the next, slow at both ends."""
    return [(i / period) ** 2 * (3 - 2 * i / period) for i in range(period)]


@cache
def _place(city: City) -> _Place:
    def ramp(value: float, low: float, high: float) -> float:
        return min(1.0, max(0.0, (value - low) / (high - low)))

    north = ramp(city.latitude, 15, 29)
    dry = north * ramp(-city.longitude, -77, -72)
    return _Place(
        name=city.name,
        region=f"{city.latitude // 5:.0f}/{city.longitude // 6:.0f}",
        latitude=city.latitude,
        longitude=city.longitude,
        north=north,
        plain=exp(-(((city.latitude - 27.3) / 4) ** 2)) * (1 - 0.5 * dry),
        dry=dry,
        high=ramp(city.latitude, 31.5, 34),
        size=0.8 + 0.4 * _unit(city.name),
    )


@lru_cache(maxsize=8192)
def _day(place: _Place, day: int) -> _Day:
    """The season on the `day`-th day since 1970, as seen at the place."""
    of_year = (day + 0.5) % 365.2425

    def bump(peak: float, width: float) -> float:
        return exp(-(((of_year - peak) / width) ** 2))

    cold = cos(2 * pi * (of_year - 12) / 365.2425)
    monsoon = bump(210, 42)
    return _Day(
        winter=max(0.0, cold),
        monsoon=monsoon,
        summer=bump(138, 36),
        stubble=bump(309, 16) * place.plain,
        mean=27.5 - (2 + 3.5 * monsoon) * place.north - (2 + 8.5 * place.north) * cold - 9 * place.high,
        declination=radians(23.44) * sin(2 * pi * (of_year - 81) / 365.2425),
    )


def _latents(place: _Place, first: int, last: int) -> dict[str, list[float]]:
    """Hidden weather at the hours: what the region shares, and the city's own quicker part."""
    return {
        name: [
            0.85 * shared + 0.4 * own
            for shared, own in zip(
                _noise(f"{place.region}:{name}", period, first, last),
                _noise(f"{place.name}:{name}", period // 4, first, last),
                strict=True,
            )
        ]
        for name, period in _LATENTS.items()
    }


def _weather(place: _Place, first: int, last: int, latents: dict[str, list[float]]) -> list[dict[str, float]]:
    """The weather variables at the hours `first`…`last`."""
    showers = _noise(f"{place.name}:showers", 5, first, last)
    return [
        _weather_of(place, hour, hidden)
        for hour, hidden in enumerate(zip(*latents.values(), showers, strict=True), first)
    ]


def _weather_of(place: _Place, hour: int, hidden: tuple[float, ...]) -> dict[str, float]:
    wind, wet, warm, turn, shower = hidden
    days, clock = divmod(hour + 6, 24)  # the hour ends at this Indian clock time
    day = _day(place, days)
    soaked = wet + 2.6 * day.monsoon * (1 - 0.5 * place.dry) - 0.5 * day.winter
    cloud = 1 / (1 + exp(2.2 - 1.7 * soaked))
    rain = 1.6 * max(0.0, soaked - 1.5) ** 1.5 * max(0.0, shower + 0.5)

    angle = radians(15 * (clock - 12.5) + place.longitude - 82.5)
    latitude = radians(place.latitude)
    height = sin(latitude) * sin(day.declination) + cos(latitude) * cos(day.declination) * cos(angle)
    solar = 1040 * max(0.0, height) ** 1.15 * (1 - 0.7 * cloud)
    daytime = max(0.0, sin(pi * (clock - 7.5) / 12)) if 7.5 < clock < 19.5 else 0.0

    swing = (4 + 3.5 * place.north) * (1 - 0.45 * cloud)
    mean = day.mean + 1.8 * warm
    temperature = mean + swing * cos(2 * pi * (clock - 15) / 24) - 0.5 * min(rain, 6.0)
    moist = 0.5 + 0.42 * day.monsoon + 0.2 * (1 - place.north) - 0.3 * day.summer * place.north
    moist += 0.08 * wet - 0.2 * place.dry
    dew_point = min(temperature - 0.2, mean - 20 * (1 - min(1.0, max(0.1, moist))))
    humidity = 100 * exp(_magnus(dew_point) - _magnus(temperature))

    steady = 1.5 + 0.8 * (1 - place.north) + 1.1 * day.summer + 0.9 * day.monsoon
    speed = steady * exp(0.4 * wind) * (0.75 + 0.5 * daytime)
    u, v = wind_components(speed, 60 + 235 * place.north * (1 - day.monsoon) + 180 * day.monsoon + 45 * turn)
    night = 90 + 55 * speed
    top = (800 + 1100 * day.summer - 250 * day.winter * place.north) * exp(0.25 * wind) * (1 - 0.4 * cloud)
    pressure = 1006 + 6 * day.winter - 6 * day.monsoon - 1.6 * wet - 1.2 * wind - 150 * place.high
    return {
        "temperature": round(temperature, 2),
        "humidity": round(humidity, 1),
        "wind_speed": round(speed, 2),
        "wind_u": round(u, 2),
        "wind_v": round(v, 2),
        "rain": round(rain, 2),
        "solar_radiation": round(solar, 1),
        "pressure": round(pressure + 1.3 * cos(2 * pi * (clock - 10) / 12), 1),
        "dew_point": round(dew_point, 2),
        "boundary_layer_height": round(night + max(0.0, top - night) * daytime, 0),
    }


def _magnus(temperature: float) -> float:
    """Logarithm of the saturation vapour pressure, up to a constant (Magnus; Alduchov and Eskridge 1996)."""
    return 17.625 * temperature / (243.04 + temperature)


def _air_and_weather(place: _Place, first: int, last: int) -> list[tuple[int, dict[str, float]]]:
    """All variables at the hours `first`…`last`."""
    if last < first:
        return []
    before = first - MEMORY
    weather = _weather(place, before, last, _latents(place, before, last))
    own = _noise(f"{place.name}:sources", 90, first, last)
    return _with_air(place, first, weather, own, _noise(f"{place.name}:fine", 3, first, last))


def _with_air(
    place: _Place, first: int, weather: list[dict[str, float]], own: list[float], fine: list[float]
) -> list[tuple[int, dict[str, float]]]:
    """All variables from `first` on, from weather that begins `MEMORY` hours before."""
    still = [7.0 - log((hour["wind_speed"] + 0.5) * hour["boundary_layer_height"]) for hour in weather]
    rain = [hour["rain"] for hour in weather]
    hours = []
    for i in range(MEMORY, len(weather)):
        hour = first + i - MEMORY
        trapped = fsum(map(mul, _FADING, still[i - MEMORY + 1 : i + 1]))
        washed = exp(-0.06 * min(25.0, fsum(rain[i - 11 : i + 1])))
        air = _air_of(place, hour, weather[i], (still[i], trapped, washed, own[i - MEMORY], fine[i - MEMORY]))
        hours.append((hour, {**air, **weather[i]}))
    return hours


def _air_of(
    place: _Place, hour: int, weather: dict[str, float], state: tuple[float, float, float, float, float]
) -> dict[str, float]:
    still, trapped, washed, own, fine = state
    days, clock = divmod(hour + 6, 24)
    day = _day(place, days)
    rush = exp(-(((clock - 9.5) / 2.2) ** 2)) + exp(-(((clock - 20.5) / 2.8) ** 2))
    rush *= 0.8 if days % 7 == 3 else 1.0  # Sundays: day 0 was a Thursday
    emitted = (27 + 42 * place.plain + 3 * place.north) * place.size
    emitted *= 0.85 + 0.7 * day.winter * place.plain + 0.7 * day.stubble - 0.2 * day.monsoon
    gathered = exp(0.45 * trapped + 0.16 * still + 0.25 * own + 0.07 * fine) * washed
    pm25 = emitted * (0.85 + 0.3 * rush) * gathered
    dust = (14 + 60 * day.summer * place.dry * max(0.0, weather["wind_speed"] - 2)) * washed
    no2 = 19 * place.size * (0.55 + 0.9 * rush) * exp(0.3 * still + 0.1 * own + 0.06 * fine)
    warmth, sun = weather["temperature"] - 25, weather["solar_radiation"]
    return {
        "pm25": round(max(1.0, pm25), 1),
        "pm10": round(max(2.0, pm25 * (1.5 + 0.5 * day.summer) + dust), 1),
        "no2": round(max(1.0, no2), 1),
        "so2": round(8 * place.size * exp(0.12 * still + 0.35 * own), 1),
        "nh3": round((10 + 20 * place.plain) * exp(0.15 * trapped + 0.02 * warmth), 1),
        "co": round(0.2 + 0.005 * pm25 + 0.012 * no2, 3),
        "o3": round(max(2.0, 28 + 0.075 * sun + 0.4 * warmth - 0.35 * no2), 1),
    }


def _expected(
    place: _Place, issued_at: datetime, first: int, last: int
) -> list[tuple[int, dict[str, float]]]:
    """Weather and air as expected at `issued_at`: the hidden weather, missed by more the further ahead it lies."""
    if last < first:
        return []
    issue, before = _index(issued_at), first - MEMORY
    latents = _latents(place, before, last)
    for name, values in latents.items():
        missed = _noise(f"{place.name}:{issued_at:%Y%m%d%H}:{name}", 12, before, last)
        latents[name] = [
            value + 0.8 * sqrt(max(0, hour - issue) / 48) * miss
            for hour, value, miss in zip(range(before, last + 1), values, missed, strict=True)
        ]
    weather = _weather(place, before, last, latents)
    # What a city emits beyond the usual is known at the issue, and taken to fade.
    (own,) = _noise(f"{place.name}:sources", 90, issue, issue)
    fading = [own * exp(-max(0, hour - issue) / 48) for hour in range(first, last + 1)]
    return _with_air(place, first, weather, fading, [0.0] * len(fading))


SOURCE = Source(
    name="simulated",
    provides=frozenset(VARIABLES),
    basis="modelled",
    key=None,
    invented=True,
    backfill_days=3660,
    unit_cities=7,
    unit_days=92,
    settles_days=0,
    attribution="Simulated by Vayu: invented data, not a measurement",
    fetch=fetch,
)
