"""Models as the database knows them; the files themselves lie in the object store."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from common.domain.errors import NotFound
from common.domain.forecast import NAIVE, Mode
from common.store.engine import run

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    from sqlalchemy import Connection


@dataclass(frozen=True, slots=True)
class ModelRow:
    """One trained model: its identity, the data it saw and how it did on data it had not seen."""

    version: str
    city: str
    target: str
    mode: Mode
    family: str
    status: str
    reason: str
    """Why it has this status, in words."""
    trained_at: datetime
    window_start: datetime
    window_end: datetime
    samples: int
    features_hash: str
    checksum: str
    """SHA-256 of the ONNX file."""
    metrics: dict[str, Any]


_FIELDS = (
    "version, city, target, mode, family, status, reason, trained_at, window_start, window_end, "
    "samples, features_hash, checksum"
)


def insert_model(connection: Connection, model: ModelRow) -> None:
    """Add a model; one of the same version is left as it is."""
    run(
        connection,
        f"""
        INSERT INTO model ({_FIELDS}, metrics)
        VALUES (:version, :city, :target, :mode, :family, :status, :reason, :trained_at, :window_start,
                :window_end, :samples, :features_hash, :checksum, CAST(:metrics AS jsonb))
        ON CONFLICT (version) DO NOTHING
        """,
        **{name: getattr(model, name) for name in _FIELDS.split(", ")},
        metrics=json.dumps(model.metrics),
    )


def promote(connection: Connection, version: str, *, reason: str, now: datetime) -> None:
    """Make a model the champion of its city, target and mode, and retire the one before it.

    Raises:
        NotFound: when there is no such model, or its file has been given up.
    """
    # One promotion at a time: two at once would each retire the old champion and make their own.
    locked = run(
        connection,
        """
        SELECT pg_advisory_xact_lock(hashtext('champion'), hashtext(city || '/' || target || '/' || mode))
        FROM model WHERE version = :version
        """,
        version=version,
    )
    if not locked:
        raise NotFound(f"there is no model {version}")
    run(
        connection,
        """
        UPDATE model SET status = 'retired', reason = 'replaced by ' || CAST(:version AS text)
        FROM model AS next
        WHERE next.version = :version AND model.status = 'champion' AND model.version <> next.version
          AND (model.city, model.target, model.mode) = (next.city, next.target, next.mode)
        """,
        version=version,
    )
    promoted = run(
        connection,
        """
        UPDATE model SET status = 'champion', reason = :reason, promoted_at = :now
        WHERE version = :version AND pruned_at IS NULL RETURNING 1
        """,
        version=version,
        reason=reason,
        now=now,
    )
    if not promoted:
        raise NotFound(f"the file of model {version} has been dropped since; train the city again")


KEPT_TO_GO_BACK = 5
"""So many former champions of each city, target and mode keep their files."""


def give_up_files(connection: Connection, *, now: datetime) -> int:
    """Mark the models whose files are needed no more; how many are new among them.

    Kept are champions, the last `KEPT_TO_GO_BACK` before them, what a forecast of the last 48 hours was made
    with, and what was trained within them. Rows stay: forecasts trace back to them. Once this transaction has
    ended, none of the marked can be promoted any more, and `given_up` tells whose files may be deleted.
    """
    rows = run(
        connection,
        """
        WITH former AS (
          SELECT version, row_number() OVER (PARTITION BY city, target, mode ORDER BY promoted_at DESC, version) AS ago
          FROM model WHERE promoted_at IS NOT NULL AND status <> 'champion'
        )
        UPDATE model SET pruned_at = :now
        WHERE pruned_at IS NULL AND status <> 'champion'
          AND trained_at < CAST(:now AS timestamptz) - interval '48 hours'
          AND version NOT IN (SELECT version FROM former WHERE ago <= :kept)
          AND NOT EXISTS (
            SELECT FROM forecast
            WHERE forecast.city = model.city AND forecast.target = model.target AND forecast.mode = model.mode
              AND forecast.model_version = model.version
              AND forecast.issued_at >= CAST(:now AS timestamptz) - interval '48 hours')
        RETURNING 1
        """,
        now=now,
        kept=KEPT_TO_GO_BACK,
    )
    return len(rows)


def given_up(connection: Connection, versions: Iterable[str]) -> list[str]:
    """Those of `versions` whose files are needed no more."""
    rows = run(
        connection,
        """
        SELECT version FROM model
        WHERE pruned_at IS NOT NULL
          AND version IN (SELECT jsonb_array_elements_text(CAST(:versions AS jsonb)))
        """,
        versions=json.dumps(sorted(versions)),
    )
    return [version for (version,) in rows]


def champion(connection: Connection, city: str, target: str, mode: Mode) -> ModelRow | None:
    """The model that is served for a city and target; None where none was ever promoted."""
    rows = run(
        connection,
        f"""
        SELECT {_FIELDS}, metrics::text FROM model
        WHERE city = :city AND target = :target AND mode = :mode AND status = 'champion'
        """,
        city=city,
        target=target,
        mode=mode,
    )
    if not rows:
        return None
    *fields, metrics = rows[0]
    return ModelRow(*(*fields, json.loads(metrics)))


def latest_training(connection: Connection, mode: Mode) -> dict[str, datetime]:
    """City → when it was last trained."""
    rows = run(
        connection, "SELECT city, max(trained_at) FROM model WHERE mode = :mode GROUP BY city", mode=mode
    )
    return dict(rows)


def forget_replay(connection: Connection, city: str) -> list[str]:
    """Delete a city's replay models and forecasts, so that a new replay starts clean; the versions deleted."""
    run(connection, "DELETE FROM forecast WHERE city = :city AND mode = 'replay'", city=city)
    rows = run(
        connection, "DELETE FROM model WHERE city = :city AND mode = 'replay' RETURNING version", city=city
    )
    return [version for (version,) in rows]


