"""IndiaAQ-48h on small made-up data: entries are scored by the formulas, and faulty ones refused."""

from __future__ import annotations

import hashlib
import io
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from benchmarks.seasons.series import FILES
from common.metrics import scores
from conformance.forecast.__main__ import others
from conformance.forecast.benchmark import MANIFEST, Refused, Task, check_data, indian_windows, task_of
from conformance.forecast.entry import forecasts_of, read_entry, template
from conformance.forecast.score import scored, skill_interval

ROOT = Path(__file__).parents[2]
NAME = "mumbai-city-aqi-winter-92d"
[WINDOW] = [window for window in indian_windows() if window.window == NAME]


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with Mumbai alone: a daily wave, noise, and three days without values."""
    folder = tmp_path_factory.mktemp("data")
    times = pd.date_range("2024-07-01", "2024-12-04", freq="h")
    random = np.random.default_rng(3)
    values = 120 + 40 * np.sin(np.arange(len(times)) * 2 * np.pi / 24) + random.normal(0, 10, len(times))
    table = pd.DataFrame({"series": "Mumbai", "time": times, "aqi": np.round(values)})
    table.loc[(times >= "2024-10-10") & (times < "2024-10-13"), "aqi"] = np.nan
    (folder / "backtest").mkdir()
    table.to_parquet(folder / FILES["mumbai"])
    return folder


@pytest.fixture(scope="module")
def task(data: Path) -> Task:
    return task_of(data, WINDOW)


@pytest.fixture
def entry(task: Task) -> pd.DataFrame:
    return template(task).assign(y_pred=task.naive["daily"].ravel())


def read_back(table: pd.DataFrame, folder: Path, task: Task) -> dict[str, Any]:
    path = folder / "entry.csv"
    table.to_csv(path, index=False)
    return forecasts_of(read_entry(path), task)


def run(*words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "conformance.forecast", *words],
        check=False, cwd=ROOT, capture_output=True, text=True, timeout=120,
    )  # fmt: skip


def test_windows_lie_in_india_and_each_has_a_file_of_the_manifest() -> None:
    files = json.loads(MANIFEST.read_text(encoding="utf-8"))["files"]
    assert len(indian_windows()) == 31
    assert {FILES[window.series] for window in indian_windows()} == set(files)
    assert all(len(file["sha256"]) == 64 and file["source"] for file in files.values())


def test_origins_are_morning_and_evening_with_a_day_before_them(task: Task) -> None:
    hours = {task.time(at)[11:13] for at in range(len(task.origin))}
    assert hours == {"05", "17"}
    days = {task.time(at)[:10] for at in range(len(task.origin))}
    assert min(days) == "2024-10-01"
    assert max(days) == "2024-11-30"
    assert not {"2024-10-11", "2024-10-12"} & days
    assert len(task.origin) == 2 * 61 - 6  # 10 October at 17 h until 13 October at 5 h


def test_a_naive_entry_has_the_skill_of_the_formula(task: Task, entry: pd.DataFrame, tmp_path: Path) -> None:
    result = scored(task, read_back(entry, tmp_path, task))
    known = np.isfinite(task.actual)
    error = {name: np.abs(task.actual - forecast)[known].mean() for name, forecast in task.naive.items()}
    best = min(error, key=error.__getitem__)
    assert result["best_naive"] == best
    assert result["n"] == known.sum()
    assert result["mae"] == pytest.approx(error["daily"])
    assert result["skill"] == pytest.approx(100 * (1 - error["daily"] / error[best]))
    assert "coverage80" not in result


def test_the_order_of_rows_and_the_zone_of_times_do_not_matter(
    task: Task, entry: pd.DataFrame, tmp_path: Path
) -> None:
    shuffled = entry.sample(frac=1, random_state=5).assign(
        origin=lambda rows: pd.to_datetime(rows["origin"]).dt.tz_convert("UTC").astype(str)
    )
    local = entry.assign(origin=entry["origin"].str[:19])
    for table in (shuffled, local):
        assert np.array_equal(read_back(table, tmp_path, task)["y_pred"], task.naive["daily"])


def test_intervals_of_skill_hold_it_and_are_the_same_each_time(task: Task) -> None:
    truth = np.nan_to_num(task.actual, nan=100.0)
    half = (truth + task.naive["daily"]) / 2
    low, high = skill_interval(task, half, task.naive["daily"])
    assert (low, high) == pytest.approx((0.5, 0.5))  # half the error on every day
    noisy = truth + np.random.default_rng(1).normal(0, 8, truth.shape) * (1 + task.day % 9)[:, None]
    low, high = skill_interval(task, noisy, task.naive["mean24"])
    result = scores(task.actual, noisy, {"mean24": task.naive["mean24"]})["skill"]
    assert low < result < high
    assert (low, high) == skill_interval(task, noisy, task.naive["mean24"])


def test_intervals_of_a_file_are_scored(task: Task, entry: pd.DataFrame, tmp_path: Path) -> None:
    wide = entry.assign(lo80=-1e4, hi80=1e4, lo95=entry["y_pred"], hi95=entry["y_pred"])
    result = scored(task, read_back(wide, tmp_path, task))
    assert result["coverage80"] == 100
    assert result["winkler80"] == pytest.approx(2e4)
    assert result["coverage95"] < 50


def changed(table: pd.DataFrame, row: int, **values: Any) -> pd.DataFrame:
    result = table.astype(dict.fromkeys(values, object))
    for name, value in values.items():
        result.loc[row, name] = value
    return result


FAULTS = {
    "missing rows": (lambda t: t.drop(index=[5, 60]), "lacks 2 of", "h 6"),
    "a missing origin": (lambda t: t[t["origin"] != t["origin"].iloc[0]], "lacks 48 of", "h 1"),
    "duplicates": (lambda t: pd.concat([t, t.iloc[:3]]), "3 rows twice", ""),
    "another origin": (lambda t: changed(t, 7, origin="2024-10-01T06:00:00+05:30"), "row 9", "due is 2024-10-01T05"),
    "no time": (lambda t: changed(t, 7, origin="yesterday"), "'yesterday' is no time", "write it as"),
    "another series": (lambda t: changed(t, 7, series="Pune"), "no series 'Pune'", "city"),
    "another window": (lambda t: changed(t, 7, window="pune"), "'pune', which is no window", "row 9"),
    "h of 49": (lambda t: changed(t, 7, h=49), "from 1 to 48", "row 9"),
    "h of a half": (lambda t: changed(t, 7, h=1.5), "whole number", "1.5"),
    "no number": (lambda t: changed(t, 7, y_pred="high"), "y_pred is a number", "row 9 has 'high'"),
    "nan": (lambda t: changed(t, 7, y_pred=None), "y_pred is a number", "row 9"),
    "infinite": (lambda t: changed(t, 7, y_pred="inf"), "y_pred is a number", "row 9"),
    "no y_pred": (lambda t: t.drop(columns="y_pred"), "has no column y_pred", ""),
    "a single bound": (lambda t: t.assign(lo80=1.0), "come together", ""),
    "crossed bounds": (lambda t: t.assign(lo80=2.0, hi80=1.0), "row 2 has lo80 above hi80", ""),
    "no rows": (lambda t: t.iloc[:0], "has no rows", ""),
}  # fmt: skip


@pytest.mark.parametrize("name", FAULTS)
def test_a_faulty_entry_is_refused(task: Task, entry: pd.DataFrame, tmp_path: Path, name: str) -> None:
    fault, *sentences = FAULTS[name]
    with pytest.raises(Refused) as refusal:
        read_back(fault(entry), tmp_path, task)
    for sentence in sentences:
        assert sentence in str(refusal.value)


def test_what_is_no_table_is_refused(tmp_path: Path) -> None:
    for name, content in (("empty.csv", b""), ("noise.parquet", b"\x00\x01"), ("noise.csv", b"\xff\xfe\x00")):
        (tmp_path / name).write_bytes(content)
        with pytest.raises(Refused, match=name):
            read_entry(tmp_path / name)
    with pytest.raises(Refused, match=r"absent\.csv"):
        read_entry(tmp_path / "absent.csv")


def test_other_data_are_refused(data: Path, tmp_path: Path) -> None:
    with pytest.raises(Refused, match="is not the file that the benchmark is of"):
        check_data(data, {"mumbai"})
    with pytest.raises(Refused, match=r"has no backtest/mumbai_aqi\.parquet"):
        check_data(tmp_path, {"mumbai"})
    with pytest.raises(Refused, match="has no"):
        task_of(tmp_path, WINDOW)


def test_committed_entries_are_those_of_the_seasons() -> None:
    assert set(others(NAME)) == {"vayu", "mlforecast ridge", "mlforecast lightgbm", "statsforecast theta"}


def test_the_commands(data: Path, tmp_path: Path) -> None:
    assert NAME in run("windows").stdout
    made = run("naive", "--window", NAME, "--by", "weekly", "--data", str(data), "--any-data")
    assert made.returncode == 0, made.stderr
    path = tmp_path / "weekly.csv"
    path.write_text(made.stdout)
    done = run("score", str(path), "--data", str(data), "--any-data", "--json")
    assert done.returncode == 0, done.stderr
    [row] = json.loads(done.stdout)
    assert (row["window"], row["best_naive"], row["skill"], row["others"]) == (NAME, "weekly", 0, {})
    refused = run("score", str(path), "--data", str(data))
    assert refused.returncode == 1
    digest = hashlib.sha256((data / FILES["mumbai"]).read_bytes()).hexdigest()[:12]
    assert digest in refused.stderr
    assert "Traceback" not in refused.stderr
    assert run("score").returncode == 2


def test_several_windows_are_one_file_and_each_is_said_once_it_is_done(data: Path) -> None:
    names = [NAME, "mumbai-city-aqi-winter"]
    made = run("template", "--window", *names, "--data", str(data), "--any-data")
    assert made.returncode == 0, made.stderr
    table = pd.read_csv(io.StringIO(made.stdout), dtype=str)
    assert list(dict.fromkeys(table["window"])) == names  # and no second heading among the rows
    progress = [line.partition(",")[0] for line in made.stderr.splitlines()]
    assert progress == [f"{number} of 2: {name}" for number, name in enumerate(names, 1)]


@pytest.mark.slow
def test_our_own_entry_is_made_and_scored(data: Path, tmp_path: Path) -> None:
    made = run("vayu", "--window", NAME, "--data", str(data), "--any-data")
    assert made.returncode == 0, made.stderr
    path = tmp_path / "vayu.csv"
    path.write_text(made.stdout)
    done = run("score", str(path), "--data", str(data), "--any-data", "--json")
    assert done.returncode == 0, done.stderr
    [row] = json.loads(done.stdout)
    assert row["skill"] > 0
    assert {"coverage80", "winkler80", "coverage95", "winkler95"} <= row.keys()
