"""Train a city from the store, keep every model with its card, promote the one that earned it."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

import msgspec
import numpy as np
from msgspec import structs

from common.domain.cities import find_city
from common.domain.errors import ModelError, NotFound
from common.domain.forecast import (
    COMPOSED,
    COMPOSED_OF,
    FAMILIES,
    IN_ORDER,
    QUANTILES,
    TARGETS,
    Family,
    Mode,
    Target,
)
from common.domain.model_files import card_key, hindcast_key, model_key
from common.domain.observation import HOUR, last_full_hour
from common.features import INPUTS, as_history, carried, composed_of
from common.inference.card import ModelCard, checksum
from common.inference.experts import Record, rolling
from common.inference.hindcast import as_file
from common.inference.naive import naive_forecasts
from common.inference.provider_forecasts import provider_forecasts_of
from common.store.city_hours import history, provenance_mix, span
from common.store.models import ModelRow, champion, insert_model, is_held, known_versions, promote
from common.store.training_lock import PATIENCE_S, hold_training_lock
from common.training.card_text import as_markdown, text_key
from common.training.dataset import LEADS, Dataset, make_dataset
from common.training.holdout import cross_validated_coverage
from common.training.promote import Decision, best_of, decide
from common.training.train import Candidate, hindcasts, train_families

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from common.inference.onnx_session import Files, Model, ModelCache
    from common.store.engine import Connection, Database

SERVED_ALREADY = "the same model is served already"
WINDOW_DAYS = 400
"""Older history is not learnt from: cities change."""
_SHOWN = "%Y-%m-%dT%H:%MZ"


@dataclass(slots=True)
class TrainReport:
    """What came of training one city."""

    city: str
    promoted: dict[str, str] = field(default_factory=dict)
    """Target → version now served."""
    reasons: dict[str, str] = field(default_factory=dict)
    """Target → why it was promoted."""
    switched: dict[str, str] = field(default_factory=dict)
    """Target → the champion before, where it was of another family."""
    kept: dict[str, str] = field(default_factory=dict)
    """Target → why the champion stays."""
    failed: dict[str, str] = field(default_factory=dict)
    """Target → why nothing could be trained."""
    metrics: dict[str, dict[str, dict[str, object]]] = field(default_factory=dict)
    """Target → family → held-out scores."""
    left_out: dict[str, str] = field(default_factory=dict)
    """Family that cannot be trained here → why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Coordination:
    """How a training goes along with other processes and services."""

    patience_s: int = PATIENCE_S
    """It waits so long for another training of the city."""
    on_promotion: Callable[[Connection, TrainReport, Target], None] | None = None
    """Called with the report and the target, in the transaction that promotes"""


_BY_ITSELF = Coordination()


