"""The function ``api``: the Flask application over the store."""

from __future__ import annotations

from typing import TYPE_CHECKING

from common.api import ApiContext, create_app
from common.bootstrap.parts import Parts, assemble

if TYPE_CHECKING:
    from flask import Flask


def build(parts: Parts | None = None) -> Flask:
    """The application; it connects at its first request."""
    # Whoever waits for an answer gives up long before the minute that other functions may take.
    whole = parts or assemble(pool_size=4, statement_timeout_s=15, connect_timeout_s=5)
    return create_app(ApiContext(database=whole.database, clock=whole.clock, queue=whole.queue))
