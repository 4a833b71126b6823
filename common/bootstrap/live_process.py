"""The process ``vayu live``: WebSocket and streams from one asyncio loop."""

from __future__ import annotations

import asyncio
import errno
from typing import TYPE_CHECKING

from common.domain.errors import StoreError
from common.store.engine import Database

if TYPE_CHECKING:
    from common.config import Settings
    from common.ports import Clock

DEFAULT_PORT = 8081


def run_live(settings: Settings, clock: Clock, *, host: str, port: int) -> None:
    """Serve live connections until told to stop. Nobody waits long for an answer here: the limits are short.

    Raises:
        StoreError: when the port cannot be listened on.
    """
    from common.live.admission import Options
    from common.live.server import serve

    url = settings.database_url or ""
    database = Database(url, pool_size=1, readers=3, statement_timeout_s=5, connect_timeout_s=5)
    notifier = None
    if settings.listen_url != "none":
        notifier = Database(settings.listen_url or url, statement_timeout_s=5, connect_timeout_s=5)
    patience_s = max(2.0, 0.4 * settings.live_ping_s)
    options = Options(
        needs_token=settings.api_reads == "token",
        origins=settings.cors_origins,
        trusted_proxies=settings.trusted_proxies,
        proxy_token=settings.proxy_token,
        connections=settings.live_connections,
        per_address=settings.live_per_address,
        ping_s=settings.live_ping_s,
        hello_s=patience_s,
        stall_s=patience_s,
    )
    try:
        asyncio.run(serve(database, notifier, clock, options, (host, port)))
    except OSError as error:
        why = "is taken" if error.errno == errno.EADDRINUSE else f"cannot be had ({error.strerror})"
        raise StoreError(f"port {port} of {host} {why}; choose another: vayu live --port …") from error
    finally:
        database.close()
        if notifier is not None:
            notifier.close()
