"""Checksums of issued forecasts, to show that none was changed afterwards."""

from __future__ import annotations

from typing import TYPE_CHECKING

from common.store.engine import run

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from common.domain.forecast import Mode
    from common.store.engine import Connection

Key = tuple[str, str, str, "datetime"]


def forecast_checksums(
    connection: Connection, cities: Sequence[str], *, mode: Mode, start: datetime, end: datetime
) -> dict[Key, str]:
    """(city, target, challenger, origin) → MD5 of the whole row, of forecasts with origin in [start, end].

    ``challenger`` is empty for the champion's own. A checksum stays what it was when the forecast was issued: a column
    that was introduced later, and is null in older rows, is no part of it; a renamed column counts by its first name.
    """
    rows = run(
        connection,
        """
        SELECT city, target, '', origin,
               md5((CASE WHEN weekly IS NULL THEN to_jsonb(forecast) - 'weekly' ELSE to_jsonb(forecast) END)::text)
        FROM forecast
        WHERE mode = :mode AND city = ANY(:cities) AND origin BETWEEN :start AND :end
        UNION ALL
        SELECT city, target, challenger, origin,
               md5((to_jsonb(forecast_challenger) - 'challenger' || jsonb_build_object('rival', challenger))::text)
        FROM forecast_challenger
        WHERE mode = :mode AND city = ANY(:cities) AND origin BETWEEN :start AND :end
        """,
        mode=mode,
        cities=list(cities),
        start=start,
        end=end,
    )
    return {
        (city, target, challenger, origin): checksum for city, target, challenger, origin, checksum in rows
    }
