"""Functions' work in processes of their own, which die or wait where a test wants them to.

A server of forks: it imports everything once, and for each list of orders that it reads, forks one child an order,
all let go at the same moment. What an order may say stands in `forks`.
"""

from __future__ import annotations

import gc
import importlib
import json
import os
import signal
import sys
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from provider import providers
from sqlalchemy import Engine, event

from common import cli
from common.bootstrap import container
from common.config import from_mapping
from common.domain.errors import VayuError
from common.domain.messages import ALERTS, COLLECT, OBSERVATIONS_READY, TRAIN, Message
from common.entry.worker import work_once
from common.inference import issue  # noqa: F401 — what children need is loaded once, by their parent
from common.ingest import collect as collecting
from common.ingest.collect import Collector
from common.services import alerts, collect, forecast, retention, train
from common.sources import base_urls
from common.sources.http import Http

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from common.services.resources import Resources

    Order = Mapping[str, Any]


HTTP = Http()
"""Nobody is asked by it; making one takes longer than a child's work."""


def main() -> None:
    """Serve until nothing more comes."""
    for module in sys.argv[2:]:
        importlib.import_module(module)
    gc.freeze()  # children share what is there already
    for line in sys.stdin:
        command, argument = json.loads(line)
        answer: object = _start(argument) if command == "start" else [_wait(pid) for pid in argument]
        sys.stdout.write(json.dumps(answer) + "\n")
        sys.stdout.flush()


def _start(orders: list[Order]) -> list[int]:
    waiting, go = os.pipe()
    pids = [_fork(order, waiting, go) for order in orders]
    os.close(waiting)
    os.close(go)  # its end lets them go
    return pids


def _fork(order: Order, waiting: int, go: int) -> int:
    pid = os.fork()
    if pid:
        return pid
    status = 70
    try:
        os.close(go)
        os.read(waiting, 1)
        status = _child(order)
    finally:
        os._exit(status)


def _wait(pid: int) -> dict[str, Any]:
    _, status = os.waitpid(pid, 0)
    outcome = {"status": os.waitstatus_to_exitcode(status)}
    report_file = _report_file(pid)
    if report_file.exists():
        outcome |= json.loads(report_file.read_text())
        report_file.unlink()
    return outcome


def _report_file(pid: int) -> Path:
    return Path(sys.argv[1]) / f"report-{pid}.json"


def _child(order: Order) -> int:
    sys.stdout = sys.stderr = (Path(sys.argv[1]) / "log").open("a", encoding="utf-8")
    counted = _count(order.get("stop_at"), signal.Signals[order.get("by", "SIGKILL")])
    if "stop_after" in order:
        _stop_after(*order["stop_after"])
    about: dict[str, Any] = {}
    try:
        about["result"] = TASKS[order["task"]](order)
    except VayuError as error:
        about |= {"error": type(error).__name__, "message": str(error)}
    except Exception as error:  # noqa: BLE001 — told to the test
        about |= {"error": type(error).__name__, "message": f"unexpected: {error}"[:2000]}
    _report_file(os.getpid()).write_text(json.dumps({**about, "statements": counted[0]}, default=str))
    return 1 if "error" in about else 0


def _count(stop_at: int | None, by: signal.Signals) -> list[int]:
    """Count the statements of this process, COMMIT too; send it a signal before the one of that number."""
    counted = [0]

    def one_more(*_: object) -> None:
        counted[0] += 1
        if counted[0] == stop_at:
            os.kill(os.getpid(), by)

    event.listen(Engine, "before_cursor_execute", one_more)
    event.listen(Engine, "commit", one_more)
    return counted


def _stop_after(fragment: str, times: int) -> None:
    """Kill this process once the transaction is committed that holds so many statements with the fragment, in all."""
    seen, committed = 0, False

    def statement(*given: Any) -> None:
        nonlocal seen
        if committed:
            os.kill(os.getpid(), signal.SIGKILL)
        seen += fragment in given[2]

    def commit(*_: object) -> None:
        nonlocal committed
        committed = seen >= times  # the next statement is sent after it

    event.listen(Engine, "before_cursor_execute", statement)
    event.listen(Engine, "commit", commit)


def _parts(order: Order) -> Resources:
    now = datetime.fromisoformat(order["now"]) + timedelta(minutes=order.get("skew_minutes", 0))
    settings = from_mapping(
        {
            "DATABASE_URL": order["url"],
            "VAYU_SOURCES": "open-meteo",
            "VAYU_RETAIN_RAW": "2 days",
            "MODEL_STORE_URL": Path(order.get("models", "/nowhere")).as_uri(),
            **order.get("settings", {}),
        }
    )
    return container.assemble(settings, clock=lambda: now)


def _collect(order: Order) -> object:
    """The function `collect` with providers whose clocks are right."""
    present = datetime.fromisoformat(order.get("present", order["now"]))
    corrected = datetime.fromisoformat(order["corrected"]) if "corrected" in order else None
    sources = providers(present, corrected=corrected)

    def made(whole: Resources) -> Collector:
        return Collector(whole.database, sources, HTTP, whole.clock, base_urls(whole.settings), {})

    vars(collect)["collector"] = made
    vars(collecting)["_TOGETHER"] = 1  # so that a few cities make as many transactions as all would
    return collect.handler(_parts(order))(Message(COLLECT, "now", {"cities": order["cities"]}))


def _maintain(order: Order) -> object:
    return retention.handler(_parts(order))(Message("vayu.maintain"))


def _alerts(order: Order) -> object:
    return alerts.handler(_parts(order), pause=lambda _: None)(Message(ALERTS))


def _import(order: Order) -> object:
    os.environ |= {"DATABASE_URL": order["url"]}
    return cli.main(["import", order["file"], "--city", "Delhi", "--json"], standalone_mode=False)


def _work(order: Order) -> object:
    """The local worker, until nothing is due."""
    whole = _parts(order)
    handlers = {
        COLLECT: lambda _: _collect(order),
        OBSERVATIONS_READY: forecast.handler(whole),
        TRAIN: train.handler(whole),
        "vayu.slow": lambda message: _slow(message, order),
    }
    done = 0
    while work_once(whole.database, whole.clock, handlers, order.get("lease", 60), types=list(handlers)):
        done += 1
    return done


def _slow(message: Message, order: Order) -> Mapping[str, object]:
    """Work that takes until a file is there; how often it was begun is written down."""
    folder = Path(order["folder"])
    with (folder / "begun").open("a") as begun:
        begun.write(f"{message.subject} {message.attempt}\n")
    while not (folder / "end").exists():
        signal.sigtimedwait([], 0.02)
    return {}


TASKS: Mapping[str, Callable[[Order], object]] = {
    "alerts": _alerts,
    "collect": _collect,
    "maintain": _maintain,
    "import": _import,
    "work": _work,
}

if __name__ == "__main__":
    main()
