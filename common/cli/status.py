"""``status``: what there is, how fresh it is, and what waits."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from msgspec import structs

from common.cli.context import opened
from common.cli.main import main
from common.cli.output import console, emit, json_option, make_table, offline_option
from common.store.dataset_kind import dataset, totals
from common.store.jobs import counts
from common.store.reads.service import service_state

_STATES = ("queued", "running", "done", "dead")


@main.command()
@offline_option
@json_option
def status(offline: bool, as_json: bool) -> None:
    """Show data, models, forecasts, jobs and sources."""
    from common.api.metrics_view import source_states

    with opened(offline=offline) as resources, resources.database.transaction() as connection:
        now = resources.clock()
        service = service_state(connection, now, fresh=timedelta(hours=3))
        state = structs.asdict(service) | {"sources": source_states(service.sources, now)}
        state |= {"dataset": dataset(connection), "totals": totals(connection), "jobs": counts(connection)}
    emit(state, as_json=as_json)
    if as_json:
        return
    amounts = ", ".join(f"{number} {what.replace('_', ' ')}" for what, number in state["totals"].items())
    console.print(f"data: {state['dataset'] or 'none yet'}; {amounts}")
    console.print(
        f"latest hour {state['latest'] or '–'}; {state['cities_current']} cities with an index of the last 3 h; "
        f"{state['champions']} models served"
    )
    jobs = [(type_, *(states.get(state, 0) for state in _STATES)) for type_, states in state["jobs"].items()]
    console.print(make_table("Jobs", ("type", *_STATES), jobs))
    runs = [
        (
            name,
            _state(source),
            source["last_success"],
            source["lag_minutes"],
            _counted(source["failures_24h"]),
        )
        for name, source in state["sources"].items()
    ]
    headings = ("source", "state", "last success", "lag, minutes", "failures in 24 h")
    console.print(make_table("Sources", headings, runs))


def _state(source: dict[str, Any]) -> str:
    """Such as ``ok``, ``failing (timeout)``, ``resting until 2025-11-05T12:30:00Z (key)``."""
    until = f" until {source['resting_until']}" if source["resting_until"] else ""
    return f"{source['state']}{until}" + (f" ({source['reason']})" if source["reason"] else "")


def _counted(failures: dict[str, int]) -> str:
    return ", ".join(f"{number} {reason}" for reason, number in failures.items()) or "none"
