"""``backtest`` over files: what comes out, that nothing leaks back, and every kind of bad input."""

from __future__ import annotations

import os
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet
import pytest
from commands import Vayu, complaint, parsed
from distributed import LocalCluster
from synthetic import hours

from common.features import INPUTS

if TYPE_CHECKING:
    from collections.abc import Mapping

START = datetime(2025, 1, 1)  # noqa: DTZ001 - as many files are: local time without offset
DAYS = 44
TEST_FROM = START + timedelta(days=38)
WINDOW = ("--train-until", "2025-02-08", "--test-from", "2025-02-08", "--test-to", "2025-02-11")
LINEAR = ("--families", "linear")
THOROUGH = bool(os.environ.get("VAYU_TEST_THOROUGH"))
BOUNDS = ("lo95", "lo80", "y_pred", "hi80", "hi95")


@pytest.fixture
def backtest(lost: Vayu, tmp_path: Path) -> Any:
    """Runs the command over columns or a file; gives the result and the forecasts that were written."""

    def run(given: Mapping[str, Any] | Path, *options: object, target: str = "pm25") -> Any:
        path = given if isinstance(given, Path) else write(tmp_path / "in.parquet", given)
        out = tmp_path / "out.parquet"
        out.unlink(missing_ok=True)
        every = ("backtest", path, "--target", target, *(options or (*WINDOW, *LINEAR)), "--out", out)
        result = lost(*every, "--json")
        return result, (pyarrow.parquet.read_table(out) if out.exists() else None)

    return run


def write(path: Path, columns: Mapping[str, Any]) -> Path:
    pyarrow.parquet.write_table(pa.table(dict(columns)), path)
    return path


def columns(*names: str, series: tuple[str, ...] = ("a",), days: int = DAYS, **more: Any) -> dict[str, Any]:
    """Hourly rows of several series; each has its own values."""
    tables = [hours(days, seed=seed, gaps=0.02) for seed, _ in enumerate(series)]
    times = [START + timedelta(hours=at) for at in range(24 * days)]
    return {
        "series": [name for name in series for _ in times],
        "time": pa.array(times * len(series), pa.timestamp("ns")),
        **{name: np.concatenate([table[:, INPUTS.index(name)] for table in tables]) for name in names},
        **more,
    }


def test_rows_of_every_series_origin_and_hour(backtest: Any) -> None:
    result, rows = backtest(columns("pm25", "no2", "temperature", series=("north", "east")))
    report = parsed(result)
    assert rows.column_names == [
        "series", "origin", "h", "y_pred", "lo80", "hi80", "lo95", "hi95", "family",
    ]  # fmt: skip
    assert rows["origin"].type == pa.timestamp("ns")
    origins = [TEST_FROM + timedelta(days=day, hours=hour) for day in range(4) for hour in (5, 17)]
    expected = [(name, o, h) for name in ("north", "east") for o in origins for h in range(1, 49)]
    actual = zip(*(rows[name].to_pylist() for name in ("series", "origin", "h")), strict=True)
    assert list(actual) == expected
    assert set(rows["family"].to_pylist()) == {report["family"]} == {"linear"}
    values = np.stack([rows[name].to_numpy() for name in BOUNDS])
    assert np.isfinite(values).all()
    assert (np.diff(values, axis=0) >= 0).all()
    assert values.min() >= 0
    assert values[2].std() > 5
    assert report["origins"] == 16
    assert [row["lead"] for row in report["by_lead"]] == list(range(1, 49))
    assert [block["leads"] for block in report["by_block"]] == ["1–6", "7–12", "13–24", "25–48"]
    assert [row["series"] for row in report["by_series"]] == ["north", "east"]


def test_scores_are_those_of_the_rows_that_were_written(backtest: Any) -> None:
    table = columns("pm25", "no2")
    result, rows = backtest(table)
    together = parsed(result)["together"]
    truth = dict(zip(table["time"].to_pylist(), table["pm25"].tolist(), strict=True))
    target = [
        o + timedelta(hours=h) for o, h in zip(rows["origin"].to_pylist(), rows["h"].to_pylist(), strict=True)
    ]
    actual = np.array([truth.get(time, np.nan) for time in target])
    known = np.isfinite(actual)
    y, lo80, hi80 = (rows[name].to_numpy()[known] for name in ("y_pred", "lo80", "hi80"))
    error = y - actual[known]
    assert together["n"] == known.sum()
    assert together["mae"] == pytest.approx(np.abs(error).mean(), abs=1e-3)
    assert together["rmse"] == pytest.approx(np.sqrt((error**2).mean()), abs=1e-3)
    inside = (lo80 <= actual[known]) & (actual[known] <= hi80)
    assert together["coverage80"] == pytest.approx(inside.mean(), abs=1e-3)
    assert together["width80"] == pytest.approx((hi80 - lo80).mean(), abs=1e-2)
    naive_mae = {}
    for name in ("persistence", "mean24"):
        values = []
        for origin in rows["origin"].to_pylist():
            day = [truth[origin - timedelta(hours=back)] for back in range(24)]
            recent = [value for value in day if np.isfinite(value)]
            values.append(recent[0] if name == "persistence" else np.mean(recent))
        naive_mae[name] = np.abs(np.array(values) - actual)[known].mean()
    weekly = []
    for origin, time in zip(rows["origin"].to_pylist(), target, strict=True):
        days = [time - timedelta(days=back) for back in range(1, 10)]
        week = [truth[day] for day in [day for day in days if day <= origin][:7] if np.isfinite(truth[day])]
        weekly.append(np.mean(week))
    naive_mae["weekly"] = np.abs(np.array(weekly) - actual)[known].mean()
    assert together["naive_mae"] <= min(naive_mae.values()) + 1e-3
    assert together["skill"] == pytest.approx(1 - together["mae"] / together["naive_mae"], abs=1e-3)


