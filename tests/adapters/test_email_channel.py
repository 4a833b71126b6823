"""Alerts by e-mail, to a real mail server: what arrives, by which line, and what its refusals mean."""

from __future__ import annotations

import logging
import socket
import threading
import time
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from typing import TYPE_CHECKING
from uuid import UUID

import pytest
import trustme
from hypothesis import given
from hypothesis import strategies as st
from mail_server import Mailbox, mail_server

from common.adapters.channels import alert_channels
from common.adapters.channels.email import EmailChannel
from common.alerts.messages import Facts, alert_message
from common.alerts.rule import Condition, Rule
from common.config import from_mapping
from common.domain.errors import DataError
from common.ports import AlertAddress, AlertMessage, NotDelivered

if TYPE_CHECKING:
    from collections.abc import Iterator
    from email.message import EmailMessage
    from pathlib import Path

    from common.alerts.rule import Language

NOW = datetime(2026, 11, 29, 12, 40, tzinfo=UTC)
STOP = "https://vayu.example.org/api/v1/alerts/unsubscribe/va_" + "aB3-_xyz" * 12
MESSAGE = AlertMessage(
    id="421",
    sent_at=NOW,
    subject="दिल्ली: AQI 312 – 300 से चेतावनी",
    text="दिल्ली में वायु.\n.\n..\n" + "लंबा वाक्य " * 60,
    html="<p>दिल्ली में वायु</p>",
    data={"type": "alert.firing", "data": {"episode": "5f0c"}},
    language="hi",
    unsubscribe_url=STOP,
)
TO = AlertAddress("asha@example.org")


@pytest.fixture
def authority(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> trustme.CA:
    made = trustme.CA()
    made.cert_pem.write_to_path(tmp_path / "ca.pem")
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "ca.pem"))
    return made


@pytest.fixture
def box() -> Iterator[Mailbox]:
    with mail_server() as running:
        yield running


def channel(url: str, *, limit_s: float = 8.0) -> EmailChannel:
    return EmailChannel(url, "vayu@example.in", limit_s)


def text_of(letter: EmailMessage, kind: str) -> str:
    part = letter.get_body((kind,))
    assert part is not None
    content: str = part.get_content()
    return content.replace("\r\n", "\n")


@pytest.mark.parametrize("tls", ["none", "starttls", "smtps"])
def test_a_message_arrives_whole_by_each_kind_of_line(tls: str, authority: trustme.CA) -> None:
    with mail_server(tls, None if tls == "none" else authority) as box:
        assert channel(box.url).send(MESSAGE, TO) == 250
    assert box.recipients == [["asha@example.org"]]
    assert box.senders == ["vayu@example.in"]
    assert box.encrypted == [tls != "none"]
    assert box.logins == 1
    [letter] = box.letters
    assert letter["Subject"] == MESSAGE.subject
    assert letter["From"] == "Vayu <vayu@example.in>"
    assert letter["To"] == "asha@example.org"
    assert letter["Date"].datetime == NOW
    assert letter["Message-ID"] == "<alert.421@example.in>"
    assert letter["References"] == "<episode.5f0c@example.in>"
    assert letter["Auto-Submitted"] == "auto-generated"
    assert letter["Content-Language"] == "hi-IN"
    assert letter.get_content_type() == "multipart/alternative"
    assert text_of(letter, "plain").rstrip("\n") == MESSAGE.text
    assert text_of(letter, "html").strip() == MESSAGE.html
    assert max(map(len, box.raw[0].split(b"\r\n"))) < 998
    box.raw[0].decode("ascii")


@pytest.mark.parametrize("language", ["en", "hi"])
def test_alerts_of_every_kind_arrive_as_they_are_written(language: Language, box: Mailbox) -> None:
    made = []
    for on, probability in (("measured", None), ("forecast", 0.5)):
        when = Condition(on, "pm25", 120.5, 110, 24, probability)
        rule = Rule(UUID(int=1), UUID(int=2), "Pimpri-Chinchwad", when, "email", language)
        for kind in ("firing", "repeat", "clear", "test"):
            value = None if kind == "test" else 0.64 if probability else 131.0
            facts = Facts(kind, rule, value, NOW, UUID(int=3), NOW, True, "https://vayu.example.org")
            made.append(alert_message(facts, id_=str(len(made)), sent_at=NOW, unsubscribe_url=STOP))
    for message in made:
        channel(box.url).send(message, TO)
    for message, letter in zip(made, box.letters, strict=True):
        assert letter["Subject"] == message.subject
        assert text_of(letter, "plain").strip() == message.text
        assert text_of(letter, "html").strip() == message.html
        assert not letter.defects
        assert not any(letter[name].defects for name in letter)


