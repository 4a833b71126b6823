"""The function ``live``: API Gateway's WebSocket, and the events for those who are connected."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING

from common.bootstrap.container import assemble, environment_settings
from common.domain.errors import ConfigError
from common.services.live import Live

if TYPE_CHECKING:
    from common.config import Settings
    from common.ports import LiveConnections

CONNECTIONS = 1
"""To the database, of one instance: each deals with one message at a time, and shares the server with all others."""
_TABLE = re.compile(r"dynamodb://([a-z0-9-]+)/([\w.-]+)")


def build(settings: Settings | None = None) -> Live:
    """The service; it connects at its first use.

    Raises:
        ConfigError: when the settings do not say where connections are stored and reached.
    """
    chosen = settings or environment_settings()
    resources = assemble(
        replace(chosen, database_connections=None),
        pool_size=CONNECTIONS,
        statement_timeout_s=10,
        connect_timeout_s=5,
    )
    return Live(
        resources.database,
        live_connections(chosen),
        resources.clock,
        origins=chosen.cors_origins,
        needs_token=chosen.api_reads == "token",
    )


def live_connections(settings: Settings) -> LiveConnections:
    """Where connections are stored and reached.

    Raises:
        ConfigError: when the settings do not say so.
    """
    match = _TABLE.fullmatch(settings.live_table or "")
    if match is None:
        raise ConfigError(f"VAYU_LIVE_TABLE must be 'dynamodb://region/table', not {settings.live_table!r}")
    if settings.live_post_url is None:
        raise ConfigError("VAYU_LIVE_POST_URL must be where API Gateway takes messages: https://…/stage")
    from common.adapters.aws.connections import ApiGatewayConnections

    return ApiGatewayConnections(match[1], match[2], settings.live_post_url)
