"""The function `live`: what clients say, and what events send to them; PostgreSQL, DynamoDB and sockets over HTTP."""

from __future__ import annotations

import json
from datetime import timedelta
from threading import Thread
from typing import TYPE_CHECKING, Any

import boto3
import pytest

from common.bootstrap import live as bootstrap
from common.config import from_mapping
from common.domain.errors import ConfigError, StoreError, Transient
from common.domain.messages import EVENTS_READY, Message
from common.ports import LiveConnection
from common.services.live import AT_ONCE, CATCH_UP, CONSUMER, GREETING, PING_EVERY, TURN_S, Live
from common.store import api_keys
from common.store.engine import Database, run
from common.store.events import append, cursor, newest_seq

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from datetime import datetime

    from api_gateway import Gateway
    from factories import Clock

    from common.adapters.aws.connections import ApiGatewayConnections

WAKE = Message(EVENTS_READY, "after 0", {"after": 0})


def happen(
    database: Database, now: datetime, *events: tuple[str, Sequence[str]], kind: str = "hours"
) -> list[int]:
    """Commit events of these kinds and cities, each in a transaction of its own; their numbers."""
    seqs = []
    for what, cities in events or ((kind, ["Delhi"]),):
        with database.transaction() as connection:
            append(connection, what, cities, now=now)
        with database.transaction() as connection:
            seqs.append(newest_seq(connection))
    return seqs


def hello(**fields: Any) -> str:
    return json.dumps({"type": "hello", **fields})


def test_a_hello_is_welcomed_and_from_then_on_gets_events(
    live: Live, gateway: Gateway, database: Database, now: datetime
) -> None:
    [before] = happen(database, now)

    live.received("a", hello())
    assert gateway.sent["a"] == [{"type": "welcome", "seq": before}]

    seqs = happen(database, now, ("forecast", ["Delhi"]), ("hours", []))
    outcome = live.push(WAKE)

    assert gateway.sent["a"][1:] == [
        {
            "type": "event",
            "seq": seqs[0],
            "kind": "forecast",
            "cities": ["Delhi"],
            "time": "2025-11-05T10:30:00Z",
            "data_version": None,
            "detail": {},
        },
        {
            "type": "event",
            "seq": seqs[1],
            "kind": "hours",
            "cities": [],
            "time": "2025-11-05T10:30:00Z",
            "data_version": None,
            "detail": {},
        },
    ]
    assert outcome == {"events": 3, "messages": 2}


def test_when_forecasts_were_pushed_is_on_record(live: Live, database: Database, now: datetime) -> None:
    with database.transaction() as connection:
        append(connection, "forecast", ["Delhi"], now=now, detail={"origin": now})
        append(connection, "hours", ["Delhi"], now=now)
    live.push(WAKE)
    with database.transaction() as connection:
        rows = run(connection, "SELECT kind, cities, hour, pushed_at FROM event_push")
    assert rows == [("forecast", ["Delhi"], now, now)]


def test_the_same_message_twice_sends_nothing_twice(
    live: Live, gateway: Gateway, database: Database, now: datetime
) -> None:
    live.received("a", hello())
    happen(database, now)

    live.push(WAKE)
    again = live.push(WAKE)

    assert len(gateway.seqs("a")) == 1
    assert again == {}


def test_who_comes_back_gets_what_it_has_missed(
    live: Live, gateway: Gateway, database: Database, now: datetime
) -> None:
    seqs = happen(
        database, now, ("hours", ["Delhi"]), ("hours", ["Mumbai"]), ("forecast", ["Delhi"]), ("model", [])
    )

    live.received("a", hello(after=seqs[0]))
    live.received("b", hello(after=seqs[0], cities=["delhi"], kinds=["forecast", "model"]))
    live.received("c", hello(after=seqs[-1]))

    assert gateway.sent["a"][0] == {"type": "welcome", "seq": seqs[0]}
    assert gateway.seqs("a") == seqs[1:]
    assert gateway.seqs("b") == seqs[2:]
    assert gateway.seqs("c") == []
    live.push(WAKE)
    assert gateway.seqs("a") == seqs[1:]


def test_each_gets_what_it_wants_and_another_hello_changes_that(
    live: Live, gateway: Gateway, database: Database, now: datetime
) -> None:
    live.received("a", hello(cities=["Delhi"]))
    live.received("b", hello(kinds=["forecast"]))
    first = happen(
        database, now, ("hours", ["Mumbai"]), ("forecast", ["Mumbai"]), ("hours", ["Delhi", "Mumbai"])
    )
    live.push(WAKE)
    assert gateway.seqs("a") == [first[2]]
    assert gateway.seqs("b") == [first[1]]

    live.received("a", hello(cities=["Mumbai"], after=first[2]))
    second = happen(database, now, ("hours", ["Delhi"]), ("hours", ["Mumbai"]))
    live.push(WAKE)
    assert gateway.seqs("a") == [first[2], second[1]]


