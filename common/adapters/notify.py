"""Telling people: a Slack-style webhook and e-mail. Whatever goes wrong with it is logged and costs nothing else."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

from aws_lambda_powertools import Logger

if TYPE_CHECKING:
    from collections.abc import Callable

    from common.config import Settings

_PATIENCE_S = 10
_HERE = ("localhost", "127.0.0.1", "::1")
log = Logger(service="vayu", child=True)


@dataclass(frozen=True, slots=True)
class Notifier:
    """Sends to whatever is configured; where nothing is, it does nothing."""

    settings: Settings

    @property
    def anybody(self) -> bool:
        """Whether somebody would be told."""
        return bool(self.settings.slack_webhook or (self.settings.smtp_url and self.settings.mail_to))

    def tell(self, subject: str, text: str) -> bool:
        """Tell everybody who is configured; whether at least one way worked, or nobody is to be told.

        Raises nothing: no training and no forecast fails because nobody could be told. Addresses hold secrets,
        so that of a failure only its kind is logged.
        """
        ways: dict[str, Callable[[str, str], None]] = {}
        if self.settings.slack_webhook:
            ways["webhook"] = self._post
        if self.settings.smtp_url and self.settings.mail_to:
            ways["e-mail"] = self._mail
        if not ways:
            return True
        import smtplib  # here and below: most runs have nobody to tell, and each cold start would pay

        import httpx

        worked = False
        for name, send in ways.items():
            try:
                send(subject, text)
                worked = True
            except (httpx.HTTPError, httpx.InvalidURL, OSError, smtplib.SMTPException, ValueError) as error:
                log.warning("nobody was told", extra={"way": name, "error": type(error).__name__})
        return worked

    def _post(self, subject: str, text: str) -> None:
        import httpx

        logging.getLogger("httpx").setLevel(logging.WARNING)  # it logs addresses, and this one is a secret
        with httpx.Client(timeout=_PATIENCE_S, follow_redirects=False) as client:
            client.post(
                self.settings.slack_webhook or "", json={"text": f"*{subject}*\n{text}"}
            ).raise_for_status()

    def _mail(self, subject: str, text: str) -> None:
        import smtplib
        import ssl
        from email.message import EmailMessage

        message = EmailMessage()
        message["Subject"] = f"Vayu: {subject}"
        message["From"] = self.settings.mail_from
        message["To"] = ", ".join(self.settings.mail_to)
        message.set_content(text, cte="quoted-printable")  # lines of 8-bit text are not for every server
        where = urlsplit(self.settings.smtp_url or "")
        host, context = where.hostname or "", ssl.create_default_context()
        private = host in _HERE
        with (
            smtplib.SMTP_SSL(host, where.port or 465, timeout=_PATIENCE_S, context=context)
            if where.scheme == "smtps"
            else smtplib.SMTP(host, where.port or 587, timeout=_PATIENCE_S)
        ) as server:
            server.ehlo()
            if where.scheme == "smtp" and server.has_extn("starttls"):
                server.starttls(context=context)
                server.ehlo()
                private = True
            if where.username and not (private or where.scheme == "smtps"):
                raise smtplib.SMTPNotSupportedError("a password is not sent over a line that others can read")
            if where.username:
                server.login(unquote(where.username), unquote(where.password or ""))
            server.send_message(message)
