"""The state of the service as it is shown."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from common.api.serialize_values import age_minutes, stamp

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from common.store.reads.service import SourceHealth


def source_states(sources: Mapping[str, SourceHealth], now: datetime) -> dict[str, dict[str, Any]]:
    """Source → how it does: see `common.api.schemas.system.SourceState`."""
    return {name: source_state(health, now) for name, health in sources.items()}


def source_state(health: SourceHealth, now: datetime) -> dict[str, Any]:
    """How a source does; one that is left alone rests, whatever its last run was."""
    state = "resting" if health.rests_until else "failing" if health.reason else "ok"
    return {
        "state": state,
        "resting_until": stamp(health.rests_until),
        "last_run": stamp(health.last_run),
        "last_success": stamp(health.last_success),
        "lag_minutes": None if health.latest is None else max(0, age_minutes(now, health.latest)),
        "reason": health.reason,
        "failures_24h": dict(sorted(health.failures.items())),
    }
