"""Backtests in several processes and on a Dask cluster: the same to the bit, and what is said when workers fail."""

from __future__ import annotations

import os
from contextlib import contextmanager
from dataclasses import fields, replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from distributed import LocalCluster
from processes import free_port
from synthetic import hours
from threadpoolctl import threadpool_info

from common.domain.errors import WorkerError
from common.features import INPUTS
from common.training.backtest.files import Hours
from common.training.backtest.plan import Plan
from common.training.backtest.run import Backtest, Forecasts, backtest
from common.training.backtest.stamps import Form
from common.training.parallel import in_process, on_cluster, on_processes

if TYPE_CHECKING:
    from collections.abc import Iterator

    from common.domain.forecast import Family

START = datetime(2025, 1, 1, tzinfo=UTC)
NAMES = ("pm25", "no2", "temperature")
DAYS = 33
UNTIL = START + timedelta(days=28)
TREES: Family = "xgboost" if os.environ.get("VAYU_TEST_THOROUGH") else "random_forest"
"""What a cluster trains beside linear models; the processes of one machine train both kinds in any case."""
PLAN = Plan("pm25", UNTIL, UNTIL, UNTIL + timedelta(days=2), UTC, families=("linear", TREES))
AHEAD = replace(PLAN, future=("temperature",), families=("xgboost", "random_forest", "linear"))


def made_up(plan: Plan, **more: Any) -> Backtest:
    columns = [INPUTS.index(name) for name in NAMES]
    values = [np.ascontiguousarray(hours(DAYS, seed=seed, gaps=0.02)[:, columns]) for seed in range(2)]
    names = pd.Series(["a", "b"])
    form = Form(pd.ArrowDtype(pa.timestamp("s")), UTC, aware=False)
    return backtest(Hours(NAMES, values, int(START.timestamp()), names, form), plan, **more)


def assert_same(result: Backtest, expected: Backtest) -> None:
    for field in fields(Forecasts):
        np.testing.assert_equal(
            getattr(result.forecasts, field.name), getattr(expected.forecasts, field.name)
        )
    assert [candidate.family for candidate in result.candidates] == [
        candidate.family for candidate in expected.candidates
    ]
    for candidate, other in zip(result.candidates, expected.candidates, strict=True):
        assert candidate.onnx == other.onnx
        np.testing.assert_equal(candidate.held_out, other.held_out)
        np.testing.assert_equal(candidate.prior, other.prior)
        seconds = {"training_seconds": 0}
        assert candidate.metrics | seconds == other.metrics | seconds


@contextmanager
def cluster(workers: int) -> Iterator[str]:
    """A cluster on this machine, of so many processes; its address."""
    with LocalCluster(
        n_workers=workers,
        threads_per_worker=1,
        processes=True,
        host="127.0.0.1",
        dashboard_address="127.0.0.1:0",
    ) as local:
        yield local.scheduler_address
        if workers:  # one that is being started again, as it died, cannot be ended
            local.wait_for_workers(workers, timeout=60)


@pytest.mark.slow
def test_two_workers_of_a_cluster_give_the_same_to_the_bit() -> None:
    alone = made_up(PLAN)
    assert alone.best.family != "naive"
    with cluster(2) as scheduler, on_cluster(scheduler) as run:
        assert_same(made_up(PLAN, run=run), alone)


@pytest.mark.slow
def test_two_processes_give_the_same_to_the_bit_trees_that_correct_a_linear_model_too() -> None:
    alone = made_up(AHEAD)
    assert alone.best.family != "naive"
    with on_processes(2) as run:
        assert_same(made_up(AHEAD, run=run), alone)


def test_results_come_in_order_from_processes_of_their_own() -> None:
    with on_processes(2) as run:
        assert list(run(divmod, [(at, 3) for at in range(50)])) == [divmod(at, 3) for at in range(50)]
        assert os.getpid() not in set(run(os.getpid, [()] * 4))
    with on_processes(1) as run:
        assert run is in_process
        assert list(run(os.getpid, [()])) == [os.getpid()]


def test_a_task_has_one_thread_wherever_it_runs() -> None:
    for jobs in (1, 2):
        with on_processes(jobs) as run:
            [libraries] = run(threads, [()])
            assert libraries
            assert set(libraries) == {1}


def threads() -> list[int]:
    import sklearn  # noqa: F401 - brings the libraries that have threads

    return [library["num_threads"] for library in threadpool_info()]


def test_an_error_in_a_task_comes_through() -> None:
    with on_processes(2) as run, pytest.raises(ZeroDivisionError):
        list(run(divmod, [(1, 1), (1, 0)]))


def test_a_process_that_dies_is_told() -> None:
    with pytest.raises(WorkerError, match="try fewer --jobs"), on_processes(2) as run:
        list(run(os._exit, [(3,)]))


@pytest.mark.slow
def test_workers_that_die_are_told() -> None:
    lost = pytest.raises(WorkerError, match="lost its workers in the midst of the work")
    with cluster(2) as scheduler, lost, on_cluster(scheduler) as run:
        list(run(os._exit, [(3,)]))


def test_a_scheduler_without_workers_is_told() -> None:
    with cluster(0) as scheduler:
        complaint = pytest.raises(
            WorkerError, match=f"{scheduler} has no workers; .*: dask worker {scheduler}"
        )
        with complaint, on_cluster(scheduler):
            pass


def test_large_arrays_come_to_a_cluster_as_they_are() -> None:
    shared, own = np.arange(30_000.0), [np.arange(30_000.0) + at for at in range(9)]
    with cluster(1) as scheduler, on_cluster(scheduler) as run:
        sums = list(run(np.add, [(shared, summand) for summand in own]))
        np.testing.assert_array_equal(sums, [shared + summand for summand in own])
        assert os.getpid() not in set(run(os.getpid, [()]))


def test_a_scheduler_that_cannot_be_reached_is_told() -> None:
    address = f"tcp://127.0.0.1:{free_port()}"
    with (
        pytest.raises(WorkerError, match=f"no Dask scheduler can be reached at {address}"),
        on_cluster(address),
    ):
        pass
