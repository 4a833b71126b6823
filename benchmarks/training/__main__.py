"""What training and inference cost: python -m benchmarks.training [--target aqi pm25] [--days 365].

A made-up city-year is trained by each family alone and by linear, random forest and XGBoost together with their blend,
each in a process of its own, so that memory is that family's: its training for judging, its training on all hours,
the export, the check against ONNX and the scores. Then the largest file of each target forecasts from ready features
for 56 cities, as one function does it: each city its own session. Prints seconds of CPU, wall time, memory and sizes,
beside their bounds. The LSTM is left out where torch is missing.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT / "tests"))

from synthetic import END, hours  # noqa: E402 - the tests' own city

from common.domain.cities import all_cities  # noqa: E402
from common.domain.errors import ModelError  # noqa: E402
from common.domain.forecast import HORIZON, TARGETS  # noqa: E402
from common.inference.onnx_session import open_session, predict  # noqa: E402
from common.training.dataset import make_dataset  # noqa: E402
from common.training.train import train_families  # noqa: E402

THREE = ("linear", "random_forest", "xgboost")
CHOICES = {**{family: (family,) for family in THREE}, "the three and their blend": THREE, "lstm": ("lstm",)}
TRAINING_S, LSTM_S, MEMORY_MB, INFERENCE_S, FILE_MB = 30, 60, 1000, 0.5, 5
ROUNDS = 5


def main() -> None:
    """Print a line a family and target, then what 56 cities' forecasts cost."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--target", nargs="+", choices=TARGETS, default=list(TARGETS))
    parser.add_argument("--days", type=int, default=365)
    parser.add_argument("--alone", metavar="FAMILIES", help=argparse.SUPPRESS)
    parser.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.alone is not None:
        print(json.dumps(_train(options.alone, options.target[0], options.days, options.folder)))
        return
    print(f"| {'trained':<26} | target | CPU s | wall s | rows MB | peak MB | file MB | CPU s allowed |")
    print("|---|---|---:|---:|---:|---:|---:|---:|")
    with tempfile.TemporaryDirectory() as folder:
        for target in options.target:
            for name in CHOICES:
                _print(name, target, _apart(name, target, options.days, folder))
        print()
        for target in options.target:
            _forecast(target, Path(folder) / f"{target}.onnx", options.days)
    print(f"\nmemory allowed: {MEMORY_MB} MB; a champion's file: {FILE_MB} MB")


def _apart(name: str, target: str, days: int, folder: str) -> dict[str, Any]:
    command = ["--target", target, "--days", str(days), "--alone", name, "--folder", folder]
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.training", *command],
        cwd=ROOT, stdout=subprocess.PIPE, text=True, check=True,
    )  # fmt: skip
    result: dict[str, Any] = json.loads(done.stdout)
    return result


def _train(name: str, target: str, days: int, folder: Path) -> dict[str, Any]:
    data = make_dataset(hours(days), END, target)
    before = resource.getrusage(resource.RUSAGE_SELF)
    began = time.perf_counter()
    try:
        candidates = train_families(data, CHOICES[name])
    except ModelError as error:
        return {"left_out": str(error)}
    wall = time.perf_counter() - began
    after = resource.getrusage(resource.RUSAGE_SELF)
    files = {candidate.family: candidate.onnx for candidate in candidates}
    if CHOICES[name] == THREE:
        (folder / f"{target}.onnx").write_bytes(max(files.values(), key=len))
    return {
        "cpu": after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime,
        "wall": wall,
        "rows": data.rows.dense(np.arange(1)).nbytes * len(data.rows) / 1e6,
        "peak": after.ru_maxrss / 1000,
        "file": max(map(len, files.values())) / 1e6,
    }


def _print(name: str, target: str, result: dict[str, Any]) -> None:
    if "left_out" in result:
        print(f"| {name:<26} | {target:<6} | left out: {result['left_out']} |", flush=True)
        return
    allowed = LSTM_S if name == "lstm" else TRAINING_S if len(CHOICES[name]) > 1 else ""
    print(
        f"| {name:<26} | {target:<6} | {result['cpu']:5.1f} | {result['wall']:6.1f} | {result['rows']:7.0f} "
        f"| {result['peak']:7.0f} | {result['file']:7.2f} | {allowed!s:>13} |",
        flush=True,
    )


def _forecast(target: str, file: Path, days: int) -> None:
    """Forecasts of all cities from rows that are ready; what is opened already stays open, as in a warm function."""
    data = make_dataset(hours(min(days, 60)), END, target)
    X = data.rows.dense(np.arange(len(data.rows) - 1, len(data.rows)))[0]
    model, cities = file.read_bytes(), len(all_cities())
    opened = time.process_time()
    sessions = [open_session(model) for _ in range(cities)]
    opened = time.process_time() - opened
    spent = []
    for _ in range(ROUNDS):
        began = time.process_time()
        for session in sessions:
            predict(session, X)
        spent.append(time.process_time() - began)
    print(
        f"{target}: {cities} cities × {HORIZON} hours from ready features: {sorted(spent)[ROUNDS // 2]:.3f} s CPU "
        f"(both targets allowed: {INFERENCE_S}), opening their sessions {opened:.2f} s; file {len(model) / 1e6:.2f} MB"
    )


if __name__ == "__main__":
    main()
