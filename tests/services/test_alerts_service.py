"""The function `alerts` from new hours to a receiver: what is sent, when, how often, and what never is."""

from __future__ import annotations

import os
import re
from base64 import b64encode
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, time, timedelta
from email.utils import parsedate_to_datetime
from pathlib import Path
from time import process_time
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import pytest
from alert_rows import (
    FORECAST,
    SEAL,
    SECRET,
    Receiver,
    alert_resources,
    deliveries,
    issued,
    put_many,
    put_owner,
    put_rule,
    put_values,
    receiving,
)
from mail_server import mail_server
from standardwebhooks import Webhook

from common.alerts.links import is_proven, read_confirm_token
from common.alerts.rule import QuietHours
from common.domain.cities import all_cities
from common.domain.messages import ALERTS, EVENTS_READY, Message
from common.services import alerts as service
from common.services.alert_sending import RETRIES
from common.store import alert_deliveries, alerts, events
from common.store.api_keys import revoke_key
from common.store.engine import Database, run
from common.store.forecasts import insert_forecast

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from factories import Clock

    from common.services.resources import Resources

HOUR = timedelta(hours=1)


@pytest.fixture
def hook() -> Iterator[Receiver]:
    with receiving() as receiver:
        yield receiver


@pytest.fixture
def tick(database: Database, clock: Clock, hook: Receiver) -> Callable[..., Mapping[str, object]]:
    """Runs the function as its schedule does."""
    resources = alert_resources(database, clock, hook)
    handle = service.handler(resources, pause=clock.sleep)

    def run_once(type_: str = ALERTS) -> Mapping[str, object]:
        return handle(Message(type_))

    return run_once


def test_one_alert_and_one_clear(
    database: Database, clock: Clock, hook: Receiver, tick: Callable[..., Any]
) -> None:
    owner = put_owner(database, clock())
    put_rule(database, owner, clock(), address=hook.url)
    for value in [310, 320, 290, 310, 320, 330, 300, 270, 260, 250]:
        put_values(database, clock(), [value])
        tick()
        tick()
        clock.now += HOUR
    assert deliveries(database) == [("firing", "delivered"), ("clear", "delivered")]
    assert hook.kinds == ["firing", "clear"]
    with database.transaction() as connection:
        [(began, ended, peak, because)] = run(
            connection, "SELECT began_at, ended_at, peak, ended_because FROM alert_episode"
        )
        seqs = run(connection, "SELECT seq, detail FROM event WHERE kind = 'alert' ORDER BY seq")
    assert (ended - began, peak, because) == (7 * HOUR, 330, "clear")
    assert hook.ids == [str(seq) for seq, _ in seqs]
    assert [detail["change"] for _, detail in seqs] == ["firing", "clear"]


def test_a_swing_of_five_around_the_threshold_for_48_hours(
    database: Database, clock: Clock, hook: Receiver, tick: Callable[..., Any]
) -> None:
    put_rule(database, put_owner(database, clock()), clock(), address=hook.url)
    for hour in range(48):
        put_values(database, clock(), [305 if hour % 6 < 3 else 295])
        tick()
        clock.now += HOUR
    for value in (270, 260):
        put_values(database, clock(), [value])
        tick()
        clock.now += HOUR
    assert hook.kinds == ["firing", "clear"]


def test_events_lead_to_their_cities_only_and_each_is_read_once(
    database: Database, clock: Clock, hook: Receiver, tick: Callable[..., Any]
) -> None:
    owner = put_owner(database, clock())
    for city in ("Delhi", "Pune"):
        put_rule(database, owner, clock(), address=hook.url, city=city)
        put_values(database, clock(), [310, 320], city=city)
    assert tick(EVENTS_READY)["evaluated"] == 0
    with database.transaction() as connection:
        events.append(connection, "hours", ["Pune"], now=clock())
        events.append(connection, "model", ["Delhi"], now=clock())
    assert tick(EVENTS_READY)["evaluated"] == 1
    assert tick(EVENTS_READY)["evaluated"] == 0
    with database.transaction() as connection:
        assert run(connection, "SELECT DISTINCT cities FROM event WHERE kind = 'alert'") == [(["Pune"],)]
    assert tick(ALERTS)["evaluated"] == 1  # what no event led to
    assert hook.kinds == ["firing", "firing"]
    assert tick(ALERTS)["evaluated"] == 0


