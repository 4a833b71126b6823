"""Seals on issued forecasts: a checksum of each row, to show that none was changed afterwards."""

from __future__ import annotations

from typing import TYPE_CHECKING

from common.store.engine import run

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from common.domain.forecast import Mode
    from common.store.engine import Connection

Key = tuple[str, str, str, "datetime"]


def seals(
    connection: Connection, cities: Sequence[str], *, mode: Mode, start: datetime, end: datetime
) -> dict[Key, str]:
    """(city, target, whose, origin) → MD5 of the whole row, of forecasts with origin in [start, end].

    ``whose`` is empty for the champion's own, else the rival's name. A column that was introduced later, and is null in
    what was issued before, is no part of the row: its seal stays what it was.
    """
    rows = run(
        connection,
        """
        SELECT city, target, '', origin,
               md5((CASE WHEN weekly IS NULL THEN to_jsonb(forecast) - 'weekly' ELSE to_jsonb(forecast) END)::text)
        FROM forecast
        WHERE mode = :mode AND city = ANY(:cities) AND origin BETWEEN :start AND :end
        UNION ALL
        SELECT city, target, rival, origin, md5(to_jsonb(forecast_rival)::text) FROM forecast_rival
        WHERE mode = :mode AND city = ANY(:cities) AND origin BETWEEN :start AND :end
        """,
        mode=mode,
        cities=list(cities),
        start=start,
        end=end,
    )
    return {(city, target, whose, origin): seal for city, target, whose, origin, seal in rows}
