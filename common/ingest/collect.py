"""One run of collection: ask the sources, keep what they say, reconcile the hours it touches."""

from __future__ import annotations

import time
from collections import defaultdict
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from aws_lambda_powertools import Logger

from common.domain.errors import ConfigError, QuotaExhausted, SourceError, StoreError
from common.domain.observation import (
    HOUR,
    ProviderForecast,
    Reading,
    hour_ending,
    last_full_hour,
)
from common.ingest.circuit_breaker import LONGEST, LONGEST_LIVE, UNUSABLE, Streak, rest_until
from common.ingest.concurrent_fetch import ConcurrentFetcher, FetchResult
from common.ingest.reconcile import TOUCHED, reconcile_all
from common.ingest.report import CollectReport, SourceReport
from common.sources.interface import Request, Source
from common.store.city_hours import latest_city_hours
from common.store.dataset_kind import Dataset, claim_dataset, refuse_other_dataset
from common.store.events import append
from common.store.provider_forecasts import insert_provider_forecasts
from common.store.readings import Written, upsert_readings
from common.store.sanitize import sanitize
from common.store.source_runs import SourceRun, failed_before, failing, lock_sources, record_run, resting

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from common.domain.cities import City
    from common.ports import Clock
    from common.sources.http import Http
    from common.store.engine import Connection, Database

log = Logger(service="vayu", child=True)

LOOK_BACK = timedelta(hours=24)
"""Each run asks for this much again: an hour missed, or corrected late, heals by itself."""
FORECAST_HOURS = 72
"""Weather and air are asked for this far ahead: 48 hours, and a day for providers that then fail."""
ASKING_S = 240.0
"""How long the sources may take in an hourly run. OpenWeather's and IQAir's limits a minute need three minutes."""
FILLING_S = 3600.0
"""How long they may take where a past is asked for."""
_TOGETHER = 28
"""Cities that are stored in one transaction: half of them, in a tenth of the time that they take one by one."""
_NOT_OF_THE_CITY = ("elsewhere", "neighbour")
"""Why a part of an answer that was right may be of no use for the cities asked about."""
_GRACE_S = 5.0
"""So much sooner each source is told to come back with what it has."""


