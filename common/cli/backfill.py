"""``backfill``: fill the past within the providers' quotas, and go on where it was cut short."""

from __future__ import annotations

from collections import Counter
from dataclasses import asdict
from typing import TYPE_CHECKING

import click

from common.cli.context import cities_named, opened
from common.cli.data import city_option, source_option
from common.cli.main import main
from common.cli.output import emit, json_option, make_table, offline_option, progress
from common.domain.errors import DataError, QuotaExhausted, Transient
from common.services import collect
from common.services.events import announcing

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from rich.progress import TaskID

    from common.domain.cities import City
    from common.ingest.backfill import Backfill, BackfillReport, SourceFill
    from common.ingest.backfill_units import Unit


@main.command()
@click.option(
    "--days", type=click.IntRange(1, 3650), required=True, help="How many days before today to fill."
)
@source_option
@city_option
@click.option("--wait", is_flag=True, help="Where a quota is used up, wait until it has room again.")
@offline_option
@json_option
def backfill(
    days: int, sources: tuple[str, ...], cities: tuple[str, ...], wait: bool, offline: bool, as_json: bool
) -> None:
    """Fill the last days from the sources that keep a past, the newest first.

    What was filled is noted day by day, so that running it again goes on where it was: nothing is asked for
    twice. A part of each quota is left to the hourly collection; where the rest is used up, it says when to go on.
    """
    chosen = cities_named(cities)
    with opened(offline=offline or sources == ("simulated",)) as resources:
        filling = collect.backfill(resources, sources or None)
        if not filling.sources:
            raise DataError("none of these sources keeps a past; choose others with --source or VAYU_SOURCES")
        with announcing(resources):
            report = _shown(filling, chosen, days, wait=wait)
    emit(
        asdict(report) | {"filled": report.filled, "left": report.left, "again_at": report.again_at},
        as_json=as_json,
        table=make_table(
            f"{report.filled} days of cities filled, {report.left} left; "
            f"{report.hours} city-hours new or changed in {len(report.cities)} cities",
            ("source", "days filled", "left", "readings", "new", "changed", "turned down", "went"),
            [
                (
                    name,
                    fill.filled,
                    fill.left,
                    fill.readings,
                    fill.new,
                    fill.changed,
                    sum(fill.rejected.values()),
                    _went(fill),
                )
                for name, fill in report.sources.items()
            ],
        ),
    )
    _complain(report)


def _shown(filling: Backfill, cities: Sequence[City], days: int, *, wait: bool) -> BackfillReport:
    """Run it with a bar of the days of cities that were to be filled when it began."""
    with progress(estimate=True) as bar:
        tasks: list[tuple[TaskID, int]] = []

        def show(unit: Unit | None, report: BackfillReport) -> None:
            if not tasks and not report.left:
                return
            if not tasks:
                tasks.append((bar.add_task("Filling the past", total=report.left), report.left))
            task, total = tasks[0]
            readings = sum(fill.readings for fill in report.sources.values())
            failed = sum(fill.failed for fill in report.sources.values())
            bar.update(
                task,
                completed=total - report.left + failed,
                description=f"{_doing(unit, report)}, {readings:,} readings",
            )

        return filling.run(cities, days, wait=wait, show=show)


def _doing(unit: Unit | None, report: BackfillReport) -> str:
    if unit is not None:
        return f"{unit.source.name} from {unit.first:%Y-%m-%d}"
    if any(fill.taken for fill in report.sources.values()):
        return "Waiting for another backfill"
    if report.left and report.again_at is not None:
        return f"Nothing may be asked before {_moment(report.again_at)}"
    return "Filling the past"


def _went(fill: SourceFill) -> str:
    if fill.again_at is not None:
        return f"go on at {_moment(fill.again_at)}: {fill.failure or 'it rests'}"
    if fill.failures:
        return ", ".join(f"{reason}: {days} days" for reason, days in sorted(fill.failures.items())) + (
            f" ({fill.failure})" if fill.failure else ""
        )
    return "well"


def _moment(time: datetime) -> str:
    return f"{time:%Y-%m-%d %H:%M} UTC"


def _complain(report: BackfillReport) -> None:
    """Say what is left and why.

    Raises:
        QuotaExhausted: when quotas were used up.
        Transient: when something failed.
    """
    if not report.left:
        return
    total = report.filled + report.left
    left = f"{report.left} of {total} days of cities are left"
    if report.again_at is not None:
        names = ", ".join(name for name, fill in report.sources.items() if fill.again_at is not None)
        raise QuotaExhausted(
            f"{left}: {names} may not be asked more now; run the same command again after "
            f"{_moment(report.again_at)}, or with --wait: it goes on where it was"
        )
    reasons: Counter[str] = Counter()
    for fill in report.sources.values():
        reasons.update(fill.failures)
    listed = ", ".join(f"{reason} ({days})" for reason, days in reasons.most_common())
    raise Transient(f"{left}, which failed: {listed}; run the same command again to ask for them once more")
