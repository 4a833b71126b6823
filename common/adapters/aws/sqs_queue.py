"""Amazon SQS as the queue."""

from __future__ import annotations

import re
import uuid
import weakref
from datetime import timedelta
from functools import cached_property
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from common.adapters.aws.client import client, reason
from common.adapters.cloud_event import address, structured
from common.domain.errors import StoreError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from common.ports import Clock

LONGEST_DELAY = timedelta(minutes=15)
"""What SQS allows; a longer delay is cut to it, so a message may come early but never gets lost."""


class SqsQueue:
    """Sends to standard queues such as ``https://sqs.ap-south-1.amazonaws.com/1234/vayu-{type}``."""

    in_database = False

    def __init__(self, url: str, clock: Clock) -> None:
        self._url = url
        self._clock = clock

    def send(
        self, type_: str, subject: str, data: Mapping[str, Any], *, delay: timedelta = timedelta(0)
    ) -> str:
        """Send a message; returns its CloudEvents id.

        Raises:
            ConfigError: when boto3 is not installed.
            StoreError: when SQS cannot be reached, refuses the credentials or has no such queue.
        """
        sqs = self._client
        from botocore.exceptions import BotoCoreError, ClientError

        id_ = str(uuid.uuid4())
        url = address(self._url, type_)
        try:
            sqs.send_message(
                QueueUrl=url,
                MessageBody=structured(id_, type_, subject, data, now=self._clock()),
                DelaySeconds=round(min(delay, LONGEST_DELAY).total_seconds()),
            )
        except (BotoCoreError, ClientError) as error:
            raise StoreError(f"the queue {url} did not take a message: {reason(error)}") from error
        return id_

    @cached_property
    def _client(self) -> Any:
        parts = urlsplit(self._url)
        region = re.search(r"\bsqs\.([a-z0-9-]+)\.", parts.netloc)
        made = client("sqs", region[1] if region else "us-east-1", f"{parts.scheme}://{parts.netloc}")
        weakref.finalize(self, made.close)
        return made
