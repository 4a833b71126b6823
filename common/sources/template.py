"""TEMPLATE: say here what the provider gives, for where, how it is averaged, and what is odd about it.

Copy this file to a new name and change it until it fits the provider; docs/adding-a-source.md has the steps.
It asks an imagined provider city by city::

    GET {TEMPLATE_BASE_URL}/air?lat=28.6139&lon=77.209&key=…
    {"hours": [{"time": "2025-11-05T10:00:00Z", "pm25": {"value": 171.2, "unit": "µg/m³"},
                "ozone": {"value": null, "unit": "ppb"}, "temp": {"value": 297.1, "unit": "K"}}]}
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from common.domain.errors import Permanent
from common.domain.observation import Batch, Reading
from common.sources.interface import Request, Source, admit, ask_each, in_turn, read_time

if TYPE_CHECKING:
    from common.domain.cities import City
    from common.sources.http import Http

VARIABLES = {"pm25": "pm25", "ozone": "o3", "temp": "temperature"}
"""Their names → ours."""


def fetch(request: Request, http: Http) -> Batch:
    """The hours in (start, end] of each city.

    Raises:
        SourceError: when no city could be had.
    """

    def ask(city: City, batch: Batch) -> None:
        payload = http.get_json(
            request.base_urls["TEMPLATE_BASE_URL"].rstrip("/") + "/air",
            {"lat": str(city.latitude), "lon": str(city.longitude), "key": request.key or ""},
        )
        if not isinstance(payload, dict) or not isinstance(payload.get("hours"), list):
            raise Permanent("the template's answer is not built as documented", reason="shape")
        for hour in payload["hours"]:
            _read(hour, city, request, batch)

    return ask_each(in_turn(request.cities, request.now), ask)


def _read(hour: Any, city: City, request: Request, batch: Batch) -> None:
    """Add one hour to the batch; whatever cannot be used is counted."""
    try:
        time = read_time(hour["time"])
        given = {ours: hour[theirs] for theirs, ours in VARIABLES.items() if theirs in hour}
        admitted = {
            ours: admit(ours, each["value"], str(each["unit"]), batch.rejected)
            for ours, each in given.items()
        }
    except (KeyError, TypeError):
        batch.rejected["shape"] += 1
        return
    values = {variable: value for variable, value in admitted.items() if value is not None}
    if time is None:
        batch.rejected["time"] += 1
    elif time > request.now:
        batch.rejected["future"] += 1
    elif not values:
        batch.rejected["no_values"] += 1
    elif request.start < time <= request.end:
        batch.readings.append(Reading(SOURCE.name, city.name, time, SOURCE.basis, values))


SOURCE = Source(
    name="template",
    provides=frozenset(VARIABLES.values()),
    basis="modelled",
    key="TEMPLATE_API_KEY",
    base_urls={"TEMPLATE_BASE_URL": "https://api.example.org/v1"},
    backfill_days=30,
    attribution="The words that the provider's licence asks for",
    fetch=fetch,
)
