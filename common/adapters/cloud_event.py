"""One message as a CloudEvents 1.0 JSON text, the form in which it crosses the clouds' queues."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from cloudevents.conversion import to_structured
from cloudevents.http.event import CloudEvent

if TYPE_CHECKING:
    from collections.abc import Mapping


def structured(id_: str, type_: str, subject: str, data: Mapping[str, Any], *, now: datetime) -> str:
    """The event in structured mode; an empty subject is left out, as the specification wants it."""
    attributes = {
        "id": id_,
        "source": "vayu",
        "type": type_,
        "time": now.astimezone(UTC).isoformat().replace("+00:00", "Z"),
        "datacontenttype": "application/json",
    }
    if subject:
        attributes["subject"] = subject
    return to_structured(CloudEvent(attributes, dict(data)))[1].decode()


def address(pattern: str, type_: str) -> str:
    """The queue or topic for a type: ``vayu-{type}`` is ``vayu-train`` for ``vayu.train``, and so on.

    Each function then has a queue of its own: one queue that feeds several would hand a message to any.
    """
    return pattern.replace("{type}", type_.removeprefix("vayu.").replace(".", "-"))
