"""Every fault of every source: what the others gave is stored, and the report names the source and the reason.

One real run over all sources for each cell, against real servers on loopback and a real database. With
VAYU_FAULT_MATRIX set to a path, the matrix is written there as a table in Markdown.
"""

from __future__ import annotations

import json
import logging
import os
import time
from collections import Counter
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, quote_plus

import pytest
from faults import (
    CITIES,
    FAULTS,
    NOW,
    OTHER,
    PAST_END,
    PAST_START,
    PROVIDERS,
    RETRY_AFTER_S,
    SPOILT,
    Fault,
    Provider,
)
from stubs import refusing
from tier_servers import fresh_database

from common.domain.observation import HOUR, hour_ending
from common.ingest.collect import Collector
from common.sources import KEYS, REGISTRY
from common.sources.http import Http, Timing
from common.store.engine import Database, run

if TYPE_CHECKING:
    from collections.abc import Iterator

    from common.ingest.report import CollectReport

SECRETS = {name: f"k3y/0f+{name}" for name in KEYS}
HANG_S, LONG_S = 1.5, 30.0
"""Time budgets: of runs in which a source hangs, and of those in which it answers."""
STORING_S = 10.0
"""Far more than storing takes, on a machine that is busy with something else."""
TABLES = (
    "reading", "reading_revision", "provider_forecast", "city_hour", "city_hour_revision", "source_run", "meta",
)  # fmt: skip

WHOLE = {
    "connection refused": "refused",
    "hang": "timeout",
    "401": "key",
    "403": "key",
    "404": "refused",
    "429": "quota",
    "429, Retry-After": "quota",
    "500": "server_error",
    "502": "server_error",
    "503": "server_error",
    "truncated JSON": "not_json",
    "connection broken off": "broken",
    "HTML instead of JSON": "html",
    "200 with an empty body": "empty",
    "200 with empty lists": "empty",
}
"""Fault that costs all of a source → the reason that is told."""
OWN = {
    ("cpcb-feed", "401"): "blocked",  # it has no key that could be refused
    ("cpcb-feed", "403"): "blocked",
    ("iqair", "200 with empty lists"): "shape",
    ("waqi", "200 with empty lists"): "shape",
    ("openaq", "200 with empty lists"): None,  # a city may have no station, and a station no hours
}
"""Where a source has another reason of its own; None: it is no failure."""
PART = {
    "a missing value": None,
    "a missing stamp": "time",
    "a wrong type": "not_a_number",
    "−999": "implausible",
    "10⁹": "implausible",
    "a stamp 5 days ahead": "future",
    "a stamp of 5 h ago": None,  # believed: it is kept as of then, not as of now
    "a stamp of 30 h ago": "stale",
    "a station twice": "duplicate",
    "a city in two states": None,
}
"""Fault that costs a part → the word under which it is counted; None: it is not."""
OWN_PART = {
    ("open-meteo", "a missing value"): "shape",
    ("open-meteo", "a stamp of 5 h ago"): "duplicate",  # the hour is there already
    ("open-meteo", "a stamp of 30 h ago"): "duplicate",
    ("waqi", "a missing stamp"): None,  # it is written twice
    ("openaq", "a stamp of 5 h ago"): "duplicate",
    (
        "openaq",
        "a stamp of 30 h ago",
    ): None,  # outside of what was asked for, at whose edges there is always more
    ("openweather", "a station twice"): None,  # the same instant twice is one
    ("iqair", "a station twice"): "neighbour",
    ("iqair", "a city in two states"): "neighbour",
    ("waqi", "a station twice"): "elsewhere",
    ("waqi", "a city in two states"): "elsewhere",
    ("openaq", "a city in two states"): "elsewhere",
}
ASKED_ONCE = (
    "401", "403", "404", "429", "429, Retry-After", "HTML instead of JSON", "200 with empty lists", *PART,
)  # fmt: skip
"""Faults that asking again cannot cure: no question is asked twice."""
GIVEN_UP = ("401", "403", "429", "429, Retry-After")
"""Faults after which nothing else is asked either."""

