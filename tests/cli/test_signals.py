"""Ending on request, in a process of its own."""

from __future__ import annotations

import subprocess
import sys

import pytest

AT_REST = "while True: time.sleep(0.01)"
IN_A_FINALIZER = """
class Ended:
    def __del__(self):
        told()
ended = Ended()
del ended
while True: time.sleep(0.01)
"""


def run(body: str, *, message: str = "") -> subprocess.CompletedProcess[str]:
    lines = "\n    ".join(body.strip().splitlines())
    script = f"""
import os, signal, time
from common.cli.signals import until_told_to_stop

def told():
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(0.01)

{message}
with until_told_to_stop(again_s=0.1):
    {lines}
told()
print("ended as it should")
"""
    return subprocess.run(
        [sys.executable, "-c", script], check=False, capture_output=True, text=True, timeout=60
    )


@pytest.mark.parametrize("number", ["SIGINT", "SIGTERM", "SIGHUP"])
def test_a_signal_ends_the_block_and_later_ones_are_ignored(number: str) -> None:
    ended = run(f"os.kill(os.getpid(), signal.{number})\n{AT_REST}")
    assert (ended.returncode, ended.stdout) == (0, "ended as it should\n"), ended.stderr


def test_a_signal_whose_exception_a_finalizer_swallows_still_ends_it() -> None:
    ended = run(IN_A_FINALIZER)
    assert "Exception ignored" in ended.stderr
    assert (ended.returncode, ended.stdout) == (0, "ended as it should\n"), ended.stderr


def test_a_failure_is_not_taken_for_a_request() -> None:
    ended = run("raise ValueError('broken')")
    assert ended.returncode == 1
    assert "broken" in ended.stderr


def test_what_nohup_ignores_stays_ignored() -> None:
    ended = run(
        "os.kill(os.getpid(), signal.SIGHUP)\ntime.sleep(0.05)\ntold()",
        message="signal.signal(signal.SIGHUP, signal.SIG_IGN)",
    )
    assert ended.returncode == 0, ended.stderr
