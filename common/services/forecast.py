"""The function ``forecast``: issue forecasts where new hours have come in, and score the older ones."""

from __future__ import annotations

from typing import TYPE_CHECKING

from common.adapters.object_store import ObjectStore
from common.bootstrap.container import Parts, assemble
from common.bootstrap.message_cities import named_cities
from common.domain.errors import StoreError
from common.domain.messages import FORECAST_READY, Message
from common.domain.observation import last_full_hour
from common.inference.issue import issue_forecasts
from common.inference.onnx_session import ModelCache
from common.services.notifications import tell_forecast_troubles, tell_training_troubles
from common.services.outbox import then_notify
from common.store.forecasts import score

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping


def build(parts: Parts | None = None) -> Callable[[Message], Mapping[str, object]]:
    """The handler, with its models kept for the next call."""
    whole = parts or assemble()
    models = ModelCache(ObjectStore(whole.settings.model_store_url))

    def handle(message: Message) -> Mapping[str, object]:
        """``data`` may name ``cities``; without them: all.

        Raises:
            StoreError: when the database or the object store cannot be reached, so that the message is tried again.
        """
        cities = [city.name for city in named_cities(message.data)]
        now = whole.clock()
        report = issue_forecasts(whole.database, models, cities, now=now)
        if report.unavailable and not report.issued and not report.repeated:
            raise StoreError(report.skipped[min(report.unavailable)])
        with whole.database.transaction() as connection:
            scored = score(connection, mode="live", now=now)
        if report.issued or report.repeated:  # a run that died may have issued them and told nobody
            hour = last_full_hour(now).strftime("%Y-%m-%dT%H:%MZ")
            whole.queue.send(FORECAST_READY, hour, {"cities": cities})
        tell_forecast_troubles(whole, cities, report.skipped)
        tell_training_troubles(whole)
        return {
            "issued": report.issued,
            "repeated": report.repeated,
            "skipped": report.skipped,
            "scored": scored,
        }

    return then_notify(whole, handle)