def test_what_is_no_longer_kept_must_be_read_anew(
    live: Live, gateway: Gateway, database: Database, now: datetime
) -> None:
    happen(database, now, *[("hours", ["Delhi"])] * 3)
    with database.transaction() as connection:
        run(connection, "DELETE FROM event WHERE seq <= 2")

    live.received("a", hello(after=0))
    live.received("b", hello(after=999_999))  # a number that was never given

    for id_ in ("a", "b"):
        assert gateway.sent[id_] == [{"type": "welcome", "seq": 3}, {"type": "reload"}]
    live.push(WAKE)
    assert gateway.seqs("a") == []


def test_who_has_missed_very_much_is_to_read_anew(
    live: Live, gateway: Gateway, database: Database, now: datetime
) -> None:
    with database.transaction() as connection:
        for _ in range(CATCH_UP):
            append(connection, "hours", ["Delhi"], now=now)

    live.received("a", hello(after=0))
    live.received("b", hello(after=0, kinds=["alert"]))

    assert gateway.of("a", "reload")
    assert gateway.sent["b"] == [{"type": "welcome", "seq": 0}]


def test_numbers_that_begin_anew_are_noticed(
    live: Live, gateway: Gateway, database: Database, connections: ApiGatewayConnections, now: datetime
) -> None:
    connections.put(LiveConnection("a", 999), now=now)
    happen(database, now)
    live.push(WAKE)
    assert gateway.sent["a"] == [{"type": "reload"}]

    [seq] = happen(database, now)
    live.push(WAKE)
    assert gateway.seqs("a") == [seq]


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("garbage", "must be a JSON object"),
        ('{"type":"shout"}', "type must be hello"),
        (hello(cities=["Atlantis"]), "Atlantis"),
        (hello(after=-1), "after must be"),
        ("x" * 33_000, "at most 32768 bytes"),
        (b"\xff\xfe", "must be a JSON object"),
    ],
)
def test_a_bad_message_gets_an_error_and_costs_nobody_else_anything(
    live: Live, gateway: Gateway, database: Database, now: datetime, text: str | bytes, sentence: str
) -> None:
    live.received("good", hello())
    live.received("bad", text)
    [error] = gateway.sent["bad"]
    assert error["type"] == "error"
    assert sentence in error["detail"]

    happen(database, now)
    live.push(WAKE)
    assert len(gateway.seqs("good")) == 1
    assert gateway.sent["bad"] == [error]  # which has said no hello


def test_a_ping_is_answered_and_a_pong_is_not(live: Live, gateway: Gateway) -> None:
    for text in ('{"type":"ping"}', '{"type":"pong"}'):
        live.received("a", text)

    assert gateway.sent["a"] == [{"type": "pong"}]


class Interrupted:
    """Connections between whose calls something else happens, as where functions run beside each other."""

    def __init__(self, inner: ApiGatewayConnections, **before: Callable[[], object]) -> None:
        self._inner = inner
        self._before = before

    def __getattr__(self, name: str) -> Any:
        call = getattr(self._inner, name)

        def interrupted(*arguments: Any, **named: Any) -> Any:
            happening = self._before.pop(name, None)
            if happening is not None:
                happening()
            return call(*arguments, **named)

        return interrupted


@pytest.mark.parametrize("moment", ["put", "post", "settle"])
@pytest.mark.parametrize("pushed", [True, False])
def test_what_is_committed_while_a_client_is_welcomed_comes_once(
    live: Live,
    gateway: Gateway,
    database: Database,
    connections: ApiGatewayConnections,
    clock: Clock,
    moment: str,
    pushed: bool,
) -> None:
    [before] = happen(database, clock())
    live.push(WAKE)
    during: list[int] = []

    def meanwhile() -> None:
        during.extend(happen(database, clock()))
        if pushed:
            live.push(WAKE)

    greeting = Live(database, Interrupted(connections, **{moment: meanwhile}), clock)
    greeting.received("a", hello(after=before))
    live.push(WAKE)
    after = happen(database, clock())
    live.push(WAKE)

    assert gateway.sent["a"][0] == {"type": "welcome", "seq": before}
    assert gateway.seqs("a") == [*during, *after]


