"""Waiting for PostgreSQL's notifications, where the way to the server lets them through.

pg8000 takes notifications in with whatever answer it reads next, and cannot wait for them. The socket is our own
(`common.store.connection`), so this waits until something can be read on it, and then has an empty answer read. What
had come before that answer counts as seen: read the table after `wait`, not before it.

Behind PgBouncer in transaction mode, LISTEN reaches some session of the server, which is another client's a moment
later. That fails silently, so a notification of our own must arrive first.
"""

from __future__ import annotations

import selectors
from contextlib import contextmanager
from secrets import token_hex
from typing import TYPE_CHECKING

from common.domain.errors import StoreError
from common.store.engine import Connection, Database, run

if TYPE_CHECKING:
    import socket
    from collections.abc import Iterator

    from common.store.connection import DriverConnection

_CHECK_CHANNEL = "vayu_listen_check"
_CHECK_WITHIN_S = 2.0


class NotificationsUnavailable(StoreError):
    """The way to the server lets no notifications through, as PgBouncer's transaction mode does."""


class Listener:
    """A connection on which the server says that something was committed."""

    def __init__(self, connection: Connection, interrupt: socket.socket) -> None:
        self._connection = connection
        driver: DriverConnection = connection.connection.dbapi_connection  # type: ignore[assignment]
        self._driver = driver
        self._selector = selectors.DefaultSelector()  # select.select knows no descriptor above 1023
        self._selector.register(driver.fileno(), selectors.EVENT_READ)
        self._selector.register(interrupt, selectors.EVENT_READ)

    def wait(self, seconds: float) -> bool:
        """Wait for a notification, the interrupt, or `seconds`; whether there was a notification.

        Raises:
            StoreError: when the connection is lost.
        """
        ready = {key.fileobj for key, _ in self._selector.select(seconds)}
        if ready and self._driver.fileno() not in ready:
            return False
        run(self._connection, "SELECT 1")  # takes in what has come; where nothing has, a sign of life
        received = bool(self._driver.notifications)
        self._driver.notifications.clear()
        return received

    def check(self, database: Database) -> None:
        """See that notifications arrive.

        Raises:
            NotificationsUnavailable: when a notification of our own does not.
            StoreError: when a connection is lost.
        """
        with database.transaction() as connection:
            run(
                connection,
                "SELECT pg_notify(:channel, :payload)",
                channel=_CHECK_CHANNEL,
                payload=token_hex(8),
            )
        # Nothing is sent on the connection meanwhile: through PgBouncer, an answer could bring the notification along.
        ready = {key.fileobj for key, _ in self._selector.select(_CHECK_WITHIN_S)}
        if self._driver.fileno() not in ready or not self.wait(0):
            run(self._connection, "UNLISTEN *")
            raise NotificationsUnavailable("the database's notifications do not come through")

    def close(self) -> None:
        """Forget the connection, which is not closed by this."""
        self._selector.close()


@contextmanager
def listening(
    address: Database, database: Database, channel: str, interrupt: socket.socket
) -> Iterator[Listener]:
    """Listen on a connection of its own to `address`, the way that lets notifications through.

    `database` is the same database, whatever the way to it. `interrupt` ends each wait when it can be read.

    Raises:
        NotificationsUnavailable: when notifications do not come through.
        StoreError: when the server cannot be reached.
    """
    with address.statements() as connection:
        for name in (channel, _CHECK_CHANNEL):
            run(connection, f'LISTEN "{name}"')
        listener = Listener(connection, interrupt)
        try:
            listener.check(database)
            yield listener
        finally:
            listener.close()