@dataclass(slots=True)
class _CityBatch:
    """What one source said of one city; readings by station and time."""

    readings: dict[tuple[str, datetime], Reading] = field(default_factory=dict)
    forecasts: list[ProviderForecast] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Collector:
    """What a run needs, put together once."""

    database: Database
    sources: Sequence[Source]
    http: Http
    clock: Clock
    base_urls: Mapping[str, str]
    keys: Mapping[str, str]
    fetcher: ConcurrentFetcher = field(default_factory=ConcurrentFetcher, repr=False, compare=False)
    fence: Callable[[Connection], None] = field(default=lambda _: None, repr=False, compare=False)
    """Called first in each transaction that writes; raises StoreError where this run may write no more"""

    def collect(
        self,
        cities: Sequence[City],
        *,
        start: datetime | None = None,
        end: datetime | None = None,
        forecast_hours: int = FORECAST_HOURS,
        dry_run: bool = False,
        insist: bool = False,
        budget_s: float | None = None,
        record: bool = True,
    ) -> CollectReport:
        """Ask every source for readings in (start, end]; the same run again changes nothing.

        Where `start` is given, only sources that keep a past are asked, if there are any: the others would
        give their latest hour again for each stretch of a backfill, and some count every question.

        Sources are asked side by side, and a source that fails is recorded and costs the others nothing. After
        `budget_s` seconds (default: `ASKING_S`, or `FILLING_S` with a `start`) those that are not ready are
        given up on; one that asks city by city returns what it has, and the rest is counted as ``out_of_time``.
        A source that rests (see `common.ingest.circuit_breaker`) is not asked, unless `insist`. How the sources did is
        kept as their health, unless not to `record`: what a backfill meets says little of the present.

        What is said of a city and the city-hours that come of it are stored together, some cities at a time: a run
        that dies halfway leaves the rest as they were and is made up by the next.

        Raises:
            ConfigError: when simulated and real data would meet in one database; nothing is asked then.
            StoreError: when the database cannot be reached, or the fence refuses: what was stored by then stays.
            Exception: what broke while a city was stored, after all the others were.
        """
        now = self.clock()
        kind = self._kind()
        keeping = [source for source in self.sources if source.backfill_days]
        sources = keeping if start and keeping else self.sources
        with self.database.transaction() as connection:
            refuse_other_dataset(connection, kind)
            left = {} if insist else resting(connection, [source.name for source in sources], now)
        request = Request(
            cities=cities,
            start=start or now - LOOK_BACK,
            end=end or now,
            now=now,
            forecast_hours=forecast_hours,
            base_urls=self.base_urls,
        )
        limit_s = budget_s if budget_s is not None else FILLING_S if start else ASKING_S
        answers = self._ask([source for source in sources if source.name not in left], request, limit_s)
        if start is None:  # a past may hold nothing that can be used; the present must
            answers = [_judged(answer) for answer in answers]
        report = CollectReport(
            {source.name: SourceReport(resting_until=left.get(source.name)) for source in sources}
            | {answer.source.name: _first_report(answer) for answer in answers}
        )
        if dry_run:
            return report
        by_city = _by_city(answers, report)
        if by_city:
            with self.database.transaction() as connection:
                self.fence(connection)
                claim_dataset(connection, kind)
        broken = self._keep_all(by_city, report, now)
        if record:
            self._record(answers, report, now)
        if broken is not None:
            raise broken
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

    def _ask(self, sources: Sequence[Source], request: Request, limit_s: float) -> list[FetchResult]:
        end = time.monotonic() + limit_s  # threads are waited for in real time, whatever the client's clock
        http = self.http.until(self.http.clock() + limit_s - min(_GRACE_S, limit_s / 10))
        return self.fetcher.fetch_all(
            sources,
            lambda source: source.fetch(
                replace(request, key=self.keys.get(source.name)), http.asking(source)
            ),
            end=end,
        )

    def _keep_all(
        self, by_city: Mapping[str, Mapping[str, _CityBatch]], report: CollectReport, now: datetime
    ) -> Exception | None:
        """Store some cities at a time; returns what broke, if anything did, for it must not cost the others theirs."""
        broken: Exception | None = None
        names = sorted(by_city)
        waiting = [names[first : first + _TOGETHER] for first in range(0, len(names), _TOGETHER)]
        while waiting:
            some = waiting.pop(0)
            try:
                self._keep({city: by_city[city] for city in some}, report, now)
            except StoreError:
                raise
            except Exception as error:
                if len(some) > 1:
                    waiting = [*([city] for city in some), *waiting]
                    continue
                log.exception("city cannot be stored", extra={"city": some[0]})
                broken = error
        return broken

    def _keep(
        self, some: Mapping[str, Mapping[str, _CityBatch]], report: CollectReport, now: datetime
    ) -> None:
        """Store what the sources said of some cities, and their city-hours: all of it, or nothing."""
        batches = [batch for sources in some.values() for batch in sources.values()]
        with self.database.transaction() as connection:
            self.fence(connection)
            written = upsert_readings(
                connection, (reading for batch in batches for reading in batch.readings.values()), now=now
            )
            # By the clock of now: what came while the sources were asked was not known when that began.
            insert_provider_forecasts(
                connection, (forecast for batch in batches for forecast in batch.forecasts), now=self.clock()
            )
            latest = latest_city_hours(connection, some)
            touched = {
                city: [part for (name, _), part in written.parts.items() if name == city] for city in some
            }
            spans = [
                (city, start, end)
                for city in some
                for start, end in _spans(touched[city], latest.get(city), last_full_hour(now))
            ]
            changed = reconcile_all(connection, spans, now=now)
        for (_, source), part in written.parts.items():
            report.sources[source].new += part.new
            report.sources[source].changed += part.changed
        report.hours += sum(changed.values())
        report.cities += [city for city, hours in changed.items() if hours]

    def _record(self, answers: Sequence[FetchResult], report: CollectReport, started_at: datetime) -> None:
        finished_at = self.clock()
        names = [answer.source.name for answer in answers]
        with self.database.transaction() as connection:
            self.fence(connection)
            lock_sources(connection, names)
            before = failing(connection, names)
            for answer in answers:
                source, batch, failure = answer.source, answer.batch, answer.error
                runs, hours = failed_before(connection, source.name, started_at) if failure else (0, 0)
                record_run(
                    connection,
                    SourceRun(
                        source.name,
                        started_at=started_at,
                        finished_at=finished_at,
                        readings=len(batch.readings),
                        rejected=report.sources[source.name].rejected,
                        latest=max((reading.time for reading in batch.readings), default=None),
                        reason=failure.reason if failure else None,
                        message=str(failure) if failure else None,
                        rests_until=rest_until(
                            started_at,
                            finished_at,
                            failure,
                            Streak(runs + 1, hours + 1),
                            batch.retry_after,
                            longest=LONGEST if source.backfill_days else LONGEST_LIVE,
                        ),
                    ),
                )
            _tell_changes(connection, before, failing(connection, names), now=finished_at)


