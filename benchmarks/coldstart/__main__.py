"""What a new Lambda instance of each function costs until its first answer.

python -m benchmarks.coldstart [--only UNIT…] [--rounds N] [--folder FOLDER] [--json FILE]

Built as `make build` builds them, the functions run under CPython 3.13 and AWS's runtime client, over an embedded
PostgreSQL and stand-ins for SQS, S3 and Secrets Manager: no connection leaves the machine. Told apart are the init, up
to the first question for work, and the first answer, which reads the secret, connects, and does the work for one city.
``api`` is compared with bare Flask behind serverless-wsgi, ``forecast`` with numpy and onnxruntime that open a model of
ours and predict, both laid out in the same way and with the packages imported that ours needs (pg8000, Powertools,
boto3); ours also start without their bytecode. Ours have the settings of
`template.yaml`. One of these, that numpy's OpenBLAS starts no threads, is worth half of bare onnxruntime, which is
therefore shown with it, too. All take turns, and the median of each counts. The exit status tells whether all is within
its bound.

``--folder``: where what is started is laid out, and found again by the next run; the default is a temporary one.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Any

from benchmarks.coldstart.account import Account
from benchmarks.coldstart.artefacts import Artefacts
from benchmarks.coldstart.instance import Instance, batch, request

if TYPE_CHECKING:
    from collections.abc import Mapping

BOUNDS = {"api": 1.5, "forecast": 1.5}
"""Function → most user CPU until its first answer, as a multiple of the bare one beside it"""
CITY, TRAINED, COLLECTED = "Delhi", "Jaipur", "Pune"


@dataclass(frozen=True)
class Start:
    """One kind of first event."""

    unit: str
    name: str
    event: dict[str, Any]
    bare: bool = False
    settings: Mapping[str, str] = field(default_factory=dict)
    """Of a bare one"""

    @property
    def handler(self) -> str:
        """What the runtime client is told."""
        return f"bare_{self.unit}.handler" if self.bare else f"functions.{self.unit}.main.handler"


API = "/api/v1"
STARTS = (
    Start("api", "bare Flask", request("/"), bare=True),
    Start("api", "health", request(f"{API}/health")),
    Start("api", "cities", request(f"{API}/cities/")),
    Start("api", "current", request(f"{API}/aqi/current/{CITY}")),
    Start("api", "history", request(f"{API}/aqi/history/{CITY}")),
    Start("forecast", "bare onnxruntime", {}, bare=True),
    Start("forecast", "bare, without threads", {}, bare=True, settings={"OPENBLAS_NUM_THREADS": "1"}),
    Start("forecast", "one city", batch("vayu.observations.ready", {"cities": [CITY]})),
    Start("collect", "one city", {"type": "vayu.collect", "data": {"cities": [COLLECTED]}}),
    Start("retention", "all", {}),
    Start("train", "the planner", {}),
    Start("train", "one city, linear", batch("vayu.train", {"city": TRAINED, "families": ["linear"]})),
)


def main() -> None:
    """Measure, print a table, write JSON."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--only", nargs="+", choices=sorted({start.unit for start in STARTS}))
    parser.add_argument("--rounds", type=int, default=11)
    parser.add_argument("--folder", type=Path)
    parser.add_argument("--json", type=Path, default=Path("build/benchmarks/coldstart.json"), metavar="FILE")
    options = parser.parse_args()
    starts = [start for start in STARTS if not options.only or start.unit in options.only]
    with ExitStack() as stack:
        temporary = Path(stack.enter_context(tempfile.TemporaryDirectory(ignore_cleanup_errors=True)))
        artefacts = Artefacts((options.folder or temporary / "artefacts").absolute())
        trains = any(start.unit == "train" for start in starts)
        account = Account(stack, temporary, (CITY, TRAINED) if trains else (CITY,))
        artefacts.with_model(account.model(CITY))
        taken = _rounds(starts, options.rounds, artefacts, account)
    rows = _rows(starts, taken)
    within = _show(rows)
    options.json.parent.mkdir(parents=True, exist_ok=True)
    options.json.write_text(
        json.dumps({"rounds": options.rounds, "load": os.getloadavg()[0], "starts": rows}, indent=2)
    )
    if not within:
        sys.exit("not within its bound")


