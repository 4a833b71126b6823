"""The command group, and the one place where errors become exit codes."""

from __future__ import annotations

import logging
import sys
from importlib import import_module
from typing import Any, NoReturn

import click

from common import __version__
from common.cli.output import aside
from common.domain.errors import ConfigError, VayuError


class Group(click.Group):
    """Our errors become a sentence and exit status 1, or 2 where a setting or a package is wrong; never a trace.

    The module of a command is imported when the command is called, or described: all of them take most of a second.
    """

    def __init__(self, *arguments: Any, **more: Any) -> None:
        super().__init__(*arguments, **more)
        self.modules: dict[str, str] = {}
        """Name of a command → the module that adds it."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        del ctx
        return sorted(self.modules)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name in self.modules:
            import_module(self.modules[cmd_name])
        return super().get_command(ctx, cmd_name)

    def invoke(self, ctx: click.Context) -> object:
        try:
            return super().invoke(ctx)
        except VayuError as error:
            _fail(ctx, str(error), 2 if isinstance(error, ConfigError) else 1)
        except ModuleNotFoundError as error:
            package = (error.name or "").partition(".")[0]
            if package in ("", "common"):
                raise
            _fail(
                ctx,
                f"this command needs the package {package}, which is not installed here: "
                "pip install 'vayu[local]'; of the container images, vayu-train trains and writes archives",
                2,
            )


def _fail(ctx: click.Context, message: str, status: int) -> NoReturn:
    if ctx.params.get("verbose"):
        aside.print_exception()
    aside.print(f"error: {message}", style="red", soft_wrap=True)
    sys.exit(status)


@click.group(cls=Group, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="vayu")
@click.option("--verbose", "-v", is_flag=True, help="Show the log, and where an error came from.")
def main(verbose: bool) -> None:
    """Hourly air quality of 56 Indian cities: collected, forecast 48 hours ahead, scored and served."""
    log = logging.StreamHandler()
    log.setLevel(logging.INFO if verbose else logging.CRITICAL)  # some loggers have a level of their own
    logging.basicConfig(handlers=[log], level=logging.INFO, format="%(levelname)s %(message)s")
    for name in ("alembic", "httpx"):
        logging.getLogger(name).setLevel(logging.WARNING)
