"""The function ``forecast``: issue forecasts where new hours have come in, and score the older ones."""

from __future__ import annotations

from typing import TYPE_CHECKING

from common.domain.errors import StoreError
from common.domain.messages import FORECAST_READY, Message
from common.domain.observation import last_full_hour
from common.inference.issue import issue_forecasts
from common.inference.onnx_session import ModelCache
from common.services.events import note_delays, then_announce
from common.services.message_cities import are_many, named_cities, send_ready
from common.services.notifications import tell_forecast_troubles, tell_training_troubles
from common.services.outbox import then_notify
from common.services.verification import update_record

if TYPE_CHECKING:
    from collections.abc import Mapping

    from common.domain.messages import Handler
    from common.services.resources import Resources


def handler(resources: Resources) -> Handler:
    """The handler, with its models kept for the next call."""
    models = ModelCache(resources.open_object_store())

    def handle(message: Message) -> Mapping[str, object]:
        """``data`` may name ``cities``; without them: all, by messages of their own where they are many.

        Raises:
            StoreError: when the database or the object store cannot be reached, so that the message is tried again.
        """
        cities = [city.name for city in named_cities(message.data)]
        now = resources.clock()
        hour = last_full_hour(now).strftime("%Y-%m-%dT%H:%MZ")
        if message.data.get("cities") is None and are_many():
            return {"messages": send_ready(resources, f"due {hour}", cities)}
        report = issue_forecasts(resources.database, models, cities, now=now)
        if report.unavailable and not report.issued and not report.repeated:
            raise StoreError(report.skipped[min(report.unavailable)])
        with resources.database.transaction() as connection:
            # Where each of several messages looked at the forecasts of all, a round would look at them as many times.
            scored_cities = cities if are_many() else None
            scored = update_record(connection, mode="live", now=now, cities=scored_cities)
        if report.issued or report.repeated:  # a run that died may have issued them and told nobody
            resources.queue.send(FORECAST_READY, hour, {"cities": cities})
        note_delays(resources)
        tell_forecast_troubles(resources, cities, report.skipped)
        tell_training_troubles(resources)
        return {
            "issued": report.issued,
            "repeated": report.repeated,
            "skipped": report.skipped,
            "scored": scored,
        }

    return then_announce(resources, then_notify(resources, handle))
