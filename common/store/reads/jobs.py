"""Jobs as they are shown to whoever asked for them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from common.store.engine import run
from common.store.reads.stamp import utc

if TYPE_CHECKING:
    from common.store.engine import Connection

if TYPE_CHECKING:
    from common.store.engine import Connection

_OVERDUE = "(state = 'running' AND leased_until <= clock_timestamp())"
_STATE = f"""CASE
  WHEN {_OVERDUE} THEN CASE WHEN attempts >= max_attempts THEN 'dead' ELSE 'failed' END
  WHEN state = 'queued' AND attempts > 0 THEN 'failed' ELSE state END"""
"""A job whose attempt failed waits for the next one; one whose worker fell silent has failed too."""


def job_json(connection: Connection, id_: int, type_: str) -> str | None:
    """JSON object of a job of that type: see `common.api.schemas.models.Job`; None where there is none."""
    rows = run(
        connection,
        f"""
        SELECT json_build_object(
          'id', id, 'city', payload ->> 'city', 'state', {_STATE}, 'attempts', attempts, 'max_attempts', max_attempts,
          'created_at', {utc("created_at")}, 'started_at', {utc("started_at")}, 'finished_at', {utc("finished_at")},
          'retry_at', CASE WHEN state = 'queued' AND attempts > 0 AND available_at < 'infinity'
                           THEN {utc("available_at")} END,
          'families', payload -> 'families', 'force', COALESCE(payload -> 'force', 'true'),
          'error', CASE WHEN {_OVERDUE} THEN 'the worker died or took too long'
                        ELSE error END,
          'outcome', CASE WHEN state = 'done' THEN outcome END)::text
        FROM job WHERE id = CAST(:id AS bigint) AND type = :type AND payload -> 'city' IS NOT NULL
        """,
        id=id_,
        type=type_,
    )
    return str(rows[0][0]) if rows else None
