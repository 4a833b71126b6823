"""Measure what the calculator needs: python -m benchmarks.costs.measure [--folder FOLDER] [--json FILE].

The built functions run as in `benchmarks.coldstart`, under CPython 3.13 and AWS's runtime client, over an embedded
PostgreSQL and stand-ins. Seconds are of processor time, user and system. The forecast of a city is that of a linear
champion; a city is trained by all families but the LSTM on a year. A collection is of the source ``simulated``, which
takes some computing itself. Logs are what the function writes; the platform adds to that.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks.coldstart.account import Account
from benchmarks.coldstart.artefacts import Artefacts
from benchmarks.coldstart.instance import Instance, batch, request
from benchmarks.costs.month import UNITS

if TYPE_CHECKING:
    from collections.abc import Callable

CITY, API = "Delhi", "/api/v1"
YEAR = 365
TIMES = 15
READS = ("/cities/", f"/aqi/current/{CITY}", f"/aqi/history/{CITY}", f"/forecast/{CITY}", "/cities/rankings")
READY = batch("vayu.observations.ready", {"cities": [CITY]})
FIRST: dict[str, dict[str, Any]] = {
    "api": request(f"{API}/aqi/current/{CITY}"),
    "collect": {"type": "vayu.collect", "data": {"cities": [CITY]}},
    "forecast": READY,
    "train": {},
    "retention": {},
}
FAMILIES = ["linear", "random_forest", "xgboost"]


def main() -> None:
    """Measure, write JSON, print it."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--folder", type=Path, help="as of benchmarks.coldstart")
    parser.add_argument(
        "--json", type=Path, default=Path(__file__).with_name("measured.json"), metavar="FILE"
    )
    options = parser.parse_args()
    with ExitStack() as stack:
        temporary = Path(stack.enter_context(tempfile.TemporaryDirectory(ignore_cleanup_errors=True)))
        artefacts = Artefacts((options.folder or temporary / "artefacts").absolute())
        account = Account(stack, temporary, (CITY,), YEAR)
        result = _measured(stack, artefacts, account)
    text = json.dumps(result, indent=2) + "\n"
    options.json.write_text(text)
    print(text)


def _measured(stack: ExitStack, artefacts: Artefacts, account: Account) -> dict[str, Any]:
    environment = account.environment | {"VAYU_RATE_ANONYMOUS": "900000000/day"}  # counted, and never used up
    instances: dict[str, Instance] = {}
    cold: dict[str, float] = {}
    log: dict[str, float] = {}
    for unit in ("forecast", "api", "collect", "retention", "train"):
        instance = Instance(
            artefacts.python,
            f"functions.{unit}.main.handler",
            artefacts.paths(unit),
            environment,
            seconds=900,
        )
        instances[unit] = stack.enter_context(instance)
        instance.invoke(FIRST[unit])
        cold[unit] = instance.used().cpu_s
        log[unit] = sum(map(len, instance.log))

    def spent(
        unit: str, event: dict[str, Any], times: int = TIMES, before: Callable[[], object] | None = None
    ) -> float:
        total = 0.0
        for _ in range(times):
            if before is not None:
                before()
            began = instances[unit].used().cpu_s
            instances[unit].invoke(event)
            total += instances[unit].used().cpu_s - began
        return total / times

    written = sum(map(len, instances["api"].log))
    answers = []
    began = instances["api"].used().cpu_s
    for number in range(TIMES * 20):
        answer = instances["api"].invoke(request(API + READS[number % len(READS)]))
        assert answer["statusCode"] == 200, answer
        answers.append(len(json.dumps(answer["body"])))
    cpu_api = (instances["api"].used().cpu_s - began) / len(answers)
    log["api"] = (sum(map(len, instances["api"].log)) - written) / len(answers)
    again = spent("forecast", READY)
    issued = spent("forecast", READY, before=account.forget_forecasts)
    plan, upkeep = spent("train", {}), spent("retention", {})
    print("training on a year …", file=sys.stderr, flush=True)
    trained = spent("train", batch("vayu.train", {"city": CITY, "families": FAMILIES}), times=1)
    hourly = spent("collect", {}, times=1)
    return {
        "cold_cpu_s": {unit: round(cold[unit], 3) for unit in UNITS},
        "cpu_s": {
            "api": round(cpu_api, 5),
            "collect_city": round(hourly / 56, 4),
            "forecast_city": round(issued, 4),
            "forecast_again": round(again, 4),
            "train_city": round(trained, 1),
            "plan": round(plan, 4),
            "retention": round(upkeep, 4),
        },
        "memory_mb": {unit: round(instances[unit].used().memory_mb) for unit in UNITS},
        "log_bytes": {unit: round(log[unit]) for unit in UNITS},
        "answer_bytes": round(sum(answers) / len(answers)),
        "model_mb": round(account.mean_model_mb(), 3),
    }


if __name__ == "__main__":
    main()
