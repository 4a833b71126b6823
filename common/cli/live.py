"""``live``: the process that sends events to its clients as they are committed."""

from __future__ import annotations

import click

from common.bootstrap.container import environment_settings, system_clock
from common.bootstrap.live_process import DEFAULT_PORT, run_live
from common.cli.context import opened
from common.cli.main import main
from common.cli.output import aside, offline_option
from common.cli.serve import require_database
from common.domain.live_protocol import WEBSOCKET_PATH


@main.command()
@click.option("--host", default="127.0.0.1", show_default=True, help="0.0.0.0 in a container.")
@click.option("--port", type=click.IntRange(1, 65535), help="Default: VAYU_LIVE_PORT, else 8081.")
@click.option(
    "--no-migrate", is_flag=True, help="Leave the schema as it is: DATABASE_URL names a migrated one."
)
@offline_option
def live(host: str, port: int | None, no_migrate: bool, offline: bool) -> None:
    """Serve live connections until Ctrl-C: WebSocket at /live/ws, a stream of events at /api/v1/events."""
    if no_migrate:
        settings = environment_settings()
        require_database(settings)
        run_live(settings, system_clock, host=host, port=port or settings.live_port or DEFAULT_PORT)
        return
    with opened(offline=offline) as resources:
        chosen = port or resources.settings.live_port or DEFAULT_PORT
        aside.print(f"Live connections at ws://{host}:{chosen}{WEBSOCKET_PATH}", soft_wrap=True)
        run_live(resources.settings, resources.clock, host=host, port=chosen)
