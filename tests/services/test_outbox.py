"""What transactions ask to have sent: after them, once each time, again where it was not taken."""

from __future__ import annotations

import logging
import socket
import threading
from dataclasses import replace
from datetime import timedelta
from time import monotonic
from typing import TYPE_CHECKING, Any

import pytest
from stubs import refusing
from synthetic import END, hours, put_hours

from common.bootstrap.container import assemble
from common.config import from_mapping
from common.domain.errors import NotFound, StoreError
from common.domain.messages import OBSERVATIONS_READY, TRAIN, Message
from common.services import forecast, outbox, retention, train
from common.store.engine import run
from common.store.models import promote

if TYPE_CHECKING:
    from collections.abc import Mapping

    from factories import Clock
    from webhook import Webhook

    from common.services.resources import Resources

READY = Message(OBSERVATIONS_READY, "now", {"cities": ["Delhi"]})


def put(parts: Resources, subject: str, text: str = "text") -> None:
    with parts.database.transaction() as connection:
        outbox.put_notice(parts, connection, subject, text)


def undone(parts: Resources) -> None:
    with parts.database.transaction() as connection:
        outbox.put_notice(parts, connection, "Undone", "text")
        promote(connection, "no such model", reason="", now=END)


def waiting(parts: Resources) -> list[tuple[str, int, str | None]]:
    """(channel, attempts, error) of what has not been sent."""
    with parts.database.transaction() as connection:
        result = run(connection, "SELECT channel, attempts, error FROM outbox ORDER BY id")
    return [tuple(row) for row in result]


def test_what_is_not_kept_is_not_sent(parts: Resources, hook: Webhook) -> None:
    with pytest.raises(NotFound):
        undone(parts)
    put(parts, "Kept")
    assert hook.posted == []
    outbox.send_notices(parts)
    assert [text for _, text in hook.posted] == ["*Kept*\ntext"]
    outbox.send_notices(parts)
    assert len(hook.posted) == 1
    assert waiting(parts) == []


def test_what_was_not_taken_is_sent_next_time_with_the_same_id(parts: Resources, hook: Webhook) -> None:
    put(parts, "Forecasts fail")
    put(parts, "Forecasts fail no more")
    hook.status = 503
    forecast.handler(parts)(READY)
    assert waiting(parts) == [("webhook", 1, "HTTPStatusError")] * 2
    hook.status = 200
    forecast.handler(parts)(READY)
    assert waiting(parts) == []
    first, second = hook.posted[:2], hook.posted[2:]
    assert first == second
    assert [text.partition("\n")[0] for _, text in first] == ["*Forecasts fail*", "*Forecasts fail no more*"]
    assert len({id_ for id_, _ in first}) == 2


def test_every_function_is_an_occasion(parts: Resources, hook: Webhook) -> None:
    for build, message in (
        (train.handler, Message(TRAIN, "plan")),
        (forecast.handler, READY),
        (retention.handler, Message("vayu.maintain")),
    ):
        put(parts, "News")
        build(parts)(message)
        assert len(hook.posted) == 1
        hook.posted.clear()


