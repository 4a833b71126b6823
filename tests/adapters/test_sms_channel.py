"""Alerts by SMS: to SNS, to a stand-in for Twilio that answers in its words, and into a file."""

from __future__ import annotations

import json
import logging
from base64 import b64decode
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs

import pytest
from hypothesis import given
from hypothesis import strategies as st
from moto.backends import get_backend
from stand_ins import StandIn, served

from common.adapters.channels import alert_channels
from common.adapters.channels.sms import FileGateway, SmsChannel, sms_gateway
from common.config import from_mapping
from common.domain.errors import DataError
from common.ports import AlertAddress, AlertMessage, NotDelivered

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from common.ports import AlertChannel

NOW = datetime(2026, 11, 29, 12, 40, tzinfo=UTC)
NUMBER = "+919876543210"
TO = AlertAddress(NUMBER)
TEXT = "वायु दिल्ली: AQI 312, सीमा 300; मापा 18:00 IST"
MESSAGE = AlertMessage(
    "421", NOW, "subject", TEXT, None, {"type": "alert.firing", "data": {"basis": "implied"}}, language="hi"
)
ACCOUNT = "AC" + "1" * 32
MESSAGES = f"/2010-04-01/Accounts/{ACCOUNT}/Messages.json"


def channel(url: str, **settings: str) -> AlertChannel:
    return alert_channels(from_mapping({"VAYU_SMS_URL": url, **settings}))["sms"]


# Numbers


@pytest.mark.parametrize(
    "stated", ["+919876543210", " +91 98765 43210 ", "+91-98765-43210", "+91 (98765) 43210"]
)
def test_numbers_are_stored_in_one_form(stated: str, tmp_path: Path) -> None:
    sms = channel((tmp_path / "sms").as_uri())
    assert sms.check(stated) == NUMBER
    assert sms.check(NUMBER) == NUMBER


@pytest.mark.parametrize(
    ("stated", "reason"),
    [
        ("", r"\+91 98765 43210"),
        ("9876543210", r"\+91 98765 43210"),
        ("00919876543210", r"\+91 98765 43210"),
        ("+91987654321a", r"\+91 98765 43210"),
        ("+९१९८७६५४३२१०", r"\+91 98765 43210"),
        ("+919876543210\n+919876543211", r"\+91 98765 43210"),
        ("+919876543210;ext=1", r"\+91 98765 43210"),
        ("+9198765432101234", r"\+91 98765 43210"),
        ("+91987654321", "10 digits"),
        ("+9198765432101", "10 digits"),
        ("+911123456789", "6 to 9"),
        ("+14155552671", r"begin with \+91"),
        ("+8821612345678", r"begin with \+91"),
    ],
)
def test_other_numbers_are_refused_with_a_sentence(stated: str, reason: str, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=reason):
        channel((tmp_path / "sms").as_uri()).check(stated)


def test_an_operator_says_to_which_countries_texts_go(tmp_path: Path) -> None:
    url = (tmp_path / "sms").as_uri()
    assert channel(url, VAYU_SMS_COUNTRIES="91,977").check("+977 9841234567") == "+9779841234567"
    assert channel(url, VAYU_SMS_COUNTRIES="all").check("+1 415 555 2671") == "+14155552671"
    with pytest.raises(DataError, match=r"\+91, \+977"):
        channel(url, VAYU_SMS_COUNTRIES="91,977").check("+14155552671")


@given(st.text(max_size=20), st.sampled_from(["", "+", "+91", "+9198765"]))
def test_whatever_is_stored_is_a_number(text: str, before: str) -> None:
    sms = SmsChannel(FileGateway(None), countries=())  # type: ignore[arg-type]
    try:
        stored = sms.check(before + text)
    except DataError:
        return
    assert stored[0] == "+"
    assert stored[1:].isascii()
    assert stored[1:].isdigit()
    assert 9 <= len(stored) <= 16


# A file


def test_a_file_gets_a_line_for_each_text(tmp_path: Path) -> None:
    path = tmp_path / "with blank" / "sms.jsonl"
    path.parent.mkdir()
    sms = channel(path.as_uri())
    for _ in range(2):
        assert sms.send(MESSAGE, TO) == 200
    first, second = path.read_text(encoding="utf-8").splitlines()
    assert first == second
    assert json.loads(first) == {
        "id": "421",
        "time": "2026-11-29T12:40:00+00:00",
        "to": NUMBER,
        "text": TEXT,
        "template": "measured-hi",
    }
    assert path.stat().st_mode & 0o077 == 0  # numbers are nobody else's


