"""Models as the database knows them; the files themselves lie in the object store."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from common.domain.errors import NotFound
from common.domain.forecast import NAIVE, Mode
from common.store.engine import run

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from datetime import date, datetime

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


_LATELY = "CAST(:now AS timestamptz) - interval"
FORMER_FOLLOWED = timedelta(days=7)
"""So long a former champion of another family, or one that was replaced by hand, is followed beside the present one."""
CHALLENGER_FOLLOWED = timedelta(days=14)
"""So long a challenger is followed where no later training names another."""
HELD = timedelta(days=14)
"""So long a champion that was chosen by hand, or by its own record, is replaced on evidence only."""
MOST_FOLLOWED = 2
"""Models of a city and target that are followed at the same time."""


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
          shadow_until = CASE WHEN :hold OR (model.family <> next.family AND model.family <> 'naive')
                              THEN CAST(:followed AS timestamptz) END
        FROM model AS next
        WHERE next.version = :version AND model.status = 'champion' AND model.version <> next.version
          AND (model.city, model.target, model.mode) = (next.city, next.target, next.mode)
        RETURNING model.version
        """,
        version=version,
        hold=hold,
        followed=now + FORMER_FOLLOWED,
    )
    promoted = run(
        connection,
        """
        UPDATE model SET status = 'champion', reason = :reason, promoted_at = :now, shadow_until = NULL,
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


def follow(connection: Connection, version: str | None, champion: str, *, now: datetime) -> None:
    """Follow this challenger beside the `champion`, and no longer the challenger before it; None: no challenger."""
    run(
        connection,
        """
        UPDATE model SET shadow_until = CASE WHEN model.version = :version THEN CAST(:until AS timestamptz) END
        FROM model AS served
        WHERE served.version = :champion AND model.status IN ('rejected', 'candidate')
          AND (model.city, model.target, model.mode) = (served.city, served.target, served.mode)
          AND (model.shadow_until IS NOT NULL OR model.version = :version)
        """,
        version=version or "",
        champion=champion,
        until=now + CHALLENGER_FOLLOWED,
    )


def followed(connection: Connection, city: str, target: str, mode: Mode, *, now: datetime) -> list[str]:
    """Versions of the models that forecast beside the champion, `MOST_FOLLOWED` at most, the newest first."""
    rows = run(
        connection,
        """
        SELECT version FROM model
        WHERE city = :city AND target = :target AND mode = :mode AND shadow_until > CAST(:now AS timestamptz)
          AND trained_at <= :now AND status <> 'champion' AND pruned_at IS NULL
        ORDER BY trained_at DESC, version LIMIT :most
        """,
        city=city,
        target=target,
        mode=mode,
        now=now,
        most=MOST_FOLLOWED,
    )
    return [version for (version,) in rows]


KEPT_TO_GO_BACK = 5
"""So many former champions of each city, target and mode keep their files."""


def give_up_files(connection: Connection, *, now: datetime) -> int:
    """Mark the models whose files are needed no more; how many are new among them.

    Kept are champions, the last `KEPT_TO_GO_BACK` before them, what is followed beside them, what a forecast of the
    last 48 hours was made with, and what was trained within them. Rows stay: forecasts
    trace back to them. Once this transaction has ended, none of the marked can be promoted any more, and `given_up`
    tells whose files may be deleted.
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
          AND (shadow_until IS NULL OR shadow_until <= CAST(:now AS timestamptz))
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


def latest_training(connection: Connection, mode: Mode) -> dict[str, datetime]:
    """City → when it was last trained."""
    rows = run(
        connection, "SELECT city, max(trained_at) FROM model WHERE mode = :mode GROUP BY city", mode=mode
    )
    return dict(rows)


def forget_replay(connection: Connection, city: str) -> list[str]:
    """Delete a city's replay models and forecasts, so that a new replay starts clean; the versions deleted."""
    run(connection, "DELETE FROM forecast WHERE city = :city AND mode = 'replay'", city=city)
    run(connection, "DELETE FROM training_plan WHERE city = :city AND mode = 'replay'", city=city)
    rows = run(
        connection, "DELETE FROM model WHERE city = :city AND mode = 'replay' RETURNING version", city=city
    )
    return [version for (version,) in rows]


def keep_rival(
    connection: Connection,
    city: str,
    target: str,
    mode: Mode,
    *,
    origin: datetime,
    version: str,
    y: Sequence[float],
) -> bool:
    """Keep what a followed model forecast beside the champion; False where it is kept already."""
    return bool(
        run(
            connection,
            """
            INSERT INTO forecast_rival (city, target, mode, origin, rival, y)
            VALUES (:city, :target, :mode, :origin, :version, :y) ON CONFLICT DO NOTHING RETURNING 1
            """,
            city=city,
            target=target,
            mode=mode,
            origin=origin,
            version=version,
            y=list(y),
        )
    )


def served(connection: Connection, mode: Mode) -> set[tuple[str, str]]:
    """(city, target) of all that have a champion."""
    rows = run(
        connection, "SELECT city, target FROM model WHERE mode = :mode AND status = 'champion'", mode=mode
    )
    return {(city, target) for city, target in rows}


def planned_in_vain(connection: Connection, *, now: datetime) -> dict[str, str]:
    """City → since when it was to be trained, of those planned live more than 20 hours ago and not trained since."""
    rows = run(
        connection,
        f"""
        SELECT city, min(planned_at), min(reason) FROM training_plan AS plan
        WHERE mode = 'live' AND planned_at < {_LATELY} '20 hours' AND planned_at > {_LATELY} '4 days'
          AND NOT EXISTS (SELECT FROM model WHERE model.city = plan.city AND model.mode = 'live'
                          AND model.trained_at >= plan.planned_at)
        GROUP BY city ORDER BY city
        """,
        now=now,
    )
    return {
        city: f"due since {planned:%Y-%m-%d %H:%M} UTC ({reason}), and not trained since"
        for city, planned, reason in rows
    }


GROWN_OLD = timedelta(days=7)
"""A champion whose training ended so long ago is trained anew as soon as there is anything new."""
_KNOWN = "actual[lead] IS NOT NULL AND origin + lead * interval '1 hour' <= :now"
_DUE = f"""
WITH trained AS (
  SELECT city, max(window_end) AS until FROM model
  WHERE mode = :mode AND trained_at <= :now GROUP BY city
), served AS (
  SELECT city, min(window_end) AS until FROM model
  WHERE mode = :mode AND status = 'champion' AND trained_at <= :now GROUP BY city
), fresh AS (
  SELECT city, count(*) AS hours FROM city_hour
  WHERE time > {_LATELY} '1 day' AND time <= :now AND COALESCE(aqi, pm25) IS NOT NULL AND basis IS NOT NULL
  GROUP BY city
), live AS (
  SELECT city, avg((y[lead] - actual[lead]) ^ 2) / NULLIF(var_pop(actual[lead]), 0) AS unexplained,
         avg(abs(y[lead] - actual[lead])) AS mae,
         LEAST({", ".join(f"avg(abs({name}[lead] - actual[lead]))" for name in NAIVE)}) AS naive
  FROM forecast JOIN forecast_truth USING (city, target, mode, origin), generate_series(1, 48) AS lead
  WHERE mode = :mode AND origin > {_LATELY} '7 days' AND origin <= :now AND {_KNOWN}
  GROUP BY city, target HAVING count(*) >= 24
), failing AS (
  SELECT city, bool_or(unexplained > 0.25) AS poor, bool_or(mae > naive) AS loses FROM live GROUP BY city
)
SELECT fresh.city, CASE
  WHEN trained.until IS NULL THEN 'never trained'
  WHEN poor THEN 'live R² below 0.75'
  WHEN loses THEN 'worse than the naive forecast'
  WHEN fresh.hours >= 20 AND trained.until <= {_LATELY} '20 hours' THEN '20 or more new hours'
  ELSE 'the champion is ' || extract(day FROM CAST(:now AS timestamptz) - served.until) || ' days old' END
FROM fresh LEFT JOIN trained USING (city) LEFT JOIN served USING (city) LEFT JOIN failing USING (city)
WHERE trained.until IS NULL
   OR ((poor OR loses) AND trained.until <= {_LATELY} '6 hours')
   OR (fresh.hours >= 20 AND trained.until <= {_LATELY} '20 hours')
   OR (served.until <= :old AND trained.until <= {_LATELY} '20 hours')
ORDER BY fresh.city
"""


def due_for_training(connection: Connection, *, now: datetime, mode: Mode = "live") -> dict[str, str]:
    """City → why it should be trained now: never trained, a day's new hours, a champion that fails live or is old.

    A champion fails where, for either target, its live R² over the last 7 days is below 0.75, or it does worse
    than a naive forecast. A city that has told nothing for a day is not due: there is nothing to learn.
    """
    return dict(run(connection, _DUE, now=now, mode=mode, old=now - GROWN_OLD))


def not_due(connection: Connection, cities: Iterable[str], *, now: datetime) -> dict[str, str]:
    """Those of the cities that were trained before and are not due → when that was, and what has come in since."""
    asked = list(cities)
    due = due_for_training(connection, now=now)
    rows = run(
        connection,
        """
        SELECT city, until, (SELECT count(*) FROM city_hour WHERE city_hour.city = trained.city AND time > until
                               AND time <= :now AND COALESCE(aqi, pm25) IS NOT NULL)
        FROM (SELECT city, max(window_end) AS until FROM model
              WHERE mode = 'live' AND trained_at <= :now AND city = ANY(:cities) GROUP BY city) AS trained
        ORDER BY city
        """,
        cities=asked,
        now=now,
    )
    return {
        city: f"not due: trained on what was known at {until:%Y-%m-%d %H:%M} UTC, {new} hours since"
        for city, until, new in rows
        if city not in due
    }


def plan_trainings(connection: Connection, due: Mapping[str, str], mode: Mode, *, now: datetime) -> list[str]:
    """Note that these cities are to be trained on this UTC day; those that were not planned for it yet."""
    run(connection, f"DELETE FROM training_plan WHERE planned_at < {_LATELY} '30 days'", now=now)
    rows = run(
        connection,
        """
        INSERT INTO training_plan (city, mode, day, reason, planned_at)
        SELECT key, :mode, CAST(CAST(:now AS timestamptz) AT TIME ZONE 'UTC' AS date), value, :now
        FROM jsonb_each_text(CAST(:due AS jsonb))
        ON CONFLICT DO NOTHING RETURNING city
        """,
        due=json.dumps(dict(due)),
        mode=mode,
        now=now,
    )
    return sorted(city for (city,) in rows)


@dataclass(frozen=True, slots=True)
class DayOfRivals:
    """Sums of absolute errors over the forecasts that the champion's family issued on one UTC day."""

    day: date
    n: int
    ours: float
    theirs: float


_RIVALS = f"""
WITH pair AS (
  SELECT CASE WHEN model.status = 'retired' THEN model.version ELSE model.family END AS rival,
         CAST(origin AT TIME ZONE 'UTC' AS date) AS day,
         abs(forecast.y[lead] - actual[lead]) AS ours, abs(forecast_rival.y[lead] - actual[lead]) AS theirs
  FROM forecast JOIN forecast_truth USING (city, target, mode, origin)
  JOIN forecast_rival USING (city, target, mode, origin) JOIN model ON model.version = forecast_rival.rival,
       generate_series(1, 48) AS lead
  WHERE forecast.city = :city AND forecast.target = :target AND forecast.mode = :mode
    AND origin > :start AND origin <= :now AND forecast.family = :family
    AND (CAST(:version AS text) IS NULL OR forecast.model_version = :version) AND {_KNOWN}
), naive AS (
  SELECT name AS rival, CAST(origin AT TIME ZONE 'UTC' AS date) AS day, abs(y[lead] - actual[lead]) AS ours,
         abs(CASE name {" ".join(f"WHEN '{name}' THEN {name}[lead]" for name in NAIVE)} END - actual[lead]) AS theirs
  FROM forecast JOIN forecast_truth USING (city, target, mode, origin),
       generate_series(1, 48) AS lead, unnest(ARRAY[{", ".join(f"'{name}'" for name in NAIVE)}]) AS name
  WHERE city = :city AND target = :target AND mode = :mode AND origin > :start AND origin <= :now
    AND family = :family AND family <> 'naive'
    AND (CAST(:version AS text) IS NULL OR model_version = :version) AND {_KNOWN}
)
SELECT rival, day, count(*), sum(ours), sum(theirs) FROM (SELECT * FROM pair UNION ALL SELECT * FROM naive) AS rivals
GROUP BY rival, day ORDER BY rival, day
"""


def rival_days(
    connection: Connection, champion: ModelRow, *, start: datetime, now: datetime, itself: bool = False
) -> dict[str, list[DayOfRivals]]:
    """How those that were followed beside the champion did on the very hours it forecast since `start`, by day.

    By the rival's family, since each day's training makes a new version; a former champion and a naive forecast by
    its own name. The champion's side is all that its family issued, or only what it did `itself`.
    """
    rows = run(
        connection,
        _RIVALS,
        city=champion.city,
        target=champion.target,
        mode=champion.mode,
        family=champion.family,
        version=champion.version if itself else None,
        start=start,
        now=now,
    )
    found: dict[str, list[DayOfRivals]] = {}
    for rival, day, n, ours, theirs in rows:
        found.setdefault(rival, []).append(DayOfRivals(day, n, float(ours), float(theirs)))
    return found
