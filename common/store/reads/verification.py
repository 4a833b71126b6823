"""The public record as it is stored: scores by city, season and lead time."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from msgspec.json import decode

from common.domain.forecast import NAIVE, SEASON_CODES, Mode
from common.store.engine import run

if TYPE_CHECKING:
    from collections.abc import Sequence

    from common.store.engine import Connection


@dataclass(frozen=True, slots=True)
class Filter:
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
    parameters = {name: getattr(part, name) for name in part.__dataclass_fields__}
    ours, providers = (run(connection, statement, **parameters)[0][0] for statement in (_CELLS, _PROVIDERS))
    return decode(ours or "[]"), decode(providers or "[]")
