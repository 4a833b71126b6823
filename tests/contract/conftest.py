"""The same history on every tier, asked after each step of its upkeep."""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING

import pytest
from history import correct, fill
from tier_answers import Answers, answers_of, correct_again
from tier_servers import TierServers, fresh_database

from common.store.engine import Database
from common.store.migrate import migrate

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(scope="session")
def here(tier: str, server: str, template: str) -> Iterator[Answers]:
    """The tier under test."""
    with fresh_database(server, f"TEMPLATE {template}") as url, closing(Database(url)) as database:
        yield answers_of(database, tier)


@pytest.fixture(scope="session")
def expected(tier_servers: TierServers) -> Iterator[dict[str, dict[str, str]]]:
    """The answers of a plain server that never had any upkeep: what everything else must amount to."""
    template = tier_servers.template("plain")
    with (
        fresh_database(tier_servers.url("plain"), f"TEMPLATE {template}") as url,
        closing(Database(url)) as database,
    ):
        bare = Answers(database)
        fill(database)
        correct(database)
        bare.ask("corrected")
        correct_again(database)
        bare.ask("corrected again")
        yield {
            **bare.answers,
            "upkeep": bare.answers["corrected"],
            "upkeep again": bare.answers["corrected again"],
        }


@pytest.fixture(scope="session")
def sorted_by_language(tier: str, server: str) -> Iterator[Answers]:
    """The tier under test, in a database that sorts text as a language does, not by code points."""
    options = "TEMPLATE template0 LOCALE_PROVIDER icu ICU_LOCALE 'en-US' LOCALE 'C.UTF-8'"
    with fresh_database(server, options) as url, closing(Database(url)) as database:
        migrate(database)
        yield answers_of(database, tier)