def _tell_changes(
    connection: Connection, before: Mapping[str, str], after: Mapping[str, str], *, now: datetime
) -> None:
    """Add an event for each source that begins to fail or is back."""
    for source in sorted(before.keys() ^ after.keys()):
        state = {"state": "failing", "reason": after[source]} if source in after else {"state": "back"}
        append(connection, "source", [], now=now, detail={"source": source, **state})


def _judged(answer: FetchResult) -> FetchResult:
    """The answer; a failure where it was whole, and yet nothing that was told of the cities could be used."""
    batch = answer.batch
    useless = {reason: number for reason, number in batch.rejected.items() if reason not in _NOT_OF_THE_CITY}
    if answer.error or batch.readings or batch.forecasts or not useless:
        return answer
    rejections = ", ".join(f"{number} {reason}" for reason, number in sorted(useless.items()))
    return replace(answer, error=SourceError(f"nothing it told could be used: {rejections}", reason=UNUSABLE))


def _first_report(answer: FetchResult) -> SourceReport:
    batch, error = answer.batch, answer.error
    wait_s = error.retry_after if isinstance(error, QuotaExhausted) else batch.retry_after
    return SourceReport(
        readings=len(batch.readings),
        rejected=dict(batch.rejected),
        failure=f"{error.reason}: {error}" if error else None,
        retry_after=wait_s,
    )


def _by_city(answers: Sequence[FetchResult], report: CollectReport) -> dict[str, dict[str, _CityBatch]]:
    """City → source → what may be kept; of two readings of one station and time the last, the other counted."""
    by_city: dict[str, dict[str, _CityBatch]] = defaultdict(lambda: defaultdict(_CityBatch))
    for answer in answers:
        source = answer.source
        if not source.archivable:
            continue
        duplicates = 0
        for reading in answer.batch.readings:
            readings = by_city[reading.city][source.name].readings
            key = (sanitize(reading.station), reading.time)
            duplicates += key in readings
            readings[key] = reading
        for forecast in answer.batch.forecasts:
            by_city[forecast.city][source.name].forecasts.append(forecast)
        if duplicates:
            rejected = report.sources[source.name].rejected
            rejected["duplicate"] = rejected.get("duplicate", 0) + duplicates
    return by_city


def _spans(
    touched: Sequence[Written], latest: datetime | None, until: datetime
) -> Iterator[tuple[datetime, datetime]]:
    """Which of a city's hours do not stand as they are: those that the changed readings have a part in, and all
    after the latest city-hour, for the one after it was not over last time."""
    fresh = until if latest is None else latest
    firsts = [part.first for part in touched if part.first is not None]
    lasts = [part.last for part in touched if part.last is not None]
    if firsts and lasts:
        start = hour_ending(min(firsts)) - HOUR
        end = hour_ending(max(lasts)) + TOUCHED * HOUR
        if end < fresh:
            yield start, end
        else:
            fresh = min(start, fresh)
    if fresh < until:
        yield fresh, until