LEGEND = (
    "Each cell is one run over all sources with that fault of that source: the reason told (–: none is due), "
    "readings kept of its own, readings kept of all others (each of what a run without a fault keeps), and "
    "how many questions it was asked. WAQI's readings are shown and never stored."
)

Row = dict[str, Any]
Rows = dict[tuple[str, str, str, str], Row]
"""(source, city, station, time) → what is kept of it."""


@dataclass
class Outcome:
    """What came of one run."""

    report: CollectReport
    rows: Rows
    ahead: list[Any]
    runs: dict[str, Row]
    hours: set[tuple[str, str]]
    questions: int
    most_asked: int
    took_s: float
    log: str
    """All that a person may get to see: the report, the log, the record of runs."""


class LogCapture(logging.Handler):
    """Keeps all of what is logged, whatever a formatter would show of it."""

    def __init__(self) -> None:
        super().__init__()
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(f"{record.getMessage()} {vars(record)}")
        if record.exc_info:
            self.lines.append(logging.Formatter().formatException(record.exc_info))


@dataclass
class Stage:
    """All providers, one database, and what a run gives where nothing is wrong."""

    providers: dict[str, Provider]
    database: Database
    http: Http
    nowhere: str
    good: dict[bool, Outcome] = field(default_factory=dict)
    """Whether of the past → the outcome."""
    cells: dict[tuple[str, str], str] = field(default_factory=dict)

    def play(self, past: bool, spoilt: Provider | None = None, fault: Fault | None = None) -> Outcome:
        """One run over all sources, of which `spoilt` has the fault."""
        _empty(self.database)
        for provider in self.providers.values():
            provider.fault = fault if provider is spoilt else None
            provider.seen.clear()
        addresses = {}
        for provider in self.providers.values():
            refuses = provider is spoilt and fault is not None and fault.refuses
            addresses |= provider.base_urls(self.nowhere if refuses else None)
        collector = Collector(
            self.database,
            [REGISTRY[name] for name in self.providers],
            self.http,
            lambda: NOW,
            addresses,
            SECRETS,
        )
        log = logging.getLogger("vayu")
        message = LogCapture()
        log.addHandler(message)
        began = time.monotonic()
        try:
            report = collector.collect(
                CITIES,
                start=PAST_START if past else None,
                end=PAST_END if past else None,
                forecast_hours=0 if past else 3,
                budget_s=HANG_S if fault is not None and fault.name == "hang" else LONG_S,
            )
        finally:
            log.removeHandler(message)
        took_s = time.monotonic() - began
        questions = Counter(
            (seen.path, *sorted(seen.query.items())) for seen in (spoilt.seen if spoilt else [])
        )
        runs = _runs(self.database)
        return Outcome(
            report,
            _rows(self.database),
            _ahead(self.database),
            runs,
            _hours(self.database),
            questions.total(),
            max(questions.values(), default=0),
            took_s,
            f"{report} {runs} {message.lines}",
        )


def _empty(database: Database) -> None:
    with database.transaction() as connection:
        statements = "; ".join(f"DELETE FROM {table}" for table in TABLES)  # noqa: S608 — tables of ours
        run(connection, f"DO $$ BEGIN {statements}; END $$")


def _rows(database: Database) -> Rows:
    with database.transaction() as connection:
        rows = run(
            connection,
            "SELECT source, city, station, time, (to_jsonb(reading) - 'received_at')::text FROM reading",
        )
    return {
        (source, city, station, time.isoformat()): _flat(json.loads(text))
        for source, city, station, time, text in rows
    }


def _flat(row: Row) -> Row:
    published = {f"published {name}": value for name, value in row.pop("published").items()}
    return {name: value for name, value in (row | published).items() if value is not None}


def _ahead(database: Database) -> list[Any]:
    with database.transaction() as connection:
        rows = run(
            connection,
            """
            SELECT jsonb_build_object('city', city, 'source', source, 'issued_at', issued_at, 'variable', variable,
              'time', first + (lead - 1) * interval '1 hour', 'value', value)::text
            FROM provider_forecast, jsonb_each(to_jsonb(provider_forecast)) AS told(variable, all_leads),
              jsonb_array_elements(all_leads) WITH ORDINALITY AS each(value, lead)
            WHERE jsonb_typeof(all_leads) = 'array' AND value <> 'null'
            """,
        )
    return sorted(text for (text,) in rows)


