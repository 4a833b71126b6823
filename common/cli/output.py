"""What a command prints: tables for people, JSON for machines, and how far it is."""

from __future__ import annotations

import json
import math
import sys
import time
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Protocol

import click
from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.table import Table

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

_PIPED_WIDTH = None if sys.stdout.isatty() else 160
_LINE_EVERY_S = 10.0
console = Console(highlight=False, markup=False, width=_PIPED_WIDTH)
"""Results, on standard output."""
aside = Console(stderr=True, highlight=False, markup=False)
"""What is going on, on standard error, so that results can be piped."""


def emit(result: Mapping[str, Any], *, as_json: bool, table: Table | str | None = None) -> None:
    """Print a command's result: whole as JSON, or the table made for people."""
    if as_json:
        click.echo(json.dumps(_for_machines(result), allow_nan=False))
    elif table is not None:
        console.print(table)


def _for_machines(value: Any) -> Any:
    """`value` in the types that JSON has: times in UTC with ``Z``, null for what is no number."""
    if isinstance(value, dict):
        return {str(name): _for_machines(part) for name, part in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [_for_machines(part) for part in value]
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat().replace("+00:00", "Z")
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    return value if value is None or isinstance(value, bool | int | str) else str(value)


def make_table(title: str, headings: Sequence[str], rows: Iterable[Sequence[object]]) -> Table:
    """A table; numbers to the right, None as a dash."""
    table = Table(title=title, title_justify="left")
    shown = [[("–" if cell is None else cell) for cell in row] for row in rows]
    for column, heading in enumerate(headings):
        number = all(isinstance(row[column], int | float) or row[column] == "–" for row in shown)
        table.add_column(heading, justify="right" if number and shown else "left")
    for row in shown:
        table.add_row(*(f"{cell:.2f}" if isinstance(cell, float) else str(cell) for cell in row))
    return table


class Bar(Protocol):
    """How far several tasks are, shown while they go on."""

    def add_task(self, description: str, *, total: int) -> TaskID: ...

    def update(
        self,
        task_id: TaskID,
        *,
        completed: float | None = None,
        advance: float | None = None,
        description: str | None = None,
    ) -> None: ...


@contextmanager
def progress(*, estimate: bool = False) -> Iterator[Bar]:
    """Progress on standard error: bars on a terminal; else a line when a task begins and ends, few between.

    With `estimate`, a terminal shows the time that is left instead of the time gone by.
    """
    if not aside.is_terminal:
        yield _Lines()
        return
    columns: list[ProgressColumn] = [TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn()]
    columns += [TimeRemainingColumn(), TextColumn("left")] if estimate else [TimeElapsedColumn()]
    with Progress(*columns, console=aside) as bars:
        yield bars


@dataclass(slots=True)
class _Task:
    description: str
    total: int
    started: float
    printed_at: float = -math.inf
    completed: float = 0.0


class _Lines:
    """What is no terminal gets lines, at most one a task in `_LINE_EVERY_S` and one at its end."""

    def __init__(self) -> None:
        self._tasks: list[_Task] = []

    def add_task(self, description: str, *, total: int) -> TaskID:
        self._tasks.append(_Task(description, total, time.monotonic()))
        task_id = TaskID(len(self._tasks) - 1)
        self.update(task_id)
        return task_id

    def update(
        self,
        task_id: TaskID,
        *,
        completed: float | None = None,
        advance: float | None = None,
        description: str | None = None,
    ) -> None:
        task, now = self._tasks[task_id], time.monotonic()
        before = task.completed
        task.completed = (before if completed is None else completed) + (advance or 0.0)
        task.description = description or task.description
        ended = before < task.total <= task.completed
        if ended or (task.completed < task.total and now >= task.printed_at + _LINE_EVERY_S):
            task.printed_at = now
            aside.print(
                f"{task.description}: {task.completed:.0f} of {task.total} ({now - task.started:.0f} s)",
                soft_wrap=True,
            )


json_option = click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")
offline_option = click.option("--offline", is_flag=True, help="Work on simulated data; ask no provider.")
