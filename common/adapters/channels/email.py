"""Alerts by e-mail: text and HTML, with one click to end them (RFC 8058)."""

from __future__ import annotations

from dataclasses import dataclass, field
from email.header import Header
from email.headerregistry import Address, BaseHeader, HeaderRegistry, UnstructuredHeader
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime
from smtplib import SMTPDataError, SMTPException, SMTPRecipientsRefused, SMTPResponseException
from typing import TYPE_CHECKING, Any

from common.adapters.smtp import smtp_session
from common.domain.errors import DataError
from common.ports import NotDelivered

if TYPE_CHECKING:
    from collections.abc import Mapping
    from email.message import Message
    from email.policy import Policy

    from common.ports import AlertAddress, AlertMessage

LIMIT_S = 12.0
"""For everything, from connecting to the server's last word"""
LONGEST = 254
"""Characters of an address (RFC 5321)"""
ACCEPTED = 250


class _Unfolded(UnstructuredHeader, BaseHeader):
    """A header that stays one line: folded, a long address would be encoded, and no longer be one."""

    def fold(self, *, policy: Policy[Message[str, str]]) -> str:
        return f"{self.name}: {self}{policy.linesep}"


class _Encoded(UnstructuredHeader, BaseHeader):
    """A header that is encoded as a whole: encoded word by word, Python 3.11 doubles a blank where a line is folded."""

    def fold(self, *, policy: Policy[Message[str, str]]) -> str:
        text = str(self)
        words = Header(text, None if text.isascii() else "utf-8", header_name=self.name)
        return f"{self.name}: {words.encode(linesep=policy.linesep)}{policy.linesep}"


_HEADERS = HeaderRegistry()
_HEADERS.map_to_type("subject", _Encoded)
_HEADERS.map_to_type("list-unsubscribe", _Unfolded)
_POLICY = SMTP.clone(header_factory=_HEADERS)


@dataclass(frozen=True, slots=True)
class EmailChannel:
    """Sends by the server of VAYU_SMTP_URL, from VAYU_MAIL_FROM."""

    smtp_url: str = field(repr=False)
    mail_from: str
    limit_s: float = LIMIT_S

    def check(self, address: str) -> str:
        """The address with its domain in lower case and ASCII. No server is asked whether it exists.

        Raises:
            DataError: when it is none, or has letters before the @ that few mail servers take.
        """
        from email_validator import (
            EmailNotValidError,
            validate_email,
        )  # 60 ms, for those who state an address

        if len(address) > LONGEST:
            raise DataError(f"an e-mail address may have at most {LONGEST} characters")
        try:
            valid = validate_email(
                address.strip(" "), check_deliverability=False, allow_smtputf8=False, strict=True
            )
        except EmailNotValidError as error:
            raise DataError(f"this is no e-mail address such as asha@example.org: {error}") from error
        return str(valid.ascii_email)

    def send(self, message: AlertMessage, to: AlertAddress) -> int:
        """Hand it to the mail server; 250.

        Raises:
            NotDelivered: when the server did not take it; permanent where it refused this recipient or this text with
                a 5xx, which sending it again will not change.
        """
        letter = _letter(message, to.address, self.mail_from)
        try:
            with smtp_session(self.smtp_url, limit_s=self.limit_s) as server:
                server.sendmail(self.mail_from, [to.address], letter.as_bytes())
        except SMTPRecipientsRefused as error:
            raise _refused("the mail server refused the recipient", _status(error.recipients)) from error
        except SMTPDataError as error:
            raise _refused("the mail server refused the message", error.smtp_code) from error
        except SMTPResponseException as error:
            # Of our own login, sender or session: nothing that the recipient could put right.
            reason = f"the mail server answered {error.smtp_code} before the recipient was named"
            raise NotDelivered(reason) from error
        except (SMTPException, OSError) as error:
            raise NotDelivered("the mail server could not be reached, or broke off") from error
        return ACCEPTED


def _refused(reason: str, status: int) -> NotDelivered:
    return NotDelivered(f"{reason} ({status})", status=status, permanent=500 <= status < 600)


def _status(recipients: Mapping[str, tuple[int, bytes]]) -> int:
    """Of the one recipient."""
    return next(iter(recipients.values()))[0]


def _letter(message: AlertMessage, recipient: str, sender: str) -> EmailMessage:
    """The message as RFC 5322 has it; the same id gives the same Message-ID."""
    letter = EmailMessage(policy=_POLICY)
    local, _, domain = sender.rpartition("@")
    letter["Subject"] = " ".join(message.subject.split())
    letter["From"] = Address("Vayu", local, domain)
    letter["To"] = Address(addr_spec=recipient)
    letter["Date"] = format_datetime(message.sent_at)
    letter["Message-ID"] = f"<alert.{message.id}@{domain}>"
    letter["Auto-Submitted"] = "auto-generated"
    _thread(letter, message.data, domain)
    if message.unsubscribe_url:
        letter["List-Unsubscribe"] = f"<{message.unsubscribe_url}>"
        letter["List-Unsubscribe-Post"] = "List-Unsubscribe=One-Click"
    # Lines of 8-bit text are not for every server; Devanagari is half as long in base64 as quoted.
    encoding = "base64" if message.language == "hi" else "quoted-printable"
    letter.set_content(message.text + "\n", cte=encoding)
    if message.html:
        letter.add_alternative(message.html, subtype="html", cte=encoding)
    letter["Content-Language"] = f"{message.language}-IN"
    return letter


def _thread(letter: EmailMessage, data: Mapping[str, Any], domain: str) -> None:
    """What belongs to one episode is shown together."""
    details = data.get("data")
    episode = details.get("episode") if isinstance(details, dict) else None
    if episode:
        letter["References"] = f"<episode.{episode}@{domain}>"
