"""``train``, ``forecast``, ``score``, ``replay``: models, what they say, and how it turned out."""

from __future__ import annotations

from dataclasses import asdict
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, cast

import click

from common.adapters.queue import Message
from common.cli.context import cities_named, opened
from common.cli.main import main
from common.cli.moments import DURATION, MOMENT
from common.cli.output import console, emit, json_option, make_table, offline_option, progress
from common.domain.errors import ModelError, NotFound
from common.domain.forecast import FAMILIES, TARGETS, Family, Mode
from common.store.forecasts import LeadScore, cities_with_record, record
from common.store.forecasts import score as score_forecasts
from common.store.models import latest_training

if TYPE_CHECKING:
    from rich.table import Table

    from common.bootstrap.parts import Parts
    from common.bootstrap.replay import ReplayReport
    from common.training.service import TrainReport

_FRESH = timedelta(hours=20)
_SHOWN_LEADS = (None, 1, 3, 6, 12, 24, 36, 48)

family_option = click.option(
    "--family", "families", multiple=True, type=click.Choice(FAMILIES), help="Only this family; default: all."
)


@main.command()
@click.argument("cities", nargs=-1)
@family_option
@click.option("--force", is_flag=True, help="Train also what was trained within the last 20 hours.")
@offline_option
@json_option
def train(
    cities: tuple[str, ...], families: tuple[Family, ...], force: bool, offline: bool, as_json: bool
) -> None:
    """Train models of the named cities, or of all that have data, and promote what earned it."""
    chosen = [city.name for city in cities_named(cities)]
    from common.adapters.object_store import ObjectStore
    from common.inference.session import ModelCache
    from common.training.service import train_city

    with opened(offline=offline) as parts, progress() as bar:
        now = parts.clock()
        with parts.database.transaction() as connection:
            latest = latest_training(connection, "live")
        due = [city for city in chosen if force or city not in latest or now - latest[city] > _FRESH]
        files = ObjectStore(parts.settings.model_store_url)
        models = ModelCache(files)
        task = bar.add_task("Training", total=len(due))
        reports = []
        for city in due:
            bar.update(task, description=f"Training {city}")
            report = train_city(parts.database, files, models, city, now=now, families=families or FAMILIES)
            reports.append(report)
            bar.update(task, advance=1)
    _show_trained(reports, len(chosen) - len(due), as_json=as_json)


def _show_trained(reports: list[TrainReport], fresh: int, *, as_json: bool) -> None:
    rows = []
    for report in reports:
        for target, by_family in report.metrics.items():
            for family, scores in by_family.items():
                served = f"-{family}-" in report.promoted.get(target, "")
                rows.append(
                    (report.city, target, family, scores["mae"], scores["rmse"], scores["r2"], scores["skill"],
                     "promoted" if served else "")
                )  # fmt: skip
    headings = ("city", "target", "family", "MAE", "RMSE", "R²", "skill", "")
    emit(
        {"trained": [asdict(report) for report in reports], "fresh": fresh},
        as_json=as_json,
        table=make_table("Held-out scores", headings, rows),
    )
    if not as_json:
        for report in reports:
            for target, reason in {**report.kept, **report.failed}.items():
                console.print(f"{report.city}/{target}: {reason}")
        if fresh:
            console.print(f"{fresh} cities were trained within the last 20 hours; --force trains them again")
    if reports and not any(report.metrics for report in reports):
        raise ModelError("nothing could be trained; see above for why")


@main.command()
@click.argument("cities", nargs=-1)
@offline_option
@json_option
def forecast(cities: tuple[str, ...], offline: bool, as_json: bool) -> None:
    """Issue forecasts of the named cities, or of all, from their champions; then score older ones."""
    chosen = [city.name for city in cities_named(cities)]
    from common.bootstrap.forecast import build

    with opened(offline=offline) as parts:
        done = build(parts)(Message("vayu.observations.ready", data={"cities": chosen}))
    skipped = cast("dict[str, str]", done["skipped"])
    emit(
        done,
        as_json=as_json,
        table=f"{done['issued']} forecasts issued, {done['repeated']} were issued before, "
        f"{len(skipped)} not possible, {done['scored']} older ones scored",
    )
    if not as_json:
        for name, reason in skipped.items():
            console.print(f"{name}: {reason}")
    if skipped and not done["issued"] and not done["repeated"]:
        raise ModelError("no forecast could be issued; collect and train first: vayu collect, vayu train")