def test_a_file_that_cannot_be_written_is_a_failure(tmp_path: Path) -> None:
    with pytest.raises(NotDelivered, match="VAYU_SMS_URL") as caught:
        channel((tmp_path / "missing" / "sms").as_uri()).send(MESSAGE, TO)
    assert not caught.value.permanent


@pytest.mark.parametrize(
    ("type_", "basis", "name"),
    [
        ("alert.firing", "modelled", "measured-hi"),
        ("alert.repeat", "forecast", "forecast-hi"),
        ("alert.clear", "measured", "over-measured-hi"),
        ("alert.clear", "forecast", "over-forecast-hi"),
        ("alert.test", "forecast", "test-hi"),
    ],
)
def test_each_text_has_the_name_of_its_template(type_: str, basis: str, name: str, tmp_path: Path) -> None:
    message = AlertMessage("1", NOW, "s", "t", None, {"type": type_, "data": {"basis": basis}}, language="hi")
    channel((tmp_path / "sms").as_uri()).send(message, TO)
    assert json.loads((tmp_path / "sms").read_text(encoding="utf-8"))["template"] == name


# SNS


def test_sns_takes_it(aws: str) -> None:
    assert channel("sns://us-east-1").send(MESSAGE, TO) == 200
    sent = get_backend("sns")["123456789012"]["us-east-1"].sms_messages
    assert (NUMBER, TEXT) in sent.values()


@pytest.fixture
def sns(stand_in: StandIn, aws: str, monkeypatch: pytest.MonkeyPatch) -> StandIn:
    monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://{stand_in.address}")
    return stand_in


def answered(sns: StandIn, status: int, text: str) -> None:
    sns.routes["POST", "/"] = [(status, text.encode())]


def error(code: str) -> str:
    return (
        f"<ErrorResponse><Error><Type>Sender</Type><Code>{code}</Code><Message>PhoneNumber: {NUMBER}</Message></Error>"
        "<RequestId>1</RequestId></ErrorResponse>"
    )


PUBLISHED = (
    "<PublishResponse><PublishResult><MessageId>1</MessageId></PublishResult>"
    "<ResponseMetadata><RequestId>1</RequestId></ResponseMetadata></PublishResponse>"
)


def attributes(sns: StandIn) -> dict[str, str]:
    """Message attributes of the last request."""
    form = parse_qs(sns.requests[-1].body.decode())
    names = {name: values[0] for name, values in form.items()}
    return {
        value: names[f"{name.removesuffix('Name')}Value.StringValue"]
        for name, value in names.items()
        if name.startswith("MessageAttributes.entry.") and name.endswith(".Name")
    }


def test_sns_gets_the_numbers_of_the_registration(sns: StandIn) -> None:
    answered(sns, 200, PUBLISHED)
    sms = channel(
        "sns://ap-south-1?sender=VAYUAQ",
        VAYU_SMS_DLT="entity=1101000000000000001,measured-hi=1107000000000000002,test-hi=1107000000000000003",
    )
    assert sms.send(MESSAGE, TO) == 200
    assert attributes(sns) == {
        "AWS.SNS.SMS.SMSType": "Transactional",
        "AWS.SNS.SMS.SenderID": "VAYUAQ",
        "AWS.MM.SMS.EntityId": "1101000000000000001",
        "AWS.MM.SMS.TemplateId": "1107000000000000002",
    }
    assert channel("sns://ap-south-1").send(MESSAGE, TO) == 200
    assert attributes(sns) == {"AWS.SNS.SMS.SMSType": "Transactional"}


@pytest.mark.parametrize(
    ("status", "code", "permanent"),
    [
        (400, "InvalidParameter", True),
        (403, "AuthorizationError", False),
        (400, "Throttling", False),
        (500, "InternalError", False),
    ],
)
def test_an_error_of_sns_says_whether_to_try_again(
    status: int, code: str, permanent: bool, sns: StandIn
) -> None:
    answered(sns, status, error(code))
    with pytest.raises(NotDelivered, match=code) as caught:
        channel("sns://ap-south-1").send(MESSAGE, TO)
    assert (caught.value.status, caught.value.permanent, caught.value.final) == (status, permanent, False)
    assert NUMBER not in str(caught.value)


