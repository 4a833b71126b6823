"""A queue some of whose messages go to topics, because more than one function wants them."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

from common.domain.messages import BROADCAST

if TYPE_CHECKING:
    from collections.abc import Mapping

    from common.adapters.aws.sns_topic import SnsTopics
    from common.ports import Queue


class FanOutQueue:
    """Sends messages of the types `BROADCAST` to topics, all others to a queue."""

    def __init__(self, queue: Queue, topics: SnsTopics) -> None:
        self._queue = queue
        self._topics = topics

    @property
    def in_database(self) -> bool:
        """As of the queue."""
        return self._queue.in_database

    def send(
        self, type_: str, subject: str, data: Mapping[str, Any], *, delay: timedelta = timedelta(0)
    ) -> str:
        """Send a message; returns its id. Topics know no delay: they deliver at once.

        Raises:
            StoreError: when the queue or the topic cannot be reached.
        """
        if type_ in BROADCAST:
            return self._topics.publish(type_, subject, data)
        return self._queue.send(type_, subject, data, delay=delay)
