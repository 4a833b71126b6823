"""The protocol, held against `vayu live`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from live_process import NOW, PATIENCE_S, producer_of, running_live
from processes import until
from protocol_suite import ProtocolSuite, StreamSuite, Target
from tier_servers import fresh_database

from common.store.engine import run

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(scope="module")
def target(server: str, template: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Target]:
    folder = tmp_path_factory.mktemp("live")
    with fresh_database(server, f"TEMPLATE {template}") as url, producer_of(url) as producer:
        producer.lose_the_oldest()
        with running_live(url, folder) as live:
            yield Target(live.websocket, producer, live.events)


def test_when_forecasts_were_pushed_is_on_record(target: Target) -> None:
    database = target.producer.database
    seq = target.producer.commit("Delhi", kind="forecast", detail={"origin": NOW})

    def pushed() -> list[tuple[Any, ...]]:
        with database.transaction() as connection:
            return run(connection, "SELECT cities, hour FROM event_push WHERE seq = :seq", seq=seq)

    assert until(pushed, PATIENCE_S, "no push was noted") == [(["Delhi"], NOW)]


class TestLiveProcess(ProtocolSuite, StreamSuite):
    """Every test of the suite."""
