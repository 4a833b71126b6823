"""Amazon SNS: topics, for messages that several functions want."""

from __future__ import annotations

import uuid
import weakref
from functools import cached_property
from typing import TYPE_CHECKING, Any

from common.adapters.aws.client import client, reason
from common.adapters.cloud_event import address, structured
from common.domain.errors import StoreError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from common.ports import Clock


class SnsTopics:
    """Publishes to ``arn:…:sns:{region}:{account}:{name}``, with a topic for each type where there is ``{type}``."""

    def __init__(self, region: str, account: str, name: str, clock: Clock) -> None:
        self._region = region
        self._account = account
        self._name = name
        self._clock = clock

    def publish(self, type_: str, subject: str, data: Mapping[str, Any]) -> str:
        """Publish a message, whole as a CloudEvent; returns its id.

        Raises:
            ConfigError: when boto3 is not installed.
            StoreError: when SNS cannot be reached, refuses the credentials or has no such topic.
        """
        sns = self._client
        from botocore.exceptions import BotoCoreError, ClientError

        id_ = str(uuid.uuid4())
        topic = address(self._name, type_)
        try:
            sns.publish(
                TopicArn=f"arn:{sns.meta.partition}:sns:{self._region}:{self._account}:{topic}",
                Message=structured(id_, type_, subject, data, now=self._clock()),
            )
        except (BotoCoreError, ClientError) as error:
            raise StoreError(f"the topic {topic} did not take a message: {reason(error)}") from error
        return id_

    @cached_property
    def _client(self) -> Any:
        made = client("sns", self._region)
        weakref.finalize(self, made.close)
        return made
