"""NowCast: EPA's weighted mean of the last 12 hours of PM2.5 or PM10, quick to follow a change of the air."""

from __future__ import annotations

from collections.abc import Sequence

Hours = Sequence[float | None]
"""Hourly means, oldest first; the last one is the hour that a window ends with. None is a missing hour."""

HOURS = 12
LATEST = 3
REQUIRED = 2
"""At least this many of the `LATEST` hours must be present."""

HEAVIEST = 1e9
"""µg/m³ (mg/m³ for CO all the more). The air itself weighs about this much: no concentration is above it."""


def valid_hours(values: Hours, hours: int) -> list[float]:
    """Those of the last `hours` that can be concentrations: there, not NaN, not negative, not absurd."""
    return [value for value in values[-hours:] if value is not None and 0.0 <= value < HEAVIEST]


def nowcast(values: Hours) -> float | None:
    """NowCast of hourly means; µg/m³ in and out.

    None when fewer than 2 of the latest 3 hours are present. Missing hours are left out of both sums.

    Source: EPA, NowCast for PM: Σ wᵏ·cₖ / Σ wᵏ, k hours ago, with w = min/max of the hours, at least ½.
    """
    if len(valid_hours(values, LATEST)) < REQUIRED:
        return None
    present = valid_hours(values, HOURS)
    highest = max(present)
    if highest == 0:
        return 0.0
    weight = max(0.5, min(present) / highest)
    total = weights = 0.0
    for value in values[-HOURS:]:
        total *= weight
        weights *= weight
        if value is not None and 0.0 <= value < HEAVIEST:
            total += value
            weights += 1.0
    return total / weights
