"""Models and the jobs that train them as JSON."""

from __future__ import annotations

from dataclasses import fields
from typing import TYPE_CHECKING, Any

import msgspec

from common.api.serialize_values import utc
from common.store.jobs import WORKER_DIED
from common.store.reads.jobs import job_row
from common.store.reads.models import ListedModel, latest_trainings, models_page

if TYPE_CHECKING:
    from collections.abc import Mapping

    from common.store.engine import Connection
    from common.store.reads.jobs import JobRow

_FIELDS = [field.name for field in fields(ListedModel)]
_TIMES = ("trained_at", "window_start", "window_end", "promoted_at")


def models_json(
    connection: Connection, filters: Mapping[str, str | None], *, limit: int, offset: int
) -> tuple[int, str]:
    """(number of all, JSON array of one page), newest first; metrics without the leads."""
    total, page = models_page(connection, filters, limit=limit, offset=offset)
    return total, _json([shown_model(row) for row in page])


def trainings_json(connection: Connection, city: str, target: str) -> str | None:
    """JSON object: family → its latest live model, metrics whole; None where none was ever trained."""
    latest = latest_trainings(connection, city, target)
    return _json({family: shown_model(row) for family, row in latest.items()}) if latest else None


def shown_model(row: ListedModel) -> dict[str, Any]:
    """A model as it is listed; its metrics as they are stored."""
    shown = {name: getattr(row, name) for name in _FIELDS}
    times = {name: utc(shown[name]) for name in _TIMES}
    return shown | times | {"metrics": msgspec.Raw(row.metrics.encode())}


def job_json(connection: Connection, id_: int, type_: str) -> str | None:
    """JSON object of a job of that type: see `common.api.schemas.models.Job`; None where there is none."""
    row = job_row(connection, id_, type_)
    return None if row is None else _json(shown_job(row))


def shown_job(row: JobRow) -> dict[str, Any]:
    """A job as whoever asked for it sees it.

    One whose attempt failed waits for the next; one whose worker fell silent has failed too.
    """
    waits = row.state == "queued" and row.attempts > 0
    state = row.state
    if row.overdue:
        state = "dead" if row.attempts >= row.max_attempts else "failed"
    elif waits:
        state = "failed"
    return {
        "id": row.id,
        "city": row.payload["city"],
        "state": state,
        "attempts": row.attempts,
        "max_attempts": row.max_attempts,
        "created_at": utc(row.created_at),
        "started_at": utc(row.started_at),
        "finished_at": utc(row.finished_at),
        "retry_at": utc(row.available_at) if waits and not row.elsewhere else None,
        "families": row.payload.get("families"),
        "force": row.payload.get("force", True),
        "error": WORKER_DIED if row.overdue else row.error,
        "outcome": row.outcome if row.state == "done" else None,
    }


def _json(content: object) -> str:
    return msgspec.json.encode(content).decode()
