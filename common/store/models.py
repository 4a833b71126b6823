"""Models as the database knows them; the files themselves lie in the object store."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from common.domain.errors import NotFound
from common.domain.model_retention import KEPT_AFTER_USE, KeptModel, files_to_give_up
from common.domain.observation import HOUR
from common.store.engine import run

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    from common.domain.forecast import Mode
    from common.store.engine import Connection


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


CHALLENGE_PERIOD = timedelta(days=7)
"""So long a former champion of another family, or one that was replaced by hand, is followed beside the present one."""
HELD = timedelta(days=14)
"""So long a champion that was chosen by hand is replaced on evidence only."""


def promote(
    connection: Connection, version: str, *, reason: str, now: datetime, hold: bool = False
) -> str | None:
    """Make a model the champion of its city, target and mode, and retire the one before it; its version.

    The one before is followed for some days where it was of another family. `hold`: it was chosen by hand or by its
    own record, so that for `HELD` being fresher is no reason to replace it; and the one before is followed anyway.

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
    former = run(
        connection,
        """
        UPDATE model SET status = 'retired', reason = 'replaced by ' || CAST(:version AS text), held_until = NULL,
          challenger_until = CASE WHEN :hold OR (model.family <> next.family AND model.family <> 'naive')
                              THEN CAST(:followed AS timestamptz) END
        FROM model AS next
        WHERE next.version = :version AND model.status = 'champion' AND model.version <> next.version
          AND (model.city, model.target, model.mode) = (next.city, next.target, next.mode)
        RETURNING model.version
        """,
        version=version,
        hold=hold,
        followed=now + CHALLENGE_PERIOD,
    )
    promoted = run(
        connection,
        """
        UPDATE model SET status = 'champion', reason = :reason, promoted_at = :now, challenger_until = NULL,
          held_until = CASE WHEN :hold THEN CAST(:until AS timestamptz) END
        WHERE version = :version AND pruned_at IS NULL RETURNING 1
        """,
        version=version,
        reason=reason,
        now=now,
        hold=hold,
        until=now + HELD,
    )
    if not promoted:
        raise NotFound(f"the file of model {version} has been dropped since; train the city again")
    return former[0][0] if former else None


def roll_back(
    connection: Connection, city: str, target: str, mode: Mode, *, now: datetime
) -> tuple[str, str]:
    """Serve again the former champion that was trained last before the present one; (now served, before).

    Raises:
        NotFound: when there is none whose file is still there.
    """
    rows = run(
        connection,
        """
        SELECT former.version, present.version FROM model AS former JOIN model AS present USING (city, target, mode)
        WHERE city = :city AND target = :target AND mode = :mode AND present.status = 'champion'
          AND former.status = 'retired' AND former.pruned_at IS NULL
          AND (former.trained_at, former.version) < (present.trained_at, present.version)
        ORDER BY former.trained_at DESC, former.version DESC LIMIT 1
        """,
        city=city,
        target=target,
        mode=mode,
    )
    if not rows:
        raise NotFound(f"{city} has no former model of {target} to go back to; see: vayu models list {city}")
    version, present = rows[0]
    promote(connection, version, reason=f"rolled back from {present}", now=now, hold=True)
    return version, present


def is_held(connection: Connection, version: str, *, now: datetime) -> bool:
    """Whether the model was chosen by hand, so lately that being fresher is no reason to replace it."""
    [(held,)] = run(
        connection,
        "SELECT COALESCE(held_until > CAST(:now AS timestamptz), false) FROM model WHERE version = :version",
        version=version,
        now=now,
    )
    return bool(held)


def give_up_files(connection: Connection, *, now: datetime) -> int:
    """Mark the models whose files are needed no more, by the rule of `common.domain.model_retention`; how many.

    Rows stay: forecasts trace back to them. Once this transaction has ended, none of the marked can be promoted any
    more, and `given_up` tells whose files may be deleted.
    """
    # Locked, so that none of them is promoted meanwhile.
    rows = run(
        connection,
        """
        SELECT version, city, target, mode, status = 'champion', trained_at, promoted_at, challenger_until
        FROM model WHERE pruned_at IS NULL ORDER BY version FOR UPDATE
        """,
    )
    since = now - KEPT_AFTER_USE
    used = run(
        connection,
        "SELECT DISTINCT model_version FROM forecast WHERE issued_at >= :since AND origin >= :first",
        since=since,
        first=since - HOUR,  # of a forecast that was issued then; older parts of the table are not looked at
    )
    models = (KeptModel(version, (city, target, mode), *rest) for version, city, target, mode, *rest in rows)
    needless = files_to_give_up(models, {version for (version,) in used}, now)
    run(
        connection,
        "UPDATE model SET pruned_at = :now WHERE version = ANY(:versions)",
        now=now,
        versions=needless,
    )
    return len(needless)


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


def known_versions(connection: Connection, versions: Iterable[str]) -> set[str]:
    """Those of `versions` that there is a model of."""
    rows = run(
        connection, "SELECT version FROM model WHERE version = ANY(:versions)", versions=list(versions)
    )
    return {version for (version,) in rows}


def model(connection: Connection, version: str) -> ModelRow:
    """One model.

    Raises:
        NotFound: when there is none of that version.
    """
    rows = run(
        connection, f"SELECT {_FIELDS}, metrics::text FROM model WHERE version = :version", version=version
    )
    if not rows:
        raise NotFound(f"there is no model {version[:200]}")
    *fields, metrics = rows[0]
    return ModelRow(*(*fields, json.loads(metrics)))


def forget_replay(connection: Connection, city: str) -> list[str]:
    """Delete a city's replay models and forecasts, so that a new replay starts clean; the versions deleted."""
    run(connection, "DELETE FROM forecast WHERE city = :city AND mode = 'replay'", city=city)
    run(connection, "DELETE FROM training_plan WHERE city = :city AND mode = 'replay'", city=city)
    rows = run(
        connection, "DELETE FROM model WHERE city = :city AND mode = 'replay' RETURNING version", city=city
    )
    return [version for (version,) in rows]


def served(connection: Connection, mode: Mode) -> set[tuple[str, str]]:
    """(city, target) of all that have a champion."""
    rows = run(
        connection, "SELECT city, target FROM model WHERE mode = :mode AND status = 'champion'", mode=mode
    )
    return {(city, target) for city, target in rows}
