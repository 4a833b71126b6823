"""Train a city from the store, keep every model with its card, promote the one that earned it."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Protocol

import msgspec

from common.domain.cities import find_city
from common.domain.errors import ModelError, NotFound
from common.domain.forecast import FAMILIES, QUANTILES, TARGETS, Family, Mode, Target
from common.domain.observation import HOUR, last_full_hour
from common.features import INPUTS, as_history, names, signature
from common.inference.card import ModelCard, card_key, checksum, model_key
from common.store.city_hours import history, span
from common.store.models import ModelRow, champion, insert_model, promote
from common.training.dataset import Dataset, make_dataset
from common.training.promote import Decision, decide
from common.training.train import Candidate, train_families

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from common.inference.session import Model, ModelCache
    from common.store.engine import Database

SERVED_ALREADY = "the same model is served already"
WINDOW_DAYS = 400
"""Older history is not learnt from: cities change."""


class Files(Protocol):
    """What is needed of an object store."""

    def get(self, key: str) -> bytes: ...

    def put(self, key: str, data: bytes) -> None: ...


@dataclass(slots=True)
class TrainReport:
    """What came of training one city."""

    city: str
    promoted: dict[str, str] = field(default_factory=dict)
    """Target → version now served."""
    kept: dict[str, str] = field(default_factory=dict)
    """Target → why the champion stays."""
    failed: dict[str, str] = field(default_factory=dict)
    """Target → why nothing could be trained."""
    metrics: dict[str, dict[str, dict[str, object]]] = field(default_factory=dict)
    """Target → family → held-out scores."""


def train_city(
    database: Database,
    files: Files,
    models: ModelCache,
    city: str,
    *,
    now: datetime,
    families: Sequence[Family] = FAMILIES,
    targets: Iterable[Target] = TARGETS,
    mode: Mode = "live",
) -> TrainReport:
    """Train, judge and promote for each target; the same call again for the same hour changes nothing."""
    report = TrainReport(city)
    for target in targets:
        try:
            data, first = _load(database, city, target, now)
            candidates = train_families(data, families)
        except ModelError as error:
            report.failed[target] = str(error)
            continue
        report.metrics[target] = {one.family: one.metrics["holdout"] for one in candidates}
        with database.transaction() as connection:
            present = champion(connection, city, target, mode)
        opened = _open(models, present)
        decision = decide(candidates, data, present, opened)
        served = None if opened is None else opened.card.version
        for candidate in candidates:
            row = _keep(files, candidate, data, city=city, first=first, now=now, mode=mode)
            if row.version == served and candidate is decision.best:
                report.kept[target] = SERVED_ALREADY
                continue
            _record(database, row, decision, candidate, report, now=now)
    return report


def _load(database: Database, city: str, target: Target, now: datetime) -> tuple[Dataset, datetime]:
    end = last_full_hour(now)
    with database.transaction() as connection:
        known = span(connection, city)
        if known is None:
            raise ModelError("nothing has been collected for this city yet")
        first = max(known[0] - HOUR, end - timedelta(days=WINDOW_DAYS))
        columns = history(connection, city, first, end, INPUTS)
    if not columns[0]:
        raise ModelError("all that has been collected for this city is later than the training's end")
    return make_dataset(as_history(columns), end, target), first


def _open(models: ModelCache, row: ModelRow | None) -> Model | None:
    """The champion, or None where it cannot be served any more and must be replaced."""
    if row is None:
        return None
    try:
        return models.get(row.version)
    except (ModelError, NotFound):
        return None


def _keep(
    files: Files,
    candidate: Candidate,
    data: Dataset,
    *,
    city: str,
    first: datetime,
    now: datetime,
    mode: Mode,
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
        features=names(data.target),
        features_hash=signature(data.target),
        checksum=digest,
        quantile_levels=QUANTILES,
        residual_quantiles=tuple(tuple(round(float(q), 5) for q in row) for row in candidate.quantiles),
        parity=candidate.parity,
        metrics=candidate.metrics,
    )
    # The card is written last: a card promises that its model is there.
    files.put(model_key(version), candidate.onnx)
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
        metrics=candidate.metrics | {"parity": candidate.parity},
    )


def _record(
    database: Database,
    row: ModelRow,
    decision: Decision,
    candidate: Candidate,
    report: TrainReport,
    *,
    now: datetime,
) -> None:
    chosen = candidate is decision.best
    status, reason = "rejected", candidate.fault or "another family did better on the same hours"
    if chosen and not decision.promote:
        reason = decision.reason
        report.kept[row.target] = reason
    if chosen and decision.promote:
        status, reason = "candidate", "about to be promoted"
        report.promoted[row.target] = row.version
    with database.transaction() as connection:
        insert_model(connection, replace(row, status=status, reason=reason))
        if chosen and decision.promote:
            promote(connection, row.version, reason=decision.reason, now=now)
