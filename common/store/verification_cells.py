"""The public record as rows: sums of the same hours at all lead times by day, and the scores of a season.

An hour counts where there is its truth and a forecast of it for each of `VERIFIED_LEADS`. Its truth is the one stored
beside the forecast that was issued last, an hour ahead. A day is the Indian one in which the hour ends, midnight
belonging to the day that it ends. Whatever changes a truth makes its day due, by a trigger of the schema.
"""

from __future__ import annotations

import json
from datetime import date
from typing import TYPE_CHECKING, Any

from sqlalchemy import delete

from common.domain.forecast import NAIVE, SEASON_CODES, SEASONS, VERIFIED_LEADS, Mode, season_code
from common.domain.observation import IST
from common.store import sql
from common.store.engine import run
from common.store.schema import (
    verification_cell,
    verification_cell_provider,
    verification_cell_stated,
    verification_day,
    verification_day_provider,
    verification_day_stated,
)
from common.store.score_aggregates import CATEGORY_COUNT, EXCEEDANCES, OF, PLACE, TENTH

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from datetime import datetime

    from common.store.engine import Connection

_AT_ONCE = 500
"""Days of a city and target that are added up at a time: the first run after an upgrade has years before it."""

Cell = tuple[str, str, str]
"""City, target, season."""

_ROLLED = (verification_day, verification_day_provider, verification_day_stated)
_FINISHED = (verification_cell, verification_cell_provider, verification_cell_stated)

_SUMS = {
    "n": "count(*)",
    "within80": "count(*) FILTER (WHERE actual BETWEEN lo80 AND hi80)",
    "within95": "count(*) FILTER (WHERE actual BETWEEN lo95 AND hi95)",
    "weekly_n": "count(weekly)",
    "error": "sum(abs(predicted - actual))",
    "squared": "sum((predicted - actual) * (predicted - actual))",
    "bias": "sum(predicted - actual)",
    "width80": "sum(hi80 - lo80)",
    "width95": "sum(hi95 - lo95)",
    **{name: f"sum(abs({name} - actual))" for name in NAIVE},
}
_VALUES = ("lo80", "hi80", "lo95", "hi95", *NAIVE)

_SEASON = "CASE {} END".format(
    " ".join(
        f"WHEN extract(month FROM day) IN ({', '.join(map(str, SEASONS[name]))}) THEN '{code}'"
        for code, name in SEASON_CODES.items()
    )
)
_ADD_UP = sql.load(
    "verification_days",
    day_of=OF,
    values=", ".join(f"CAST({name}[lead] AS float8) AS {name}" for name in _VALUES),
    names=", ".join(_SUMS),
    sums=", ".join(_SUMS.values()),
    chances="ARRAY[{}]".format(
        ", ".join(f"CAST(categories[lead][{place}] AS float8)" for place in range(1, CATEGORY_COUNT + 1))
    ),
    predicted_place=PLACE.format("predicted"),
    observed_place=PLACE.format("actual"),
    exceedances=EXCEEDANCES,
    tenth=TENTH,
)
_DAYS = sql.load(
    "verification_days_as_columns",
    columns=", ".join(f"json_agg({name} ORDER BY day)" for name in _SUMS),
    season=_SEASON,
)
DAY_COLUMNS = ("day", *_SUMS)
_STATED = f"""
INSERT INTO verification_cell_stated (city, target, mode, season, lead, event, bin, n, stated, happened)
SELECT city, target, mode, :season, lead, event, bin, sum(n), sum(stated), sum(happened)
FROM verification_day_stated WHERE (city, target, mode) = (:city, :target, :mode) AND {_SEASON} = :season
GROUP BY city, target, mode, lead, event, bin
"""


def roll_up_days(connection: Connection, *, mode: Mode, now: datetime) -> set[Cell]:
    """Add up the days that are over and due; the seasons that they belong to."""
    # Two at a time would each make scores of a season without the days of the other.
    run(connection, "LOCK TABLE verification_cell IN SHARE ROW EXCLUSIVE MODE")
    today = now.astimezone(IST).date()
    [(scope,)] = run(
        connection,
        sql.load("verification_days_due", day_of=OF),
        mode=mode,
        today=today,
        most=_AT_ONCE,
    )
    if scope is None:
        return set()
    for table in _ROLLED:
        run(
            connection,
            f"DELETE FROM {table.name} AS old "
            "USING json_to_recordset(CAST(:scope AS json)) AS due (city text, target text, mode text, day date) "
            "WHERE (old.city, old.target, old.mode, old.day) = (due.city, due.target, due.mode, due.day)",
            scope=scope,
        )
    run(connection, _ADD_UP, scope=scope, leads=list(VERIFIED_LEADS), longest=max(VERIFIED_LEADS))
    return {
        (day["city"], day["target"], season_code(date.fromisoformat(day["day"]))) for day in json.loads(scope)
    }


def day_sums(
    connection: Connection,
    city: str,
    target: str,
    mode: Mode,
    *,
    season: str | None = None,
    lead: int | None = None,
) -> tuple[dict[int, dict[str, list[Any]]], list[list[Any]]]:
    """Sums by day, oldest first: of ours by lead time and by the names of `DAY_COLUMNS`; of providers as rows of
    [lead, provider, days, n, error, ours], the last four lists. Days are ISO texts. None: all."""
    [(text,)] = run(connection, _DAYS, city=city, target=target, mode=mode, season=season, lead=lead)
    days = json.loads(text)
    ours = {
        int(lead): dict(zip(DAY_COLUMNS, columns, strict=True))
        for lead, columns in (days["ours"] or {}).items()
    }
    return ours, days["providers"] or []


def put_cells(
    connection: Connection,
    mode: Mode,
    cells: Iterable[Cell],
    ours: Sequence[dict[str, Any]],
    providers: Sequence[dict[str, Any]],
) -> None:
    """Replace the scores of some seasons; rows have the columns of their tables. Probabilities are added up anew."""
    for city, target, season in cells:
        for table in _FINISHED:
            c = table.c
            run(
                connection,
                delete(table).where(c.city == city, c.target == target, c.mode == mode, c.season == season),
            )
        if target == "aqi":
            run(connection, _STATED, city=city, target=target, mode=mode, season=season)
    for table, rows in ((verification_cell, ours), (verification_cell_provider, providers)):
        run(
            connection,
            f"INSERT INTO {table.name} "
            f"SELECT * FROM json_populate_recordset(CAST(NULL AS {table.name}), CAST(:rows AS json))",
            rows=json.dumps(rows),
        )