def train_city(
    database: Database,
    models: ModelCache,
    city: str,
    *,
    now: datetime,
    families: Sequence[Family] = FAMILIES,
    targets: Iterable[Target] = TARGETS,
    mode: Mode = "live",
    coordination: Coordination = _BY_ITSELF,
) -> TrainReport:
    """Train, judge and promote for each target; the same call again for the same hour changes nothing.


    Raises:
        StoreError: when another process trains the city for longer than `coordination` allows, or the database or
            the object store cannot be reached.
    """
    report = TrainReport(city)
    with hold_training_lock(database, city, mode, patience_s=coordination.patience_s) as check_lock:
        hindcast: Record | None = None
        for target in sorted(targets, key=IN_ORDER.index):
            try:
                data, first = _load(database, city, target, now)
                candidates = train_families(data, families)
            except ModelError as error:
                report.failed[target] = str(error)
                continue
            report.metrics[target] = {
                candidate.family: candidate.metrics["holdout"] for candidate in candidates
            }
            report.left_out = candidates[-1].metrics.get("left_out", {})
            with database.transaction() as connection:
                present = champion(connection, city, target, mode)
                held = present is not None and is_held(connection, present.version, now=now)
                mix = provenance_mix(connection, city, target, first, data.end)
            if target != COMPOSED_OF and hindcast is None:
                hindcast = _champions_hindcast(database, models, city, mode, data)
            opened = _open(models, present)  # before its files may be written again
            rows = [
                _keep(models.files, candidate, data, city=city, first=first, now=now, mode=mode, mix=mix)
                for candidate in candidates
            ]
            records = [
                _keep_hindcast(models.files, row.version, candidate, data, hindcast)
                for row, candidate in zip(rows, candidates, strict=True)
            ]
            best = best_of([candidate for candidate in candidates if candidate.fault is None])
            hindcast = next(record for record, its in zip(records, candidates, strict=True) if its is best)
            with database.transaction() as connection:
                if opened is not None and _is_repeat(connection, opened.card.version, rows):
                    report.kept[target] = SERVED_ALREADY
                    continue
            decision = decide(candidates, data, present, opened, held=held)
            check_lock()
            by_candidate = dict(zip(map(id, candidates), rows, strict=True))
            with database.transaction() as connection:
                _record(connection, decision, candidates, by_candidate, present, report, now=now)
                if coordination.on_promotion is not None and target in report.promoted:
                    coordination.on_promotion(connection, report, target)
    return report


def _note(report: TrainReport, promoted: ModelRow, before: ModelRow | None, reason: str) -> None:
    report.promoted[promoted.target], report.reasons[promoted.target] = promoted.version, reason
    if before is not None and before.family != promoted.family:
        report.switched[promoted.target] = before.version


def _is_repeat(connection: Connection, served: str, rows: Sequence[ModelRow]) -> bool:
    """Whether this very training was done before, and what came of it is served."""
    versions = {row.version for row in rows}
    return served in versions and known_versions(connection, versions) == versions


def _load(database: Database, city: str, target: Target, now: datetime) -> tuple[Dataset, datetime]:
    end = last_full_hour(now)
    with database.transaction() as connection:
        known = span(connection, city)
        if known is None:
            raise ModelError(
                "nothing has been collected for this city yet; fill it in by vayu backfill --days N, "
                "or vayu import FILE… --city C"
            )
        first = max(known[0] - HOUR, end - timedelta(days=WINDOW_DAYS))
        columns = history(connection, city, first, end, INPUTS)
        weather_ahead = provider_forecasts_of(connection, city, first, end, hour_0=first + HOUR)
    if not columns[0]:
        raise ModelError(
            f"all that has been collected for this city is later than the training's end: it begins at "
            f"{known[0]:{_SHOWN}}, and a training or a replay of {end:{_SHOWN}} sees only what there was by then; "
            "choose a time that is 24 days or more after the beginning, or fill in earlier days: "
            "vayu backfill --days N, or vayu import FILE… --city C"
        )
    return make_dataset(as_history(columns), end, target, weather_ahead), first


def _open(models: ModelCache, row: ModelRow | None) -> Model | None:
    """The champion, or None where it cannot be served any more and must be replaced."""
    if row is None:
        return None
    try:
        return models.get(row.version)
    except (ModelError, NotFound):
        return None


def _champions_hindcast(
    database: Database, models: ModelCache, city: str, mode: Mode, data: Dataset
) -> Record | None:
    """The hindcasts that are stored with the champion of PM2.5, where that target was not trained on the same hours;
    None where there are none."""
    with database.transaction() as connection:
        row = champion(connection, city, COMPOSED_OF, mode)
    if row is None:
        return None
    try:
        record = models.hindcast(row.version, data.end, data.length - 1)
    except ModelError:  # its file is damaged: the next training of PM2.5 replaces it
        return None
    return record if len(record.origins) else None


