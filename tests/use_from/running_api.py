"""The API over a database on a real port."""

from __future__ import annotations

import threading
from contextlib import closing, contextmanager
from typing import TYPE_CHECKING

from browser.filled_database import NOW
from factories import Clock
from werkzeug.serving import make_server

from common.adapters.postgres.queue import PostgresQueue
from common.api import ApiContext, create_app
from common.api.context import Policy
from common.store.engine import Database

if TYPE_CHECKING:
    from collections.abc import Iterator


@contextmanager
def running_api(url: str, *, reads_need_token: bool = False) -> Iterator[str]:
    """Its address, for as long as it runs."""
    clock = Clock(NOW)
    with closing(Database(url)) as database:
        context = ApiContext(
            database,
            clock,
            PostgresQueue(database, clock),
            policy=Policy(cache_bytes=8 << 20, reads_need_token=reads_need_token),
        )
        server = make_server("127.0.0.1", 0, create_app(context), threaded=True)
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()
            server.server_close()
            context.probe.close()
