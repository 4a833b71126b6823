"""Replay: drive the clock through imported history, with the code that runs live."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from common.adapters.object_store import ObjectStore
from common.domain.errors import ModelError
from common.domain.forecast import FAMILIES, Family
from common.domain.observation import HOUR, last_full_hour
from common.inference.issue import issue_forecasts
from common.inference.session import ModelCache
from common.ingest.reconcile import reconcile
from common.store.city_hours import cities_between
from common.store.forecasts import score
from common.store.models import forget_replay
from common.training.service import train_city

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from common.bootstrap.parts import Parts

RETRAIN_HOUR = 2
"""Hour of the UTC day at which live training runs."""


@dataclass(slots=True)
class ReplayReport:
    """What came of a replay."""

    cities: list[str]
    hours: int = 0
    issued: int = 0
    trainings: int = 0
    promoted: list[str] = field(default_factory=list)
    skipped: dict[str, str] = field(default_factory=dict)


def replay(
    parts: Parts,
    *,
    start: datetime,
    end: datetime,
    every: timedelta,
    forecast_every: timedelta,
    cities: Sequence[str] | None = None,
    families: Sequence[Family] = FAMILIES,
    tick: Callable[[datetime], None] = lambda _: None,
) -> ReplayReport:
    """Walk from `start` to `end`: reconcile each step's hours, forecast, score, and retrain daily, as live.

    Nothing later than the clock is looked at: models are trained, hours reconciled and forecasts issued from
    what had been measured by then. The forecasts are kept with mode ``replay``, never among the live ones;
    those of an earlier replay of the same cities are replaced. `tick` is called at every step.

    Raises:
        ModelError: when no city has measurements in the window, or none can be trained before `start`.
    """
    with parts.database.transaction() as connection:
        found = list(cities) if cities else cities_between(connection, start, end)
    if not found:
        raise ModelError(
            "no city has measurements between --from and --to; import some first: vayu import FILE… --city C"
        )
    report = ReplayReport(found)
    files = ObjectStore(parts.settings.model_store_url)
    models = ModelCache(files)
    _forget(parts, files, found)
    _train(parts, files, models, report, start, families)
    if not report.promoted:
        raise ModelError("; ".join(sorted(set(report.skipped.values()))) or "nothing could be trained")
    now, next_forecast, next_training = start, start, _first_retraining(start)
    while now <= end:
        report.hours += _observe(parts, report.cities, now - every, now, now)
        if now >= next_training:
            _train(parts, files, models, report, now, families)
            while next_training <= now:
                next_training += timedelta(days=1)
        if now >= next_forecast:
            issued = issue_forecasts(parts.database, models, found, now=now, mode="replay")
            report.issued += issued.issued
            report.skipped |= issued.skipped
            next_forecast += forecast_every
        with parts.database.transaction() as connection:
            score(connection, mode="replay", now=now)
        tick(now)
        now += every
    # What was doubtful at the end is judged again by all that is known.
    _observe(parts, report.cities, now - every - HOUR, now - every, parts.clock())
    return report


def _first_retraining(start: datetime) -> datetime:
    """The first daily training at least 20 hours after `start`; live, as many new hours must have come in."""
    earliest = start + timedelta(hours=20)
    daily = earliest.replace(hour=RETRAIN_HOUR, minute=0, second=0, microsecond=0)
    return daily if daily >= earliest else daily + timedelta(days=1)


def _observe(parts: Parts, cities: Sequence[str], before: datetime, until: datetime, now: datetime) -> int:
    """What ``collect`` does with hours that have just come in; here they lie in the store already."""
    start, end = last_full_hour(before), last_full_hour(until)
    for city in cities:
        with parts.database.transaction() as connection:
            reconcile(connection, city, start, end, now=now)
    return int((end - start) / HOUR)


def _train(
    parts: Parts,
    files: ObjectStore,
    models: ModelCache,
    report: ReplayReport,
    now: datetime,
    families: Sequence[Family],
) -> None:
    for city in report.cities:
        trained = train_city(parts.database, files, models, city, now=now, families=families, mode="replay")
        report.trainings += 1
        report.promoted += trained.promoted.values()
        report.skipped |= {f"{city}/{target}": reason for target, reason in trained.failed.items()}


def _forget(parts: Parts, files: ObjectStore, cities: Sequence[str]) -> None:
    for city in cities:
        with parts.database.transaction() as connection:
            versions = forget_replay(connection, city)
        for version in versions:
            for key in files.list(version + "/"):
                files.delete(key)
