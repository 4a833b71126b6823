"""``serve``: the API on a server of one's own, by gunicorn."""

from __future__ import annotations

import errno
import os
import socket
import sys
from typing import TYPE_CHECKING

import click

from common.bootstrap.container import environment_settings
from common.cli.main import main
from common.domain.errors import ConfigError, StoreError

if TYPE_CHECKING:
    from common.config import Settings

_TIMEOUT_S = 60
"""A worker whose loop says nothing for so long is replaced."""
_DRAIN_S = 30
"""How long requests in hand may take after SIGTERM."""


@main.command()
@click.option("--host", default="127.0.0.1", show_default=True, help="0.0.0.0 in a container.")
@click.option("--port", type=click.IntRange(1, 65535), help="Default: PORT, else 8080.")
@click.option("--workers", type=click.IntRange(1, 64), default=2, show_default=True, help="Processes.")
@click.option("--threads", type=click.IntRange(1, 64), default=4, show_default=True, help="Of each process.")
def serve(host: str, port: int | None, workers: int, threads: int) -> None:
    """Serve the API and the built dashboard by gunicorn until told to stop; requests in hand are finished.

    It migrates nothing, and needs a proxy in front of it where strangers can reach it: docs/containers.md.
    """
    settings = environment_settings()
    require_database(settings)
    chosen = port or settings.port
    refuse_unusable(host, chosen)
    options = {
        "bind": f"[{host}]:{chosen}" if ":" in host else f"{host}:{chosen}",
        "workers": workers,
        "worker-class": "gthread",
        "threads": threads,
        "timeout": _TIMEOUT_S,
        "graceful-timeout": _DRAIN_S,
        # Not on a disk, whose stalls would look like a worker's.
        "worker-tmp-dir": "/dev/shm" if os.path.isdir("/dev/shm") else None,  # noqa: PTH112, S108
        "log-level": "warning",
        # Whether the client came by TLS, as the proxy in front says; without one of ours nobody is believed.
        "forwarded-allow-ips": "*" if settings.trusted_proxies else "127.0.0.1",
    }
    words = [f"--{name}={value}" for name, value in options.items() if value is not None]
    application = "common.bootstrap.api:build()"
    os.execv(sys.executable, [sys.executable, "-m", "gunicorn", "--no-control-socket", *words, application])  # noqa: S606


def require_database(settings: Settings) -> None:
    """Refuse settings that name no database: a server starts none by itself.

    Raises:
        ConfigError: when DATABASE_URL is not set.
    """
    if settings.database_url is None:
        raise ConfigError(
            "DATABASE_URL is not set; it must look like postgresql://user:password@host:5432/name"
        )


def refuse_unusable(host: str, port: int) -> None:
    """See that the address can be listened on: gunicorn would try for five seconds, and log a trace.

    Raises:
        StoreError: when it is taken, or not this machine's.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            why = "is taken" if error.errno == errno.EADDRINUSE else f"cannot be had ({error.strerror})"
            raise StoreError(
                f"port {port} of {host} {why}; choose another: vayu serve --port …, or PORT"
            ) from error
