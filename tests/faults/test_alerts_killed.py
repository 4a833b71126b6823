"""The function `alerts` killed before any of its statements: no episode is lost, none is told twice but by a repeat.

A repeat has the id of the first attempt; there is one at most for each death between sending a message and noting it.
"""

from __future__ import annotations

from collections import Counter
from datetime import timedelta
from typing import TYPE_CHECKING, Any
from uuid import UUID

import pytest
from alert_rows import KEY, Receiver, deliveries, put_owner, put_rule, put_values, receiving
from forks import Forks, Start, every

from common.store.engine import Database, run

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

HOUR = timedelta(hours=1)
RULE = UUID(int=7)

pytestmark = pytest.mark.slow


@pytest.fixture
def hook() -> Iterator[Receiver]:
    with receiving() as receiver:
        yield receiver


def order_of(database: Database, hook: Receiver, now: datetime) -> dict[str, Any]:
    return {
        "task": "alerts",
        "url": database.url,
        "now": now.isoformat(),
        "settings": {
            "VAYU_ALERTS_KEY": KEY,
            "VAYU_ALERTS_ALLOW_ORIGINS": hook.url.rpartition("/")[0],
            "VAYU_PUBLIC_ALERTS": "off",
        },
    }


def let_claims_run_out(database: Database) -> None:
    with database.transaction() as connection:
        run(connection, "UPDATE alert_delivery SET claimed_until = '-infinity' WHERE status = 'sending'")


def survived(
    database: Database, hook: Receiver, order: dict[str, Any], forks: Forks, kind: str, most: int = 10
) -> Counter[str]:
    """Die before each statement, then run undisturbed; how the deaths turned out."""
    start = Start(database)
    statements = forks.well(**order).statements
    assert hook.kinds == [kind]
    expected = deliveries(database)
    turns: Counter[str] = Counter()
    for number in every(statements, most):
        start.again()
        hook.posts.clear()
        assert forks.run(**order, stop_at=number).status == -9, number
        let_claims_run_out(database)
        forks.well(**order)
        assert deliveries(database) == expected, number
        assert set(hook.kinds) == {kind}, number
        assert len(set(hook.ids)) == 1, number
        assert len(hook.posts) <= 2, number
        turns["repeated" if len(hook.posts) == 2 else "once"] += 1
        with database.transaction() as connection:
            [(episodes,)] = run(connection, "SELECT count(*) FROM alert_episode")
            [(events,)] = run(connection, "SELECT count(*) FROM event WHERE kind = 'alert'")
        assert (episodes, events) == (1, len(expected)), number
    return turns


@pytest.fixture(autouse=True)
def rule(database: Database, hook: Receiver, now: datetime) -> None:
    put_rule(database, put_owner(database, now), now, address=hook.url, id_=RULE)


def test_a_death_at_any_step_of_an_alert(
    forks: Forks, database: Database, hook: Receiver, now: datetime
) -> None:
    put_values(database, now, [310, 320])
    turns = survived(database, hook, order_of(database, hook, now), forks, "firing", most=40)
    assert turns["once"] > turns["repeated"] >= 1  # it was sent, and died before that was noted


def test_a_death_at_any_step_of_its_end(
    forks: Forks, database: Database, hook: Receiver, now: datetime
) -> None:
    put_values(database, now, [310, 320])
    forks.well(**order_of(database, hook, now))
    hook.posts.clear()
    later = now + 2 * HOUR
    put_values(database, later, [270, 260])
    turns = survived(database, hook, order_of(database, hook, later), forks, "clear")
    assert turns["once"] > turns["repeated"]


def test_a_death_at_any_step_of_the_end_of_quiet_hours(
    forks: Forks, database: Database, hook: Receiver, now: datetime
) -> None:
    """It fires within them, and is told when they are over."""
    with database.transaction() as connection:
        run(
            connection,
            "UPDATE alert_rule SET quiet_from = '15:00', quiet_to = '17:00', quiet_zone = 'Asia/Kolkata'",
        )
    put_values(database, now, [310, 320])
    forks.well(**order_of(database, hook, now))
    assert hook.posts == []
    assert deliveries(database) == [("firing", "held")]
    later = now + 2 * HOUR
    turns = survived(database, hook, order_of(database, hook, later), forks, "firing")
    assert turns["once"] > turns["repeated"]
