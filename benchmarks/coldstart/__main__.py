"""User CPU from the start of a process to its first answer, beside bare Flask with serverless-wsgi.

python -m benchmarks.coldstart [--database URL] [--rounds N] [--json FILE]

The function ``api`` as Lambda runs it, with warm bytecode, over an embedded PostgreSQL or the one that is named; the
kinds of first request and the bare one take turns, and the median of each counts. The exit status tells whether all
are within twice the bare one.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path
from statistics import median
from typing import Any

from common.adapters.embedded import EmbeddedServer
from common.domain.observation import last_full_hour
from common.store.engine import Database, run
from common.store.migrate import migrate

API = "/api/v1"
BARE = ("hello", "/")
FIRST = (
    ("vayu", f"{API}/health"),
    ("vayu", f"{API}/cities/"),
    ("vayu", f"{API}/aqi/current/Delhi"),
    ("vayu", f"{API}/aqi/history/Delhi"),
)
BOUND = 2.0


def main() -> None:
    """Measure, print a table, write JSON."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--database", help="default: an embedded PostgreSQL in a temporary folder")
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--json", type=Path, default=Path("build/benchmarks/coldstart.json"), metavar="FILE")
    options = parser.parse_args()
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(ignore_cleanup_errors=True)))
        url = options.database or _embedded(stack, folder)
        found: dict[tuple[str, str], list[dict[str, Any]]] = {one: [] for one in (BARE, *FIRST)}
        for number in range(options.rounds + 1):
            for one, taken in found.items():
                told = _started(*one, url, folder)
                if number:  # the first of each writes bytecode
                    taken.append(told)
    rows = [
        {
            "application": what,
            "path": path,
            "user_ms": 1000 * median(each["user_s"] for each in taken),
            "modules": taken[-1]["modules"],
            "memory_mb": taken[-1]["memory_mb"],
        }
        for (what, path), taken in found.items()
    ]
    bare = rows[0]["user_ms"]
    print("| first request | user CPU, ms | × | bound | modules | memory, MB |\n|---|---|---|---|---|---|")
    for row in rows:
        row["times"] = row["user_ms"] / bare
        print(
            f"| {row['application']} {row['path']} | {row['user_ms']:.0f} | {row['times']:.2f} | {BOUND:g} "
            f"| {row['modules']} | {row['memory_mb']:.0f} |"
        )
    options.json.parent.mkdir(parents=True, exist_ok=True)
    options.json.write_text(json.dumps(rows, indent=2))
    if max(row["times"] for row in rows) > BOUND:
        sys.exit("not within its bound")


def _embedded(stack: ExitStack, folder: Path) -> str:
    server = EmbeddedServer(folder)
    stack.callback(server.stop)
    url = server.url("postgres")
    database = Database(url)
    migrate(database)
    with database.transaction() as connection:
        run(
            connection,
            "INSERT INTO city_hour (city, time, source, basis, stations, pm25, aqi, dominant, detail, computed_at) "
            "VALUES ('Delhi', :time, 'cpcb', 'measured', 3, 80, 180, 'pm25', '{}', :time)",
            time=last_full_hour(datetime.now(UTC)),
        )
    database.close()
    return url


def _started(what: str, path: str, url: str, folder: Path) -> dict[str, Any]:
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.coldstart.first", what, path],
        env=os.environ | {"DATABASE_URL": url, "VAYU_HOME": str(folder / "home")},
        capture_output=True,
        text=True,
        check=False,  # what it said of a failure is shown
    )
    assert not done.returncode, done.stderr
    told: dict[str, Any] = json.loads(done.stderr.splitlines()[-1])
    assert told["status"] == 200, done.stderr
    return told


if __name__ == "__main__":
    main()
