"""``collect``, ``import``, ``maintain``, ``migrate``: data in, and their upkeep."""

from __future__ import annotations

from collections import Counter
from dataclasses import asdict
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, cast

import click

from common.bootstrap.container import system_clock
from common.cli.context import cities_named, opened
from common.cli.main import main
from common.cli.output import emit, json_option, make_table, offline_option
from common.domain.errors import Transient
from common.domain.observation import HOUR, hour_ending, indian_day, last_full_hour
from common.services.collect import collect_everywhere, collector
from common.services.events import announcing
from common.sources import REGISTRY

if TYPE_CHECKING:
    from datetime import datetime

    from common.domain.cities import City
    from common.ingest.files.result import ImportResult
    from common.ingest.report import CollectReport, SourceReport
    from common.services.resources import Resources

_REPLAYED, _LEARNT_FROM = timedelta(days=7), timedelta(days=24)
"""What a replay is suggested of: enough days for scores with intervals, after enough to train on."""

source_option = click.option(
    "--source",
    "sources",
    multiple=True,
    type=click.Choice(tuple(REGISTRY)),
    help="Only this source; may be given several times.",
)
city_option = click.option(
    "--city", "cities", multiple=True, help="Only this city; may be given several times."
)


@main.command()
@json_option
def migrate(as_json: bool) -> None:
    """Bring the database to the present schema."""
    with opened():
        emit({"migrated": True}, as_json=as_json, table="The database is at the present schema.")


@main.command()
@source_option
@city_option
@click.option("--dry-run", is_flag=True, help="Ask the sources, keep nothing.")
@offline_option
@json_option
def collect(
    sources: tuple[str, ...], cities: tuple[str, ...], dry_run: bool, offline: bool, as_json: bool
) -> None:
    """Ask the sources for the last day, and reconcile the hours it touches.

    A source that keeps failing is left alone for a while; one that is named with --source is asked all the same.
    Without --source and --city it does what the schedule does: while another process is at that, nothing is asked.
    """
    chosen = cities_named(cities)
    scheduled = not (sources or cities or dry_run)
    with opened(offline=offline or sources == ("simulated",)) as resources, announcing(resources):
        ready = collector(resources, sources or None)
        if scheduled:
            report = collect_everywhere(ready)
        else:
            report = ready.collect(chosen, dry_run=dry_run, insist=bool(sources))
    _show_collected(report, as_json=as_json)


def _went(source: SourceReport) -> str:
    if source.resting_until is not None:
        return f"not asked: it rests until {source.resting_until:%Y-%m-%d %H:%M} UTC (--source asks it all the same)"
    return source.failure or "well"


def _show_collected(report: CollectReport, *, as_json: bool) -> None:
    if report.skipped is not None:
        emit(asdict(report), as_json=as_json, table=f"Nothing was done: {report.skipped}.")
        return
    rows = [
        (name, source.readings, source.new, source.changed, sum(source.rejected.values()), _went(source))
        for name, source in report.sources.items()
    ]
    emit(
        asdict(report),
        as_json=as_json,
        table=make_table(
            f"{report.hours} city-hours new or changed in {len(report.cities)} cities",
            ("source", "readings", "new", "changed", "turned down", "went"),
            rows,
        ),
    )
    if report.failed:
        raise Transient("no source gave anything; see the table for why, and try again later")


@main.command("import")
@click.argument(
    "files", nargs=-1, required=True, type=click.Path(exists=True, dir_okay=False, path_type=Path)
)
@click.option("--city", required=True, help="The city that the files are of.")
@click.option("--station", help="The station, where neither file name nor file tells it.")
@click.option("--format", "layout", type=click.Choice(["cpcb", "long"]), help="Default: as the file shows.")
@click.option(
    "--dates",
    type=click.Choice(["month-first", "day-first"]),
    help="How 1/2/2024 is meant, where the file does not tell.",
)
@click.option("--dry-run", is_flag=True, help="Read and report, keep nothing.")
@json_option
def import_(
    files: tuple[Path, ...],
    city: str,
    station: str | None,
    layout: Literal["cpcb", "long"] | None,
    dates: Literal["month-first", "day-first"] | None,
    dry_run: bool,
    as_json: bool,
) -> None:
    """Read measurements from files: exports of the CPCB portal and long tables (CSV, XLSX, web page; zip, gz).

    Importing a file twice changes nothing; what was turned down is listed with the reason. A file whose dates may have
    the day or the month first is refused, unless --dates tells.
    """
    from common.ingest.files.identity import unify
    from common.ingest.files.read import read_file

    [place] = cities_named([city])
    now = system_clock()
    # All files are read before the first is stored: one that cannot be read leaves nothing half done.
    results = [
        read_file(file, city=place, station=station, format=layout, now=now, order=dates) for file in files
    ]
    unify(results)
    stored = []
    if not dry_run:
        with opened(real=True) as resources, announcing(resources):
            stored = [_store(resources, result, place, now) for result in results]
    _show_imported(results, stored, as_json=as_json)
    if stored and not as_json:
        _suggest_replay(place, results)