def due_for_training(connection: Connection, *, now: datetime) -> dict[str, str]:
    """City → why it should be trained now: never trained, a day's new hours, or a champion that fails live.

    A champion fails where its live R² over the last 7 days is below 0.75, or it does worse than a naive forecast.
    """
    rows = run(
        connection,
        f"""
        WITH trained AS (
          SELECT city, max(window_end) AS until FROM model WHERE mode = 'live' GROUP BY city
        ), fresh AS (
          SELECT city, count(*) AS hours FROM city_hour
          WHERE time > CAST(:now AS timestamptz) - interval '1 day' AND time <= :now
            AND aqi IS NOT NULL AND basis IS NOT NULL GROUP BY city
        ), live AS (
          SELECT city, avg((y[lead] - actual[lead]) ^ 2) / NULLIF(var_pop(actual[lead]), 0) AS unexplained,
                 avg(abs(y[lead] - actual[lead])) AS mae,
                 LEAST({", ".join(f"avg(abs({name}[lead] - actual[lead]))" for name in NAIVE)}) AS naive
          FROM forecast JOIN forecast_truth USING (city, target, mode, origin), generate_series(1, 48) AS lead
          WHERE mode = 'live' AND target = 'aqi' AND actual[lead] IS NOT NULL
            AND origin > CAST(:now AS timestamptz) - interval '7 days' AND origin <= :now
          GROUP BY city
        )
        SELECT fresh.city, CASE
          WHEN trained.until IS NULL THEN 'never trained'
          WHEN live.unexplained > 0.25 THEN 'live R² below 0.75'
          WHEN live.mae > live.naive THEN 'worse than the naive forecast'
          ELSE '20 or more new hours' END
        FROM fresh LEFT JOIN trained USING (city) LEFT JOIN live USING (city)
        WHERE trained.until IS NULL OR live.unexplained > 0.25 OR live.mae > live.naive
           OR (fresh.hours >= 20 AND trained.until <= CAST(:now AS timestamptz) - interval '20 hours')
        ORDER BY fresh.city
        """,
        now=now,
    )
    return dict(rows)
