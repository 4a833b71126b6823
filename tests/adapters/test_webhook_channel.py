"""Webhooks and Slack's kind of them, over TLS: what arrives verifies, and what an answer other than 2xx means."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from datetime import UTC, datetime, timedelta, timezone
from email.utils import format_datetime
from typing import TYPE_CHECKING

import pytest
import time_machine
from standardwebhooks import Webhook, WebhookVerificationError
from tls_receiver import Receiver, answer, loopback, receiver

from common.adapters.channels import alert_channels
from common.adapters.channels.guard import Guard
from common.adapters.channels.webhook import WebhookChannel, new_secret
from common.config import from_mapping
from common.domain.errors import DataError
from common.ports import AlertAddress, AlertMessage, NotDelivered

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

HERE = loopback(11)
NOW = datetime(2026, 11, 29, 12, 40, tzinfo=UTC)
MESSAGE = AlertMessage(
    id="421",
    sent_at=NOW,
    subject="Delhi: AQI 312",
    text="दिल्ली & <more>",
    html=None,
    data={
        "type": "alert.firing",
        "timestamp": "2026-11-29T12:30:00Z",
        "data": {"city": "Delhi", "hi": "दिल्ली"},
    },
)


@pytest.fixture
def running(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Receiver]:
    with receiver(HERE, tmp_path, answer(204)) as running:
        monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "ca.pem"))
        yield running


@pytest.fixture
def channel() -> WebhookChannel:
    return WebhookChannel(Guard(resolve=lambda *_: [HERE], public=lambda address: str(address) == HERE))


def test_each_signature_verifies_while_secrets_are_rotated(
    running: Receiver, channel: WebhookChannel
) -> None:
    old, new = new_secret(), new_secret()
    assert old != new
    assert channel.send(MESSAGE, AlertAddress(running.url, (new, old))) == 204
    [request] = running.requests
    with time_machine.travel(NOW):  # verified within five minutes, as the specification wants
        for secret in (old, new):
            assert Webhook(secret).verify(request.body, request.headers) == MESSAGE.data
        with pytest.raises(WebhookVerificationError, match="No matching signature"):
            Webhook(new_secret()).verify(request.body, request.headers)
        with pytest.raises(WebhookVerificationError, match="No matching signature"):
            Webhook(new).verify(request.body + b" ", request.headers)
    assert request.headers["content-type"] == "application/json"
    assert request.headers["webhook-id"] == "421"
    assert request.headers["webhook-timestamp"] == str(int(NOW.timestamp()))


@pytest.mark.parametrize(
    "zone", [UTC, timezone(timedelta(hours=5, minutes=30)), timezone(timedelta(hours=-8))]
)
def test_the_signature_is_that_of_the_specification(
    zone: timezone, running: Receiver, channel: WebhookChannel
) -> None:
    secret = new_secret()
    message = AlertMessage("7", NOW.astimezone(zone), "s", "t", None, {"a": 1})
    channel.send(message, AlertAddress(running.url, (secret,)))
    [request] = running.requests
    signed = b"7." + str(int(NOW.timestamp())).encode() + b"." + request.body
    digest = hmac.new(base64.b64decode(secret.removeprefix("whsec_")), signed, hashlib.sha256).digest()
    assert request.headers["webhook-signature"] == "v1," + base64.b64encode(digest).decode()
    assert len(base64.b64decode(secret.removeprefix("whsec_"))) == 32


def test_a_repeat_differs_in_its_time_alone(running: Receiver, channel: WebhookChannel) -> None:
    to = AlertAddress(running.url, (new_secret(),))
    for seconds in (0, 60):
        again = AlertMessage("421", NOW + timedelta(seconds=seconds), "s", "t", None, MESSAGE.data)
        channel.send(again, to)
    first, second = running.requests
    assert first.body == second.body
    assert first.headers["webhook-id"] == second.headers["webhook-id"]
    assert int(second.headers["webhook-timestamp"]) - int(first.headers["webhook-timestamp"]) == 60


@pytest.mark.parametrize("status", [301, 307, 400, 401, 404, 410, 418, 429, 500, 503])
def test_every_other_status_fails_and_410_ends_it(
    status: int, running: Receiver, channel: WebhookChannel
) -> None:
    running.behave = answer(
        status, "Location: https://elsewhere.example.org/", body=b"not for anybody's eyes"
    )
    with pytest.raises(NotDelivered) as caught:
        channel.send(MESSAGE, AlertAddress(running.url, (new_secret(),)))
    assert caught.value.status == status
    assert caught.value.final is (status == 410)
    assert caught.value.retry_after is None
    assert str(status) in str(caught.value)
    assert "eyes" not in str(caught.value)
    assert ("redirect" in str(caught.value)) is (status < 400)
    assert len(running.requests) == 1


@pytest.mark.parametrize("status", [429, 503, 500, 301])
@pytest.mark.parametrize(
    ("text", "wait"),
    [
        ("120", timedelta(minutes=2)),
        ("0", timedelta(0)),
        (format_datetime(NOW + timedelta(minutes=5), usegmt=True), timedelta(minutes=5)),
        (format_datetime(NOW - timedelta(minutes=5), usegmt=True), timedelta(0)),
        ("99999999999999999999", timedelta(days=1)),
        ("Fri, 31 Dec 9999 23:59:59 GMT", timedelta(days=1)),
        ("-5", None),
        ("soon", None),
        ("١٢", None),
        ("Fri, 99 Dec 9999 23:59:59 GMT", None),
    ],
    ids=[
        "seconds",
        "0",
        "date",
        "past-date",
        "ages",
        "far-date",
        "negative",
        "words",
        "other-digits",
        "no-date",
    ],
)
def test_retry_after_is_understood(
    status: int, text: str, wait: timedelta | None, running: Receiver, channel: WebhookChannel
) -> None:
    running.behave = answer(status, f"Retry-After: {text}")
    with pytest.raises(NotDelivered) as caught:
        channel.send(MESSAGE, AlertAddress(running.url, (new_secret(),)))
    assert caught.value.retry_after == wait


def test_the_channels_of_a_bare_configuration_reach_the_public_network_only(running: Receiver) -> None:
    channels = alert_channels(from_mapping({}))
    assert {"webhook", "slack"} == set(channels)
    for channel in channels.values():
        for address in ("https://127.0.0.1/", "http://example.org/", "https://localhost:8443/"):
            with pytest.raises(DataError):
                channel.check(address)
        with pytest.raises(NotDelivered):
            channel.send(MESSAGE, AlertAddress(f"https://{HERE}:8443/", (new_secret(),)))
    assert running.connections == 0


def test_an_operator_may_allow_a_receiver_of_his_own(running: Receiver) -> None:
    address = f"https://{HERE}:8443/x"
    channels = alert_channels(from_mapping({"VAYU_ALERTS_ALLOW_ORIGINS": f"https://{HERE}:8443/"}))
    for name, channel in channels.items():
        assert channel.check(address) == address
        assert channel.send(MESSAGE, AlertAddress(address, (new_secret(),))) == 204, name
    assert len(running.requests) == 2


def test_slack_gets_a_text_in_which_nothing_is_a_command(running: Receiver) -> None:
    channels = alert_channels(from_mapping({"VAYU_ALERTS_ALLOW_ORIGINS": f"https://{HERE}:8443"}))
    message = AlertMessage(
        "9", NOW, "Delhi *now* <!channel>", "a & b\n\nhttps://x.example/city/delhi", None, {}
    )
    channels["slack"].send(message, AlertAddress(f"https://{HERE}:8443/services/T/B/x"))
    [request] = running.requests
    assert json.loads(request.body) == {
        "text": "*Delhi now &lt;!channel&gt;*\na &amp; b\n\nhttps://x.example/city/delhi"
    }
    assert request.headers["webhook-id"] == "9"
    assert "webhook-signature" not in request.headers


@pytest.mark.parametrize(("status", "final"), [(403, False), (404, False), (410, True), (500, False)])
def test_slack_says_by_410_that_a_place_is_gone(status: int, final: bool, running: Receiver) -> None:
    channels = alert_channels(from_mapping({"VAYU_ALERTS_ALLOW_ORIGINS": f"https://{HERE}:8443"}))
    running.behave = answer(status, body=b"channel_is_archived")
    with pytest.raises(NotDelivered) as caught:
        channels["slack"].send(MESSAGE, AlertAddress(f"https://{HERE}:8443/services/T/B/x"))
    assert (caught.value.status, caught.value.final) == (status, final)
