"""Replay: drive the clock through imported history, with the code that runs live."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING, TypeVar

from aws_lambda_powertools import Logger

from common.domain.errors import ModelError, StoreError
from common.domain.forecast import FAMILIES, Family
from common.domain.observation import HOUR, last_full_hour
from common.inference.issue import issue_forecasts
from common.inference.onnx_session import ModelCache
from common.ingest.reconcile import reconcile
from common.services.verification import update_record
from common.store.city_hours import cities_between
from common.store.forecast_checksums import Key, forecast_checksums
from common.store.models import forget_replay
from common.store.training_schedule import due_for_training, plan_trainings
from common.training.service import train_city

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from common.ports import ObjectStore
    from common.services.resources import Resources

_ATTEMPTS = 5
Done = TypeVar("Done")
log = Logger(service="vayu", child=True)

PLAN_HOUR = 2
"""Hour of the UTC day at which the live planner runs."""


@dataclass(frozen=True, slots=True)
class Promotion:
    """A change of what was served."""

    at: datetime
    city: str
    target: str
    version: str
    before: str | None
    """The version before, where it was of another family."""
    reason: str


@dataclass(slots=True)
class ReplayReport:
    """What came of a replay."""

    cities: list[str]
    hours: int = 0
    issued: int = 0
    trainings: int = 0
    due: dict[str, int] = field(default_factory=dict)
    """Why the planner had cities trained → how often."""
    promoted: list[str] = field(default_factory=list)
    promotions: list[Promotion] = field(default_factory=list)
    kept: dict[str, int] = field(default_factory=dict)
    """Target → how often the champion stayed."""
    sealed: int = 0
    """Rows of forecasts, those of challengers too, whose checksum was taken when they were issued."""
    changed: int = 0
    """Those of them that were another or gone at the end."""
    skipped: dict[str, str] = field(default_factory=dict)


def replay(
    resources: Resources,
    *,
    start: datetime,
    end: datetime,
    every: timedelta,
    forecast_every: timedelta,
    cities: Sequence[str] | None = None,
    families: Sequence[Family] = FAMILIES,
    tick: Callable[[datetime], None] = lambda _: None,
) -> ReplayReport:
    """Walk from `start` to `end`: reconcile each step's hours, plan and train, forecast and score, as live.

    Nothing later than the clock is looked at: models are trained, hours reconciled and forecasts issued from
    what had been measured by then. The rules of the live planner and the live promotion decide, from the replayed
    record, which city is trained, what is promoted and which challengers run beside it. The forecasts have mode
    ``replay`` and never mix with live ones; they replace those of an earlier replay of the same cities. `tick` is
    called at every step.

    Raises:
        ModelError: when no city has measurements in the window, or none can be trained before `start`.
    """
    with resources.database.transaction() as connection:
        covered = list(cities) if cities else cities_between(connection, start, end)
    if not covered:
        raise ModelError(
            "no city has measurements between --from and --to; import some first: vayu import FILE… --city C"
        )
    report = ReplayReport(covered)
    files = resources.open_object_store()
    models = ModelCache(files)
    _forget(resources, files, covered)
    for city in covered:
        _train(resources, models, report, city, start, families)
    if not report.promoted:
        raise ModelError("; ".join(sorted(set(report.skipped.values()))) or "nothing could be trained")
    sealed: dict[Key, str] = {}
    now, next_forecast, next_plan = start, start, _next_plan(start)
    while now <= end:
        report.hours += _patiently(partial(_observe, resources, report.cities, now - every, now, now))
        if now >= next_plan:
            for city in _plan(resources, report, now):
                _train(resources, models, report, city, now, families)
            next_plan = _next_plan(now)
        if now >= next_forecast:
            issued = _patiently(
                partial(issue_forecasts, resources.database, models, covered, now=now, mode="replay")
            )
            report.issued += issued.issued
            report.skipped |= issued.skipped
            next_forecast += forecast_every
            sealed |= _seals(resources, covered, last_full_hour(now), now)
        _patiently(partial(_score, resources, now))
        tick(now)
        now += every
    # What was doubtful at the end is judged again by all that is known.
    _observe(resources, report.cities, now - every - HOUR, now - every, resources.clock())
    at_the_end = _seals(resources, covered, start - HOUR, end)
    report.sealed = len(sealed)
    report.changed = sum(at_the_end.get(key) != checksum for key, checksum in sealed.items())
    return report


def _patiently(work: Callable[[], Done]) -> Done:
    """Do it again where the database was away for a moment: live, the queue would. All of it may be done twice."""
    for _ in range(_ATTEMPTS - 1):
        try:
            return work()
        except StoreError as error:
            log.warning("done again", extra={"reason": str(error)})
    return work()


def _score(resources: Resources, now: datetime) -> None:
    with resources.database.transaction() as connection:
        update_record(connection, mode="replay", now=now)


def _next_plan(now: datetime) -> datetime:
    """The next time after `now` at which the planner runs."""
    daily = now.replace(hour=PLAN_HOUR, minute=0, second=0, microsecond=0)
    return daily if daily > now else daily + timedelta(days=1)


def _plan(resources: Resources, report: ReplayReport, now: datetime) -> list[str]:
    """What the live planner would have trained."""
    with resources.database.transaction() as connection:
        due = due_for_training(connection, now=now, mode="replay")
        chosen = {city: reason for city, reason in due.items() if city in report.cities}
        planned = plan_trainings(connection, chosen, "replay", now=now)
    for city in planned:
        report.due[due[city]] = report.due.get(due[city], 0) + 1
    return planned


def _seals(resources: Resources, cities: Sequence[str], start: datetime, end: datetime) -> dict[Key, str]:
    with resources.database.transaction() as connection:
        return forecast_checksums(connection, cities, mode="replay", start=start, end=end)


def _observe(
    resources: Resources, cities: Sequence[str], before: datetime, until: datetime, now: datetime
) -> int:
    """What ``collect`` does with hours that have just come in; here they lie in the store already.

    No event tells of it: who waits for the present would take the past for news.
    """
    start, end = last_full_hour(before), last_full_hour(until)
    for city in cities:
        with resources.database.transaction() as connection:
            reconcile(connection, city, start, end, now=now, live=False)
    return int((end - start) / HOUR)


def _train(
    resources: Resources,
    models: ModelCache,
    report: ReplayReport,
    city: str,
    now: datetime,
    families: Sequence[Family],
) -> None:
    trained = _patiently(
        partial(train_city, resources.database, models, city, now=now, families=families, mode="replay")
    )
    report.trainings += 1
    report.promoted += trained.promoted.values()
    report.promotions += [
        Promotion(now, city, target, version, trained.switched.get(target), trained.reasons[target])
        for target, version in trained.promoted.items()
    ]
    for target in trained.kept:
        report.kept[target] = report.kept.get(target, 0) + 1
    report.skipped |= {f"{city}/{target}": reason for target, reason in trained.failed.items()}


def _forget(resources: Resources, files: ObjectStore, cities: Sequence[str]) -> None:
    for city in cities:
        with resources.database.transaction() as connection:
            versions = forget_replay(connection, city)
        for version in versions:
            for key in files.list(version + "/"):
                files.delete(key)
