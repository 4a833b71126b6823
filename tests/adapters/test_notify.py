"""Telling people, over a real HTTP server and a real SMTP server: what arrives, and what failing costs."""

from __future__ import annotations

import json
import logging
import socketserver
from email import message_from_string
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING

import httpx
import pytest
from webhook import served

from common.adapters.notify import Notifier
from common.config import from_mapping

if TYPE_CHECKING:
    from collections.abc import Iterator


class Hook:
    """A webhook that keeps what is posted to it, and answers with `status`."""

    def __init__(self, status: int = 200) -> None:
        self.posted: list[tuple[str, str, dict[str, str]]] = []
        hook = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                hook.posted.append((self.path, self.headers["webhook-id"], json.loads(body)))
                self.send_response(status)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_: object) -> None:
                """Say nothing."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server.server_address[1]}/services/hidden"


class Mailbox:
    """A mail server that takes everything: as much of SMTP as a client without TLS asks for."""

    def __init__(self) -> None:
        self.letters: list[tuple[list[str], str]] = []
        self.logins: list[str] = []
        box = self

        class Handler(socketserver.StreamRequestHandler):
            def handle(self) -> None:
                self.say("220 here")
                to: list[str] = []
                while line := self.rfile.readline().decode().rstrip("\r\n"):
                    verb = line[:4].upper()
                    if verb == "EHLO":
                        self.say("250-here\r\n250 AUTH PLAIN")
                    elif verb == "AUTH":
                        box.logins.append(line)
                        self.say("235 ok")
                    elif verb == "RCPT":
                        to.append(line.partition("<")[2].rstrip(">"))
                        self.say("250 ok")
                    elif verb == "DATA":
                        self.say("354 go on")
                        text = ""
                        while (part := self.rfile.readline().decode()) != ".\r\n":
                            text += part
                        box.letters.append((to, text))
                        self.say("250 kept")
                    elif verb == "QUIT":
                        self.say("221 bye")
                        return
                    else:
                        self.say("250 ok")

            def say(self, text: str) -> None:
                self.wfile.write(text.encode() + b"\r\n")

        self.server = socketserver.ThreadingTCPServer(("127.0.0.1", 0), Handler)

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.server.server_address[1]}"


@pytest.fixture
def hook() -> Iterator[Hook]:
    made = Hook()
    with served(made.server):
        yield made


@pytest.fixture
def box() -> Iterator[Mailbox]:
    made = Mailbox()
    with served(made.server):
        yield made


def test_everybody_who_is_configured_is_told(hook: Hook, box: Mailbox) -> None:
    settings = from_mapping(
        {
            "VAYU_SLACK_WEBHOOK": hook.url,
            "VAYU_SMTP_URL": f"smtp://vayu:se%40cret@{box.address}",
            "VAYU_MAIL_TO": "asha@example.in, ravi@example.in",
            "VAYU_MAIL_FROM": "vayu@example.in",
        }
    )
    channels = Notifier(settings).channels
    assert list(channels) == ["webhook", "e-mail"]
    for send in channels.values():
        send("5f0c-1", subject="Delhi has a new model", text="pm25: better, by 5 µg/m³")
    assert hook.posted == [
        ("/services/hidden", "5f0c-1", {"text": "*Delhi has a new model*\npm25: better, by 5 µg/m³"})
    ]
    [(to, text)] = box.letters
    letter = message_from_string(text)
    assert to == ["asha@example.in", "ravi@example.in"]
    assert (letter["Subject"], letter["From"]) == ("Vayu: Delhi has a new model", "vayu@example.in")
    assert letter["Message-ID"] == "<5f0c-1@vayu>"
    body = letter.get_payload(decode=True)
    assert isinstance(body, bytes)
    assert body.decode().strip() == "pm25: better, by 5 µg/m³"
    assert len(box.logins) == 1


def test_nobody_is_told_where_nobody_is_configured() -> None:
    assert Notifier(from_mapping({"VAYU_SMTP_URL": "smtp://127.0.0.1:1"})).channels == {}


@pytest.mark.parametrize("status", [400, 404, 500, 302])
def test_a_webhook_that_refuses_raises_and_the_log_shows_no_secret(
    status: int, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    hook = Hook(status)
    with served(hook.server), caplog.at_level(logging.DEBUG):
        send = Notifier(from_mapping({"VAYU_SLACK_WEBHOOK": hook.url})).channels["webhook"]
        with pytest.raises(httpx.HTTPStatusError):
            send("1", subject="x", text="y")
    assert "hidden" not in caplog.text + "".join(capfd.readouterr())
