"""Telling people: a Slack-style webhook and e-mail."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from common.config import Settings
    from common.ports import Mailer

_PATIENCE_S = 10


@dataclass(frozen=True, slots=True)
class Notifier:
    """The ways to tell people that are configured."""

    settings: Settings

    @property
    def channels(self) -> dict[str, Mailer]:
        """Name → what sends by it. The id is the same at each attempt: the header ``webhook-id``, or ``Message-ID``."""
        channels: dict[str, Mailer] = {}
        if self.settings.slack_webhook:
            channels["webhook"] = self._post
        if self.settings.smtp_url and self.settings.mail_to:
            channels["e-mail"] = self._mail
        return channels

    def _post(self, id_: str, /, *, subject: str, text: str) -> None:
        import httpx  # here and below: most runs have nobody to tell, and each cold start would pay

        logging.getLogger("httpx").setLevel(logging.WARNING)  # it logs addresses, and this one is a secret
        with httpx.Client(timeout=_PATIENCE_S, follow_redirects=False) as client:
            client.post(
                self.settings.slack_webhook or "",
                json={"text": f"*{subject}*\n{text}"},
                headers={"webhook-id": id_},
            ).raise_for_status()

    def _mail(self, id_: str, /, *, subject: str, text: str) -> None:
        from email.message import EmailMessage

        from common.adapters.smtp import smtp_session

        message = EmailMessage()
        message["Subject"] = f"Vayu: {subject}"
        message["From"] = self.settings.mail_from
        message["Message-ID"] = f"<{id_}@vayu>"
        message["To"] = ", ".join(self.settings.mail_to)
        message.set_content(text, cte="quoted-printable")  # lines of 8-bit text are not for every server
        with smtp_session(self.settings.smtp_url or "") as server:
            server.send_message(message)
