"""CPCB through data.gov.in: the latest hour of some 500 stations, one row for each station and pollutant.

Its numbers are sub-indices of the Indian NAQI, not concentrations: ``avg`` is the running one (24 h; 8 h for
CO and ozone). It is kept as published, and the station's AQI is made of it by the rule; no hourly concentration
can be told from a running index, so there is none. Rows come in no order, so part of the country is no use:
a station cut in two would have too low an AQI. Stamps are Indian time, end the hour, and may lag by hours.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from common.domain.aqi import PollutantIndex, station_naqi
from common.domain.errors import Permanent, QuotaExhausted, SourceError, Transient
from common.domain.observation import POLLUTANTS, Batch, Reading
from common.sources.cpcb_feed import IDS, city_at, fault, read_index, read_stamp
from common.sources.http import provider_text
from common.sources.interface import Request, Source

if TYPE_CHECKING:
    from collections import Counter
    from datetime import datetime

    from common.sources.http import Http

WHOLE = 10_000
"""Rows of a page that holds the country, which has some 3,500."""
PAGE = 500
"""Rows of a page where the server does not manage a big one."""
MAX_PAGES = 400
"""The portal's sample key gives 10 rows a page, whatever is asked."""
_NOT_FOR_ITS_SIZE = ("refused", "dns", "tls", "html", "empty")
"""Why a page may have failed that a smaller one would too."""


@dataclass(slots=True)
class _Station:
    """What the rows of one station say; `indices` by pollutant."""

    stamps: set[str] = field(default_factory=set)
    indices: dict[str, int | None] = field(default_factory=dict)


def fetch(request: Request, http: Http) -> Batch:
    """The latest hour of every station in the cities, whatever hours are asked for.

    Raises:
        SourceError: when not all rows could be had; `Transient` ``empty`` when there are none, as when a quota
            is spent.
    """
    batch = Batch()
    wanted = {city.name for city in request.cities}
    stations: dict[tuple[str, str], _Station] = {}
    for row in _rows(request, http):
        if not isinstance(row, dict):
            batch.rejected["shape"] += 1
            continue
        city = city_at(_text(row, "state"), _text(row, "city"))
        if city is not None and city.name in wanted:
            name = " ".join(_text(row, "station").split())
            _add(row, stations.setdefault((city.name, name), _Station()), batch.rejected)
    for (city_name, name), station in stations.items():
        reading = _reading(city_name, name, station, request.now, batch.rejected)
        if reading is not None:
            batch.readings.append(reading)
    return batch


def _rows(request: Request, http: Http) -> list[Any]:
    """All rows of the country: in one page, or in as many as it takes."""
    size = WHOLE
    try:
        rows, total = _page(request, http, 0, size)
    except Transient as error:
        if error.reason in _NOT_FOR_ITS_SIZE:
            raise
        size = PAGE
        rows, total = _page(request, http, 0, size)
    pages = 1
    while len(rows) < total:
        if pages == MAX_PAGES:
            raise Permanent(f"data.gov.in gave {len(rows)} of {total} rows in {pages} pages", reason="capped")
        rows += _page(request, http, len(rows), size)[0]
        pages += 1
    return rows


def _page(request: Request, http: Http, offset: int, limit: int) -> tuple[list[Any], int]:
    """(rows, how many there are in all) from `offset`; never without a row."""
    key = request.key or ""
    payload = http.get_json(
        request.base_urls["CPCB_BASE_URL"],
        {"api-key": key, "format": "json", "offset": str(offset), "limit": str(limit)},
        explain=lambda status, body: None if status == 429 else _explain(body),
    )
    if not isinstance(payload, dict):
        raise Permanent("data.gov.in's answer is not built as documented", reason="shape")
    message = payload.get("error") or (payload.get("message") if payload.get("status") == "error" else None)
    if message:
        raise _explain(str(message)) or Permanent(
            f"data.gov.in answered {provider_text(str(message), (key,))}"
        )
    rows, total = payload.get("records"), str(payload.get("total"))
    if not isinstance(rows, list) or not total.isascii() or not total.isdigit() or len(total) > 9:
        raise Permanent("data.gov.in's answer is not built as documented", reason="shape")
    if not rows:
        raise Transient("data.gov.in came without any row", reason="empty")
    return rows, int(total)


def _explain(body: str) -> SourceError | None:
    """What its gateway says about keys and limits, under several statuses and in two spellings."""
    text = body.lower()
    if "limit exceeded" in text or "quota" in text:
        return QuotaExhausted("data.gov.in's limit of this key is reached")
    if "authorization field missing" in text or "authorisation field missing" in text:
        return Permanent("data.gov.in got no key", reason="key")
    if "key not authori" in text:
        return Permanent("data.gov.in does not know this key", reason="key")
    return None


def _text(row: dict[str, Any], name: str) -> str:
    value = row.get(name)
    return value if isinstance(value, str) else ""


def _add(row: dict[str, Any], station: _Station, rejected: Counter[str]) -> None:
    """Put one row to its station; the average has two names."""
    station.stamps.add(_text(row, "last_update").strip())
    pollutant = IDS.get(_text(row, "pollutant_id").strip().upper())
    if pollutant is None:
        return
    if pollutant in station.indices:
        rejected["duplicate"] += 1
        return
    given = row.get("avg_value")
    station.indices[pollutant] = read_index(row.get("pollutant_avg") if given is None else given, rejected)


def _reading(
    city: str, name: str, station: _Station, now: datetime, rejected: Counter[str]
) -> Reading | None:
    """What one station publishes; None, and counted, where it publishes nothing."""
    # Two stamps: the hour changed between two pages, and neither hour is whole.
    time = read_stamp(station.stamps.pop()) if len(station.stamps) == 1 else None
    published = {pollutant: index for pollutant, index in station.indices.items() if index is not None}
    reason = fault(name, time, now) or ("" if published else "no_values")
    if reason or time is None:
        rejected[reason] += 1
        return None
    parts = {each: PollutantIndex(each, index, None, "", 0, 0, 0) for each, index in published.items()}
    aqi = station_naqi(parts).value
    if aqi is not None:
        published["aqi"] = aqi
    return Reading(SOURCE.name, city, time, SOURCE.basis, {}, name, published)


SOURCE = Source(
    name="cpcb",
    provides=frozenset(POLLUTANTS),
    basis="implied",
    key="CPCB_API_KEY",
    base_urls={"CPCB_BASE_URL": "https://api.data.gov.in/resource/3b01bcb8-0b14-4abf-b6f2-c1bfd384ba69"},
    backfill_days=0,
    attribution="Central Pollution Control Board (CPCB) through data.gov.in, Government of India",
    fetch=fetch,
)
