"""Answers that are dear to make, kept in the database until the data they are made of change, or the hour does.

So any process makes one quickly that another has made, without Redis and with an empty memory.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from common.store.engine import run

if TYPE_CHECKING:
    from datetime import datetime

    from common.store.engine import Connection


def find(connection: Connection, name: str, hour: datetime) -> tuple[int, str | None]:
    """(the version of the data now, the answer if it was made of that one in that hour)."""
    [(version, body)] = run(
        connection,
        """
        SELECT version, (
          SELECT body FROM stored_response AS kept
          WHERE name = :name AND kept.version = version.version AND hour = :hour)
        FROM version WHERE what = 'data'
        """,
        name=name,
        hour=hour,
    )
    return version, body


def keep(connection: Connection, name: str, version: int, hour: datetime, body: str) -> None:
    """Keep an answer made after that version was read, in the place of an older one."""
    run(
        connection,
        """
        INSERT INTO stored_response (name, version, hour, body) VALUES (:name, :version, :hour, :body)
        ON CONFLICT (name) DO UPDATE SET version = excluded.version, hour = excluded.hour, body = excluded.body
        WHERE (stored_response.version, stored_response.hour) < (excluded.version, excluded.hour)
        """,
        name=name,
        version=version,
        hour=hour,
        body=body,
    )