Key = tuple[str, str, bool]


def _rounds(starts: list[Start], rounds: int, artefacts: Artefacts, account: Account) -> dict[Key, list[Any]]:
    taken: dict[Key, list[Any]] = {}
    for number in range(rounds + 1):
        for start in starts:
            for bytecode in (True,) if start.bare else (True, False):
                message = _started(start, artefacts, account, bytecode=bytecode)
                if number:  # the first of each fills the disk's cache
                    taken.setdefault((start.unit, start.name, bytecode), []).append(message)
        print(f"round {number} of {rounds}, load {os.getloadavg()[0]:.1f}", file=sys.stderr, flush=True)
    return taken


def _started(item: Start, artefacts: Artefacts, account: Account, *, bytecode: bool) -> dict[str, float]:
    paths = artefacts.bare(item.unit) if item.bare else artefacts.paths(item.unit, bytecode=bytecode)
    settings = item.settings if item.bare else account.environment
    with Instance(artefacts.python, item.handler, paths, settings) as instance:
        instance.wait_for_init()
        init = instance.used()
        answer = instance.invoke(item.event)
        whole = instance.used()
    if isinstance(answer, dict):
        assert answer.get("statusCode", 200) == 200, answer
        assert not answer.get("batchItemFailures"), instance.log
    if item.unit == "forecast" and not item.bare:
        assert account.forget_forecasts() == 2, instance.log
    return {
        "init_user_s": init.user_s,
        "init_wall_s": init.wall_s,
        "first_user_s": whole.user_s - init.user_s,
        "first_wall_s": whole.wall_s - init.wall_s,
        "user_s": whole.user_s,
        "cpu_s": whole.cpu_s,
        "memory_mb": whole.memory_mb,
    }


def _rows(starts: list[Start], taken: dict[Key, list[dict[str, float]]]) -> list[dict[str, Any]]:
    rows, bare = [], {}
    for start in starts:
        result = taken[start.unit, start.name, True]
        row: dict[str, Any] = {"unit": start.unit, "first": start.name, "bare": start.bare}
        row |= {name: median(each[name] for each in result) for name in result[0]}
        if start.bare:
            bare.setdefault(start.unit, result)
        else:
            row["sources_user_s"] = median(each["user_s"] for each in taken[start.unit, start.name, False])
        if start.unit in bare:
            pairs = zip(result, bare[start.unit], strict=True)
            row["times"] = median(each["user_s"] / other["user_s"] for each, other in pairs)
        rows.append(row)
    return rows


def _show(rows: list[dict[str, Any]]) -> bool:
    headings = (
        "function", "first answer", "init, user ms", "wall ms", "answer, user ms", "wall ms", "both, user ms",
        "× bare", "bound", "without bytecode", "MB",
    )  # fmt: skip
    print("| " + " | ".join(headings) + " |\n|---|---|" + "---:|" * (len(headings) - 2))
    within = True
    for row in rows:
        times, bound = row.get("times"), BOUNDS.get(row["unit"], 0)
        good = times is None or times <= bound
        within &= good
        cells = [row["unit"], row["first"]]
        names = ("init_user_s", "init_wall_s", "first_user_s", "first_wall_s", "user_s")
        cells += [f"{1000 * row[name]:.0f}" for name in names]
        cells += ["–", "–"] if times is None else [f"{times:.2f}", f"{bound:g}{'' if good else ' ✗'}"]
        cells += ["–" if row["bare"] else f"{1000 * row['sources_user_s']:.0f}", f"{row['memory_mb']:.0f}"]
        print("| " + " | ".join(cells) + " |")
    return within


if __name__ == "__main__":
    main()