def _keep(
    files: Files,
    candidate: Candidate,
    data: Dataset,
    *,
    city: str,
    first: datetime,
    now: datetime,
    mode: Mode,
    mix: dict[str, int],
) -> ModelRow:
    digest = checksum(candidate.onnx)
    stamp = data.end.strftime("%Y%m%dT%H%MZ")
    prefix = "" if mode == "live" else f"{mode}-"
    name = find_city(city).slug
    version = f"{prefix}{name}-{data.target}-{candidate.family}-{stamp}-{digest[:8]}"
    card = ModelCard(
        version=version,
        city=city,
        target=data.target,
        family=candidate.family,
        mode=mode,
        trained_at=now.isoformat(),
        window_start=first.isoformat(),
        window_end=data.end.isoformat(),
        samples=candidate.samples,
        features=data.layout.names,
        features_hash=data.layout.signature,
        checksum=digest,
        quantile_levels=QUANTILES,
        held_out_quantiles=tuple(tuple(round(float(q), 5) for q in row) for row in candidate.prior),
        parity=candidate.parity,
        metrics=candidate.metrics
        | {"hours": mix, "coverage": _coverage(candidate, data)}
        | ({} if candidate.fault is None else {"fault": candidate.fault}),
    )
    # The card is written last: a card promises that its model is there.
    files.put(model_key(version), candidate.onnx)
    files.put(text_key(version), as_markdown(card).encode())
    files.put(card_key(version), msgspec.json.encode(card))
    return ModelRow(
        version=version,
        city=city,
        target=data.target,
        mode=mode,
        family=candidate.family,
        status="candidate",
        reason="trained",
        trained_at=now,
        window_start=first,
        window_end=data.end,
        samples=candidate.samples,
        features_hash=card.features_hash,
        checksum=digest,
        metrics=card.metrics | {"parity": candidate.parity},
    )


def _keep_hindcast(
    files: Files, version: str, candidate: Candidate, data: Dataset, of_pm25: Record | None
) -> Record:
    """Keep with a model what would have been issued in the last weeks before it; `of_pm25`: the same of PM2.5, of which
    an index is composed where both were forecast from the same origins."""
    ((before,), (series,)) = hindcasts(data, candidate), data.past
    models = dict(before.models)
    if not models:
        return Record.empty()
    if data.target != COMPOSED_OF and of_pm25 is not None:
        pm25 = of_pm25.served_at(before.origins)
        if np.isfinite(pm25).any():
            columns = {name: data.column(name) for name in data.layout.composed}
            now = carried(series, 3)[before.origins]
            models[COMPOSED] = composed_of(columns, before.origins, now, pm25)
    naive = naive_forecasts(series, before.origins, LEADS)
    record, _ = rolling(series, before.origins, models, naive, floor=data.floor)
    files.put(hindcast_key(version), as_file(record, data.end, data.length - 1))
    return record


def _coverage(candidate: Candidate, data: Dataset) -> dict[str, float] | None:
    if "why" in candidate.metrics:  # nothing was held out
        return cross_validated_coverage(data.actual, candidate.held_out, data.floor, data.hours)
    _, judge = data.split()
    return cross_validated_coverage(data.judged(judge), candidate.held_out, data.floor, data.hours[judge])


def _record(
    connection: Connection,
    decision: Decision,
    candidates: Sequence[Candidate],
    rows: dict[int, ModelRow],
    present: ModelRow | None,
    report: TrainReport,
    *,
    now: datetime,
) -> None:
    """Keep all candidates, and promote the one that is to be served: all of it or nothing."""
    chosen = rows[id(decision.best)]
    for candidate in candidates:
        row = rows[id(candidate)]
        reason = candidate.fault or "a part of what is served, or left out of it"
        if row is chosen:
            reason = "about to be promoted" if decision.promote else decision.reason
        insert_model(connection, structs.replace(row, status="rejected", reason=reason))
    if decision.promote:
        promote(connection, chosen.version, reason=decision.reason, now=now)
        _note(report, chosen, present, decision.reason)
    else:
        report.kept[chosen.target] = decision.reason
