"""``backtest``: how good would the forecasts have been, on anybody's hourly data?"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime, timedelta, tzinfo
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, cast
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import click

from common.cli.main import main
from common.cli.output import console, emit, json_option, make_table, progress
from common.domain.forecast import FAMILIES, Family

if TYPE_CHECKING:
    from rich.table import Table

    from common.training.backtest.files import Hours
    from common.training.backtest.run import Backtest


class _Names(click.ParamType[Any]):
    """Names between commas."""

    name = "names"

    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[str, ...]:
        del param, ctx
        if isinstance(value, tuple):
            return value
        return tuple(dict.fromkeys(part.strip() for part in str(value).split(",") if part.strip()))


class _Families(_Names):
    """Families of models between commas."""

    name = "families"

    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[str, ...]:
        names = super().convert(value, param, ctx)
        if not names or not set(names) <= set(FAMILIES):
            self.fail(f"{value!r}: name some of {','.join(FAMILIES)}", param, ctx)
        return names


class _Hours(_Names):
    """Hours of the day between commas."""

    name = "hours"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        hours = super().convert(value, param, ctx)
        if not hours or not all(part.isdecimal() and int(part) < 24 for part in hours):
            self.fail(f"{value!r}: write hours from 0 to 23, such as 5,17", param, ctx)
        return tuple(int(part) for part in hours)


class _Zone(click.ParamType[Any]):
    """A time zone by its name in the IANA data base."""

    name = "zone"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> tzinfo:
        try:
            return ZoneInfo(str(value))
        except (ZoneInfoNotFoundError, ValueError, OSError):
            self.fail(f"{value!r} is no time zone; write Asia/Kolkata or UTC", param, ctx)


class _LocalTime(click.ParamType[Any]):
    """An ISO 8601 time or date, left naive where it has no offset: --tz decides."""

    name = "time"

    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[datetime, bool]:
        """The time, and whether it is a date only."""
        try:
            return datetime.fromisoformat(str(value)), len(str(value)) <= 10
        except ValueError:
            self.fail(f"{value!r} is no time; write 2025-10-10 or 2025-10-10T06:00", param, ctx)


class _Jobs(click.ParamType[Any]):
    """A number of processes; 0 or all: one for each core."""

    name = "jobs"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> int:
        text = "0" if value == "all" else str(value)
        if not (text.isascii() and text.isdecimal()):
            self.fail(
                f"{value!r}: write how many processes, such as 4; 0 or all: one for each core", param, ctx
            )
        return int(text)


class _Scheduler(click.ParamType[Any]):
    """The address of a Dask scheduler."""

    name = "scheduler"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> str:
        if not re.fullmatch(r"(tcp|tls)://[^\s/]+:\d{1,5}", str(value)):
            self.fail(f"{value!r} is no address of a Dask scheduler; write tcp://HOST:8786", param, ctx)
        return str(value)


_TIME = _LocalTime()


@dataclass(frozen=True, slots=True)
class _Options:
    """What the command line gives, by the names of its options."""

    file: Path
    target: str
    train_until: tuple[datetime, bool]
    test_from: tuple[datetime, bool]
    test_to: tuple[datetime, bool] | None
    origin_hours: tuple[int, ...]
    zone: tzinfo
    dates: Literal["month-first", "day-first"] | None
    future: tuple[str, ...]
    families: tuple[str, ...]
    jobs: int | None
    scheduler: str | None
    out: Path
    as_json: bool


@main.command()
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--target", required=True, metavar="COL", help="The column to forecast.")
@click.option("--train-until", type=_TIME, required=True, help="Only rows before it are learnt from.")
@click.option("--test-from", type=_TIME, required=True, help="First origin of a forecast.")
@click.option("--test-to", type=_TIME, help="Last origin; a date: through its end. Default: the file's end.")
@click.option(
    "--origin-hours", type=_Hours(), default="5,17", show_default=True, help="Hours of day to forecast from."
)
@click.option(
    "--tz", "zone", type=_Zone(), default="Asia/Kolkata", show_default=True, help="Of times without offset."
)
@click.option(
    "--dates",
    type=click.Choice(["month-first", "day-first"]),
    help="How 1/2/2024 is meant, where the file does not tell.",
)
@click.option(
    "--future-covariates", "future", type=_Names(), default="", metavar="COL,…", help="Columns known ahead."
)
@click.option(
    "--families",
    type=_Families(),
    default=",".join(FAMILIES),
    show_default=True,
    help="Models to choose from.",
)
@click.option(
    "--jobs",
    type=_Jobs(),
    metavar="N",
    show_default="1",
    help="Processes that train and forecast at once; 0 or all: one for each core.",
)
@click.option(
    "--scheduler",
    type=_Scheduler(),
    metavar="tcp://HOST:PORT",
    help="Train and forecast on the Dask cluster of this scheduler instead (extra: dask).",
)
@click.option(
    "--out", type=click.Path(dir_okay=False, path_type=Path), required=True, help="Parquet, or .csv."
)
@json_option
def backtest(**given: Any) -> None:
    """Forecast a past window of FILE, trained on what lies before it, and show how good that was.

    FILE is a table of hourly values, CSV, XLSX or Parquet: columns series and time (with offset or in --tz), the
    target, and any further numeric columns. Nothing after an origin influences its forecast, but for
    --future-covariates. The result is the same with any number of --jobs, and on a cluster.
    """
    options = _Options(**given)
    until, start = _aware(options.train_until[0], options.zone), _aware(options.test_from[0], options.zone)
    end = None
    if options.test_to is not None:
        end = _aware(
            options.test_to[0] + timedelta(days=1, seconds=-1) if options.test_to[1] else options.test_to[0],
            options.zone,
        )
        if end < start:
            raise click.BadParameter("--test-to must not be before --test-from")
    if start < until:
        raise click.BadParameter(
            "--test-from must not be before --train-until: the test would have been learnt"
        )
    if not options.out.parent.is_dir():
        raise click.BadParameter(f"there is no folder {options.out.parent} to write --out to")
    if options.jobs is not None and options.scheduler is not None:
        raise click.BadParameter("--jobs and --scheduler: give one of them; a cluster has its own processes")
    from common.training.backtest.files import read_hours, write_forecasts
    from common.training.backtest.plan import Plan
    from common.training.backtest.report import report, rows_of
    from common.training.backtest.run import backtest as run
    from common.training.parallel import on_cluster, on_processes

    with progress() as bar:
        hours = read_hours(options.file, options.zone, options.dates)
        _check_columns(hours, options.target, options.future)
        plan = Plan(
            target=options.target,
            train_until=until,
            test_from=start,
            test_to=end,
            zone=options.zone,
            origin_hours=options.origin_hours,
            future=options.future,
            families=cast("tuple[Family, ...]", options.families),
        )
        task = bar.add_task("Training", total=len(hours.values) + 1)

        def tick(what: str) -> None:
            bar.update(task, advance=1, description=what)

        with (
            on_cluster(options.scheduler)
            if options.scheduler
            else on_processes(1 if options.jobs is None else options.jobs) as runner
        ):
            outcome = run(hours, plan, tick, runner)
    write_forecasts(options.out, rows_of(outcome))
    _show(
        outcome, report(outcome.forecasts, outcome.hours.names.tolist()), options.out, as_json=options.as_json
    )


def _aware(time: datetime, zone: tzinfo) -> datetime:
    return time if time.tzinfo else time.replace(tzinfo=zone)


def _check_columns(hours: Hours, target: str, future: tuple[str, ...]) -> None:
    for option, names in (("--target", (target,)), ("--future-covariates", future)):
        for name in names:
            if name not in hours.columns:
                why = hours.ignored.get(name)
                has = f"it {why}" if why else f"the file has {', '.join(hours.columns)}"
                raise click.BadParameter(f"{option}: no column {name[:40]!r} of numbers; {has}")
    if target in future:
        raise click.BadParameter("--future-covariates: the target cannot be known ahead")


def _show(outcome: Backtest, scores: dict[str, Any], out: Path, *, as_json: bool) -> None:
    from common.training.backtest.report import SHOWN_LEADS, mean_weights

    forecasts, best = outcome.forecasts, outcome.best
    tried = {
        candidate.family: {key: candidate.metrics["holdout"][key] for key in ("mae", "skill", "n")}
        | {"fault": candidate.fault}
        for candidate in outcome.candidates
    }
    facts: dict[str, Any] = {
        "out": str(out),
        "origins": len(forecasts.origin),
        "family": best.family,
        "blend_of": best.metrics.get("blend_of"),
        "experts": mean_weights(outcome),
        "why": best.metrics.get("why"),
        "held_out": tried,
        "left_out": best.metrics.get("left_out", {}),
        "training_rows": outcome.rows,
        "remarks": outcome.hours.remarks,
        "ignored": outcome.hours.ignored | outcome.left_out,
    }
    emit(facts | scores, as_json=as_json)
    if as_json:
        return
    shown = [("all", scores["together"])]
    shown += [(f"{score['leads']} h", score) for score in scores["by_block"]]
    shown += [(f"{score['lead']} h", score) for score in scores["by_lead"] if score["lead"] in SHOWN_LEADS]
    console.print(_table(f"{outcome.layout.target} by lead time", "lead", shown))
    if len(scores["by_series"]) > 1:
        by_series = [(str(score["series"]), score) for score in scores["by_series"]]
        console.print(_table(f"{outcome.layout.target} by series", "series", by_series))
    parts = f" of {', '.join(facts['blend_of'])}" if facts["blend_of"] else ""
    why = f": {facts['why']}" if facts["why"] else ""
    console.print(f"{len(forecasts.origin)} origins forecast by {best.family}{parts}{why}")
    weights = ", ".join(f"{name} {weight:.0%}" for name, weight in facts["experts"].items())
    console.print(f"experts by their mean weight: {weights}", soft_wrap=True)
    for family, reason in facts["left_out"].items():
        console.print(f"{family} left out: {reason}", soft_wrap=True, markup=False)
    for what, number in outcome.hours.remarks.items():
        console.print(f"{what}: {number}")
    for name, reason in facts["ignored"].items():
        console.print(f"column {name} not used: it {reason}")
    console.print(f"written to {out}")


def _table(title: str, first: str, rows: list[tuple[str, dict[str, Any]]]) -> Table:
    headings = (
        first, "hours", "MAE", "RMSE", "R²", "skill", "naive MAE", "best naive",
        "in 80 %", "in 95 %", "width 80 %", "width 95 %",
    )  # fmt: skip
    cells = [
        (
            name, score["n"], score["mae"], score["rmse"], score["r2"], _share(score["skill"], "+.1%"),
            score["naive_mae"], score["best_naive"], _share(score["coverage80"], ".0%"),
            _share(score["coverage95"], ".0%"), score["width80"], score["width95"],
        )
        if score["n"]
        else (name, 0, *[None] * (len(headings) - 2))
        for name, score in rows
    ]  # fmt: skip
    return make_table(title, headings, cells)


def _share(value: float | None, form: str) -> str | None:
    return None if value is None else format(value, form)
