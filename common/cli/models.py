"""``models``: which there are, what is known of one, and which is served, by hand."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import click

from common.cli.context import cities_named, opened
from common.cli.main import main
from common.cli.output import console, emit, json_option, make_table, offline_option
from common.domain.forecast import TARGETS

if TYPE_CHECKING:
    from common.domain.forecast import Target

_target_option = click.option(
    "--target", type=click.Choice(TARGETS), help="Only this target; default: both, for a card the AQI."
)


@main.group()
def models() -> None:
    """Show the models, go back to a former one, or serve a chosen one."""


@models.command("list")
@click.argument("cities", nargs=-1)
@click.option("--all", "everything", is_flag=True, help="Also what is not and was never served.")
@click.option(
    "--limit", type=click.IntRange(1, 1000), default=50, show_default=True, help="Newest of each city."
)
@offline_option
@json_option
def list_models(cities: tuple[str, ...], everything: bool, limit: int, offline: bool, as_json: bool) -> None:
    """List models, newest first: of the named cities, or of all."""
    from common.api.serialize_forecasts import models_json

    named = [city.name for city in cities_named(cities)] if cities else [None]
    listed: list[dict[str, Any]] = []
    with opened(offline=offline) as resources, resources.database.transaction() as connection:
        for city in named:
            for status in (None,) if everything else ("champion", "retired"):
                filters = {"city": city, "status": status, "mode": "live"}
                listed += json.loads(models_json(connection, filters, limit=limit, offset=0)[1])
    listed.sort(key=lambda row: (row["trained_at"], row["version"]), reverse=True)
    rows = [
        (
            row["version"],
            row["status"],
            row["metrics"].get("holdout", {}).get("skill"),
            row["trained_at"],
            row["reason"],
        )
        for row in listed
    ]
    headings = ("version", "status", "skill", "trained at", "why")
    emit({"models": listed}, as_json=as_json, table=make_table("Models", headings, rows))


@models.command()
@click.argument("name", metavar="VERSION|CITY")
@_target_option
@offline_option
@json_option
def card(name: str, target: Target | None, offline: bool, as_json: bool) -> None:
    """Print the model card, in Markdown, of a version or of the champion of a city."""
    from common.services.model_registry import card_text

    with opened(offline=offline) as resources:
        text = card_text(resources, name, target or "aqi")
    if as_json:
        emit({"card": text}, as_json=True)
    else:
        click.echo(text, nl=False)


@models.command()
@click.argument("city")
@_target_option
@offline_option
@json_option
def rollback(city: str, target: Target | None, offline: bool, as_json: bool) -> None:
    """Serve again what was served before the present champions of a city; held for 14 days.

    Until then only evidence replaces it: a clearly smaller error on hours that neither has seen, or in the record,
    where what was rolled back and each new candidate forecast beside it.
    """
    [chosen] = cities_named([city])
    from common.services.model_registry import roll_back_city

    with opened(offline=offline) as resources:
        done = roll_back_city(resources, chosen.name, (target,) if target else TARGETS)
    emit({"city": chosen.name, "targets": done}, as_json=as_json)
    if not as_json:
        for each, what in done.items():
            outcome = what.get("kept") or f"{what['served']} is served again, not {what['before']}"
            console.print(f"{chosen.name}/{each}: {outcome}", soft_wrap=True)


@models.command()
@click.argument("version")
@offline_option
@json_option
def promote(version: str, offline: bool, as_json: bool) -> None:
    """Serve this very model; held for 14 days, like one that was rolled back to."""
    from common.services.model_registry import promote_version

    with opened(offline=offline) as resources:
        row = promote_version(resources, version)
    emit(
        {"city": row.city, "target": row.target, "served": version},
        as_json=as_json,
        table=f"{row.city}/{row.target}: {version} is served",
    )
