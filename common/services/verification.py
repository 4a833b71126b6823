"""The record kept up to date: truth beside the forecasts, sums by day, scores of the seasons that changed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from common.store import verification_cells as store
from common.store.forecasts import score
from common.verification.cells import OURS, DaySums, ProviderSums, cell, provider_cell

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence
    from datetime import datetime

    from common.domain.forecast import Mode
    from common.store.engine import Connection


def update_record(
    connection: Connection, *, mode: Mode, now: datetime, cities: Sequence[str] | None = None
) -> int:
    """Set the truth known at `now` beside the forecasts of these cities, or of all, and bring the scores up to date;
    how many truths changed."""
    changed = score(connection, mode=mode, now=now, cities=cities)
    refresh_cells(connection, store.roll_up_days(connection, mode=mode, now=now), mode=mode)
    return changed


def refresh_cells(connection: Connection, cells: Collection[store.Cell], *, mode: Mode) -> None:
    """Compute the scores of some seasons anew, from the sums of their days."""
    ours: list[dict[str, Any]] = []
    providers: list[dict[str, Any]] = []
    for city, target, season in sorted(cells):
        of = {"city": city, "target": target, "mode": mode, "season": season}
        by_lead, by_provider = store.day_sums(connection, city, target, mode, season=season)
        for lead, columns in by_lead.items():
            sums = {name: np.array(columns[name], dtype=np.float64) for name in OURS}
            ours.append(of | {"lead": lead} | cell(DaySums(columns["day"], sums)))
        for lead, provider, days, *parts in by_provider:
            sums_of = ProviderSums(days, *(np.array(part, dtype=np.float64) for part in parts))
            providers.append(of | {"lead": lead, "provider": provider} | provider_cell(sums_of))
    store.put_cells(connection, mode, cells, ours, providers)