def test_stale_hours_say_nothing(
    database: Database, clock: Clock, hook: Receiver, tick: Callable[..., Any]
) -> None:
    put_rule(database, put_owner(database, clock()), clock(), address=hook.url)
    put_values(database, clock() - 4 * HOUR, [310, 320, 330])
    tick()
    assert hook.posts == []
    put_values(database, clock(), [310, None])
    tick()
    assert hook.posts == []
    put_values(database, clock(), [310, 310])  # the correction of an hour that had no value
    tick()
    assert hook.kinds == ["firing"]


def test_a_rule_on_forecasts_follows_issued_probabilities(
    database: Database, clock: Clock, hook: Receiver, tick: Callable[..., Any]
) -> None:
    """P(AQI > 300) is 0.15 in the first issues, then 0.02."""
    owner = put_owner(database, clock())
    put_rule(database, owner, clock(), address=hook.url, when=FORECAST)
    for chance in (0.15, 0.02, 0.15, 0.15, 0.02, 0.02):
        shares = [0.0, 0.0, 0.5, 0.5 - chance, chance, 0.0]
        with database.transaction() as connection:
            assert insert_forecast(connection, issued("Delhi", clock(), categories=[shares] * 48))
        clock.now += timedelta(minutes=15)
        tick()
        clock.now += timedelta(minutes=45)
    assert hook.kinds == ["firing", "clear"]
    with database.transaction() as connection:
        [(value, probability)] = run(connection, "SELECT began_value, probability FROM alert_episode")
    assert (value, probability) == (pytest.approx(0.15), 0.1)


NIGHT = QuietHours(time(22), time(6), "Asia/Kolkata")  # 16:30Z to 00:30Z


