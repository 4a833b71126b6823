"""What gunicorn serves here: the function's own application at a fixed present, and a bare Flask one."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from benchmarks.storage.__main__ import END

if TYPE_CHECKING:
    from flask import Flask

NOW = END + timedelta(minutes=20)


def vayu() -> Flask:
    """The API as it is deployed, but for its clock."""
    from common.bootstrap.api import build
    from common.bootstrap.container import assemble

    return build(
        assemble(clock=lambda: NOW, pool_size=4, writers=1, statement_timeout_s=15, connect_timeout_s=5)
    )


def hello() -> Flask:
    """Flask with one address."""
    from flask import Flask

    app = Flask(__name__)

    @app.get("/")
    def greet() -> str:
        return "hello"

    return app