def _store(resources: Resources, result: ImportResult, city: City, now: datetime) -> dict[str, int]:
    from common.ingest.reconcile import TOUCHED, reconcile
    from common.store.dataset_kind import claim_dataset
    from common.store.readings import upsert_readings

    with resources.database.transaction() as connection:
        claim_dataset(connection, "real")
        written = upsert_readings(connection, result.readings, now=now)
        hours = 0
        if written.first is not None and written.last is not None:
            start = hour_ending(written.first) - HOUR
            end = min(hour_ending(written.last) + TOUCHED * HOUR, last_full_hour(now))
            hours = reconcile(connection, city.name, start, end, now=now)
    return {"new": written.new, "changed": written.changed, "city_hours": hours}


def _show_imported(results: list[ImportResult], stored: list[dict[str, int]], *, as_json: bool) -> None:
    files: list[dict[str, Any]] = []
    for number, result in enumerate(results):
        files.append(
            {
                "file": str(result.file),
                "layout": result.layout,
                "stations": list(result.stations),
                "rows_read": result.rows_read,
                "values_read": result.values_read,
                "values_kept": result.values_kept,
                "rejected": dict(result.rejected),
                "readings": len(result.readings),
                "first": result.first,
                "last": result.last,
                "notes": list(result.notes),
                **(stored[number] if stored else {}),
            }
        )
    headings = (
        "station",
        "rows read",
        "values read",
        "kept",
        "turned down",
        "hourly readings",
        "new",
        "changed",
    )
    rows = [
        (
            ", ".join(file["stations"]) or "the city",
            file["rows_read"],
            file["values_read"],
            file["values_kept"],
            sum(file["rejected"].values()),
            file["readings"],
            file.get("new"),
            file.get("changed"),
        )
        for file in files
    ]
    rejected: Counter[str] = Counter()
    for result in results:
        rejected.update(result.rejected)
    emit(
        {"files": files},
        as_json=as_json,
        table=make_table("Imported" if stored else "Read, nothing kept", headings, rows),
    )
    if not as_json:
        emit({}, as_json=False, table=make_table("Turned down", ("reason", "values"), rejected.most_common()))
        for note in dict.fromkeys(note for result in results for note in result.notes):
            emit({}, as_json=False, table=f"note: {note}")


def _suggest_replay(city: City, results: list[ImportResult]) -> None:
    """Say how to see what the forecasts would have been, where the files reach far enough back to learn from."""
    first = min((result.first for result in results if result.first), default=None)
    last = max((result.last for result in results if result.last), default=None)
    if first is None or last is None:
        return
    end = indian_day(last)
    if end - indian_day(first) + timedelta(days=1) < _REPLAYED + _LEARNT_FROM:
        return
    command = f"vayu replay --city {city.slug} --from {end - _REPLAYED} --to {end} --family linear"
    emit(
        {},
        as_json=False,
        table=f"how good the forecasts would have been, for the public record: {command}",
    )


@main.command()
@json_option
def maintain(as_json: bool) -> None:
    """Roll up days, drop raw readings and model files past their time, refresh statistics."""
    from common.services.retention import upkeep

    with opened() as resources:
        done = upkeep(resources)
    rows = [
        *cast("dict[str, int]", done["dropped"]).items(),
        ("whole chunks", done["chunks"]),
        ("model files", done["model_files"]),
    ]
    days = "The server rolls up days" if done["days"] is None else f"{done['days']} days rolled up"
    emit(done, as_json=as_json, table=make_table(days, ("of", "dropped"), rows))
    if not as_json:
        for complaint in cast("list[str]", done["failing"]):
            emit({}, as_json=False, table=f"the server's own upkeep fails: {complaint}")
