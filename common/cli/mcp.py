"""``mcp``: the API as tools for assistants, over standard input and output."""

from __future__ import annotations

import json
from pathlib import Path

import click

from common.bootstrap.container import environment_settings
from common.cli.main import main
from common.domain.errors import ConfigError


@main.command()
@click.option("--api", help="An installation, such as https://air.example.org; default: VAYU_PUBLIC_URL.")
@click.option(
    "--token-file",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="File with a token, where that installation wants one. On a command line everybody would see it.",
)
@click.option("--json", "as_json", is_flag=True, help="List the tools as JSON, with their schemas, and stop.")
def mcp(api: str | None, token_file: Path | None, as_json: bool) -> None:
    """Offer current air, forecasts, their record and comparisons to assistants, by the Model Context Protocol.

    The assistant starts this command and speaks to it over standard input and output.
    """
    try:
        import anyio

        from common.mcp_server.server import make_server
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] not in ("anyio", "mcp"):
            raise
        raise ConfigError("the package mcp is not installed; install it: pip install 'vayu[mcp]'") from error
    from common.mcp_server.api_client import ApiClient

    token = None if token_file is None else token_file.read_text(encoding="utf-8").strip()
    server = make_server(ApiClient(api or environment_settings().public_url, token))
    if as_json:
        tools = anyio.run(server.list_tools)
        click.echo(
            json.dumps([tool.model_dump(mode="json", by_alias=True, exclude_none=True) for tool in tools])
        )
        return
    server.run()
