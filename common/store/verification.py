"""The record: how issued forecasts did, by lead time, model, season and challenger."""

from __future__ import annotations

import json
from collections import defaultdict
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, TypeVar

import msgspec
from sqlalchemy import select

from common.domain.forecast import BLOCKS, SEASONS, Mode
from common.domain.observation import IST
from common.store import sql
from common.store.engine import run
from common.store.schema import forecast
from common.store.score_aggregates import CHOSEN, NAMES, OF, ROLLED, SUMS
from common.verification.scores import Score, Stated

if TYPE_CHECKING:
    from collections.abc import Mapping

    from common.store.engine import Connection


_Key = TypeVar("_Key", int, tuple[int, int])


class Span(msgspec.Struct, frozen=True):
    """Whose record: forecasts with origin in (start, end], of one family, model or season where these are named."""

    city: str
    target: str
    mode: Mode
    start: datetime
    end: datetime
    family: str | None = None
    version: str | None = None
    season: str | None = None


_SEASON = "CASE {} END".format(
    " ".join(
        f"WHEN extract(month FROM day) IN ({', '.join(map(str, months))}) THEN '{name}'"
        for name, months in SEASONS.items()
    )
)
_FILTERS = " AND ".join(
    f"(CAST(:{name} AS text) IS NULL OR {sql} = :{name})"
    for name, sql in {"family": "family", "version": "version", "season": _SEASON}.items()
)


def _parts(table: str) -> str:
    """SQL for the sums of the span, from `table` where days are rolled up."""
    columns, fresh = ROLLED[table]
    return sql.load("verification_parts", day_of=OF, chosen=CHOSEN, columns=columns, table=table, fresh=fresh)


_RECORD = sql.load(
    "verification_sums",
    parts=_parts("forecast_day"),
    names=NAMES,
    sums=", ".join(f"COALESCE(sum({name}), 0) AS {name}" for name in SUMS),
    season=_SEASON,
    filters=_FILTERS,
)
_RELIABILITY = f"""
{_parts("forecast_day_stated")}
SELECT event, bin, sum(n)::int, sum(stated), sum(happened)::int FROM part WHERE {_FILTERS}
GROUP BY event, bin ORDER BY event, bin
"""


class Record(msgspec.Struct, frozen=True):
    """How forecasts did; every list and mapping holds what there is."""

    pooled: Score
    by_lead: list[Score]
    by_block: dict[tuple[int, int], Score]
    by_family: dict[str, list[Score]]
    """By lead time"""
    by_version: dict[tuple[str, str], Score]
    """(version, family) → score; the version is empty where it is not known"""
    by_season: dict[str, Score]
    challengers: dict[str, dict[tuple[int, int], Score]]
    """Challenger → by block. A model is ``model:`` and its family, others are providers"""


def record(connection: Connection, span: Span) -> Record | None:
    """Scores of what was forecast and has come true or not; None where there is nothing."""
    [(text,)] = run(connection, _RECORD, **_parameters(span))
    if text is None:
        return None
    by_lead: dict[int, list[Score]] = defaultdict(list)
    by_family: dict[str, dict[int, list[Score]]] = defaultdict(lambda: defaultdict(list))
    by_version: dict[tuple[str, str], Score] = {}
    by_season: dict[str, list[Score]] = defaultdict(list)
    challengers: dict[str, dict[tuple[int, int], list[Score]]] = defaultdict(lambda: defaultdict(list))
    for challenger, lead, family, version, season, *values in json.loads(text):
        score = Score(dict(zip(SUMS, values, strict=True)), lead)
        if version is not None:
            by_version[version, family] = score
        elif challenger:
            challengers[challenger][_block(lead)].append(score)
        else:
            by_lead[lead].append(score)
            by_family[family][lead].append(score)
            by_season[season].append(score)
    leads = _together(by_lead)
    blocks: dict[tuple[int, int], list[Score]] = defaultdict(list)
    for lead, score in leads.items():
        blocks[_block(lead)].append(score)
    return Record(
        pooled=Score.together(leads.values()),
        by_lead=list(leads.values()),
        by_block=_together(blocks),
        by_family={family: list(_together(by_family[family]).values()) for family in sorted(by_family)},
        by_version=dict(sorted(by_version.items())),
        by_season={name: Score.together(by_season[name]) for name in SEASONS if name in by_season},
        challengers={name: _together(challengers[name]) for name in sorted(challengers)},
    )


def _block(lead: int) -> tuple[int, int]:
    return next(block for block in BLOCKS if lead <= block[1])


def _together(parts: Mapping[_Key, list[Score]]) -> dict[_Key, Score]:
    """In the order of the keys; by lead time where those are."""
    return {
        key: Score.together(parts[key], lead=key if isinstance(key, int) else None) for key in sorted(parts)
    }


def reliability(connection: Connection, span: Span) -> list[Stated]:
    """Stated probabilities against what happened, by event and tenth; of AQI forecasts only."""
    rows = run(connection, _RELIABILITY, **_parameters(span))
    return [Stated(event, place, n, stated / n, happened / n) for event, place, n, stated, happened in rows]


def _parameters(span: Span) -> dict[str, Any]:
    """Days that lie wholly within the span may be taken from what was rolled up; a day's hours end within it."""
    start, end = span.start.astimezone(IST), span.end.astimezone(IST)
    whole = start.date() if start.time() == start.min.time() else start.date() + timedelta(days=1)
    return {
        "city": span.city,
        "target": span.target,
        "mode": span.mode,
        "start": span.start,
        "end": span.end,
        "family": span.family,
        "version": span.version,
        "season": span.season,
        "touched": start.date(),
        "first": whole,
        "last": end.date() - timedelta(days=1),
    }


def cities_with_record(connection: Connection, *, mode: Mode, start: datetime, end: datetime) -> list[str]:
    """Cities that have a forecast with origin in (start, end]."""
    c = forecast.c
    cities = select(c.city).distinct().where(c.mode == mode, c.origin > start, c.origin <= end)
    return [city for (city,) in run(connection, cities.order_by(c.city))]
