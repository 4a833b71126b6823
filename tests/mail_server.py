"""A mail server of the tests: aiosmtpd, with STARTTLS, TLS from the first byte, or neither."""

from __future__ import annotations

import ssl
from contextlib import contextmanager
from dataclasses import dataclass, field
from email import policy
from email.parser import BytesParser
from typing import TYPE_CHECKING, Any

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult, LoginPassword
from processes import free_port

if TYPE_CHECKING:
    from collections.abc import Iterator
    from email.message import EmailMessage

    import trustme
    from aiosmtpd.smtp import SMTP, Envelope, Session

LOGIN = LoginPassword(b"vayu", b"se@cret")


@dataclass
class Mailbox:
    """Keeps what is sent; `refuse` answers a command otherwise than with 250."""

    port: int
    tls: str
    """``none``, ``starttls`` or ``smtps``"""
    refuse: dict[str, str] = field(default_factory=dict)
    """``MAIL``, ``RCPT`` or ``DATA`` → the answer"""
    letters: list[EmailMessage] = field(default_factory=list)
    raw: list[bytes] = field(default_factory=list)
    recipients: list[list[str]] = field(default_factory=list)
    senders: list[str | None] = field(default_factory=list)
    encrypted: list[bool] = field(default_factory=list)
    logins: int = 0

    @property
    def url(self) -> str:
        scheme = "smtps" if self.tls == "smtps" else "smtp"
        return f"{scheme}://vayu:se%40cret@127.0.0.1:{self.port}"

    async def handle_MAIL(  # noqa: N802 — aiosmtpd calls it by this name, and by position
        self, _: SMTP, __: Session, envelope: Envelope, address: str, ___: list[str]
    ) -> str:
        if "MAIL" in self.refuse:
            return self.refuse["MAIL"]
        envelope.mail_from = address
        return "250 ok"

    async def handle_RCPT(  # noqa: N802
        self, _: SMTP, __: Session, envelope: Envelope, address: str, ___: list[str]
    ) -> str:
        if "RCPT" in self.refuse:
            return self.refuse["RCPT"]
        envelope.rcpt_tos.append(address)
        return "250 ok"

    async def handle_DATA(self, _: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802
        if "DATA" in self.refuse:
            return self.refuse["DATA"]
        content = envelope.content
        assert isinstance(content, bytes)
        self.raw.append(content)
        self.letters.append(BytesParser(policy=policy.default).parsebytes(content))
        self.recipients.append(list(envelope.rcpt_tos))
        self.senders.append(envelope.mail_from)
        self.encrypted.append(session.ssl is not None or self.tls == "smtps")
        return "250 taken"

    def authenticate(self, *arguments: Any) -> AuthResult:
        """Called by aiosmtpd with server, session, envelope, mechanism and what was sent."""
        success = arguments[-1] == LOGIN
        self.logins += success
        return AuthResult(success=success, handled=False)


@contextmanager
def mail_server(tls: str = "none", authority: trustme.CA | None = None) -> Iterator[Mailbox]:
    """Run one on the loopback."""
    box = Mailbox(free_port(), tls)
    context = None
    if authority is not None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        authority.issue_cert("127.0.0.1", "localhost").configure_cert(context)
    controller = Controller(
        box,
        hostname="127.0.0.1",
        port=box.port,
        authenticator=box.authenticate,
        auth_require_tls=tls == "starttls",
        ssl_context=context if tls == "smtps" else None,
        tls_context=context if tls == "starttls" else None,
    )
    controller.start()
    try:
        yield box
    finally:
        controller.stop()
