"""The performance job: a release that makes a request dearer fails."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


def run_of(folder: Path, name: str, **times: float) -> Path:
    path = folder / f"{name}.json"
    rows = [{"name": request, "kept": {"times": number}} for request, number in times.items()]
    path.write_text(json.dumps({"requests": rows}), encoding="utf-8")
    return path


@pytest.mark.parametrize(("cost", "status"), [(1.25, 0), (1.35, 1)])
def test_a_request_may_cost_1_3_times_as_much(cost: float, status: int, tmp_path: Path) -> None:
    before = run_of(tmp_path, "before", current=0.8, cities=2.0, former=1.0)
    after = run_of(tmp_path, "after", current=0.8 * cost, cities=1.0, fresh=9.0)
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.api.compare", before, after],
        cwd=ROOT, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == status, done.stderr
    assert done.stdout.splitlines()[0].startswith(f" {cost:.2f}  current, kept")
    assert "fresh" not in done.stdout


def test_what_is_no_result_is_refused_with_a_sentence(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.api.compare", tmp_path / "a", tmp_path / "b"],
        cwd=ROOT, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 1
    assert done.stderr.startswith(f"{tmp_path / 'a'} is no result of benchmarks.api")
