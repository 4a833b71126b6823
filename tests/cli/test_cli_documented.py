"""The page of commands: every command is in its table, and every one in it exists, with its options."""

from __future__ import annotations

import re
from importlib import import_module
from pathlib import Path

import click
import pytest
from commands import command

from common import cli
from common.cli import main

PAGE = (Path(__file__).parents[2] / "docs" / "commands.md").read_text(encoding="utf-8")
PROCESSES = ("dev", "live", "schedule", "serve", "work")
"""They run until they are told to stop, and print nothing for machines."""
TABLE = dict(re.findall(r"^\| `vayu ([a-z-]+)([^`]*)` \|", PAGE, re.MULTILINE))


def commands(of: click.Command) -> list[click.Command]:
    """The command, or those that a group consists of."""
    return list(of.commands.values()) if isinstance(of, click.Group) else [of]


def options(of: click.Command) -> set[str]:
    return {option for item in commands(of) for option in options_of(item)}


def options_of(item: click.Command) -> set[str]:
    return {
        option
        for parameter in item.params
        if isinstance(parameter, click.Option)
        for option in parameter.opts
        if option.startswith("--")
    }


def test_the_table_has_every_command_and_no_other() -> None:
    assert set(TABLE) == set(main.list_commands(click.Context(main)))


def test_every_command_is_added_by_the_module_that_it_is_looked_for_in() -> None:
    for module in Path(cli.__file__).parent.glob("*.py"):
        if not module.stem.startswith("__"):
            import_module(f"common.cli.{module.stem}")
    added = {name: commands(each)[0].callback.__module__ for name, each in main.commands.items()}
    assert added == main.modules


@pytest.mark.parametrize("name", sorted(TABLE))
def test_the_options_in_the_table_exist(name: str) -> None:
    message = set(re.findall(r"--[a-z-]+", TABLE[name]))
    assert message <= options(command(name))


@pytest.mark.parametrize("name", sorted(TABLE))
def test_every_command_explains_itself(name: str) -> None:
    for item in commands(command(name)):
        assert item.help
        assert name in PROCESSES or "--json" in options_of(item)
        for parameter in item.params:
            if isinstance(parameter, click.Option):
                assert parameter.help, f"{name} {parameter.opts}"