@pytest.fixture
def night(database: Database, clock: Clock, hook: Receiver) -> Callable[..., None]:
    """Plays hours at a rule with quiet hours from 22:00 to 06:00 in India, from the given UTC hour on."""
    resources = alert_resources(database, clock, hook)
    handle = service.handler(resources, pause=clock.sleep)
    put_rule(
        database,
        put_owner(database, clock()),
        clock(),
        address=hook.url,
        quiet_hours=NIGHT,
        repeat_after_hours=2,
    )

    def play(values: Mapping[int, int]) -> None:
        for hour, value in values.items():
            clock.now = clock.now.replace(hour=hour % 24, day=5 + hour // 24, minute=30)
            put_values(database, clock(), [value])
            clock.now += timedelta(minutes=12)
            handle(Message(ALERTS))

    return play


def test_what_begins_and_ends_in_quiet_hours_is_not_told(
    database: Database, hook: Receiver, night: Callable[..., None]
) -> None:
    night({18: 310, 19: 310, 20: 310, 21: 310, 22: 270, 23: 270, 24: 270, 25: 270})
    assert hook.posts == []
    assert deliveries(database) == [("firing", "skipped"), ("repeat", "skipped"), ("clear", "skipped")]
    with database.transaction() as connection:
        errors = run(connection, "SELECT DISTINCT error FROM alert_delivery")
        assert run(connection, "SELECT ended_because FROM alert_episode") == [("clear",)]
    assert {error for (error,) in errors} <= {
        "it began and ended within quiet hours",
        "a later message within the same quiet hours took its place",
    }


def test_what_lasts_until_quiet_hours_end_is_told_then(
    database: Database, hook: Receiver, night: Callable[..., None]
) -> None:
    night({18: 310, 19: 310, 20: 310, 21: 310, 22: 310, 23: 310})
    assert hook.posts == []
    with database.transaction() as connection:
        assert run(connection, "SELECT held FROM alert_state") == [(True,)]
    night({24: 310})
    assert hook.kinds == ["firing"]
    with database.transaction() as connection:
        assert run(connection, "SELECT held FROM alert_state") == [(False,)]
    night({25: 310, 26: 310})
    assert hook.kinds == ["firing", "repeat"]


def test_an_end_in_quiet_hours_is_told_when_they_are_over(hook: Receiver, night: Callable[..., None]) -> None:
    night({14: 310, 15: 310, 16: 290})
    assert hook.kinds == ["firing"]
    night({17: 270, 18: 270, 19: 270})
    assert hook.kinds == ["firing"]
    night({24: 270})
    assert hook.kinds == ["firing", "clear"]


def test_retries_follow_the_schedule_with_the_same_id_then_the_alert_rests(
    database: Database, clock: Clock, hook: Receiver, tick: Callable[..., Any]
) -> None:
    owner = put_owner(database, clock())
    rule = put_rule(database, owner, clock(), address=hook.url)
    other = put_rule(database, owner, clock(), address=hook.url, city="Pune")
    put_rule(database, owner, clock(), channel="email", address="asha@example.org", city="Agra")
    hook.status = 500
    put_values(database, clock(), [310, 320])
    begun = clock()
    tick()
    waits = [timedelta(0)]
    while len(hook.posts) < 1 + len(RETRIES):
        with database.transaction() as connection:
            [(due,)] = run(connection, "SELECT next_attempt_at FROM alert_delivery WHERE status = 'pending'")
        clock.now = due
        waits.append(clock() - begun)
        tick()
    total, expected = timedelta(0), [timedelta(0)]
    for wait in RETRIES:
        total += wait
        expected.append(total)
    assert [round(wait / timedelta(minutes=1)) for wait in waits[1:]] == [
        round(wait / timedelta(minutes=1)) for wait in expected[2:]
    ]  # the first is waited for within the run
    assert len(set(hook.ids)) == 1
    assert deliveries(database) == [("firing", "failed"), ("disabled", "pending")]
    with database.transaction() as connection:
        rows = run(connection, "SELECT id, state, disabled_because FROM alert_rule WHERE channel = 'webhook'")
        assert run(connection, "SELECT ended_because FROM alert_episode") == [("disabled",)]
    assert {id_: state for id_, state, _ in rows} == {rule.id: "disabled", other.id: "disabled"}
    assert all("could not be delivered" in because for *_, because in rows)
    assert hook.url not in str(rows)


def test_410_ends_it_at_once(
    database: Database, clock: Clock, hook: Receiver, tick: Callable[..., Any]
) -> None:
    put_rule(database, put_owner(database, clock()), clock(), address=hook.url)
    hook.status = 410
    put_values(database, clock(), [310, 320])
    tick()
    assert deliveries(database) == [("firing", "failed")]
    with database.transaction() as connection:
        assert run(connection, "SELECT state FROM alert_rule") == [("disabled",)]
        assert run(connection, "SELECT response_status FROM alert_delivery") == [(410,)]


def test_a_receiver_that_wants_to_be_left_alone_is(
    database: Database, clock: Clock, hook: Receiver, tick: Callable[..., Any]
) -> None:
    put_rule(database, put_owner(database, clock()), clock(), address=hook.url)
    hook.status, hook.headers = 429, {"Retry-After": "1800"}
    put_values(database, clock(), [310, 320])
    begun = clock()
    tick()
    with database.transaction() as connection:
        [(due,)] = run(connection, "SELECT next_attempt_at FROM alert_delivery")
    assert due - begun == timedelta(minutes=30)
    hook.status = 204
    clock.now = due
    tick()
    assert deliveries(database) == [("firing", "delivered")]


def test_its_end_never_comes_before_an_alert(
    database: Database, clock: Clock, hook: Receiver, tick: Callable[..., Any]
) -> None:
    put_rule(database, put_owner(database, clock()), clock(), address=hook.url)
    hook.status = 500
    for value in (310, 310, 270, 270):
        put_values(database, clock(), [value])
        tick()
        clock.now += HOUR
    assert deliveries(database) == [("firing", "pending"), ("clear", "pending")]
    assert set(hook.kinds) == {"firing"}
    hook.status = 204
    hook.posts.clear()
    clock.now += timedelta(days=1)
    tick()
    assert hook.kinds == ["firing", "clear"]


def test_mail_is_confirmed_and_then_alerts(database: Database, clock: Clock, tmp_path: Path) -> None:
    now = clock()
    with mail_server() as box:
        resources = alert_resources(database, clock, VAYU_SMTP_URL=box.url)
        handle = service.handler(resources, pause=clock.sleep)
        owner = put_owner(database, now)
        rule = put_rule(
            database,
            owner,
            now,
            channel="email",
            address="asha@example.org",
            state="unconfirmed",
            language="hi",
        )
        with database.transaction() as connection:
            alert_deliveries.add_delivery(connection, rule.id, "confirm", now=now)
        put_values(database, clock(), [310, 320])
        handle(Message(ALERTS))
        assert len(box.letters) == 1  # unconfirmed, it does not fire
        text = box.letters[0].get_body(("plain",)).get_content()
        token = re.search(r"https://air\.example\.org/api/v1/alerts/confirm/([\w-]+)", text).group(1)
        link = read_confirm_token(token)
        assert link is not None
        assert link.rule == rule.id
        assert is_proven(SEAL, link, SEAL.digest("address", b"email:asha@example.org"))
        assert not is_proven(SEAL, link, SEAL.digest("address", b"email:other@example.org"))
        with database.transaction() as connection:
            assert alerts.confirm_rule(connection, rule.id, now=now)
            assert not alerts.confirm_rule(connection, rule.id, now=now)
        handle(Message(ALERTS))
        assert len(box.letters) == 2
        assert "List-Unsubscribe-Post" in box.letters[1]


def test_the_token_is_mailed_in_the_language_of_the_rule(database: Database, clock: Clock) -> None:
    now = clock()
    with mail_server() as box:
        resources = alert_resources(database, clock, VAYU_SMTP_URL=box.url)
        with database.transaction() as connection:
            address = SEAL.digest("address", b"email:asha@example.org")
            sealed = SEAL.seal(b"asha@example.org")
            owner = alerts.keep_email_owner(connection, address, sealed, uuid4(), now=now)
        mail = {"channel": "email", "address": "asha@example.org", "language": "hi"}
        rule = put_rule(database, owner, now, **mail)  # type: ignore[arg-type]
        with database.transaction() as connection:
            alert_deliveries.add_delivery(connection, rule.id, "confirm", now=now)
        service.handler(resources, pause=clock.sleep)(Message(ALERTS))
        [letter] = box.letters
    assert letter["Subject"] == "दिल्ली के लिए आपके अलर्ट"
    text = letter.get_body(("plain",)).get_content()
    assert "दिल्ली के लिए आपका अलर्ट चालू है।" in text
    assert "Delhi" not in text


def test_rules_of_a_key_that_is_over_rest(
    database: Database, clock: Clock, hook: Receiver, tick: Callable[..., Any]
) -> None:
    put_rule(database, put_owner(database, clock()), clock(), address=hook.url)
    put_values(database, clock(), [310, 320])
    with database.transaction() as connection:
        revoke_key(connection, "ngo", now=clock())
    tick()
    assert hook.posts == []
    put_owner(database, clock())  # a new key of the same name
    tick()
    assert hook.kinds == ["firing"]


def test_what_is_past_its_time_goes(
    database: Database, clock: Clock, hook: Receiver, tick: Callable[..., Any]
) -> None:
    owner = put_owner(database, clock())
    put_rule(database, owner, clock(), address=hook.url)
    lost = put_owner(database, clock(), "lost")
    put_rule(database, lost, clock(), channel="email", address="x@example.org", state="unconfirmed")
    put_values(database, clock(), [310, 320])
    tick()
    clock.now += timedelta(days=89)
    tick()
    assert deliveries(database) == [("firing", "delivered")]
    with database.transaction() as connection:
        assert run(connection, "SELECT owner FROM alert_rule") == [(owner,)]
        assert run(connection, "SELECT id FROM alert_owner") == [(owner,)]
    clock.now += timedelta(days=2)
    tick()
    assert deliveries(database) == []


def test_two_instances_send_nothing_twice(database: Database, clock: Clock, hook: Receiver) -> None:
    owner = put_owner(database, clock())
    for _ in range(20):
        put_rule(database, owner, clock(), address=hook.url)
    put_values(database, clock(), [310, 320])
    others = [Database(database.url) for _ in range(3)]
    handles = [service.handler(alert_resources(each, clock, hook), pause=clock.sleep) for each in others]
    with ThreadPoolExecutor(3) as pool:
        list(pool.map(lambda handle: handle(Message(ALERTS)), handles))
    assert len(hook.posts) == len(set(hook.ids)) == 20
    for each in others:
        each.close()


def test_without_a_key_nothing_is_sent_and_nothing_lost(
    database: Database, clock: Clock, hook: Receiver
) -> None:
    put_rule(database, put_owner(database, clock()), clock(), address=hook.url)
    put_values(database, clock(), [310, 320])
    service.handler(alert_resources(database, clock, hook, VAYU_ALERTS_KEY=""))(Message(ALERTS))
    assert deliveries(database) == [("firing", "pending")]
    service.handler(alert_resources(database, clock, hook))(Message(ALERTS))
    assert hook.kinds == ["firing"]


def test_another_key_says_so_and_tells_no_address(
    database: Database, clock: Clock, hook: Receiver, caplog: pytest.LogCaptureFixture
) -> None:
    put_rule(database, put_owner(database, clock()), clock(), address=hook.url)
    put_values(database, clock(), [310, 320])
    other = b64encode(b"x" * 32).decode()
    service.handler(alert_resources(database, clock, hook, VAYU_ALERTS_KEY=other), pause=clock.sleep)(
        Message(ALERTS)
    )
    with database.transaction() as connection:
        [(status, error)] = run(connection, "SELECT status, error FROM alert_delivery")
    assert (status, error) == ("pending", "it could not be sent: ConfigError")
    assert hook.url not in caplog.text


@pytest.mark.parametrize("firing", [False, True])
def test_ten_thousand_rules_are_evaluated_within_five_seconds(
    database: Database, clock: Clock, hook: Receiver, firing: bool
) -> None:
    """In all cities, half of them on forecasts with different levels; also when all of them fire at once.

    Processor time of the function and of its connection's server process together: whoever else is busy on the machine
    does not count.
    """
    owner, now = put_owner(database, clock()), clock()
    cities = [city.name for city in all_cities()]
    with database.transaction() as connection:
        put_many(connection, owner, cities, 10_000, now, above=300 if firing else 450)
    for city in cities:
        put_values(database, now, [310, 320, 330], city=city)
        with database.transaction() as connection:
            for back in range(3):
                for target in ("aqi", "pm25"):
                    assert insert_forecast(connection, issued(city, now - back * HOUR, target=target))
    resources = alert_resources(database, clock, hook)
    seconds = evaluated_in(resources, cities, 10_000)
    print(f"{seconds:.2f} s of processor time")  # noqa: T201 — with pytest -s
    with database.transaction() as connection:
        [(messages,)] = run(connection, "SELECT count(*) FROM alert_delivery")
        [(fired,)] = run(connection, "SELECT count(*) FROM alert_state WHERE phase = 'firing'")
        [(seen,)] = run(connection, "SELECT count(*) FROM alert_state WHERE signal_time = :now", now=now)
    assert (messages, fired, seen) == (10_000 if firing else 0, 10_000 if firing else 0, 10_000)
    assert seconds <= 5
    assert evaluated_in(resources, cities, 10_000) <= 5


def evaluated_in(resources: Resources, cities: list[str], number: int) -> float:
    """Seconds of processor time that it takes to evaluate so many rules."""
    with resources.database.transaction() as connection:
        [(pid,)] = run(connection, "SELECT pg_backend_pid()")

    def used_s() -> float:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        return process_time() + (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    begun = used_s()
    assert service.evaluate(resources, cities) == number
    return used_s() - begun


def test_what_a_replay_sends_bears_the_time_of_its_sending(
    database: Database, clock: Clock, hook: Receiver
) -> None:
    """Its hours are of last year; a receiver refuses what was signed more than five minutes ago."""
    long_ago = clock()
    with mail_server() as box:
        resources = alert_resources(
            database, lambda: datetime.now(UTC), hook, VAYU_SMTP_URL=f"smtp://127.0.0.1:{box.port}"
        )
        owner = put_owner(database, long_ago)
        put_rule(database, owner, long_ago, address=hook.url)
        put_rule(database, owner, long_ago, channel="email", address="you@example.org")
        for value in [310, 320]:
            put_values(database, clock(), [value])
            service.alert_in_replay(resources, ["Delhi"], clock())
            clock.now += HOUR
        [post], [letter] = hook.posts, box.letters
    assert Webhook(SECRET).verify(post.body, dict(post.headers))["type"] == "alert.firing"
    assert datetime.now(UTC) - parsedate_to_datetime(letter["Date"]) < timedelta(minutes=5)
