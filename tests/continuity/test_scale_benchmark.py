"""The measurement of scale stays within its bounds, compares rightly, and runs."""

from __future__ import annotations

import os
from argparse import ArgumentTypeError
from pathlib import Path

import pytest
from processes import temporary_folder

from benchmarks.scale.__main__ import (
    CITIES,
    SETUPS,
    Load,
    Pair,
    Ratios,
    Setup,
    bounded,
    measure,
    ratios,
    serving,
    table,
)


@pytest.mark.parametrize("text", ["0", "21", "-1", "4.5", "", "x"])
def test_no_run_takes_longer_than_it_may(text: str) -> None:
    with pytest.raises(ArgumentTypeError, match="1 to 20 s"):
        bounded(text)


def load(per_second: float, p95_ms: float, user_ms: float, memory_mb: float, errors: int = 0) -> Load:
    return Load(per_second, p95_ms, user_ms, memory_mb, errors, database_connections=99)


def test_runs_are_multiples_of_the_base_beside_them() -> None:
    base, tired = load(100, 5, 2, 80), load(10, 50, 2, 80)
    pairs = [
        Pair(load(200, 10, 2, 160), base, 7),
        Pair(load(20, 100, 3, 160, errors=2), tired, 9),
        Pair(load(999, 1, 2, 160), tired, 8),
    ]
    assert ratios(pairs) == Ratios(2.0, 2.0, 1.0, 2.0, database_connections=9, errors=2)
    _, line = table({SETUPS[0]: pairs})
    assert line.split()[-6:] == ["2.00x", "2.0x", "1.00x", "2.00x", "9", "2"]


def test_each_question_of_the_guide_has_its_runs() -> None:
    assert {setup.workers for setup in SETUPS} == {1, 2, 4}
    assert {setup.clients for setup in SETUPS} == {10, 100, 400}
    assert len({setup.cities for setup in SETUPS}) == 3
    assert {setup.replica for setup in SETUPS} == {setup.cached for setup in SETUPS} == {True, False}
    numbers = [setup.cities for setup in SETUPS]
    assert numbers == sorted(numbers, reverse=True), "what was deleted does not come back within a round"


@pytest.mark.slow
def test_a_run(database_url: str) -> None:
    folder = Path(os.environ.get("VAYU_WRK", Path(__file__).parents[2] / ".vayu" / "wrk"))
    if not (folder / "root").is_dir():
        pytest.skip("wrk (scripts/wrk --version unpacks it into .vayu/wrk, or name its folder in VAYU_WRK)")
    setup = Setup(2, 4, CITIES, replica=True)
    with temporary_folder("vayu-scale-") as home, serving(setup, database_url, home) as server:
        measured = measure(server, setup, database_url, 1)
    assert measured.errors == 0
    assert measured.per_second > 1
    assert measured.p95_ms > 0
    assert measured.user_ms > 0
    assert measured.memory_mb > 20
    # Two workers, each with the database and what it takes for a replica.
    assert measured.database_connections >= 4
