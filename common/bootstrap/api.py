"""The function ``api``: the Flask application over the store."""

from __future__ import annotations

from typing import TYPE_CHECKING

from common.api import ApiContext, create_app
from common.bootstrap.parts import Parts, assemble

if TYPE_CHECKING:
    from flask import Flask


def build(parts: Parts | None = None) -> Flask:
    """The application; it connects at its first request."""
    whole = parts or assemble()
    return create_app(ApiContext(database=whole.database, clock=whole.clock, queue=whole.queue))
