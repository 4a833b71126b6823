"""Made-up hours for tests of the forecasting core: a daily cycle, weather, and noise that remembers."""

from __future__ import annotations

import math
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import msgspec
import numpy as np

from common.domain.breakpoints import NAQI
from common.domain.forecast import HORIZON, QUANTILES, Mode, Target
from common.domain.model_files import card_key, model_key
from common.domain.observation import HOUR, Reading
from common.features import CEILING, FLOOR, INPUTS, Array, names, signature
from common.inference.card import ModelCard, checksum
from common.store.city_hours import upsert_city_hours
from common.store.models import ModelRow, insert_model, promote
from common.training.export import in_target_unit
from common.training.families import naive_model

if TYPE_CHECKING:
    from common.adapters.object_store import UrlObjectStore
    from common.store.engine import Database

END = datetime(2025, 11, 5, 10, 30, tzinfo=UTC)
"""The hour 15:00–16:00 in India."""
_SHARES = {"pm10": 1.8, "no2": 0.4, "so2": 0.15, "nh3": 0.2, "co": 0.012, "o3": 0.5}


def hours(days: int, *, seed: int = 0, memory: float = 0.95, gaps: float = 0.0) -> Array:
    """A history, float64 (24 · days, n_inputs), that ends at `END`; a share `gaps` of the hours is missing.

    PM2.5 swings around 80 µg/m³ with the hour of day and a noise of which a share `memory` lasts an hour; the
    AQI follows from its mean of 24 hours.
    """
    random = np.random.default_rng(seed)
    n = 24 * days
    hour = (np.arange(n) - n + 1 + 16) % 24
    noise = np.zeros(n)
    for now in range(1, n):
        noise[now] = memory * noise[now - 1] + random.normal(0, 0.12)
    cycle = 0.45 * np.cos(2 * np.pi * (hour - 22) / 24)
    table = dict.fromkeys(INPUTS, np.full(n, np.nan))
    table["pm25"] = 80 * np.exp(cycle + noise)
    for pollutant, share in _SHARES.items():
        table[pollutant] = table["pm25"] * share * np.exp(random.normal(0, 0.1, n))
    table["temperature"] = 24 - 6 * cycle + random.normal(0, 0.5, n)
    table["humidity"] = np.clip(60 + 40 * cycle + random.normal(0, 3, n), 1, 100)
    table["wind_speed"] = np.exp(random.normal(0, 0.3, n) - noise)
    table["wind_u"], table["wind_v"] = random.normal(0, 1, (2, n))
    table["rain"] = np.where(random.random(n) < 0.02, 3.0, 0.0)
    history = np.stack([np.round(table[name], 2) for name in INPUTS], axis=1)
    history[:, INPUTS.index("aqi")] = [_index(history[max(at - 23, 0) : at + 1, 0]) for at in range(n)]
    history[random.random(n) < gaps] = np.nan
    return history


def random_walk(days: int, *, seed: int = 7) -> Array:
    """A history whose every step is news: nothing can be said of it but that it stays where it is."""
    steps = np.random.default_rng(seed).normal(0, 1.5, 24 * days)
    walk = np.clip(250 + np.cumsum(steps), 60, 480)
    history = np.full((24 * days, len(INPUTS)), np.nan)
    for name in ("pm25", "aqi"):
        history[:, INPUTS.index(name)] = np.round(walk)
    return history


def _index(pm25: Array) -> float:
    bands = NAQI["pm25"][0].bands
    index = np.interp(pm25.mean(), [0, *(band[1] for band in bands)], [0, *(band[3] for band in bands)])
    return float(np.round(index))


def put_hours(database: Database, city: str, history: Array, end: datetime = END) -> None:
    """Keep a history as the city-hours of a city; hours of which nothing is known have none."""
    rows = []
    for back, row in enumerate(reversed(history)):
        known = {name: float(value) for name, value in zip(INPUTS, row, strict=True) if not math.isnan(value)}
        if known:
            if "aqi" in known:
                known["aqi"] = min(round(known["aqi"]), 500)
            made = {"source": "cpcb", "basis": "measured", "stations": 1, "detail": {}}
            rows.append({"city": city, "time": (end - back * HOUR).isoformat(), **made, **known})
    with database.transaction() as connection:
        upsert_city_hours(connection, rows, now=end)


def readings(city: str, history: Array, end: datetime = END) -> list[Reading]:
    """A history as what one station reported; the index is left to be computed."""
    result = []
    for back, row in enumerate(reversed(history)):
        values = {
            name: float(value)
            for name, value in zip(INPUTS, row, strict=True)
            if name != "aqi" and not math.isnan(value)
        }
        if values:
            result.append(Reading("cpcb", city, end - back * HOUR, "measured", values, station="Made-up"))
    return result


def make_model(
    target: Target,
    kind: str,
    *,
    city: str = "Delhi",
    mode: Mode = "live",
    version: str = "v1",
    **changes: object,
) -> tuple[ModelCard, bytes]:
    """A naive forecast (`kind`: one of `NAIVE`) as a finished model, with its card."""
    columns = names(target)
    fitted = naive_model(kind, columns)
    data = in_target_unit(fitted.to_onnx(), columns.index("level"), FLOOR[target], CEILING[target])
    card = {
        "version": version,
        "city": city,
        "target": target,
        "family": "naive",
        "mode": mode,
        "trained_at": END.isoformat(),
        "window_start": END.isoformat(),
        "window_end": END.isoformat(),
        "samples": 1,
        "features": columns,
        "features_hash": signature(target),
        "checksum": checksum(data),
        "quantile_levels": QUANTILES,
        "held_out_quantiles": (tuple(level - 0.5 for level in QUANTILES),) * HORIZON,
        "parity": 0.0,
        "metrics": {},
    }
    return ModelCard(**(card | changes)), data  # type: ignore[arg-type]


def put_model(
    database: Database,
    files: UrlObjectStore,
    target: Target,
    kind: str,
    *,
    city: str,
    mode: Mode = "live",
    version: str | None = None,
) -> ModelCard:
    """Make a naive forecast the champion of a city, as training would."""
    version = version or f"{mode}-{city}-{target}"
    card, data = make_model(target, kind, city=city, mode=mode, version=version)
    files.put(model_key(version), data)
    files.put(card_key(version), msgspec.json.encode(card))
    row = ModelRow(
        version=version,
        city=city,
        target=target,
        mode=mode,
        family="naive",
        status="candidate",
        reason="made for a test",
        trained_at=END,
        window_start=END,
        window_end=END,
        samples=1,
        features_hash=card.features_hash,
        checksum=card.checksum,
        metrics={"holdout": {"skill": 0.0}},
    )
    with database.transaction() as connection:
        insert_model(connection, row)
        promote(connection, version, reason="made for a test", now=END)
    return card
