"""Amazon SQS as the queue."""

from __future__ import annotations

import re
import uuid
from datetime import timedelta
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from common.adapters.aws_request import Refused, ask
from common.adapters.cloud_event import address, structured
from common.domain.errors import StoreError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from common.domain.observation import Clock

LONGEST_DELAY = timedelta(minutes=15)
"""What SQS allows; a longer delay is cut to it, so a message may come early but never gets lost."""
_TIMEOUT_S = 10.0


class SqsQueue:
    """Sends to standard queues such as ``https://sqs.ap-south-1.amazonaws.com/1234/vayu-{type}``."""

    def __init__(self, url: str, clock: Clock) -> None:
        self._url = url
        self._clock = clock

    def send(
        self, type_: str, subject: str, data: Mapping[str, Any], *, delay: timedelta = timedelta(0)
    ) -> str:
        """Send a message; returns its CloudEvents id.

        Raises:
            StoreError: when SQS cannot be reached, refuses the credentials or has no such queue.
        """
        id_ = str(uuid.uuid4())
        text = structured(id_, type_, subject, data, now=self._clock())
        url = address(self._url, type_)
        parts = urlsplit(url)
        region = re.search(r"\bsqs\.([a-z0-9-]+)\.", parts.netloc)
        body = {
            "QueueUrl": url,
            "MessageBody": text,
            "DelaySeconds": round(min(delay, LONGEST_DELAY).total_seconds()),
        }
        try:
            ask(
                "sqs",
                region[1] if region else "us-east-1",  # a stand-in takes any
                f"{parts.scheme}://{parts.netloc}/",
                "AmazonSQS.SendMessage",
                body,
                version="1.0",
                timeout_s=_TIMEOUT_S,
            )
        except (Refused, OSError, ValueError) as error:
            raise StoreError(f"the queue {url} did not take a message: {error}") from error
        return id_