def test_one_click_ends_it(box: Mailbox) -> None:
    channel(box.url).send(MESSAGE, TO)
    head = box.raw[0].partition(b"\r\n\r\n")[0].decode().split("\r\n")
    assert (
        f"List-Unsubscribe: <{STOP}>" in head
    )  # as it is: encoded or folded, mail programs would not show it
    assert "List-Unsubscribe-Post: List-Unsubscribe=One-Click" in head


def test_what_cannot_be_unsubscribed_from_has_no_such_header(box: Mailbox) -> None:
    plain = AlertMessage("c-1", NOW, "Confirm", "text", None, {"type": "alert.confirm"})
    channel(box.url).send(plain, TO)
    [letter] = box.letters
    assert "List-Unsubscribe" not in letter
    assert "References" not in letter
    assert letter.get_content_type() == "text/plain"


def test_a_repeat_has_the_same_message_id(box: Mailbox) -> None:
    for _ in range(2):
        channel(box.url).send(MESSAGE, TO)
    first, second = box.letters
    assert first["Message-ID"] == second["Message-ID"]


@pytest.mark.parametrize(
    ("stated", "stored"),
    [
        ("asha@example.org", "asha@example.org"),
        (" Asha@EXAMPLE.org ", "Asha@example.org"),
        ("asha+delhi@example.org", "asha+delhi@example.org"),
        ("asha@वायु.भारत", "asha@xn--s2bl1an.xn--h2brj9c"),
    ],
)
def test_addresses_are_stored_as_they_are_sent_to(stated: str, stored: str, box: Mailbox) -> None:
    mail = channel(box.url)
    assert mail.check(stated) == stored
    assert mail.check(stored) == stored
    mail.send(MESSAGE, AlertAddress(stored))
    assert box.recipients == [[stored]]


@pytest.mark.parametrize(
    "address",
    [
        "",
        "asha",
        "asha@",
        "@example.org",
        "asha@localhost",
        "asha@example.org\r\nBcc: ravi@example.org",
        "asha@example.org\nRCPT TO:<ravi@example.org>",
        "asha\r\n@example.org",
        "asha@example.org,ravi@example.org",
        "asha@example.org ravi@example.org",
        "Asha <asha@example.org>",
        '"asha"@example.org',
        "asha@[127.0.0.1]",
        "asha@10.0.0.1",
        "asha\x00@example.org",
        "आशा@example.org",
        "a" * 65 + "@example.org",
        "a@" + "b." * 125 + "example.org",
        "a" * 300 + "@example.org",
    ],
)
def test_what_is_no_address_is_refused_with_a_sentence(address: str) -> None:
    with pytest.raises(DataError, match="e-mail address") as caught:
        channel("smtp://127.0.0.1:1").check(address)
    assert "\n" not in str(caught.value)


@given(st.text(max_size=40), st.sampled_from(["", "asha", "asha@example.org"]))
def test_no_stored_address_has_more_than_one_line_or_recipient(text: str, before: str) -> None:
    try:
        stored = channel("smtp://127.0.0.1:1").check(before + text)
    except DataError:
        return
    assert stored.isascii()
    assert stored.isprintable()
    assert stored.count("@") == 1
    assert not set(stored) & set(' ,;<>()"')


def test_a_line_break_in_the_subject_makes_no_header(box: Mailbox) -> None:
    message = AlertMessage("9", NOW, "Delhi\r\nBcc: ravi@example.org", "text", None, {})
    channel(box.url).send(message, TO)
    assert box.letters[0]["Subject"] == "Delhi Bcc: ravi@example.org"
    assert "Bcc" not in box.letters[0]


