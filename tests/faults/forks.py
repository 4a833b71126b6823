"""Orders to `child`, the server of forks, and what became of them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from common.store.engine import Database, run

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parents[2]


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a process ended."""

    status: int
    """0: well, 1: with an error of its own, -9: killed."""
    statements: int = 0
    result: Any = None
    error: str = ""
    message: str = ""


class Forks:
    """A warm process from which others are forked, each with an order.

    An order names its ``task``, the ``url`` of its database and the present, ``now``. It may say ``stop_at``, the
    number of the statement before which it sends itself the signal ``by`` (default: SIGKILL); ``skew_minutes``, by
    which its clock is ahead; ``stop_after``, a fragment and how many statements with it must be committed before it is
    killed; ``settings``; and what its task wants to know.
    """

    def __init__(self, folder: Path, *modules: str) -> None:
        """`modules` are loaded once, by the process that is forked."""
        here = Path(__file__).parent
        self.log = folder / "log"
        self._process = subprocess.Popen(
            [sys.executable, str(here / "child.py"), str(folder), *modules],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env={"PATH": os.environ["PATH"], "PYTHONPATH": f"{ROOT}:{here}", "VAYU_HOME": str(folder)},
            cwd=folder,
        )

    def start(self, *orders: dict[str, Any]) -> list[int]:
        """Begin them at the same moment; their processes' numbers."""
        pids: list[int] = self._ask("start", orders)
        return pids

    def wait(self, *pids: int) -> list[Outcome]:
        return [Outcome(**outcome) for outcome in self._ask("wait", pids)]

    def run(self, **order: Any) -> Outcome:
        """Carry out one order."""
        [outcome] = self.wait(*self.start(order))
        return outcome

    def well(self, **order: Any) -> Outcome:
        """Carry out one order, which must go well."""
        outcome = self.run(**order)
        assert outcome.status == 0, (outcome, self.log.read_text()[-3000:])
        return outcome

    def _ask(self, command: str, argument: object) -> Any:
        assert self._process.stdin
        assert self._process.stdout
        self._process.stdin.write(json.dumps([command, argument]) + "\n")
        self._process.stdin.flush()
        return json.loads(self._process.stdout.readline())

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._process.communicate()  # the end of its input is its end


STAMPS = frozenset(
    {
        "received_at",
        "replaced_at",
        "computed_at",
        "rolled_at",
        "finished_at",
        "scored_at",
        "filled_at",
        "created_at",
        "available_at",
    }
)
"""When something was kept, which tells nothing of what was."""
_NEVER = frozenset({"id", "leased_until", "seq", "data_version"})
"""Given by the server, in the order and at the time of its own."""
_STAMPED = {
    "event": frozenset({"time"}),
    "pipeline_delay": frozenset({"collected", "committed", "forecast", "pushed"}),
}
"""Table → columns that tell nothing of what happened, but when."""
_COUNTERS = ("alembic_version", "version")
"""Tables that tell how far something has come: the data's version is a clock that every writer pushes on."""


def contents(database: Database, hidden: frozenset[str] = frozenset()) -> dict[str, list[str]]:
    """Table → its rows as sorted texts, without the columns that are `hidden`."""
    with database.transaction() as connection:
        tables = run(
            connection,
            "SELECT tablename FROM pg_tables WHERE schemaname = 'public' AND tablename <> ALL(:counters)",
            counters=list(_COUNTERS),
        )
        # A message that wakes for events names the number of one.
        each = [
            f"SELECT '{table}' AS name, ((to_jsonb(t) - CAST(:{table} AS text[])) #- '{{payload,after}}')::text "  # noqa: S608
            f"FROM {table} AS t"
            for (table,) in tables
        ]
        columns = {table: sorted(hidden | _NEVER | _STAMPED.get(table, frozenset())) for (table,) in tables}
        rows = run(connection, " UNION ALL ".join(each), **columns)
    result: dict[str, list[str]] = {table: [] for (table,) in tables}
    for table, row in rows:
        result[table].append(row)
    return {table: sorted(of_table) for table, of_table in result.items()}


class Start:
    """What a database holds when this is made, to begin again from."""

    def __init__(self, database: Database) -> None:
        self._database = database
        tables = list(contents(database))
        again = [f"DELETE FROM {table};" for table in tables]  # noqa: S608 — our tables
        again += [f"INSERT INTO {table} OVERRIDING SYSTEM VALUE TABLE start.{table};" for table in tables]
        self._again = f"DO $$ BEGIN {' '.join(again)} END $$"
        with database.transaction() as connection:
            run(connection, "SET LOCAL session_replication_role = replica")
            run(connection, "CREATE SCHEMA start")
            for table in tables:
                run(connection, f"CREATE TABLE start.{table} AS TABLE {table}")

    def again(self) -> None:
        with self._database.transaction() as connection:
            run(connection, "SET LOCAL session_replication_role = replica")  # whatever refers to what
            run(connection, self._again)


def counts(stored: dict[str, list[str]]) -> dict[str, int]:
    return {table: len(rows) for table, rows in stored.items() if rows}


def every(statements: int, most: int) -> Iterator[int]:
    """Numbers of statements before which to stop: all, or where there are more than `most`, so many of them."""
    step = max(1, -(-statements // most))
    yield from range(1, statements + 1, step)
