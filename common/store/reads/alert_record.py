"""What alerts are replayed on and judged by: the hours of a city, and its forecasts as issued."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

import msgspec
from msgspec.json import decode
from sqlalchemy import Text, cast, extract, func, select

from common.alerts.preview import Issue, preview
from common.alerts.scoring import Judgement
from common.domain.forecast import Mode
from common.store import sql
from common.store.engine import run
from common.store.schema import city_hour, forecast

if TYPE_CHECKING:
    from common.alerts.rule import Condition
    from common.domain.forecast import Target
    from common.store.engine import Connection

_ISSUED = sql.load("issued_in_period")


class OnRecord(msgspec.Struct, frozen=True):
    """What a rule would have done on the record of a city."""

    judgement: Judgement
    mode: Mode | None
    """Whose forecasts it was replayed on; None: measured, or there are none"""
    issues: int | None
    """How many; None: measured"""


def preview_on_record(
    connection: Connection, city: str, when: Condition, *, start: datetime, until: datetime
) -> OnRecord:
    """A rule replayed from `start` to `until`: see `common.alerts.preview`.

    On live forecasts; where none were issued in these days, on those of a replay. The two are never mixed.
    """
    hours = hours_between(connection, city, when.target, start=start, until=until)
    if when.on == "measured":
        return OnRecord(preview(when, hours, [], start=start, until=until), None, None)
    modes = modes_between(connection, city, when.target, start=start, until=until)
    within = when.within_hours or 0
    issues = (
        issues_between(connection, city, when.target, modes[0], start=start, until=until, within=within)
        if modes
        else []
    )
    judgement = preview(when, hours, issues, start=start, until=until)
    return OnRecord(judgement, modes[0] if modes else None, len(issues))


def hours_between(
    connection: Connection, city: str, target: Target, *, start: datetime, until: datetime
) -> dict[datetime, float]:
    """End of the hour → the target's value, of the city's hours in (start, until] that have one."""
    c = city_hour.c
    value = c[target]
    columns = func.json_agg(func.json_build_array(extract("epoch", c.time), value))
    wanted = select(cast(columns, Text)).where(
        c.city == city, c.time > start, c.time <= until, value.is_not(None)
    )
    [(rows,)] = run(connection, wanted)
    return {datetime.fromtimestamp(time, UTC): float(known) for time, known in decode(rows or "[]")}


def issues_between(
    connection: Connection,
    city: str,
    target: Target,
    mode: Mode,
    *,
    start: datetime,
    until: datetime,
    within: int,
) -> list[Issue]:
    """The forecasts with origin in [start, until), oldest first, of each the first `within` hours."""
    [(rows,)] = run(
        connection, _ISSUED, city=city, target=target, mode=mode, start=start, until=until, within=within
    )
    return [
        Issue(datetime.fromtimestamp(origin, UTC), target, *arrays)
        for origin, *arrays in decode(rows or "[]")
    ]


def modes_between(
    connection: Connection, city: str, target: Target, *, start: datetime, until: datetime
) -> list[Mode]:
    """Modes of the forecasts with origin in [start, until), live first."""
    c = forecast.c
    wanted = (c.city == city) & (c.target == target) & (c.origin >= start) & (c.origin < until)
    rows = run(connection, select(c.mode).where(wanted).distinct().order_by(c.mode))
    return [mode for (mode,) in rows]


def origins_between(
    connection: Connection, city: str, target: Target, mode: Mode, *, start: datetime, until: datetime
) -> list[datetime]:
    """Origins of the forecasts in [start, until), oldest first."""
    c = forecast.c
    wanted = (c.city == city) & (c.target == target) & (c.mode == mode) & (c.origin >= start)
    rows = run(connection, select(c.origin).where(wanted, c.origin < until).order_by(c.origin))
    return [origin for (origin,) in rows]