@main.command()
@click.option("--city", "cities", multiple=True, help="Only this city.")
@click.option("--mode", type=click.Choice(["live", "replay"]), help="Default: both.")
@click.option(
    "--days", type=click.IntRange(1, 3650), default=30, show_default=True, help="Of the live record."
)
@offline_option
@json_option
def score(cities: tuple[str, ...], mode: Mode | None, days: int, offline: bool, as_json: bool) -> None:
    """Set the truth beside the forecasts, and show the record: errors by lead time, skill, coverage."""
    chosen = {city.name for city in cities_named(cities)}
    with opened(offline=offline) as parts:
        now = parts.clock()
        with parts.database.transaction() as connection:
            score_forecasts(connection, mode="live", now=now)
        records = []
        for each in (mode,) if mode else ("live", "replay"):
            records += _records(parts, each, chosen, now, days)
    if not records:
        raise NotFound("no forecast has been scored yet; see: vayu forecast, vayu replay")
    emit({"records": records}, as_json=as_json)
    if not as_json:
        for one in records:
            console.print(_record_table(one))


def _records(parts: Parts, mode: Mode, chosen: set[str], now: datetime, days: int) -> list[dict[str, Any]]:
    start = now - timedelta(days=days) if mode == "live" else datetime(1970, 1, 1, tzinfo=now.tzinfo)
    found = []
    with parts.database.transaction() as connection:
        for city in cities_with_record(connection, mode=mode, start=start, end=now):
            for target in TARGETS if city in chosen else ():
                scores = record(connection, city, target, mode=mode, start=start, end=now)
                if scores:
                    together, *by_lead = [_plain(one) for one in scores]
                    found.append(
                        {
                            "city": city,
                            "target": target,
                            "mode": mode,
                            "together": together,
                            "by_lead": by_lead,
                        }
                    )
    return found


def _plain(one: LeadScore) -> dict[str, Any]:
    return asdict(one) | {"best_naive": one.best_naive, "skill": one.skill}


def _record_table(one: dict[str, Any]) -> Table:
    rows = [
        (
            "all" if each["lead"] is None else f"{each['lead']} h",
            each["n"],
            each["mae"],
            each["naive_mae"][each["best_naive"]],
            each["best_naive"],
            None if each["skill"] is None else f"{each['skill']:+.1%}",
            each["rmse"],
            f"{each['coverage80']:.0%}",
            f"{each['coverage95']:.0%}",
        )
        for each in (one["together"], *one["by_lead"])
        if each["lead"] in _SHOWN_LEADS
    ]
    headings = ("lead", "hours", "MAE", "naive MAE", "best naive", "skill", "RMSE", "in 80 %", "in 95 %")
    return make_table(f"{one['city']} {one['target']} ({one['mode']})", headings, rows)


@main.command()
@click.option("--from", "start", type=MOMENT, required=True, help="Where the clock starts, ISO 8601.")
@click.option("--to", "end", type=MOMENT, required=True, help="Where it stops.")
@click.option("--every", type=DURATION, default="1h", show_default=True, help="One step of the clock.")
@click.option("--forecast-every", type=DURATION, default="1h", show_default=True, help="Between forecasts.")
@click.option("--city", "cities", multiple=True, help="Only this city; default: all with measurements.")
@family_option
@json_option
def replay(
    start: datetime,
    end: datetime,
    every: timedelta,
    forecast_every: timedelta,
    cities: tuple[str, ...],
    families: tuple[Family, ...],
    as_json: bool,
) -> None:
    """Drive the clock through imported history: collect, forecast, score and retrain exactly as live.

    Models are first trained on what lies before --from. A time without offset is Indian time.
    """
    if end <= start:
        raise click.BadParameter("--to must be after --from")
    chosen = [city.name for city in cities_named(cities)] if cities else None
    from common.bootstrap.replay import replay as drive

    with opened(real=True) as parts, progress() as bar:
        task = bar.add_task(
            f"Training on what is before {start:%Y-%m-%d %H:%M}", total=int((end - start) / every) + 1
        )

        def tick(now: datetime) -> None:
            bar.update(task, advance=1, description=f"Replaying {now:%Y-%m-%d %H:%M}Z")

        report = drive(
            parts,
            start=start,
            end=end,
            every=every,
            forecast_every=forecast_every,
            cities=chosen,
            families=families or FAMILIES,
            tick=tick,
        )
        records = _records(parts, "replay", set(report.cities), parts.clock(), 0)
    _show_replayed(report, records, as_json=as_json)


def _show_replayed(report: ReplayReport, records: list[dict[str, Any]], *, as_json: bool) -> None:
    emit(
        asdict(report) | {"records": records},
        as_json=as_json,
        table=f"{report.issued} forecasts of {', '.join(report.cities)} issued, {report.trainings} trainings, "
        f"{len(report.promoted)} promotions",
    )
    if not as_json:
        for name, reason in report.skipped.items():
            console.print(f"{name}: {reason}")
        for one in records:
            console.print(_record_table(one))