# Twilio


@pytest.fixture
def twilio() -> Iterator[StandIn]:
    with served(StandIn()) as running:
        yield running


def twilio_url(running: StandIn, sender: str = "+15005550006") -> str:
    return f"twilio://{ACCOUNT}:se%2Fcret@{running.address}/{sender}"


CREATED = {
    "sid": "SM" + "2" * 32,
    "account_sid": ACCOUNT,
    "to": NUMBER,
    "from": "+15005550006",
    "body": TEXT,
    "status": "queued",
    "error_code": None,
    "num_segments": "1",
}


def refusal(code: int, status: int) -> dict[str, Any]:
    more = f"https://www.twilio.com/docs/errors/{code}"
    return {"code": code, "message": f"The number {NUMBER} is not valid", "more_info": more, "status": status}


@pytest.mark.parametrize(
    ("sender", "name"), [("+15005550006", "From"), ("VAYU", "From"), ("MG" + "a" * 32, "MessagingServiceSid")]
)
def test_twilio_takes_it(sender: str, name: str, twilio: StandIn) -> None:
    twilio.answer("POST", MESSAGES, (201, CREATED))
    assert channel(twilio_url(twilio, sender)).send(MESSAGE, TO) == 201
    [request] = twilio.requests
    assert parse_qs(request.body.decode()) == {"To": [NUMBER], name: [sender], "Body": [TEXT]}
    headers = {key.lower(): value for key, value in request.headers.items()}
    assert b64decode(headers["authorization"].removeprefix("Basic ")).decode() == f"{ACCOUNT}:se/cret"
    assert headers["content-type"] == "application/x-www-form-urlencoded"


@pytest.mark.parametrize(
    ("code", "status", "permanent", "final"),
    [
        (21211, 400, True, False),
        (21614, 400, True, False),
        (21408, 400, True, False),
        (21610, 400, False, True),
        (21606, 400, False, False),
        (20003, 401, False, False),
        (20500, 500, False, False),
    ],
)
def test_an_error_of_twilio_says_whether_to_try_again(
    code: int, status: int, permanent: bool, final: bool, twilio: StandIn
) -> None:
    twilio.answer("POST", MESSAGES, (status, refusal(code, status)))
    with pytest.raises(NotDelivered, match=str(code)) as caught:
        channel(twilio_url(twilio)).send(MESSAGE, TO)
    assert (caught.value.status, caught.value.permanent, caught.value.final) == (status, permanent, final)
    assert NUMBER not in str(caught.value)


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (429, refusal(20429, 429)),
        (503, "busy"),
        (502, None),
        (500, {"code": "x"}),
        (301, {}),
        (404, ["code"]),
    ],
)
def test_what_is_no_error_of_twilio_is_tried_again(status: int, body: object, twilio: StandIn) -> None:
    twilio.answer("POST", MESSAGES, (status, body))
    with pytest.raises(NotDelivered, match=str(status)) as caught:
        channel(twilio_url(twilio)).send(MESSAGE, TO)
    assert (caught.value.status, caught.value.permanent, caught.value.final) == (status, False, False)


def test_an_answer_without_end_is_not_read_to_its_end(twilio: StandIn) -> None:
    twilio.routes["POST", MESSAGES] = [(400, b'{"code": 21211, "message": "' + b"x" * 10_000_000 + b'"}')]
    with pytest.raises(NotDelivered, match="answered 400"):
        channel(twilio_url(twilio)).send(MESSAGE, TO)


def test_nothing_secret_is_shown(twilio: StandIn, caplog: pytest.LogCaptureFixture) -> None:
    twilio.answer("POST", MESSAGES, (201, CREATED))
    sms = channel(twilio_url(twilio))
    with caplog.at_level(logging.DEBUG):
        sms.send(MESSAGE, TO)
    for text in (repr(sms), caplog.text, repr(sms_gateway(twilio_url(twilio), {}))):
        assert "cret" not in text
        assert NUMBER not in text


def test_without_a_setting_there_is_no_such_channel() -> None:
    assert "sms" not in alert_channels(from_mapping({}))
