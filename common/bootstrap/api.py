"""The function ``api``: the Flask application over the store."""

from __future__ import annotations

from typing import TYPE_CHECKING

from common.api import ApiContext, create_app
from common.bootstrap.parts import Parts, assemble
from common.store.engine import Database

if TYPE_CHECKING:
    from flask import Flask


def build(parts: Parts | None = None) -> Flask:
    """The application; it connects at its first request."""
    whole = parts or assemble()
    # Whoever waits for an answer gave up long before the minute that other functions may take.
    database = Database(whole.database.url, pool_size=8, statement_timeout_s=15, connect_timeout_s=5)
    return create_app(ApiContext(database=database, clock=whole.clock, queue=whole.queue))
