"""A real PostgreSQL for every test that asks for one: one server a tier and run, one database a test."""

from __future__ import annotations

import gc
import os
import signal
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from factories import Clock
from hypothesis import HealthCheck, settings
from tier_servers import VARIABLES, TierServers, fresh_database, missing

from common.store.engine import Database

if TYPE_CHECKING:
    from collections.abc import Iterator

# Tests run beside each other: how long an example takes says nothing of what is tested.
settings.register_profile("beside others", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("beside others")

ON_EVERY_TIER = ("contract", "functions", "store")
"""Folders whose tests run on every tier that there is a server of; the others run on the embedded one.

The tier matters to what the store does: `store` tests that, `functions` each function from its message to its rows, and
`contract` puts every question of the API to every tier and compares the answers. What the API makes of rows is the
same on all tiers; only where VAYU_TEST_THOROUGH is set, its tests run on each of them, too.
"""
THOROUGH = bool(os.environ.get("VAYU_TEST_THOROUGH"))
LONGEST = ("e2e", "packaging", "deploy", "dashboard", "browser", "faults", "training")
"""Folders whose files take longest: they begin first, so that no worker ends long after the others."""
LONGEST_FILES = (
    "test_api_conformance.py",
    "test_whole_system.py",
    "test_families.py",
    "test_cli_backfill_killed.py",
)
"""Files that take half a minute or more of processor time by themselves: they begin before all others."""


def pytest_configure() -> None:
    # Before numpy is loaded, here and in what tests start: tests run beside each other, and BLAS's threads, which wait
    # for one another in small matrices, took six times the processor time of the training itself.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    if signal.getsignal(signal.SIGHUP) is signal.SIG_IGN:
        # Started by nohup: the processes that tests start would never hear what they are to hear.
        signal.signal(signal.SIGHUP, lambda *_: None)


def pytest_collection() -> None:
    # What is imported for the tests stays until their end; to look through it for garbage, again and again, took three
    # hundredths of their processor time.
    gc.disable()


def pytest_collection_finish() -> None:
    gc.freeze()
    gc.enable()


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    folder = metafunc.definition.path.relative_to(Path(__file__).parent).parts[0]
    only = metafunc.definition.get_closest_marker("tiers")
    everywhere = folder in ON_EVERY_TIER or (THOROUGH and folder == "api") or only
    if "tier" in metafunc.fixturenames and everywhere:
        metafunc.parametrize("tier", only.args if only else list(VARIABLES), indirect=True, scope="session")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    def rank(item: pytest.Item) -> int:
        if item.path.name in LONGEST_FILES:
            return -1
        folder = item.path.relative_to(Path(__file__).parent).parts[0]
        return LONGEST.index(folder) if folder in LONGEST else len(LONGEST)

    items.sort(key=rank)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say by tier how much was not run, in one line each: a green run must not seem to have tried it."""
    reasons = Counter({reason: 0 for tier in VARIABLES if (reason := missing(tier))})
    others = []
    for report in terminalreporter.stats.pop("skipped", []):
        reason = report.longrepr[2].removeprefix("Skipped: ") if isinstance(report.longrepr, tuple) else ""
        if reason in reasons:
            reasons[reason] += 1
            terminalreporter.stats.setdefault("not run", []).append(report)
        else:
            others.append(report)
    if others:
        terminalreporter.stats["skipped"] = others
    for reason, number in reasons.items():
        if number:
            terminalreporter.write_line(f"not run: {reason}: {number} tests")
    for report in terminalreporter.stats.get("passed", []):
        for name, text in report.user_properties:
            if name == "drill":
                terminalreporter.write_line(text)


@pytest.fixture(scope="session")
def tier(request: pytest.FixtureRequest) -> str:
    """The tier that the test runs on."""
    name: str = getattr(request, "param", "plain")
    reason = missing(name)
    if reason is not None:
        pytest.skip(reason)
    return name


@pytest.fixture(scope="session")
def tier_servers() -> Iterator[TierServers]:
    servers = TierServers()
    yield servers
    servers.close()


@pytest.fixture(scope="session")
def server(tier: str, tier_servers: TierServers) -> str:
    """Address of the tier's server, with ``{name}`` for the database."""
    return tier_servers.url(tier)


@pytest.fixture(scope="session")
def template(tier: str, tier_servers: TierServers) -> str:
    """Name of a migrated database on the tier's server, to be copied."""
    return tier_servers.template(tier)


@pytest.fixture
def programs(tier: str, tier_servers: TierServers) -> Path:
    """PostgreSQL's own, of the tier's server."""
    folder = tier_servers.programs(tier)
    if folder is None:
        pytest.skip(f"the programs of the server of tier {tier} are not on this machine")
    return folder


@pytest.fixture
def database_url(server: str, template: str) -> Iterator[str]:
    """A fresh migrated database, gone after the test."""
    with fresh_database(server, f"TEMPLATE {template}") as url:
        yield url


@pytest.fixture
def database(database_url: str) -> Iterator[Database]:
    """The fresh database, opened."""
    opened = Database(database_url)
    yield opened
    opened.close()


@pytest.fixture
def now() -> datetime:
    """A fixed present: 5 November 2025, 16:00 in Delhi."""
    return datetime(2025, 11, 5, 10, 30, tzinfo=UTC)


@pytest.fixture
def clock(now: datetime) -> Clock:
    """A clock that shows that present until it is told to go."""
    return Clock(now)
