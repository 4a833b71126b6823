"""Two providers that always say the same of the same hour: instruments with gaps, and a model of everywhere."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

from msgspec import structs

from common.domain.observation import POLLUTANTS, Batch
from common.sources import simulated
from common.sources.interface import AHEAD, Request, Source

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from common.sources.http import Http

_CORRECTED = timedelta(hours=6)
"""Of so many hours at a time, what the instruments say is corrected later."""


def providers(present: datetime, *, corrected: datetime | None = None) -> list[Source]:
    """Both, as they answer at `present`: by their own clocks, whatever that of who asks says.

    What the instruments said of the hours before the moment `corrected` was wrong, they now say.
    """
    return [
        _source("cpcb", "measured", lambda request: _instruments(request, present, corrected=corrected)),
        _source("open-meteo", "modelled", lambda request: _answer_to(request, present)),
    ]


def _source(name: str, basis: str, answer: Callable[[Request], Batch]) -> Source:
    def fetch(request: Request, http: Http) -> Batch:
        batch = answer(request)
        known = [reading for reading in batch.readings if reading.time <= request.now + AHEAD]
        batch.rejected["future"] += len(batch.readings) - len(known)
        batch.readings = [structs.replace(reading, source=name, basis=basis) for reading in known]
        batch.forecasts = [structs.replace(forecast, source=name) for forecast in batch.forecasts]
        batch.rejected = +batch.rejected
        return batch

    return replace(simulated.SOURCE, name=name, basis=basis, fetch=fetch)  # type: ignore[arg-type]


def _answer_to(request: Request, present: datetime) -> Batch:
    return simulated.SOURCE.fetch(replace(request, now=present, end=present), None)  # type: ignore[arg-type]


def _instruments(request: Request, present: datetime, *, corrected: datetime | None) -> Batch:
    batch = _answer_to(request, present)
    batch.forecasts = []
    readings = []
    for reading in batch.readings:
        if reading.time.hour % 7 == 3:
            continue  # it was out of order
        late = corrected is not None and corrected - _CORRECTED < reading.time <= corrected
        values = {
            name: round(value * (1.25 if late else 1.0), 2)
            for name, value in reading.values.items()
            if name in POLLUTANTS
        }
        readings += [
            structs.replace(reading, station=station, values=values) for station in ("ITO", "Lodhi Road")
        ]
    batch.readings = readings
    return batch