def _runs(database: Database) -> dict[str, Row]:
    with database.transaction() as connection:
        rows = run(connection, "SELECT source, to_jsonb(source_run)::text FROM source_run")
    return {source: json.loads(text) for source, text in rows}


def _hours(database: Database) -> set[tuple[str, str]]:
    with database.transaction() as connection:
        rows = run(connection, "SELECT city, time FROM city_hour")
    return {(city, time.isoformat()) for city, time in rows}


@pytest.fixture(scope="module")
def stage(server: str, template: str) -> Iterator[Stage]:
    with ExitStack() as stack:
        url = stack.enter_context(fresh_database(server, f"TEMPLATE {template}"))
        database = Database(url)
        stack.callback(database.close)
        providers = {kind.name: stack.enter_context(kind()) for kind in PROVIDERS}
        http = stack.enter_context(Http(Timing(read_s=1.0, wait_s=0.001, minute_s=0)))
        made = Stage(providers, database, http, stack.enter_context(refusing()))
        made.good = {past: made.play(past) for past in (False, True)}
        yield made
        path = os.environ.get("VAYU_FAULT_MATRIX")
        if path:
            Path(path).write_text(_table(made.cells), encoding="utf-8")


def _table(cells: dict[tuple[str, str], str]) -> str:
    names = [kind.name for kind in PROVIDERS]
    lines = [
        LEGEND,
        "",
        "| fault | " + " | ".join(names) + " |",
        "|---" * (len(names) + 1) + "|",
    ]
    for fault in FAULTS:
        row = [cells.get((name, fault.name), "") for name in names]
        lines.append(f"| {fault.name} | " + " | ".join(row) + " |")
    return "\n".join(lines) + "\n"


def test_without_a_fault_every_source_gives_its_part(stage: Stage) -> None:
    assert set(stage.providers) | {"simulated"} == set(REGISTRY)
    now, past = stage.good[False], stage.good[True]
    stored = Counter(source for source, *_ in now.rows)
    assert stored == {"cpcb-feed": 4, "cpcb": 4, "open-meteo": 48, "openweather": 2, "iqair": 2}
    assert now.report.sources["waqi"].readings == 2  # shown, never kept
    assert now.runs["waqi"]["readings"] == 2
    assert Counter(source for source, *_ in past.rows) == {"open-meteo": 12, "openweather": 12, "openaq": 12}
    assert all(not item.failure and not item.rejected for item in now.report.sources.values())
    assert all(not item.failure and not item.rejected for item in past.report.sources.values())


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.name)
@pytest.mark.parametrize("name", [kind.name for kind in PROVIDERS])
def test_one_fault_of_one_source(stage: Stage, name: str, fault: Fault) -> None:
    provider = stage.providers[name]
    good, outcome = stage.good[provider.past], stage.play(provider.past, provider, fault)
    own, own_good = _of(outcome.rows, name), _of(good.rows, name)

    others, others_good = outcome.rows.keys() - own.keys(), good.rows.keys() - own_good.keys()
    assert {key: row for key, row in outcome.rows.items() if key[0] != name} == {
        key: row for key, row in good.rows.items() if key[0] != name
    }
    assert set(outcome.ahead) <= set(good.ahead)
    assert [text for text in outcome.ahead if f'"{name}"' not in text] == [
        text for text in good.ahead if f'"{name}"' not in text
    ]
    over = {(city, _hour(time_)) for _, city, _, time_ in outcome.rows}
    assert {each for each in over if each[1] <= _hour((NOW - HOUR).isoformat())} <= outcome.hours
    assert outcome.took_s < (HANG_S if fault.name == "hang" else LONG_S) + STORING_S
    for other, source in outcome.report.sources.items():
        if other != name:
            assert source == good.report.sources[other]
            assert outcome.runs[other]["reason"] is None

    if fault.name in WHOLE:
        word = _check_whole(outcome, name, fault, own)
    else:
        word = _check_part(outcome, provider, fault, own, own_good)
    _check_questions(outcome, name, fault)
    _check_nothing_is_told(outcome)
    stage.cells[name, fault.name] = (
        f"{word} {_stored(outcome, name, own)}/{_stored(good, name, own_good)}, "
        f"{len(others)}/{len(others_good)}, {outcome.questions}×"
    )


