"""What the code needs of the world outside, as protocols; `common.adapters` has the implementations."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Any, Protocol

Clock = Callable[[], datetime]
"""Gives the present time, aware, in UTC. Only the composition root makes one."""


class Queue(Protocol):
    """Where messages are sent; they arrive at least once."""

    def send(
        self, type_: str, subject: str, data: Mapping[str, Any], *, delay: timedelta = timedelta(0)
    ) -> str:
        """Send a message; returns its id.

        Raises:
            StoreError: when the queue cannot be reached.
        """
        ...
