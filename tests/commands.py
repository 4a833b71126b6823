"""The `vayu` command as tests call it, and what it answered."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Protocol

import click

from common.cli import main

if TYPE_CHECKING:
    from click.testing import Result


def command(name: str) -> click.Command:
    """The command of that name."""
    result = main.get_command(click.Context(main), name)
    assert result is not None, name
    return result


class Vayu(Protocol):
    """Runs ``vayu ARGUMENTS…``; `env` is added to the environment."""

    def __call__(self, *arguments: object, env: dict[str, str] | None = None) -> Result: ...


def parsed(result: Result, status: int = 0) -> dict[str, Any]:
    """What a command said with ``--json``: one line, strictly JSON."""
    assert result.exit_code == status, result.output
    [line] = result.stdout.splitlines()
    actual: dict[str, Any] = json.loads(line, parse_constant=_refuse)
    return actual


def _refuse(constant: str) -> None:
    raise AssertionError(f"{constant} is no JSON")


def complaint(result: Result, status: int) -> str:
    """The one sentence that a command that failed ends with."""
    assert result.exit_code == status, result.output
    assert "Traceback" not in result.output
    lines = [line for line in result.stderr.splitlines() if line.lower().startswith("error: ")]
    assert len(lines) == 1, result.stderr
    assert result.stderr.rstrip().endswith(lines[0])
    return lines[0].partition(": ")[2]