@pytest.mark.slow
def test_jobs_and_a_cluster_change_nothing(backtest: Any) -> None:
    table = columns("pm25", "no2", "temperature", series=("a", "b"))
    # That trees are the same wherever they are trained: tests/training/test_parallel.py.
    options = (*WINDOW, "--families", "linear,xgboost" if THOROUGH else "linear")
    alone, rows = backtest(table, *options)
    with LocalCluster(
        n_workers=2, threads_per_worker=1, host="127.0.0.1", dashboard_address="127.0.0.1:0"
    ) as cluster:
        for more in (("--jobs", "2"), ("--scheduler", cluster.scheduler_address)):
            result, actual = backtest(table, *options, *more)
            assert parsed(result) == parsed(alone)
            assert actual.equals(rows)


@pytest.mark.parametrize(
    ("target", "future", "families"),
    [
        ("pm25", (), "linear,xgboost"),
        ("pm25", ("temperature",), "linear"),
        ("aqi", (), "linear"),  # composed of its pollutants
    ],
)
def test_nothing_after_an_origin_changes_its_rows(
    backtest: Any, target: str, future: tuple[str, ...], families: str
) -> None:
    known_ahead = ("--future-covariates", ",".join(future)) if future else ()
    options = (*WINDOW, "--families", families, *known_ahead)
    inputs = ("pm25", "no2", "temperature", *(("aqi", "co") if target == "aqi" else ()))
    clean = columns(*inputs, series=("a", "b"))
    _, before = backtest(clean, *options, target=target)
    origin = TEST_FROM + timedelta(days=1, hours=17)
    later = np.array([time > origin for time in clean["time"].to_pylist()])
    random = np.random.default_rng(3)
    spoilt = dict(clean)
    for name in set(inputs) - set(future):
        wild = random.uniform(0, 900, later.sum())
        wild[random.random(len(wild)) < 0.5] = np.nan
        spoilt[name] = clean[name].copy()
        spoilt[name][later] = wild
    _, after = backtest(spoilt, *options, target=target)
    of_before = [
        table.filter(pa.compute.less_equal(table["origin"], pa.scalar(origin))) for table in (before, after)
    ]
    assert len(of_before[0]) == 2 * 4 * 48
    assert of_before[0].equals(of_before[1])
    assert not before.equals(after)


def test_a_target_of_whole_numbers_is_forecast_in_whole_numbers(backtest: Any) -> None:
    table = columns("aqi", "pm25", "temperature")
    for target, is_whole in (("aqi", True), ("pm25", False)):
        _, rows = backtest(table, target=target)
        y = rows["y_pred"].to_numpy()
        assert bool((y == np.round(y)).all()) == is_whole


def test_what_is_known_ahead_is_used(backtest: Any) -> None:
    """The target follows a covariate that nothing before tells of."""
    random = np.random.default_rng(8)
    table = columns()
    wind = random.uniform(1, 9, len(table["time"]))
    table |= {"wind": wind, "dust": np.round(40 * wind + random.uniform(0, 3, len(wind)), 1)}
    skill = [
        parsed(backtest(table, *WINDOW, *LINEAR, *more, target="dust")[0])["together"]["skill"]
        for more in ((), ("--future-covariates", "wind"))
    ]
    assert skill[0] < 0.35
    assert skill[1] > 0.5


FORMS = {
    "local": "%Y-%m-%d %H:%M:%S",
    "minutes": "%Y-%m-%dT%H:%M",
    "offset": "%Y-%m-%dT%H:%M:%S+05:30",
}


