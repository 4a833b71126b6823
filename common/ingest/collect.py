"""One run of collection: ask the sources, keep what they say, reconcile the hours it touches."""

from __future__ import annotations

from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from aws_lambda_powertools import Logger

from common.domain.errors import SourceError
from common.domain.observation import HOUR, Batch, Clock, hour_ending, last_full_hour
from common.ingest.reconcile import WINDOW, reconcile
from common.sources.interface import Request, Source
from common.store.meta import claim_dataset
from common.store.readings import Written, insert_weather_forecasts, upsert_readings
from common.store.source_runs import record_run

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from common.domain.cities import City
    from common.sources.http import Http
    from common.store.engine import Database

log = Logger(service="vayu", child=True)

LOOK_BACK = timedelta(hours=24)
"""Each run asks for this much again: an hour missed, or corrected late, heals by itself."""
FORECAST_HOURS = 72
"""Weather is asked for this far ahead: 48 hours, and a day for data that come late."""
_AT_ONCE = 4


@dataclass(slots=True)
class SourceReport:
    """How one source did in one run."""

    readings: int = 0
    new: int = 0
    changed: int = 0
    rejected: dict[str, int] = field(default_factory=dict)
    failure: str | None = None
    """What failed, in words; None where the source gave something."""


@dataclass(slots=True)
class CollectReport:
    """What came of one run."""

    sources: dict[str, SourceReport] = field(default_factory=dict)
    hours: int = 0
    """City-hours that are new or changed."""
    cities: list[str] = field(default_factory=list)
    """Cities that have new or changed hours."""

    @property
    def failed(self) -> bool:
        """Whether no source gave anything."""
        return bool(self.sources) and all(report.failure for report in self.sources.values())

    def plus(self, other: CollectReport) -> CollectReport:
        """Both runs as one; a source that failed in either is shown with its latest failure."""
        sources = dict(self.sources)
        for name, new in other.sources.items():
            old = sources.get(name, SourceReport())
            sources[name] = SourceReport(
                old.readings + new.readings,
                old.new + new.new,
                old.changed + new.changed,
                dict(Counter(old.rejected) + Counter(new.rejected)),
                new.failure or old.failure,
            )
        return CollectReport(sources, self.hours + other.hours, sorted({*self.cities, *other.cities}))


@dataclass(frozen=True, slots=True)
class Collector:
    """What a run needs, put together once."""

    database: Database
    sources: Sequence[Source]
    http: Http
    clock: Clock
    base_urls: Mapping[str, str]
    keys: Mapping[str, str]

    def collect(
        self,
        cities: Sequence[City],
        *,
        start: datetime | None = None,
        end: datetime | None = None,
        forecast_hours: int = FORECAST_HOURS,
        dry_run: bool = False,
    ) -> CollectReport:
        """Ask every source for readings in (start, end]; the same run again changes nothing.

        A source that fails is recorded and costs the others nothing. Sources are asked side by side; what
        they say is stored one after the other.

        Raises:
            ConfigError: when simulated and real data would meet in one database.
            StoreError: when the database cannot be reached.
        """
        now = self.clock()
        request = Request(
            cities=cities,
            start=start or now - LOOK_BACK,
            end=end or now,
            now=now,
            forecast_hours=forecast_hours,
            base_urls=self.base_urls,
        )
        report = CollectReport()
        touched: dict[str, tuple[datetime, datetime]] = {}
        with ThreadPoolExecutor(_AT_ONCE, thread_name_prefix="source") as pool:
            answers = pool.map(lambda source: self._ask(source, request), self.sources)
            for source, answer in zip(self.sources, answers, strict=True):
                report.sources[source.name] = self._keep(source, answer, now, touched, dry_run=dry_run)
        if not dry_run:
            for city, (first, last) in sorted(touched.items()):
                changed = self._reconcile(city, first, last, now)
                report.hours += changed
                if changed:
                    report.cities.append(city)
        return report

    def _ask(self, source: Source, request: Request) -> Batch | SourceError:
        try:
            return source.fetch(replace(request, key=self.keys.get(source.name)), self.http)
        except SourceError as error:
            return error
        except Exception as error:
            # A provider can always answer what nobody has seen before; it must not cost the others their run.
            log.exception("source broke", extra={"source": source.name})
            return SourceError(f"unexpected answer ({type(error).__name__})", reason="broken")

    def _keep(
        self,
        source: Source,
        answer: Batch | SourceError,
        started_at: datetime,
        touched: dict[str, tuple[datetime, datetime]],
        *,
        dry_run: bool,
    ) -> SourceReport:
        if isinstance(answer, SourceError):
            log.warning("source failed", extra={"source": source.name, "reason": answer.reason})
            if not dry_run:
                with self.database.transaction() as connection:
                    record_run(
                        connection,
                        source.name,
                        started_at=started_at,
                        finished_at=self.clock(),
                        reason=answer.reason,
                        message=str(answer),
                    )
            return SourceReport(failure=f"{answer.reason}: {answer}")
        rejected = dict(answer.rejected)
        if dry_run:
            return SourceReport(readings=len(answer.readings), rejected=rejected)
        written = Written()
        with self.database.transaction() as connection:
            claim_dataset(connection, "simulated" if source.name == "simulated" else "real")
            if source.archivable:
                written = upsert_readings(connection, answer.readings, now=started_at)
                insert_weather_forecasts(connection, answer.forecasts)
            record_run(
                connection,
                source.name,
                started_at=started_at,
                finished_at=self.clock(),
                readings=len(answer.readings),
                rejected=rejected,
                latest=max((reading.time for reading in answer.readings), default=None),
            )
        if written.new or written.changed:
            for reading in answer.readings:
                first, last = touched.get(reading.city, (reading.time, reading.time))
                touched[reading.city] = (min(first, reading.time), max(last, reading.time))
        return SourceReport(len(answer.readings), written.new, written.changed, rejected)

    def _reconcile(self, city: str, first: datetime, last: datetime, now: datetime) -> int:
        """Every city-hour whose windows hold a reading from `first` to `last`."""
        start = hour_ending(first) - HOUR
        end = min(hour_ending(last) + (WINDOW - 1) * HOUR, last_full_hour(now))
        with self.database.transaction() as connection:
            return reconcile(connection, city, start, end, now=now)