def test_a_hello_that_follows_another_at_once_takes_its_place(
    live: Live, gateway: Gateway, database: Database, connections: ApiGatewayConnections, clock: Clock
) -> None:
    [before] = happen(database, clock())

    def meanwhile() -> None:
        live.received("a", hello(after=before, cities=["Mumbai"]))
        happen(database, clock(), ("hours", ["Delhi"]), ("hours", ["Mumbai"]))
        live.push(WAKE)

    first = Live(database, Interrupted(connections, post=meanwhile), clock)  # before it says welcome
    first.received("a", hello(after=before, cities=["Delhi"]))
    live.push(WAKE)

    assert gateway.seqs("a") == [before + 2]


def test_between_what_is_read_of_a_greeting_and_its_end_nothing_is_lost(
    live: Live, gateway: Gateway, database: Database, connections: ApiGatewayConnections, clock: Clock
) -> None:
    """`push` reads a connection as one that is being greeted; the greeting has ended before it is told to wait."""
    connections.put(LiveConnection("a", 0, greeting="x", greeted_at=clock()), now=clock())
    happen(database, clock())
    pushing = Live(
        database, Interrupted(connections, postpone=lambda: connections.settle("a", 0, greeting="x")), clock
    )

    pushing.push(WAKE)

    assert gateway.seqs("a") == [1]


def test_a_greeting_that_died_keeps_no_client_from_its_events(
    live: Live, gateway: Gateway, database: Database, connections: ApiGatewayConnections, clock: Clock
) -> None:
    connections.put(LiveConnection("a", 0, greeting="x", greeted_at=clock()), now=clock())
    happen(database, clock())
    live.push(WAKE)
    assert gateway.seqs("a") == []  # left to the greeting

    clock.now += GREETING
    happen(database, clock())
    live.push(WAKE)
    assert gateway.sent["a"] == [{"type": "reload"}]
    happen(database, clock())
    live.push(WAKE)
    assert gateway.seqs("a") == [3]


def test_who_is_gone_is_forgotten_and_nobody_else(
    live: Live,
    gateway: Gateway,
    database: Database,
    connections: ApiGatewayConnections,
    now: datetime,
) -> None:
    for id_ in ("a", "gone", "broken", "z"):
        live.received(id_, hello())
    gateway.gone.add("gone")
    gateway.broken.add("broken")
    happen(database, now)

    outcome = live.push(WAKE)

    assert outcome == {"events": 1, "messages": 2}
    assert gateway.seqs("a") == gateway.seqs("z") == [1]
    assert {each.id for each in connections.all(now=now)} == {"a", "z"}
    assert gateway.closed == ["broken"]  # it comes back with its number


def test_who_hangs_up_while_being_welcomed_is_forgotten(
    live: Live, gateway: Gateway, connections: ApiGatewayConnections, now: datetime
) -> None:
    connections.put(LiveConnection("gone", 0), now=now)
    gateway.gone.add("gone")

    live.received("gone", hello())
    live.received("gone", "garbage")

    assert connections.all(now=now) == []


def test_who_says_goodbye_gets_nothing_more(
    live: Live, gateway: Gateway, database: Database, now: datetime
) -> None:
    live.received("a", hello())
    live.disconnected("a")
    happen(database, now)

    live.push(WAKE)

    assert gateway.seqs("a") == []


def test_many_are_sent_to_at_once_but_not_all(
    live: Live, gateway: Gateway, database: Database, connections: ApiGatewayConnections, now: datetime
) -> None:
    for number in range(2 * AT_ONCE):
        connections.put(LiveConnection(f"c{number}", 0), now=now)
    happen(database, now)

    with gateway.held_up():
        pushing = Thread(target=live.push, args=(WAKE,))
        pushing.start()
        while gateway.most_at_once < AT_ONCE:
            assert pushing.is_alive()
    pushing.join()

    assert gateway.most_at_once == AT_ONCE
    assert all(gateway.seqs(f"c{number}") == [1] for number in range(2 * AT_ONCE))