@pytest.mark.parametrize("form", FORMS)
def test_text_times_come_back_as_they_came(backtest: Any, tmp_path: Path, form: str) -> None:
    table = columns("pm25")
    _, plain = backtest(table)
    times = [time.strftime(FORMS[form]) for time in table["time"].to_pylist()]
    path = tmp_path / "in.csv"
    pyarrow.csv.write_csv(pa.table(table | {"time": times}), path)
    _, rows = backtest(path)
    assert rows["origin"].to_pylist() == [t.strftime(FORMS[form]) for t in plain["origin"].to_pylist()]
    np.testing.assert_array_equal(rows["y_pred"].to_numpy(), plain["y_pred"].to_numpy())


def test_times_in_utc_come_back_in_utc_and_origins_are_local_hours(backtest: Any) -> None:
    table = columns("pm25")
    _, plain = backtest(table)
    utc = [time - timedelta(hours=5, minutes=30) for time in table["time"].to_pylist()]
    for kind in (pa.timestamp("us", "UTC"), pa.string()):
        times = pa.array(utc, pa.timestamp("us", "UTC"))
        text = [f"{time:%Y-%m-%dT%H:%M:%S}Z" for time in utc]
        _, rows = backtest(table | {"time": times if kind != pa.string() else text})
        assert rows["origin"].type == kind
        assert str(rows["origin"][0]).replace(" ", "T").replace("+00:00", "Z") == "2025-02-07T23:30:00Z"
        np.testing.assert_array_equal(rows["y_pred"].to_numpy(), plain["y_pred"].to_numpy())


def test_rows_may_be_shuffled_repeated_and_without_a_series(backtest: Any) -> None:
    table = columns("pm25")
    _, plain = backtest(table)
    order = np.random.default_rng(1).permutation(len(table["time"]))
    order = np.append(order, order[:5])
    shuffled = {"time": table["time"].take(pa.array(order)), "pm25": table["pm25"][order]}
    result, rows = backtest(shuffled)
    np.testing.assert_array_equal(rows["y_pred"].to_numpy(), plain["y_pred"].to_numpy())
    assert set(rows["series"].to_pylist()) == {"all"}
    assert parsed(result)["remarks"] == {"rows for an hour that has another row, averaged": 5}


def test_what_cannot_be_used_is_said(backtest: Any) -> None:
    size = 24 * DAYS
    table = columns("pm25")
    table["pm25"][3] = -4.0
    late = np.where(np.arange(size) < 24 * 39, np.nan, 1.0)
    odd = {"empty": np.full(size, np.nan), "stuck": np.ones(size), "note": ["x"] * size, "late": late}
    result, _ = backtest(table | odd)
    report = parsed(result)
    assert report["ignored"] == {
        "empty": "has no value before --train-until",
        "stuck": "is the same in all hours before --train-until",
        "note": "holds string, not numbers",
        "late": "has no value before --train-until",
    }
    assert report["remarks"] == {"negative concentrations taken as missing": 1}


def test_three_days_are_forecast_by_the_naive_and_it_says_so(backtest: Any) -> None:
    window = ("--train-until", "2025-01-04", "--test-from", "2025-01-04")
    result, rows = backtest(columns("pm25", days=8), *window, *LINEAR)
    report = parsed(result)
    assert report["family"] == "naive"
    assert "too little history" in report["why"]
    assert set(rows["family"].to_pylist()) == {"naive"}
    assert len(rows) == 10 * 48


def test_a_constant_series_and_one_with_a_month_missing(backtest: Any) -> None:
    table = columns("pm25", series=("gap", "stuck"), days=80)
    half = 24 * 80
    table["pm25"][half:] = 55.0
    table["pm25"][24 * 10 : 24 * 40] = np.nan
    window = ("--train-until", "2025-03-12", "--test-from", "2025-03-12")
    result, rows = backtest(table, *window, *LINEAR)
    parsed(result)
    stuck = rows.filter(pa.compute.equal(rows["series"], "stuck"))
    np.testing.assert_allclose(stuck["y_pred"].to_numpy(), 55.0, atol=8.0)
    alone = {name: values[half:] for name, values in table.items()}
    result, rows = backtest(alone, *window, *LINEAR)
    assert parsed(result)["together"]["mae"] == 0.0
    np.testing.assert_allclose(rows["y_pred"].to_numpy(), 55.0, atol=1e-3)


def test_an_origin_needs_half_a_day_of_values(backtest: Any) -> None:
    table = columns("pm25")
    noon = 24 * 39 + 17
    table["pm25"][noon - 24 : noon + 1] = np.nan
    table["pm25"][noon - 23 : noon - 12] = 50.0  # eleven of them
    _, rows = backtest(table)
    assert TEST_FROM + timedelta(days=1, hours=17) not in rows["origin"].to_pylist()
    table["pm25"][noon - 12] = 50.0
    _, rows = backtest(table)
    assert TEST_FROM + timedelta(days=1, hours=17) in rows["origin"].to_pylist()


