"""``status``: what there is, how fresh it is, and what waits."""

from __future__ import annotations

from dataclasses import asdict
from datetime import timedelta

from common.cli.context import opened
from common.cli.main import main
from common.cli.output import console, emit, json_option, make_table, offline_option
from common.store.jobs import counts
from common.store.meta import dataset, totals
from common.store.reads.service import service_state

_STATES = ("queued", "running", "done", "dead")


@main.command()
@offline_option
@json_option
def status(offline: bool, as_json: bool) -> None:
    """Show data, models, forecasts, jobs and sources."""
    with opened(offline=offline) as parts, parts.database.transaction() as connection:
        found = asdict(service_state(connection, parts.clock(), fresh=timedelta(hours=3)))
        found |= {"dataset": dataset(connection), "totals": totals(connection), "jobs": counts(connection)}
    emit(found, as_json=as_json)
    if as_json:
        return
    kept = ", ".join(f"{number} {what.replace('_', ' ')}" for what, number in found["totals"].items())
    console.print(f"data: {found['dataset'] or 'none yet'}; {kept}")
    console.print(
        f"latest hour {found['latest'] or '–'}; {found['cities_current']} cities with an index of the last 3 h; "
        f"{found['champions']} models served"
    )
    jobs = [(type_, *(states.get(state, 0) for state in _STATES)) for type_, states in found["jobs"].items()]
    console.print(make_table("Jobs", ("type", *_STATES), jobs))
    runs = [
        (name, one["last_success"], one["reason"] or "well", one["lag_minutes"])
        for name, one in found["sources"].items()
    ]
    console.print(make_table("Sources", ("source", "last success", "last run went", "lag, minutes"), runs))
