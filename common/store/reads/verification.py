"""The public record as it is stored: scores by city, season and lead time; the forecasts of an hour."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec
from msgspec.json import decode
from sqlalchemy import func, select

from common.domain.forecast import HORIZON, NAIVE, SEASON_CODES, VERIFIED_LEADS, Mode
from common.domain.observation import HOUR
from common.store import sql
from common.store.engine import run
from common.store.schema import forecast_truth

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from common.store.engine import Connection


class StatedSum(msgspec.Struct, frozen=True):
    """Probabilities of one event that were stated alike, at one lead time."""

    lead: int
    event: str
    """``category``: the stated one is right; else an AQI above that many"""
    bin: int
    """Tenth: 0 for 0 to 0.1"""
    n: int
    stated: float
    """Their sum"""
    happened: int


class Plume(msgspec.Struct, frozen=True):
    """All forecasts that were issued for one hour, and what it became."""

    truth: float | None
    counts: bool
    """Whether it is an hour of the record: its truth is known, and it was forecast at all of its lead times"""
    forecasts: list[list[Any]]
    """Rows of `ISSUED`, by lead time"""
    providers: dict[str, dict[int, float]]
    """Provider → lead time → its own forecast"""


class Filter(msgspec.Struct, frozen=True):
    """Which part of the record; None: all."""

    target: str
    mode: Mode
    city: str | None = None
    season: str | None = None
    lead: int | None = None


CELL = (
    "city", "season", "lead", "n", "days", "first_day", "last_day", "mae", "rmse", "bias", "best_naive",
    "skill", "skill_low", "skill_high", "coverage80", "coverage95", "width80", "width95", *NAIVE,
)  # fmt: skip
PROVIDER = (
    "city", "season", "lead", "provider", "n", "days", "mae", "our_mae", "our_skill", "our_skill_low", "our_skill_high",
)  # fmt: skip

_WHERE = """
WHERE target = :target AND mode = :mode AND (CAST(:city AS text) IS NULL OR city = :city)
  AND (CAST(:season AS text) IS NULL OR season = :season) AND (CAST(:lead AS int) IS NULL OR lead = :lead)
"""
_ORDER = 'city COLLATE "C", array_position(ARRAY[{}], season), lead'.format(
    ", ".join(f"'{code}'" for code in SEASON_CODES)
)


def _rows_as_json(table: str, columns: Sequence[str], order: str) -> str:
    # As text of JSON: the driver reads numbers in Python, and JSON three times as slowly.
    return (
        f"SELECT CAST(json_agg(json_build_array({', '.join(columns)}) ORDER BY {order}) AS text) "
        f"FROM {table} {_WHERE}"
    )


_STATED = f"""
SELECT lead, event, bin, CAST(sum(n) AS int), sum(stated), CAST(sum(happened) AS int)
FROM verification_cell_stated {_WHERE} GROUP BY lead, event, bin ORDER BY lead, event, bin
"""
ISSUED = (
    "origin", "issued_at", "lead", "model_version", "family", "y", "lo80", "hi80", "lo95", "hi95", "categories",
    *NAIVE,
)  # fmt: skip
_NUMBERS = ("y", "lo80", "hi80", "lo95", "hi95", *NAIVE)
_PLUME = sql.load(
    "forecasts_of_hour",
    naive=", ".join(NAIVE),
    columns=", ".join(f"CAST({name}[lead] AS float8)" if name in _NUMBERS else name for name in ISSUED),
)
_CELLS = _rows_as_json("verification_cell", CELL, _ORDER)
_PROVIDERS = _rows_as_json("verification_cell_provider", PROVIDER, f'{_ORDER}, provider COLLATE "C"')


def modes(connection: Connection, target: str) -> list[Mode]:
    """Modes that have a record of the target, live first."""
    rows = run(
        connection,
        "SELECT DISTINCT mode FROM verification_cell WHERE target = :target ORDER BY mode",
        target=target,
    )
    return [mode for (mode,) in rows]


def cells(connection: Connection, part: Filter) -> tuple[list[list[Any]], list[list[Any]]]:
    """(rows of `CELL`, rows of `PROVIDER`), each by city, season and lead time; dates as ISO text."""
    ours, providers = (
        run(connection, statement, **_parameters(part))[0][0] for statement in (_CELLS, _PROVIDERS)
    )
    return decode(ours or "[]"), decode(providers or "[]")


def stated(connection: Connection, part: Filter) -> list[StatedSum]:
    """Stated probabilities against what happened, by lead time, event and tenth; of AQI forecasts only."""
    return [StatedSum(*row) for row in run(connection, _STATED, **_parameters(part))]


def newest_hour_with_truth(connection: Connection, city: str, target: str, mode: Mode) -> datetime | None:
    """The end of the last hour that was forecast an hour ahead and whose truth is known; None where there is none."""
    c = forecast_truth.c
    newest = select(func.max(c.origin)).where(
        c.city == city, c.target == target, c.mode == mode, c.actual[1].is_not(None)
    )
    [(origin,)] = run(connection, newest)
    return None if origin is None else origin + HOUR


def plume(connection: Connection, city: str, target: str, mode: Mode, hour: datetime) -> Plume | None:
    """All forecasts that were issued for the hour that ends then; None where there is none."""
    [(issued, providers, truth)] = run(
        connection, _PLUME, city=city, target=target, mode=mode, hour=hour, horizon=HORIZON
    )
    if issued is None:
        return None
    forecasts = decode(issued)
    leads = {row[ISSUED.index("lead")] for row in forecasts}
    by_provider: dict[str, dict[int, float]] = {}
    for provider, lead, value in decode(providers or "[]"):
        by_provider.setdefault(provider, {})[lead] = value
    return Plume(truth, truth is not None and leads.issuperset(VERIFIED_LEADS), forecasts, by_provider)


def _parameters(part: Filter) -> dict[str, Any]:
    return msgspec.structs.asdict(part)