def test_the_table_for_people(lost: Vayu, tmp_path: Path) -> None:
    path = write(tmp_path / "in.parquet", columns("pm25", series=("a", "b")))
    result = lost("backtest", path, "--target", "pm25", *WINDOW, *LINEAR, "--out", tmp_path / "out.csv")
    assert result.exit_code == 0, result.output
    for word in (
        "RMSE",
        "skill",
        "in 80 %",
        "24 h",
        "13–24 h",
        "best naive",
        "16 origins forecast by linear",
    ):
        assert word in result.stdout
    assert (tmp_path / "out.csv").read_text().startswith('"series","origin","h"')


@pytest.mark.parametrize(
    ("options", "status", "message"),
    [
        (("--target", "pm2"), 2, "no column 'pm2' of numbers; the file has pm25"),
        (("--target", "note"), 2, "no column 'note' of numbers; it holds string"),
        (("--future-covariates", "wind"), 2, "--future-covariates: no column 'wind'"),
        (("--future-covariates", "pm25"), 2, "the target cannot be known ahead"),
        (("--train-until", "soon"), 2, "'soon' is no time"),
        (("--train-until", "2025-02-09"), 2, "--test-from must not be before --train-until"),
        (("--test-to", "2025-01-01"), 2, "--test-to must not be before --test-from"),
        (("--tz", "Asia/Atlantis"), 2, "no time zone"),
        (("--origin-hours", "5,24"), 2, "hours from 0 to 23"),
        (("--families", "magic"), 2, "linear,random_forest,xgboost"),
        (("--out", "no/such/folder/out.parquet"), 2, "there is no folder"),
        (("--jobs", "two"), 2, "write how many processes, such as 4; 0 or all"),
        (("--jobs", "-1"), 2, "write how many processes"),
        (("--jobs", "1.5"), 2, "write how many processes"),
        (("--scheduler", "cluster:8786"), 2, "no address of a Dask scheduler; write tcp://HOST:8786"),
        (("--jobs", "1", "--scheduler", "tcp://127.0.0.1:1"), 2, "give one of them"),
        (("--scheduler", "tcp://127.0.0.1:1"), 1, "no Dask scheduler can be reached at tcp://127.0.0.1:1"),
        (("--train-until", "2024-06-01"), 1, "no rows before --train-until"),
        (("--test-from", "2026-06-01", "--test-to", "2026-07-01"), 1, "no origin in the test window"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else "",
)
def test_what_cannot_be_asked(
    lost: Vayu, tmp_path: Path, options: tuple[str, ...], status: int, message: str
) -> None:
    path = write(tmp_path / "in.parquet", columns("pm25", days=41, note=["x"] * 24 * 41))
    usual = {"--target": "pm25", **dict(zip(WINDOW[::2], WINDOW[1::2], strict=True)), "--families": "linear"}
    usual |= {"--out": str(tmp_path / "o.parquet"), **dict(zip(options[::2], options[1::2], strict=True))}
    flat = [part for pair in usual.items() for part in pair]
    assert message in complaint(lost("backtest", path, *flat), status)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "can be read neither as CSV nor as Parquet"),
        (b"PAR1 and nothing else", "as Parquet: it is no table, or damaged"),
        (b"\xff\xfe\x00\x01", "can be read neither"),
        (b"time,pm25\n2025-01-01,3\n2025-01-02,3,Mrs Smith\n", "a row has 3 fields, the first one 2"),
        (b"Dear all, see below\nwhat we, found\n", "has no column time; it has Dear all"),
        (b"when,pm25\n2025-01-01,3\n", "has no column time; it has when, pm25"),
        (b"time,pm25\n,3\n", "no row with a time"),
        (b"time,pm25\nyesterday,3\n", "'yesterday' is no time"),
        (b"time,pm25\n2025-01-01T05:00:00,3\n2025-01-01T06:00:00+05:30,3\n", "some times have an offset"),
        (b"time,pm25\n2025-01-01T05:00:00,3\n2025-01-01T05:15:00,3\n", "not hourly (:30, :45"),
        (b"time,pm25\n1925-01-01T05:00:00,3\n2025-01-01T05:00:00,3\n", "is there a wrong year"),
        (b"time,pm25\n2025-01-01T05:00:00,\n2025-01-01T06:00:00,\n", "no column 'pm25' of numbers"),
    ],
)
def test_files_that_cannot_be_read(lost: Vayu, tmp_path: Path, content: bytes, message: str) -> None:
    path = tmp_path / "in.csv"
    path.write_bytes(content)
    result = lost("backtest", path, "--target", "pm25", *WINDOW, "--out", tmp_path / "o.parquet")
    statement = complaint(result, 2 if "of numbers" in message else 1)
    assert message in statement
    assert str(tmp_path) not in statement
    assert "2025-01-02,3" not in statement