def _check_whole(outcome: Outcome, name: str, fault: Fault, own: Rows) -> str:
    reason = OWN.get((name, fault.name), WHOLE[fault.name])
    report, recorded = outcome.report.sources[name], outcome.runs[name]
    assert not own
    assert report.readings == 0
    assert recorded["reason"] == reason
    if reason is None:
        assert report.failure is None
        return "–"
    assert report.failure is not None
    assert report.failure.startswith(f"{reason}: ")
    if fault.name == "429, Retry-After":
        assert recorded["rests_until"] == (NOW + timedelta(seconds=RETRY_AFTER_S)).isoformat()
    else:
        assert (recorded["rests_until"] is not None) == (reason == "key")
    return f"`{reason}`"


def _check_part(outcome: Outcome, provider: Provider, fault: Fault, own: Rows, good: Rows) -> str:
    name, report = provider.name, outcome.report.sources[provider.name]
    assert report.failure is None
    assert outcome.runs[name]["reason"] is None
    assert outcome.runs[name]["rests_until"] is None
    word = OWN_PART.get((name, fault.name), PART[fault.name])
    assert set(report.rejected) == ({word} if word else set())
    assert outcome.runs[name]["rejected"] == report.rejected
    lost, strangers = good.keys() - own.keys(), own.keys() - good.keys()
    changed = {key for key in own.keys() & good.keys() if own[key] != good[key]}
    assert all(own[key].items() <= good[key].items() for key in changed), "no value but those that are right"
    if not REGISTRY[name].archivable:
        costs_one = fault.only_reading if word else False
        assert report.readings == 2 - (costs_one or (fault.harmless and provider.nearest))
    elif fault.only_value:
        gone = {column for key in changed for column, _ in good[key].items() - own[key].items()}
        assert {column.removeprefix("published ") for column in gone} == provider.columns
        assert {city for _, city, _, _ in changed} == {SPOILT.name}
        assert not lost | strangers
    elif fault.only_reading:
        [(city, time_)] = {(city, time_) for _, city, _, time_ in lost | changed}
        assert city == SPOILT.name
        # What is stamped with an hour gone by is of that hour, or is not believed; it is never of the present.
        for _, city, _, then in strangers:
            assert fault.name == "a stamp of 5 h ago"
            assert city == SPOILT.name
            assert then < time_
    else:
        assert not changed | strangers
        assert {city for _, city, _, _ in lost} == ({OTHER.name} if provider.nearest else set())
    return f"`{word}`" if word else "–"


def _check_questions(outcome: Outcome, name: str, fault: Fault) -> None:
    assert outcome.most_asked <= (1 if fault.name in ASKED_ONCE else 3)
    if fault.name in GIVEN_UP:
        assert outcome.questions == (2 if name == "open-meteo" else 1)  # it has two servers


def _check_nothing_is_told(outcome: Outcome) -> None:
    for secret in SECRETS.values():
        for form in (secret, quote(secret, safe=""), quote_plus(secret), json.dumps(secret)[1:-1]):
            assert form not in outcome.log
    for query in ("?q=", "q=secret", "appid=", "api-key=", "token=", "key=", "latitude=", "lat="):
        assert query not in outcome.log


def _of(rows: Rows, name: str) -> Rows:
    return {key: row for key, row in rows.items() if key[0] == name}


def _stored(outcome: Outcome, name: str, own: Rows) -> int:
    return len(own) if REGISTRY[name].archivable else outcome.report.sources[name].readings


def _hour(time_: str) -> str:
    return hour_ending(datetime.fromisoformat(time_)).isoformat()
