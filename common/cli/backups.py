"""``backups``: how old they are, and whether a restored database has all it needs."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import click
from msgspec import structs

from common.cli.context import opened
from common.cli.main import main
from common.cli.output import console, emit, json_option
from common.domain.errors import ConfigError
from common.store.continuity import backup_state, sealed_sample
from common.store.dataset_kind import totals

if TYPE_CHECKING:
    from datetime import datetime

    from common.services.resources import Resources
    from common.store.continuity import BackupState
    from common.store.engine import Connection


@main.command()
@click.option("--check", is_flag=True, help="Try the secrets on what the database holds, as after a restore.")
@json_option
def backups(check: bool, as_json: bool) -> None:
    """Show when backups were made and tried; scripts/backup makes them.

    With --check it fails where VAYU_ALERTS_KEY is missing or is not the one that the database was written under.
    """
    with opened() as resources, resources.database.transaction() as connection:
        state, now = backup_state(connection), resources.clock()
        if check:
            _try_key(resources, connection)
        amounts = totals(connection)
    emit(structs.asdict(state) | {"totals": amounts, "checked": check}, as_json=as_json)
    if as_json:
        return
    _show(state, now)
    if check:
        counted = ", ".join(f"{number} {what.replace('_', ' ')}" for what, number in amounts.items())
        console.print(f"checked: {counted}; the secrets fit")


def _try_key(resources: Resources, connection: Connection) -> None:
    sample = sealed_sample(connection)
    if sample is None:
        return
    if resources.seal is None:
        raise ConfigError(
            "this database holds sealed addresses of alerts, and VAYU_ALERTS_KEY is not set: "
            "set the one that was in force; without it no alert can be sent"
        )
    try:
        resources.seal.open(sample)
    except ConfigError as error:
        raise ConfigError(
            f"{error}: set the one that was in force; without it no alert can be sent"
        ) from error


def _show(state: BackupState, now: datetime) -> None:
    console.print(f"base backup: {_moment(state.base_at, now)}")
    log = {
        None: "not set up",
        True: "is being kept",
        False: "is NOT being kept: scripts/backup stream does not run",
    }
    console.print(f"log of changes: {log[state.streaming]}")
    console.print(f"drill: {_moment(state.drill_at, now)}")
    if state.drill_rto_s is not None and state.drill_rpo_s is not None:
        console.print(
            f"  it took {state.drill_rto_s:g} s and would have lost {state.drill_rpo_s:g} s of changes"
        )


def _moment(time: datetime | None, now: datetime) -> str:
    return (
        "never" if time is None else f"{time:%Y-%m-%d %H:%M} UTC, {(now - time) // timedelta(hours=1)} h ago"
    )
