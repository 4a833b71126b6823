"""``export``, ``verify``, ``restore-record``: the archive of open data."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import asdict
from typing import TYPE_CHECKING

import click

from common.adapters.object_store import UrlObjectStore
from common.archive.columns import WHATS
from common.cli.context import cities_named, opened
from common.cli.main import main
from common.cli.output import emit, json_option, make_table, progress
from common.cli.param_types import MOMENT
from common.domain.errors import ConfigError, DataError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from datetime import datetime


class Address(click.ParamType[UrlObjectStore]):
    """Where an archive is; becomes the store of its files."""

    name = "url"

    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> UrlObjectStore:
        if isinstance(value, UrlObjectStore):
            return value
        text = str(value)
        if not text.startswith(("file:///", "s3://", "gs://")):
            self.fail(
                f"{text[:80]!r} is no address of an archive; write file:///folder, s3://bucket/folder or "
                "gs://bucket/folder",
                param,
                ctx,
            )
        try:
            return UrlObjectStore(text, setting="the address")
        except ConfigError as error:
            self.fail(str(error), param, ctx)


ADDRESS = Address()


@contextmanager
def _bar(what: str) -> Iterator[Callable[[str, int, int], None]]:
    """A bar that takes its length from the first step."""
    with progress(estimate=True) as bars:
        tasks: list[object] = []

        def step(text: str, done: int, total: int) -> None:
            if not tasks:
                tasks.append(bars.add_task(what, total=total))
            bars.update(tasks[0], completed=done, description=f"{what}: {text}")  # type: ignore[arg-type]

        yield step


@main.command()
@click.option(
    "--to",
    "targets",
    multiple=True,
    required=True,
    metavar="URL|TIME",
    help="Where to: file:///folder, s3://… or gs://…; again with a time: only before it.",
)
@click.option("--what", type=click.Choice(WHATS), help="Only this; default: all.")
@click.option(
    "--format",
    "format_",
    type=click.Choice(["parquet", "csv", "xlsx"]),
    default="parquet",
    show_default=True,
    help="Of the files.",
)
@click.option("--city", "cities", multiple=True, help="Only this city; may be given several times.")
@click.option("--from", "start", type=MOMENT, help="Only from this time on.")
@json_option
def export(
    targets: tuple[str, ...],
    what: str | None,
    format_: str,
    cities: tuple[str, ...],
    start: datetime | None,
    as_json: bool,
) -> None:
    """Write the archive to a folder or a bucket, or bring the one there up to date.

    Only what changed is written. What a provider forbids to pass on is left out.
    """
    from common.archive.export import Selection
    from common.services.archive import export_archive

    store, end = _targets(targets)
    if start is not None and end is not None and start >= end:
        raise click.BadParameter("the end must be after the beginning", param_hint="--to")
    names = tuple(city.name for city in cities_named(cities)) if cities else ()
    selection = Selection(format_, () if what is None else (what,), names, start, end)
    with opened() as resources, _bar("export") as step:
        done = export_archive(resources.database, store, selection, now=resources.clock(), progress=step)
    emit(
        asdict(done),
        as_json=as_json,
        table=f"{done.written} of {done.files} files written; {done.rows:,} rows, {done.bytes / 1e6:,.1f} MB in all. "
        f"SHA-256 of manifest.json, to be noted elsewhere: {done.manifest}",
    )


def _targets(targets: tuple[str, ...]) -> tuple[UrlObjectStore, datetime | None]:
    """Where to, and until when."""
    addresses = [target for target in targets if "://" in target]
    times = [target for target in targets if "://" not in target]
    if len(addresses) != 1 or len(times) > 1:
        raise click.BadParameter(
            "give one address such as file:///folder, and at most one time such as 2025-10-10",
            param_hint="--to",
        )
    end = MOMENT.convert(times[0], None, None) if times else None
    return ADDRESS.convert(addresses[0], None, None), end


@main.command()
@click.argument("store", metavar="URL", type=ADDRESS)
@click.option("--manifest", "expected", help="SHA-256 that manifest.json must have, as export printed it.")
@json_option
def verify(store: UrlObjectStore, expected: str | None, as_json: bool) -> None:
    """Hold an archive against its manifest, and its manifests against each other back to the first.

    Exit status 1 where a byte was changed, a file is missing or the chain of manifests is cut.
    """
    from common.archive.verify import verify as verified

    with _bar("verify") as step:
        result = verified(store, progress=step)
    faults = list(result.faults)
    if expected is not None and result.manifest != expected.strip().lower():
        faults.append(f"manifest.json has the SHA-256 {result.manifest}, not the one that was given")
    verdict = (
        f"{len(faults)} fault{'' if len(faults) == 1 else 's'}" if faults else "all is as it was written"
    )
    emit(
        asdict(result) | {"faults": faults},
        as_json=as_json,
        table=f"{result.files} files, {result.bytes / 1e6:,.1f} MB, {result.manifests} manifests: "
        + verdict
        + "".join(f"\n  {fault}" for fault in faults),
    )
    if faults:
        more = f", and {len(faults) - 1} more" if len(faults) > 1 else ""
        raise DataError(f"{faults[0]}{more}")


@main.command("restore-record")
@click.argument("store", metavar="URL", type=ADDRESS)
@json_option
def restore_record(store: UrlObjectStore, as_json: bool) -> None:
    """Rebuild hours, models, forecasts and scores from an archive; what is in the database already stays."""
    from common.services.archive import restore_record as restored

    with opened() as resources, _bar("restore") as step:
        done = restored(
            resources.database,
            store,
            now=resources.clock(),
            retain_raw_days=resources.settings.retain_raw_days,
            progress=step,
        )
    emit(
        asdict(done),
        as_json=as_json,
        table=make_table(
            f"restored from {done.files} files of {done.created_at}",
            ("table", "rows in the archive", "new rows in the database"),
            [(name, rows, done.new[name]) for name, rows in done.rows.items()],
        ),
    )
