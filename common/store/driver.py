"""The driver, pg8000: how it connects, whether a connection is alive, and its end."""

from __future__ import annotations

import socket
from contextlib import ExitStack, suppress
from typing import Any

from pg8000.exceptions import Error
from pg8000.legacy import Connection

from common.domain.errors import StoreError
from common.store.faults import LESSER

_OFFERS_LESS = (
    "SELECT to_regclass('city_daily') IS NOT NULL "
    "AND current_setting('timescaledb.license', true) IS DISTINCT FROM 'timescale'"
)


def connect(arguments: dict[str, Any], *, seconds: float, answer_s: float) -> Connection:
    """A connection; `seconds` to make it, `answer_s` for each answer to come. `arguments`: see `driver_arguments`.

    Raises:
        pg8000.exceptions.Error, OSError: when there is none to be had.
        StoreError: when the server offers less than the one that the database was set up on. Such a server does
            not fail where chunks are compressed: it answers as if there were no rows in them.
    """
    with ExitStack() as closing:
        opened = None
        if "unix_sock" not in arguments:
            # A socket of ours: pg8000 forgets to close its own where no connection comes of it.
            address = (arguments["host"], arguments["port"])
            opened = closing.enter_context(socket.create_connection(address, seconds))
            opened.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            opened.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        connection = Connection(**arguments, timeout=seconds, sock=opened)
        closing.callback(end, connection)
        # pg8000 keeps the time-out of connecting for every answer; the server's own statement timeout is longer.
        connection._usock.settimeout(answer_s)
        if connection.execute_simple(_OFFERS_LESS).rows == [[True]]:
            raise StoreError(LESSER)
        closing.pop_all()
        return connection


def alive(connection: Connection, seconds: float) -> bool:
    """Whether a kept connection gives a sign of life in time."""
    try:
        waits = connection._usock.gettimeout()
        connection._usock.settimeout(seconds)
        connection.execute_simple("SELECT 1")
        connection._usock.settimeout(waits)
    except (OSError, AttributeError, Error):  # without a socket where it was ended before
        return False
    return True


def end(connection: Connection) -> None:
    """Close a connection in whatever state it is, and its socket in any case."""
    opened = (connection._sock, connection._usock)
    with suppress(OSError, Error):
        connection.close()
    for each in opened:
        if each is not None:  # pg8000 leaves the file over the socket, and so the socket, to the collector
            with suppress(OSError):
                each.close()
