"""QUEUE_URL → the queue it names."""

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
_PUBSUB = re.compile(r"pubsub://([a-z0-9.:-]+)/([A-Za-z][\w.~+%{}-]+)")


def queue_from_url(
    url: str, database: Database, clock: Clock, *, environment: Mapping[str, str] = os.environ
) -> Queue:
    """The queue at ``postgres:``, ``sqs://{host}/{account}/{name}`` or ``pubsub://{project}/{topic}``.

    A name with ``{type}`` in it means one queue or topic for each type of message: ``vayu-{type}``.
    ``sqs+http://`` is the same without TLS, for a stand-in. Of the `environment` only PUBSUB_EMULATOR_HOST is
    looked at, as Google's own libraries do.

    Raises:
        ConfigError: when the address is none of these.
    """
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
