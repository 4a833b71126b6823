"""Alerts by Slack's incoming webhooks, and those of Mattermost, Rocket.Chat and others that take the same."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

from common.adapters.channels.webhook import taken

if TYPE_CHECKING:
    from common.adapters.channels.guard import Guard
    from common.ports import AlertAddress, AlertMessage

_COMMANDS = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;"})
"""What begins a mention or a link; the three that Slack wants to be escaped"""


@dataclass(frozen=True, slots=True)
class SlackChannel:
    """Posts ``{"text": …}``: the subject in bold, the text below."""

    guard: Guard

    def check(self, address: str) -> str:
        """The address in normal form; raises DataError when nothing may be sent there."""
        return self.guard.check(address)

    def send(self, message: AlertMessage, to: AlertAddress) -> int:
        """Post it; the status of the answer.

        Raises:
            NotDelivered: unless the answer is a 2xx; final at 410, which says that the place is closed.
        """
        subject = message.subject.replace("*", "").translate(_COMMANDS)
        text = f"*{subject}*\n{message.text.translate(_COMMANDS)}"
        headers = {"Content-Type": "application/json", "webhook-id": message.id}
        answer = self.guard.post(to.address, json.dumps({"text": text}).encode(), headers)
        return taken(answer, message.sent_at)
