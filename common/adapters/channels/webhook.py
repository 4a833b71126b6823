"""Alerts by webhook, as Standard Webhooks 1.0 describes: signed JSON, any 2xx takes it."""

from __future__ import annotations

import json
import secrets
from base64 import b64encode
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING

from common.ports import NotDelivered

if TYPE_CHECKING:
    from collections.abc import Mapping

    from common.adapters.channels.guard import Answer, Guard
    from common.ports import AlertAddress, AlertMessage

GONE = 410
LONGEST_WAIT = timedelta(days=1)
"""A receiver that wants to be left alone for longer is asked after this."""


def new_secret() -> str:
    """A secret to sign with: ``whsec_`` and 32 random bytes in base64."""
    return "whsec_" + b64encode(secrets.token_bytes(32)).decode("ascii")


@dataclass(frozen=True, slots=True)
class WebhookChannel:
    """Posts the message's data as JSON; the headers carry its id, the time and a signature by each secret."""

    guard: Guard

    def check(self, address: str) -> str:
        """The address in normal form; raises DataError when nothing may be sent there."""
        return self.guard.check(address)

    def send(self, message: AlertMessage, to: AlertAddress) -> int:
        """Post it; the status of the answer. `message.sent_at` is the time that is signed.

        Raises:
            NotDelivered: unless the answer is a 2xx; final at 410, with which a receiver ends its subscription.
        """
        body = json.dumps(message.data, ensure_ascii=False, separators=(",", ":"))
        answer = self.guard.post(to.address, body.encode(), signed_headers(message, body, to.secrets))
        return taken(answer, message.sent_at)


def signed_headers(message: AlertMessage, body: str, keys: tuple[str, ...]) -> Mapping[str, str]:
    """The headers of Standard Webhooks; while one secret replaces another, a signature by each of them."""
    from standardwebhooks import Webhook

    at = message.sent_at.astimezone(
        UTC
    )  # the library takes the digits of a time for UTC's, whatever its zone
    return {
        "Content-Type": "application/json",
        "webhook-id": message.id,
        "webhook-timestamp": str(int(at.timestamp())),
        "webhook-signature": " ".join(Webhook(key).sign(message.id, at, body) for key in keys),
    }


def taken(answer: Answer, now: datetime) -> int:
    """The status of an answer that is a 2xx.

    Raises:
        NotDelivered: for any other, with what it says of when to try again.
    """
    if 200 <= answer.status < 300:
        return answer.status
    reason = f"the receiver answered {answer.status}"
    if 300 <= answer.status < 400:
        reason += "; redirects are not followed, state the new address"
    raise NotDelivered(
        reason,
        status=answer.status,
        retry_after=_wait(answer.retry_after, now),
        final=answer.status == GONE,
    )


def _wait(retry_after: str | None, now: datetime) -> timedelta | None:
    """What the header says, in seconds or as a date; None where it says nothing that can be understood."""
    text = (retry_after or "").strip()
    if text.isascii() and text.isdigit():
        return min(timedelta(seconds=int(text[:9])), LONGEST_WAIT)
    try:
        until = parsedate_to_datetime(text)
    except ValueError:
        return None
    wait = until.replace(tzinfo=until.tzinfo or UTC) - now
    return min(max(wait, timedelta(0)), LONGEST_WAIT)
