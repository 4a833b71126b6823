"""The page of commands: every command is in its table, and every one in it exists, with its options."""

from __future__ import annotations

import re
from pathlib import Path

import click
import pytest

from common.cli import main

PAGE = (Path(__file__).parents[2] / "docs" / "commands.md").read_text(encoding="utf-8")
PROCESSES = ("dev", "live", "schedule", "serve", "work")
"""They run until they are told to stop, and print nothing for machines."""
TABLE = dict(re.findall(r"^\| `vayu ([a-z-]+)([^`]*)` \|", PAGE, re.MULTILINE))


def commands(command: click.Command) -> list[click.Command]:
    """The command, or those that a group consists of."""
    return list(command.commands.values()) if isinstance(command, click.Group) else [command]


def options(command: click.Command) -> set[str]:
    return {option for item in commands(command) for option in options_of(item)}


def options_of(command: click.Command) -> set[str]:
    return {
        option
        for parameter in command.params
        if isinstance(parameter, click.Option)
        for option in parameter.opts
        if option.startswith("--")
    }


def test_the_table_has_every_command_and_no_other() -> None:
    assert set(TABLE) == set(main.commands)


@pytest.mark.parametrize("name", sorted(main.commands))
def test_the_options_in_the_table_exist(name: str) -> None:
    message = set(re.findall(r"--[a-z-]+", TABLE[name]))
    assert message <= options(main.commands[name])


@pytest.mark.parametrize("name", sorted(main.commands))
def test_every_command_explains_itself(name: str) -> None:
    for command in commands(main.commands[name]):
        assert command.help
        assert name in PROCESSES or "--json" in options_of(command)
        for parameter in command.params:
            if isinstance(parameter, click.Option):
                assert parameter.help, f"{name} {parameter.opts}"
