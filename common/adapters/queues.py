"""QUEUE_URL and TOPIC_URL → the queue they name."""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING

from common.adapters.postgres.queue import PostgresQueue
from common.domain.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from common.ports import Clock, Queue
    from common.store.engine import Database

_SQS = re.compile(r"sqs(\+http)?://([^/\s]+/[^/\s]+/[^/\s]+)")
_SNS = re.compile(r"sns://([a-z0-9-]+)/([0-9]{12})/([\w{}-]+)")
_PUBSUB = re.compile(r"pubsub://([a-z0-9.:-]+)/([A-Za-z][\w.~+%{}-]+)")


def queue_from_url(
    url: str,
    database: Database,
    clock: Clock,
    *,
    topics: str | None = None,
    environment: Mapping[str, str] = os.environ,
) -> Queue:
    """The queue at ``postgres:``, ``sqs://{host}/{account}/{name}`` or ``pubsub://{project}/{topic}``.

    A name with ``{type}`` in it means one queue or topic for each type of message: ``vayu-{type}``.
    ``sqs+http://`` is the same without TLS, for a stand-in. Of the `environment` only PUBSUB_EMULATOR_HOST is
    looked at, as Google's own libraries do.

    `topics`: where the types `BROADCAST` go instead, ``sns://{region}/{account}/{name}``. Pub/Sub needs none: each of
    its topics has any number of subscriptions.

    Raises:
        ConfigError: when an address is none of these.
    """
    queue = _queue(url, database, clock, environment)
    if topics is None:
        return queue
    match = _SNS.fullmatch(topics)
    if match is None:
        raise ConfigError(f"TOPIC_URL must be 'sns://region/account/vayu-{{type}}', not {topics!r}")
    from common.adapters.aws.sns_topic import SnsTopics
    from common.adapters.fan_out import FanOutQueue

    return FanOutQueue(queue, SnsTopics(match[1], match[2], match[3], clock))


def _queue(url: str, database: Database, clock: Clock, environment: Mapping[str, str]) -> Queue:
    if url in ("postgres:", "postgres://"):
        return PostgresQueue(database, clock)
    if match := _SQS.fullmatch(url):
        from common.adapters.aws.sqs_queue import SqsQueue

        return SqsQueue(f"{'http' if match[1] else 'https'}://{match[2]}", clock)
    if match := _PUBSUB.fullmatch(url):
        from common.adapters.gcp.pubsub_queue import PubSubQueue

        if emulator := environment.get("PUBSUB_EMULATOR_HOST"):
            from google.auth.credentials import AnonymousCredentials

            nobody = AnonymousCredentials()
            return PubSubQueue(match[1], match[2], clock, endpoint=f"http://{emulator}", credentials=nobody)
        return PubSubQueue(match[1], match[2], clock)
    raise ConfigError(
        f"QUEUE_URL must be 'postgres:', 'sqs://host/account/queue' or 'pubsub://project/topic', not {url!r}"
    )
