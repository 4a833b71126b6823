"""Amazon SQS as the queue; boto3 comes with the Lambda runtime and is imported at the first message."""

from __future__ import annotations

import re
import uuid
from datetime import timedelta
from functools import cached_property
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from common.adapters.cloud_event import address, structured
from common.domain.errors import StoreError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from common.domain.observation import Clock

LONGEST_DELAY = timedelta(minutes=15)
"""What SQS allows; a longer delay is cut to it, so a message may come early but never gets lost."""


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
        from botocore.exceptions import (  # type: ignore[import-untyped,unused-ignore]
            BotoCoreError,
            ClientError,
        )

        id_ = str(uuid.uuid4())
        body = structured(id_, type_, subject, data, now=self._clock())
        url = address(self._url, type_)
        seconds = min(delay, LONGEST_DELAY).total_seconds()
        try:
            self._client.send_message(QueueUrl=url, MessageBody=body, DelaySeconds=round(seconds))
        except (BotoCoreError, ClientError) as error:
            raise StoreError(f"the queue {url} did not take a message: {error}") from error
        return id_

    @cached_property
    def _client(self) -> Any:
        import boto3  # type: ignore[import-untyped,unused-ignore]
        from botocore.config import Config  # type: ignore[import-untyped,unused-ignore]

        parts = urlsplit(self._url)
        region = re.search(r"\bsqs\.([a-z0-9-]+)\.", parts.netloc)
        return boto3.client(
            "sqs",
            endpoint_url=f"{parts.scheme}://{parts.netloc}",
            region_name=region[1] if region else "us-east-1",  # a stand-in takes any
            config=Config(
                connect_timeout=5, read_timeout=10, retries={"mode": "standard", "max_attempts": 3}
            ),
        )
