"""What commands print, and what they take: JSON, progress, times, durations."""

from __future__ import annotations

import json
import math
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import click
import pytest
from hypothesis import given
from hypothesis import strategies as st

from common.cli import output
from common.cli.param_types import DURATION, MOMENT
from common.domain.observation import IST


def test_json_holds_only_what_json_has(capsys: pytest.CaptureFixture[str]) -> None:
    message = {
        "time": datetime(2025, 11, 5, 16, 0, tzinfo=IST),
        "nothing": None,
        "numbers": (1, 2.5, math.nan, math.inf),
        "yes": True,
        "path": Path("a/b"),
        "µ": {"names": {"é"}},
    }
    output.emit(message, as_json=True, table="not shown")
    assert json.loads(capsys.readouterr().out) == {
        "time": "2025-11-05T10:30:00Z",
        "nothing": None,
        "numbers": [1, 2.5, None, None],
        "yes": True,
        "path": "a/b",
        "µ": {"names": ["é"]},
    }


def test_a_table_for_people(capsys: pytest.CaptureFixture[str]) -> None:
    table = output.make_table("Title", ("name", "value"), [("a", 1.234), ("b", None)])
    output.emit({}, as_json=False, table=table)
    shown = capsys.readouterr().out
    assert "1.23" in shown
    assert "–" in shown
    output.emit({"a": 1}, as_json=False)
    assert capsys.readouterr().out == ""


class Stopwatch:
    """In the place of the module's clock."""

    now = 0.0

    def monotonic(self) -> float:
        return self.now


@pytest.fixture
def stopwatch(monkeypatch: pytest.MonkeyPatch) -> Stopwatch:
    watch = Stopwatch()
    monkeypatch.setattr(output, "time", watch)
    return watch


def test_progress_on_no_terminal_is_lines_but_few(
    capsys: pytest.CaptureFixture[str], stopwatch: Stopwatch
) -> None:
    with output.progress() as bar:
        task = bar.add_task("Filling", total=600)
        for _ in range(600):
            stopwatch.now += 0.05
            bar.update(task, advance=1)
    lines = capsys.readouterr().err.splitlines()
    assert lines == [
        "Filling: 0 of 600 (0 s)",
        "Filling: 200 of 600 (10 s)",
        "Filling: 400 of 600 (20 s)",
        "Filling: 600 of 600 (30 s)",
    ]


def test_progress_that_stands_still_is_told_too(
    capsys: pytest.CaptureFixture[str], stopwatch: Stopwatch
) -> None:
    with output.progress() as bar:
        task = bar.add_task("Waiting", total=2)
        for _ in range(100):
            stopwatch.now += 0.25
            bar.update(task, completed=1, description="Waiting on")
        bar.update(task, completed=2)
        bar.update(task, completed=2)
    assert capsys.readouterr().err.splitlines() == [
        "Waiting: 0 of 2 (0 s)",
        "Waiting on: 1 of 2 (10 s)",
        "Waiting on: 1 of 2 (20 s)",
        "Waiting on: 2 of 2 (25 s)",
    ]


def test_nothing_to_do_is_not_told(capsys: pytest.CaptureFixture[str]) -> None:
    with output.progress() as bar:
        bar.update(bar.add_task("Training", total=0))
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize(
    ("text", "time"),
    [
        ("2025-10-10", datetime(2025, 10, 9, 18, 30, tzinfo=UTC)),
        ("2025-10-10T06:00", datetime(2025, 10, 10, 0, 30, tzinfo=UTC)),
        ("2025-10-10T06:00Z", datetime(2025, 10, 10, 6, tzinfo=UTC)),
        ("2025-10-10T06:00+05:30", datetime(2025, 10, 10, 0, 30, tzinfo=UTC)),
    ],
)
def test_moments(text: str, time: datetime) -> None:
    assert MOMENT.convert(text, None, None) == time


@given(st.text(max_size=30) | st.datetimes().map(str))
def test_any_text_is_a_moment_or_bad_usage(text: str) -> None:
    try:
        time = MOMENT.convert(text, None, None)
    except click.BadParameter:
        return
    assert time.utcoffset() == timedelta(0)


@pytest.mark.parametrize(
    ("text", "length"),
    [("30m", timedelta(minutes=30)), ("12h", timedelta(hours=12)), ("2d", timedelta(days=2))],
)
def test_durations(text: str, length: timedelta) -> None:
    assert DURATION.convert(text, None, None) == length


@pytest.mark.parametrize("text", ["", "h", "0h", "-1h", "1.5h", "1w", "12 h", "1h\n", "99999d", "١h"])
def test_no_durations(text: str) -> None:
    with pytest.raises(click.BadParameter):
        DURATION.convert(text, None, None)


def test_what_is_converted_already_stays() -> None:
    known: list[tuple[Any, Any]] = [(MOMENT, datetime.now(UTC)), (DURATION, timedelta(hours=1))]
    for kind, value in known:
        assert kind.convert(value, None, None) is value
