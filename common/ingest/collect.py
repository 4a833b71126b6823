"""One run of collection: ask the sources, keep what they say, reconcile the hours it touches."""

from __future__ import annotations

from collections import Counter, defaultdict
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from aws_lambda_powertools import Logger

from common.domain.errors import ConfigError, SourceError
from common.domain.observation import (
    HOUR,
    Batch,
    Clock,
    Reading,
    WeatherForecast,
    hour_ending,
    last_full_hour,
)
from common.ingest.reconcile import reconcile
from common.sources.interface import Request, Source
from common.store.city_hours import span
from common.store.meta import Dataset, claim_dataset, refuse_other_dataset
from common.store.readings import insert_weather_forecasts, upsert_readings
from common.store.source_runs import record_run

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from sqlalchemy import Connection

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
    """What failed, in words; None where it went well."""


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
        """Whether no source gave anything and at least one failed."""
        reports = self.sources.values()
        return any(report.failure for report in reports) and not any(report.readings for report in reports)

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


@dataclass(slots=True)
class _Said:
    """What one source said of one city; readings by station and time."""

    readings: dict[tuple[str, datetime], Reading] = field(default_factory=dict)
    forecasts: list[WeatherForecast] = field(default_factory=list)


_Answer = tuple[Source, Batch | SourceError]


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

        Where `start` is given, only sources that keep a past are asked, if there are any: the others would
        give their latest hour again for each stretch of a backfill, and some count every question.
        A source that fails is recorded and costs the others nothing. Sources are asked side by side. What they
        say of a city and the city-hours that come of it are stored together, city by city: a run that dies
        halfway leaves some cities as they were and is made up by the next.

        Raises:
            ConfigError: when simulated and real data would meet in one database; nothing is asked then.
            StoreError: when the database cannot be reached.
        """
        now = self.clock()
        kind = self._kind()
        with self.database.transaction() as connection:
            refuse_other_dataset(connection, kind)
        request = Request(
            cities=cities,
            start=start or now - LOOK_BACK,
            end=end or now,
            now=now,
            forecast_hours=forecast_hours,
            base_urls=self.base_urls,
        )
        keeping = [source for source in self.sources if source.backfill_days]
        answers = self._ask(keeping if start and keeping else self.sources, request)
        report = CollectReport({source.name: _first_report(answer) for source, answer in answers})
        if dry_run:
            return report
        by_city = _by_city(answers, report)
        if by_city:
            with self.database.transaction() as connection:
                claim_dataset(connection, kind)
        for city, said in sorted(by_city.items()):
            changed = self._keep(city, said, report, now)
            report.hours += changed
            if changed:
                report.cities.append(city)
        self._record(answers, report, now)
        return report

    def _kind(self) -> Dataset:
        """Which data the sources give; raises ConfigError where they give both."""
        kinds: set[Dataset] = {
            "simulated" if source.name == "simulated" else "real" for source in self.sources
        }
        if len(kinds) > 1:
            raise ConfigError(
                "VAYU_SOURCES must not name 'simulated' beside others: their data must not be mixed"
            )
        return kinds.pop() if kinds else "real"

    def _ask(self, sources: Sequence[Source], request: Request) -> list[_Answer]:
        with ThreadPoolExecutor(_AT_ONCE, thread_name_prefix="source") as pool:
            answers = pool.map(lambda source: self._ask_one(source, request), sources)
            return list(zip(sources, answers, strict=True))

    def _ask_one(self, source: Source, request: Request) -> Batch | SourceError:
        try:
            return source.fetch(replace(request, key=self.keys.get(source.name)), self.http)
        except SourceError as error:
            log.warning("source failed", extra={"source": source.name, "reason": error.reason})
            return error
        except Exception as error:
            # A provider can always answer what nobody has seen before; it must not cost the others their run.
            log.exception("source broke", extra={"source": source.name})
            return SourceError(f"unexpected answer ({type(error).__name__})", reason="broken")

    def _keep(self, city: str, said: Mapping[str, _Said], report: CollectReport, now: datetime) -> int:
        """Store what the sources said of one city, and its city-hours; returns how many of these changed."""
        with self.database.transaction() as connection:
            first: datetime | None = None
            for name, one in said.items():
                written = upsert_readings(connection, one.readings.values(), now=now)
                insert_weather_forecasts(connection, one.forecasts)
                report.sources[name].new += written.new
                report.sources[name].changed += written.changed
                first = min(filter(None, (first, written.first)), default=None)
            start = _reconciled_until(connection, city, first)
            return reconcile(connection, city, start, last_full_hour(now), now=now) if start else 0

    def _record(self, answers: Sequence[_Answer], report: CollectReport, started_at: datetime) -> None:
        finished_at = self.clock()
        with self.database.transaction() as connection:
            for source, answer in answers:
                failure = answer if isinstance(answer, SourceError) else None
                readings = [] if isinstance(answer, SourceError) else answer.readings
                record_run(
                    connection,
                    source.name,
                    started_at=started_at,
                    finished_at=finished_at,
                    readings=len(readings),
                    rejected=report.sources[source.name].rejected,
                    latest=max((reading.time for reading in readings), default=None),
                    reason=failure.reason if failure else None,
                    message=str(failure) if failure else None,
                )


def _first_report(answer: Batch | SourceError) -> SourceReport:
    if isinstance(answer, SourceError):
        return SourceReport(failure=f"{answer.reason}: {answer}")
    return SourceReport(readings=len(answer.readings), rejected=dict(answer.rejected))


def _by_city(answers: Sequence[_Answer], report: CollectReport) -> dict[str, dict[str, _Said]]:
    """City → source → what may be kept; of two readings of one station and time the last, the other counted."""
    found: dict[str, dict[str, _Said]] = defaultdict(lambda: defaultdict(_Said))
    for source, answer in answers:
        if isinstance(answer, SourceError) or not source.archivable:
            continue
        duplicates = 0
        for reading in answer.readings:
            kept = found[reading.city][source.name].readings
            duplicates += (reading.station, reading.time) in kept
            kept[reading.station, reading.time] = reading
        for forecast in answer.forecasts:
            found[forecast.city][source.name].forecasts.append(forecast)
        if duplicates:
            rejected = report.sources[source.name].rejected
            rejected["duplicate"] = rejected.get("duplicate", 0) + duplicates
    return found


def _reconciled_until(connection: Connection, city: str, first: datetime | None) -> datetime | None:
    """Until when a city's hours stand as they are: before the first changed reading, and not beyond the latest
    city-hour, for the one after it was not over last time. None where there is nothing to reconcile."""
    known = span(connection, city)
    ends = [hour_ending(first) - HOUR] if first else []
    return min([*ends, known[1]] if known else ends, default=None)