@pytest.mark.parametrize(
    ("command", "answer", "status", "permanent"),
    [
        ("RCPT", "550 5.1.1 asha@example.org: no such user", 550, True),
        ("RCPT", "553 5.1.3 bad address", 553, True),
        ("RCPT", "450 4.2.1 greylisted", 450, False),
        ("RCPT", "452 4.2.2 mailbox full", 452, False),
        ("DATA", "554 5.7.1 asha@example.org: spam", 554, True),
        ("DATA", "451 4.3.0 try again", 451, False),
        ("MAIL", "550 5.7.1 vayu@example.in may not send", None, False),
        ("MAIL", "451 4.3.0 try again", None, False),
    ],
)
def test_a_refusal_says_whether_to_try_again(
    command: str, answer: str, status: int | None, permanent: bool, box: Mailbox
) -> None:
    box.refuse[command] = answer
    with pytest.raises(NotDelivered) as caught:
        channel(box.url).send(MESSAGE, TO)
    assert (caught.value.status, caught.value.permanent, caught.value.final) == (status, permanent, False)
    assert answer[:3] in str(caught.value)
    assert "@" not in str(caught.value)  # neither the address nor the server's own words
    assert not box.letters


def test_a_refused_login_is_no_fault_of_the_recipients(box: Mailbox) -> None:
    with pytest.raises(NotDelivered, match="535") as caught:
        channel(box.url.replace("se%40cret", "other")).send(MESSAGE, TO)
    assert (caught.value.status, caught.value.permanent) == (None, False)
    assert "other" not in str(caught.value)


def test_a_certificate_that_is_not_trusted_is_a_failure(
    authority: trustme.CA, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("SSL_CERT_FILE")
    for tls in ("starttls", "smtps"):
        with mail_server(tls, authority) as box:
            with pytest.raises(NotDelivered, match="could not be reached"):
                channel(box.url).send(MESSAGE, TO)
            assert box.logins == 0


@contextmanager
def dripping(text: bytes, *, endless: bytes = b"") -> Iterator[str]:
    """A server that says `text`, and then `endless` every tenth of a second; its address."""
    over = threading.Event()
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            with suppress(OSError):
                connection, _ = listener.accept()
                with connection:
                    connection.sendall(text)
                    while not over.wait(0.1):
                        connection.sendall(endless)

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        try:
            yield f"127.0.0.1:{listener.getsockname()[1]}"
        finally:
            over.set()
            thread.join(5)


@pytest.mark.parametrize("scheme", ["smtp", "smtps"])
@pytest.mark.parametrize(
    ("text", "endless"),
    [(b"", b""), (b"2", b"2"), (b"220 here\r\n", b"250-here\r\n"), (b"220 here\r\n", b"")],
)
def test_the_whole_takes_no_longer_than_the_limit(scheme: str, text: bytes, endless: bytes) -> None:
    with dripping(text, endless=endless) as address:
        began = time.monotonic()
        with pytest.raises(NotDelivered, match=r"could not be reached|answered"):
            channel(f"{scheme}://{address}", limit_s=0.7).send(MESSAGE, TO)
        assert time.monotonic() - began < 3


def test_a_server_that_breaks_off_after_it_took_the_message_has_it(box: Mailbox) -> None:
    async def lost(server: object, session: object, envelope: object) -> str:
        raise ConnectionResetError

    box.handle_QUIT = lost  # type: ignore[attr-defined]
    assert channel(box.url).send(MESSAGE, TO) == 250
    assert len(box.letters) == 1


def test_nobody_listens() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    with pytest.raises(NotDelivered, match="could not be reached"):
        channel(f"smtp://127.0.0.1:{port}").send(MESSAGE, TO)


def test_the_channel_is_there_where_a_server_is_set_and_nothing_of_it_is_logged(
    box: Mailbox, caplog: pytest.LogCaptureFixture
) -> None:
    assert "email" not in alert_channels(from_mapping({}))
    mail = alert_channels(from_mapping({"VAYU_SMTP_URL": box.url, "VAYU_MAIL_FROM": "vayu@example.in"}))[
        "email"
    ]
    with caplog.at_level(logging.DEBUG):
        mail.send(MESSAGE, TO)
    assert "se%40cret" not in repr(mail)
    assert not [
        record for record in caplog.records if record.name.startswith("common") or "secret" in str(record)
    ]
