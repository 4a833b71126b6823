"""``train``, ``forecast``, ``score``, ``replay``: models, what they say, and how it turned out."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any, cast

import click

from common.cli.context import cities_named, opened
from common.cli.main import main
from common.cli.output import console, emit, json_option, make_table, offline_option, progress
from common.cli.param_types import DURATION, MOMENT
from common.cli.record import record_tables, records
from common.domain.errors import ModelError, NotFound
from common.domain.forecast import FAMILIES, MODES, Family, Mode
from common.domain.messages import Message
from common.store.training_schedule import not_due

if TYPE_CHECKING:
    from datetime import datetime, timedelta

    from common.services.replay import ReplayReport
    from common.training.service import TrainReport

_PATIENCE_S = 600
"""So long a training waits here for another one of the same city."""

family_option = click.option(
    "--family", "families", multiple=True, type=click.Choice(FAMILIES), help="Only this family; default: all."
)


@main.command()
@click.argument("cities", nargs=-1)
@family_option
@click.option("--force", is_flag=True, help="Train also what is not due: see the daily planner's rule.")
@offline_option
@json_option
def train(
    cities: tuple[str, ...], families: tuple[Family, ...], force: bool, offline: bool, as_json: bool
) -> None:
    """Train models of the named cities, or of all that have data, and promote what earned it.

    A city is due when it was never trained, has 20 or more new hours, an old champion, or one that fails live.
    """
    chosen = [city.name for city in cities_named(cities)]
    from common.inference.onnx_session import ModelCache
    from common.services.events import announcing
    from common.services.notifications import PromotionNotice
    from common.services.outbox import send_notices
    from common.training.service import Coordination, train_city

    with opened(offline=offline) as resources, announcing(resources), progress() as bar:
        now = resources.clock()
        with resources.database.transaction() as connection:
            left = {} if force else not_due(connection, chosen, now=now)
        due = [city for city in chosen if city not in left]
        files = resources.open_object_store()
        models = ModelCache(files)
        task = bar.add_task("Training", total=len(due))
        reports = []
        for city in due:
            bar.update(task, description=f"Training {city}")
            report = train_city(
                resources.database,
                models,
                city,
                now=now,
                families=families or FAMILIES,
                coordination=Coordination(patience_s=_PATIENCE_S, on_promotion=PromotionNotice(resources)),
            )
            send_notices(resources)
            reports.append(report)
            bar.update(task, advance=1)
    _show_trained(reports, left, as_json=as_json)


def _show_trained(reports: list[TrainReport], left: dict[str, str], *, as_json: bool) -> None:
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
        {"trained": [asdict(report) for report in reports], "left": left},
        as_json=as_json,
        table=make_table("Held-out scores", headings, rows),
    )
    if not as_json:
        for report in reports:
            for target, reason in {**report.kept, **report.failed}.items():
                console.print(f"{report.city}/{target}: {reason}")
        for family, reason in (reports[-1].left_out if reports else {}).items():
            console.print(f"{family} left out: {reason}", soft_wrap=True, markup=False)
        for city, reason in left.items():
            console.print(f"{city}: {reason}; --force trains it all the same", soft_wrap=True)
    if reports and not any(report.metrics for report in reports):
        raise ModelError("nothing could be trained; see above for why")


@main.command()
@click.argument("cities", nargs=-1)
@offline_option
@json_option
def forecast(cities: tuple[str, ...], offline: bool, as_json: bool) -> None:
    """Issue forecasts of the named cities, or of all, from their champions; then score older ones."""
    chosen = [city.name for city in cities_named(cities)]
    from common.services.forecast import handler

    with opened(offline=offline) as resources:
        done = handler(resources)(Message("vayu.observations.ready", data={"cities": chosen}))
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
@click.option("--mode", type=click.Choice(MODES), help="Default: both.")
@click.option(
    "--days", type=click.IntRange(1, 3650), default=30, show_default=True, help="Of the live record."
)
@offline_option
@json_option
def score(cities: tuple[str, ...], mode: Mode | None, days: int, offline: bool, as_json: bool) -> None:
    """Set the truth beside the forecasts, and show the record: errors by lead time, skill, coverage, rivals.

    For AQI also how bad air was foreseen, and stated probabilities against what happened.
    """
    chosen = {city.name for city in cities_named(cities)}
    from common.services.verification import update_record

    with opened(offline=offline) as resources:
        now = resources.clock()
        with resources.database.transaction() as connection:
            update_record(connection, mode="live", now=now)
            entries = []
            for each in (mode,) if mode else MODES:
                entries += records(connection, each, chosen, now=now, days=days)
    if not entries:
        raise NotFound("no forecast has been scored yet; see: vayu forecast, vayu replay")
    emit({"records": entries}, as_json=as_json)
    if not as_json:
        for entry in entries:
            for table in record_tables(entry):
                console.print(table)


@main.command()
@click.option("--from", "start", type=MOMENT, required=True, help="Where the clock starts, ISO 8601.")
@click.option("--to", "end", type=MOMENT, required=True, help="Where it stops.")
@click.option("--every", type=DURATION, default="1h", show_default=True, help="One step of the clock.")
@click.option("--forecast-every", type=DURATION, default="1h", show_default=True, help="Between forecasts.")
@click.option("--city", "cities", multiple=True, help="Only this city; default: all with measurements.")
@family_option
@click.option("--alerts", is_flag=True, help="Let alerts see these hours, and send what they have to say.")
@json_option
def replay(
    start: datetime,
    end: datetime,
    every: timedelta,
    forecast_every: timedelta,
    cities: tuple[str, ...],
    families: tuple[Family, ...],
    alerts: bool,
    as_json: bool,
) -> None:
    """Drive the clock through imported history: collect, forecast, score and retrain exactly as live.

    Models are first trained on what lies before --from. A time without offset is Indian time.
    """
    if end <= start:
        raise click.BadParameter("--to must be after --from")
    chosen = [city.name for city in cities_named(cities)] if cities else None
    from common.services.alert_scores import judge_replayed
    from common.services.alerts import alert_in_replay
    from common.services.replay import replay as drive

    with opened(real=True) as resources, progress() as bar:
        task = bar.add_task(
            f"Training on what is before {start:%Y-%m-%d %H:%M}", total=int((end - start) / every) + 1
        )

        def tick(now: datetime) -> None:
            bar.update(task, advance=1, description=f"Replaying {now:%Y-%m-%d %H:%M}Z")
            if alerts:
                alert_in_replay(resources, [city.name for city in cities_named(cities)], now)

        report = drive(
            resources,
            start=start,
            end=end,
            every=every,
            forecast_every=forecast_every,
            cities=chosen,
            families=families or FAMILIES,
            tick=tick,
        )
        if alerts:
            judge_replayed(resources, report.cities, start=start, end=end)
        with resources.database.transaction() as connection:
            entries = records(connection, "replay", set(report.cities), now=resources.clock(), days=0)
    _show_replayed(report, entries, as_json=as_json)


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
        for reason, count in report.due.items():
            console.print(f"due {count} times: {reason}")
        for change in report.promotions:
            if change.before is not None:
                console.print(
                    f"{change.at:%Y-%m-%d %H:%M}Z {change.version} in place of {change.before}: {change.reason}",
                    soft_wrap=True,
                )
        console.print(f"of {report.sealed} rows sealed when issued, {report.changed} changed afterwards")
        console.print(
            "the public record has it: make run, then /api/v1/record/scores?mode=replay", soft_wrap=True
        )
        for entry in records:
            console.print(next(record_tables(entry)))