def test_when_the_time_is_over_it_is_done_again(
    live: Live, gateway: Gateway, database: Database, now: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("common.services.live.MOMENT_S", -1.0)
    live.received("a", hello())
    happen(database, now)

    with pytest.raises(Transient, match="0 of 1 live connections"):
        live.push(Message(EVENTS_READY, seconds_left=5.0))
    with database.transaction() as connection:
        assert cursor(connection, CONSUMER) == 0
    live.push(Message(EVENTS_READY, seconds_left=60.0))

    assert gateway.seqs("a") == [1]


def test_one_at_a_time_sends_and_a_dead_one_holds_up_nobody_for_ever(
    live: Live,
    gateway: Gateway,
    database: Database,
    connections: ApiGatewayConnections,
    clock: Clock,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("common.services.live.WAIT_S", 0.0)
    live.received("a", hello())
    happen(database, clock())
    assert connections.take_turn(now=clock(), seconds=TURN_S) is not None

    assert live.push(WAKE) == {"left": "another sends them"}
    assert gateway.seqs("a") == []
    clock.now += timedelta(seconds=TURN_S + 1)
    live.push(WAKE)
    assert gateway.seqs("a") == [1]


def test_the_idle_are_pinged_before_api_gateway_hangs_up(
    live: Live, gateway: Gateway, connections: ApiGatewayConnections, clock: Clock
) -> None:
    live.received("a", hello())
    live.received("gone", hello())
    gateway.gone.add("gone")
    live.push(WAKE)
    assert gateway.of("a", "ping") == []

    clock.now += PING_EVERY
    assert live.push(WAKE) == {"pings": 1}
    live.push(WAKE)

    assert gateway.sent["a"][1:] == [{"type": "ping"}]
    assert PING_EVERY + timedelta(minutes=1) < timedelta(minutes=10)
    assert [each.id for each in connections.all(now=clock())] == ["a"]


def test_where_reading_needs_a_token_the_hello_carries_it(
    database: Database, connections: ApiGatewayConnections, gateway: Gateway, clock: Clock
) -> None:
    closed = Live(database, connections, clock, needs_token=True)
    with database.transaction() as connection:
        token, _ = api_keys.create_key(connection, "reader", ["read"], now=clock())
        other, _ = api_keys.create_key(connection, "trainer", ["retrain"], now=clock())
        old, _ = api_keys.create_key(connection, "old", ["read"], now=clock(), expires_at=clock())

    for id_, given in {"none": None, "wrong": token[:-1] + "!", "other": other, "old": old}.items():
        closed.received(id_, hello(token=given))
        [error] = gateway.sent[id_]
        assert error["type"] == "error"
        assert str(given) not in error["detail"]
    closed.received("right", hello(token=token))

    assert gateway.closed == ["none", "wrong", "other", "old"]
    assert [each.id for each in connections.all(now=clock())] == ["right"]


def test_a_client_whose_hello_cannot_be_answered_is_to_come_back(
    connections: ApiGatewayConnections, gateway: Gateway, clock: Clock
) -> None:
    nowhere = Database("postgresql+pg8000://nobody@127.0.0.1:1/none", connect_timeout_s=1)

    with pytest.raises(StoreError):
        Live(nowhere, connections, clock).received("a", hello())

    [error] = gateway.sent["a"]
    assert error == {"type": "error", "detail": "the store does not answer; connect again soon"}
    assert gateway.closed == ["a"]
    assert connections.all(now=clock()) == []


@pytest.mark.parametrize(
    ("origins", "origin", "may"),
    [
        (("*",), "https://anywhere.example", True),
        ((), "https://anywhere.example", False),
        ((), None, True),
        (("https://air.example",), "https://air.example", True),
        (("https://air.example",), "https://air.example.evil", False),
        (("https://air.example",), "null", False),
    ],
)
def test_pages_of_other_origins_are_refused(
    database: Database, connections: ApiGatewayConnections, clock: Clock, origins: tuple[str, ...],
    origin: str | None, may: bool,
) -> None:  # fmt: skip
    assert Live(database, connections, clock, origins=origins).may_connect(origin) == may


def test_the_settings_lead_to_it(
    database_url: str, table: str, gateway: Gateway, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = {
        "DATABASE_URL": database_url,
        "VAYU_DATABASE_CONNECTIONS": "2",
        "VAYU_LIVE_TABLE": f"dynamodb://ap-south-1/{table}",
        "VAYU_LIVE_POST_URL": f"http://{gateway.address}/prod",
    }
    made = bootstrap.build(from_mapping(settings))
    made.received("a", hello())
    assert gateway.of("a", "welcome")
    assert made._database._writers.pool.size() == bootstrap.CONNECTIONS == 1
    made._database.close()

    for name in ("VAYU_LIVE_TABLE", "VAYU_LIVE_POST_URL"):
        with pytest.raises(ConfigError, match=name):
            bootstrap.build(from_mapping({**settings, name: ""}))
    client = boto3.client("dynamodb")
    assert client.scan(TableName=table)["Count"] == 1
    client.close()
