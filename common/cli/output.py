"""What a command prints: tables for people, JSON for machines."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING, Any

import click
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

_PIPED_WIDTH = None if sys.stdout.isatty() else 160
console = Console(highlight=False, markup=False, width=_PIPED_WIDTH)
"""Results, on standard output."""
aside = Console(stderr=True, highlight=False, markup=False)
"""What is going on, on standard error, so that results can be piped."""


def emit(result: Mapping[str, Any], *, as_json: bool, table: Table | str | None = None) -> None:
    """Print a command's result: whole as JSON, or the table made for people."""
    if as_json:
        sys.stdout.write(json.dumps(result, default=str, ensure_ascii=False) + "\n")
    elif table is not None:
        console.print(table)


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


def progress() -> Progress:
    """A progress bar on standard error; on what is no terminal, only its last state is printed."""
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        console=aside,
    )


json_option = click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")
offline_option = click.option("--offline", is_flag=True, help="Work on simulated data; ask no provider.")
