"""Models as the database knows them; the files themselves lie in the object store."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import msgspec
from msgspec import structs
from sqlalchemy import ARRAY, Text, case, cast, delete, func, select, tuple_, update
from sqlalchemy.dialects.postgresql import insert

from common.domain.errors import Gone, NotFound
from common.domain.forecast import Mode
from common.domain.model_retention import KEPT_AFTER_USE, KeptModel, files_to_give_up
from common.domain.observation import HOUR
from common.store.engine import run
from common.store.events import append
from common.store.schema import forecast, model, training_plan

if TYPE_CHECKING:
    from collections.abc import Iterable

    from sqlalchemy import ColumnElement

    from common.store.engine import Connection


class ModelRow(msgspec.Struct, frozen=True):
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


_COLUMNS = [model.c[field.name] for field in structs.fields(ModelRow)]


def insert_model(connection: Connection, row: ModelRow) -> None:
    """Add a model; one of the same version is left as it is."""
    values = {column.name: getattr(row, column.name) for column in _COLUMNS}
    run(connection, insert(model).values(values).on_conflict_do_nothing())


CHALLENGE_PERIOD = timedelta(days=7)
"""So long a former champion of another family, or one that was replaced by hand, challenges the present one."""
HELD = timedelta(days=14)
"""So long a champion that was chosen by hand is replaced on evidence only."""


def promote(
    connection: Connection, version: str, *, reason: str, now: datetime, hold: bool = False
) -> str | None:
    """Make a model the champion of its city, target and mode, and retire the one before it; its version.

    Where that changes what is served live, an event is added to the transaction.

    The one before challenges it for some days where it was of another family. `hold`: it was chosen by hand or by its
    own record, so that for `HELD` being fresher is no reason to replace it; and the one before challenges it anyway.

    Raises:
        NotFound: when there is no such model, or its file has been given up.
    """
    serves = (model.c.city, model.c.target, model.c.mode)
    rows = run(connection, select(*serves, model.c.family).where(model.c.version == version))
    if not rows:
        raise NotFound(f"there is no model {version}")
    *served, family = rows[0]
    city, target, mode = served
    # One promotion at a time: two at once would each retire the old champion and make their own.
    lock = func.pg_advisory_xact_lock(func.hashtext("champion"), func.hashtext("/".join(served)))
    run(connection, select(lock))
    [(status,)] = run(connection, select(model.c.status).where(model.c.version == version))
    other_family = (model.c.family != family) & (model.c.family != "naive")
    until = now + CHALLENGE_PERIOD
    retired = (
        update(model)
        .where(tuple_(*serves) == tuple_(*served), model.c.status == "champion", model.c.version != version)
        .values(
            status="retired",
            reason=f"replaced by {version}",
            held_until=None,
            challenger_until=until if hold else case((other_family, until)),
        )
    )
    former = run(connection, retired.returning(model.c.version))
    promoted = (
        update(model)
        .where(model.c.version == version, model.c.pruned_at.is_(None))
        .values(
            status="champion",
            reason=reason,
            promoted_at=now,
            challenger_until=None,
            held_until=now + HELD if hold else None,
        )
    )
    if not run(connection, promoted.returning(model.c.version)):
        raise NotFound(f"the file of model {version} has been dropped since; train the city again")
    before = former[0][0] if former else None
    if mode == "live" and status != "champion":
        detail = {"target": target, "version": version, "before": before}
        append(connection, "model", [city], now=now, detail=detail)
    return before


def roll_back(
    connection: Connection, city: str, target: str, mode: Mode, *, now: datetime
) -> tuple[str, str]:
    """Serve again the former champion that was trained last before the present one; (now served, before).

    Raises:
        NotFound: when there is none whose file is still there.
    """
    present, former = model.alias("present"), model.alias("former")
    chosen = (
        select(former.c.version, present.c.version)
        .where(
            *(
                present.c[name] == value
                for name, value in {"city": city, "target": target, "mode": mode}.items()
            ),
            *(former.c[name] == present.c[name] for name in ("city", "target", "mode")),
            present.c.status == "champion",
            former.c.status == "retired",
            former.c.pruned_at.is_(None),
            tuple_(former.c.trained_at, former.c.version) < tuple_(present.c.trained_at, present.c.version),
        )
        .order_by(former.c.trained_at.desc(), former.c.version.desc())
        .limit(1)
    )
    rows = run(connection, chosen)
    if not rows:
        raise NotFound(f"{city} has no former model of {target} to go back to; see: vayu models list {city}")
    version, before = rows[0]
    promote(connection, version, reason=f"rolled back from {before}", now=now, hold=True)
    return version, before


def is_held(connection: Connection, version: str, *, now: datetime) -> bool:
    """Whether the model was chosen by hand, so lately that being fresher is no reason to replace it."""
    [(held_until,)] = run(connection, select(model.c.held_until).where(model.c.version == version))
    return held_until is not None and held_until > now


def give_up_files(connection: Connection, *, now: datetime) -> int:
    """Mark the models whose files are needed no more, by the rule of `common.domain.model_retention`; how many.

    Rows stay: forecasts trace back to them. Once this transaction has ended, none of the marked can be promoted any
    more, and `given_up` tells whose files may be deleted.
    """
    columns = (
        model.c.version, model.c.city, model.c.target, model.c.mode, model.c.status == "champion",
        model.c.trained_at, model.c.promoted_at, model.c.challenger_until,
    )  # fmt: skip
    # Locked, so that none of them is promoted meanwhile.
    with_files = (
        select(*columns).where(model.c.pruned_at.is_(None)).order_by(model.c.version).with_for_update()
    )
    rows = run(connection, with_files)
    since = now - KEPT_AFTER_USE
    used = run(
        connection,
        select(forecast.c.model_version)
        .distinct()
        # Of a forecast that was issued then; older parts of the table are not looked at.
        .where(forecast.c.issued_at >= since, forecast.c.origin >= since - HOUR),
    )
    models = (KeptModel(version, (city, target, mode), *rest) for version, city, target, mode, *rest in rows)
    needless = files_to_give_up(models, {version for (version,) in used}, now)
    if needless:
        run(connection, update(model).where(model.c.version.in_(needless)).values(pruned_at=now))
    return len(needless)


def given_up(connection: Connection, versions: Iterable[str]) -> list[str]:
    """Those of `versions` whose files are needed no more."""
    named = model.c.version == func.any(cast(sorted(versions), ARRAY(Text)))
    rows = run(connection, select(model.c.version).where(named, model.c.pruned_at.is_not(None)))
    return [version for (version,) in rows]


def champion(connection: Connection, city: str, target: str, mode: Mode) -> ModelRow | None:
    """The model that is served for a city and target; None where none was ever promoted."""
    rows = run(connection, select(*_COLUMNS).where(*_champion_of(city, target, mode)))
    return ModelRow(*rows[0]) if rows else None


def _champion_of(city: str, target: str, mode: Mode) -> list[ColumnElement[bool]]:
    return [
        model.c.city == city,
        model.c.target == target,
        model.c.mode == mode,
        model.c.status == "champion",
    ]


def known_versions(connection: Connection, versions: Iterable[str]) -> set[str]:
    """Those of `versions` that there is a model of."""
    rows = run(connection, select(model.c.version).where(model.c.version.in_(list(versions))))
    return {version for (version,) in rows}


def get_model(connection: Connection, version: str) -> ModelRow:
    """One model.

    Raises:
        NotFound: when there is none of that version.
    """
    rows = run(connection, select(*_COLUMNS).where(model.c.version == version))
    if not rows:
        raise NotFound(f"there is no model {version[:200]}")
    return ModelRow(*rows[0])


def file_of(connection: Connection, sha256: str) -> str | None:
    """The version of a model whose file has that hash and is there; None where there is no such model.

    Raises:
        Gone: when there was one, but its file was given up.
    """
    rows = run(
        connection,
        select(model.c.version, model.c.pruned_at.is_(None))
        .where(model.c.checksum == sha256)
        .order_by(model.c.pruned_at.desc().nulls_first())
        .limit(1),
    )
    if not rows:
        return None
    version, there = rows[0]
    if not there:
        raise Gone(f"the file of model {version} is not kept any more")
    return str(version)


def forget_replay(connection: Connection, city: str) -> list[str]:
    """Delete a city's replay models and forecasts, so that a new replay starts clean; the versions deleted."""
    for table in (forecast, training_plan):
        run(connection, delete(table).where(table.c.city == city, table.c.mode == "replay"))
    gone = delete(model).where(model.c.city == city, model.c.mode == "replay")
    return [version for (version,) in run(connection, gone.returning(model.c.version))]


def served(connection: Connection, mode: Mode) -> set[tuple[str, str]]:
    """(city, target) of all that have a champion."""
    columns = (model.c.city, model.c.target)
    rows = run(connection, select(*columns).where(model.c.mode == mode, model.c.status == "champion"))
    return {(city, target) for city, target in rows}