def test_a_mail_server_that_hangs_delays_nobody(
    settings: dict[str, str], time: Clock, hook: Webhook, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(outbox, "PATIENCE_S", 1.0)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        address = f"smtp://127.0.0.1:{silent.getsockname()[1]}"
        mail = {"VAYU_SMTP_URL": address, "VAYU_MAIL_TO": "asha@example.in"}
        made = assemble(from_mapping({**settings, **mail}), clock=time)
        for number in range(3):
            put(made, f"News {number}")
        begun = monotonic()
        sending = threading.Thread(target=outbox.send_notices, args=(made,))
        sending.start()
        while sending.is_alive():  # no transaction and no lock is held meanwhile
            with made.database.transaction() as connection:
                run(connection, "SET LOCAL lock_timeout = '800ms'")  # the hang takes a second
                run(connection, "LOCK TABLE outbox, notification IN ACCESS EXCLUSIVE MODE")
            sending.join(0.05)
        assert monotonic() - begun < 5
        assert [text for _, text in hook.posted] == [f"*News {number}*\ntext" for number in range(3)]
        assert waiting(made) == [("e-mail", 1, "TimeoutError"), ("e-mail", 0, None), ("e-mail", 0, None)]
    made.database.close()


def test_two_at_once_send_each_message_once(parts: Resources, hook: Webhook) -> None:
    for number in range(20):
        put(parts, f"News {number}")
    senders = [threading.Thread(target=outbox.send_notices, args=(parts,)) for _ in range(2)]
    for sender in senders:
        sender.start()
    for sender in senders:
        sender.join()
    assert sorted(text for _, text in hook.posted) == sorted(f"*News {n}*\ntext" for n in range(20))


def test_upkeep_gives_up_what_nobody_took_for_a_week(parts: Resources, hook: Webhook, time: Clock) -> None:
    hook.status = 404
    put(parts, "Old")
    time.now += timedelta(days=7, minutes=1)
    put(parts, "New")
    retention.handler(parts)(Message("vayu.maintain"))
    assert waiting(parts) == [("webhook", 1, "HTTPStatusError")]
    assert [text for _, text in hook.posted] == ["*New*\ntext"]


class Elsewhere:
    """A queue that is not the database's; it keeps what it is sent, and looks for open transactions meanwhile."""

    def __init__(self, parts: Resources) -> None:
        self.sent: list[tuple[str, str, Mapping[str, Any]]] = []
        self.down = False
        self._database = parts.database

    in_database = False

    def send(
        self, type_: str, subject: str, data: Mapping[str, Any], *, delay: timedelta = timedelta(0)
    ) -> str:
        assert not delay
        with self._database.transaction() as connection:
            others = run(
                connection,
                "SELECT 1 FROM pg_stat_activity WHERE datname = current_database() "
                "AND pid <> pg_backend_pid() AND xact_start IS NOT NULL AND state = 'idle in transaction'",
            )
        assert not others
        if self.down:
            raise StoreError("the queue cannot be reached")
        self.sent.append((type_, subject, data))
        return "1"


def test_a_plan_is_queued_elsewhere_after_it_is_kept_and_again_where_the_queue_was_down(
    parts: Resources,
) -> None:
    put_hours(parts.database, "Delhi", hours(20, seed=5))
    queue = Elsewhere(parts)
    plan = train.handler(replace(parts, queue=queue))
    queue.down = True
    with pytest.raises(StoreError, match="the queue cannot be reached"):
        plan(Message(TRAIN, "plan"))
    assert waiting(parts) == [("queue", 1, "the queue cannot be reached")]
    queue.down = False
    assert plan(Message(TRAIN, "plan"))["queued"] == {}
    assert queue.sent == [(TRAIN, "Delhi", {"city": "Delhi", "reason": "never trained"})]
    assert waiting(parts) == []


def test_addresses_where_nobody_answers_cost_nothing_and_show_no_secret(
    settings: dict[str, str],
    time: Clock,
    caplog: pytest.LogCaptureFixture,
    capfd: pytest.CaptureFixture[str],
) -> None:
    with refusing() as url, caplog.at_level(logging.DEBUG):
        ways = {
            "VAYU_SLACK_WEBHOOK": f"{url}/hidden",
            "VAYU_SMTP_URL": url.replace("http://", "smtp://u:hidden@"),
            "VAYU_MAIL_TO": "a@b.in",
        }
        made = assemble(from_mapping({**settings, **ways}), clock=time)
        put(made, "News")
        outbox.send_notices(made)
        assert waiting(made) == [("webhook", 1, "ConnectError"), ("e-mail", 1, "ConnectionRefusedError")]
        made.database.close()
    assert "not sent yet" in caplog.text
    assert "hidden" not in caplog.text + "".join(capfd.readouterr())
