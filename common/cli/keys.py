"""``keys``: who may use the API, and for what."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click
from msgspec import structs

from common.cli.context import opened
from common.cli.main import main
from common.cli.output import aside, emit, json_option, make_table, offline_option
from common.cli.param_types import DURATION
from common.store.api_keys import SCOPES, Key, all_keys, create_key, has_expired, revoke_key

if TYPE_CHECKING:
    from datetime import datetime, timedelta

_LONGEST_NAME = 100


@main.group()
def keys() -> None:
    """Make, list and revoke the tokens by which the API knows who asks."""


@keys.command()
@click.argument("name")
@click.option(
    "--scope",
    "scopes",
    multiple=True,
    type=click.Choice(SCOPES),
    help="What it allows; again for several. Default: read. admin allows everything.",
)
@click.option("--expires", type=DURATION, help="How long it is good for, such as 90d; default: for ever.")
@offline_option
@json_option
def create(
    name: str, scopes: tuple[str, ...], expires: timedelta | None, offline: bool, as_json: bool
) -> None:
    """Make a token. It is printed once, here, and kept nowhere."""
    if not name.strip() or len(name) > _LONGEST_NAME or not name.isprintable():
        raise click.BadParameter(f"NAME must be 1 to {_LONGEST_NAME} printable characters")
    with opened(offline=offline) as resources, resources.database.transaction() as connection:
        now = resources.clock()
        token, key = create_key(
            connection, name, scopes or ("read",), now=now, expires_at=now + expires if expires else None
        )
    emit({"token": token} | _shown(key, now), as_json=as_json)
    if not as_json:
        until = f"until {key.expires_at:%Y-%m-%d %H:%M}Z" if key.expires_at else "until it is revoked"
        aside.print(
            f"{name} may {', '.join(key.scopes)}, {until}. Its token is shown this once:", soft_wrap=True
        )
        click.echo(token)


@keys.command("list")
@offline_option
@json_option
def list_keys(offline: bool, as_json: bool) -> None:
    """List all keys, newest first, those that are over too; by how their tokens begin."""
    with opened(offline=offline) as resources, resources.database.transaction() as connection:
        rows_json = [_shown(key, resources.clock()) for key in all_keys(connection)]
    headings = ("begins with", "name", "scopes", "state", "created", "expires", "last used")
    rows = [
        (
            key["prefix"],
            key["name"],
            ", ".join(key["scopes"]),
            key["state"],
            *(_day(key[time]) for time in ("created_at", "expires_at", "last_used_at")),
        )
        for key in rows_json
    ]
    emit({"keys": rows_json}, as_json=as_json, table=make_table("Keys", headings, rows))


@keys.command()
@click.argument("which", metavar="NAME|BEGINNING")
@offline_option
@json_option
def revoke(which: str, offline: bool, as_json: bool) -> None:
    """End a key, by its name or by how its token begins. Within seconds no process takes it any more."""
    with opened(offline=offline) as resources, resources.database.transaction() as connection:
        now = resources.clock()
        key = revoke_key(connection, which, now=now)
    emit(_shown(key, now), as_json=as_json, table=f"{key.name} ({key.prefix}…) is revoked")


def _shown(key: Key, now: datetime) -> dict[str, Any]:
    state = "revoked" if key.revoked_at else "expired" if has_expired(key.expires_at, now) else "in force"
    return structs.asdict(key) | {"state": state}


def _day(time: datetime | None) -> str | None:
    return None if time is None else f"{time:%Y-%m-%d}"
