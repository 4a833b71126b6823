"""The function ``train``: a message names a city to train; the daily schedule names those that are due."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, cast

from common.adapters.queue import OBSERVATIONS_READY, TRAIN, Message
from common.bootstrap.parts import Parts, assemble
from common.domain.cities import find_city
from common.domain.errors import DataError, ModelError
from common.domain.forecast import FAMILIES, Family

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence


def build(parts: Parts | None = None) -> Callable[[Message], Mapping[str, object]]:
    """The handler; the training libraries are loaded when a city is trained, not to plan."""
    whole = parts or assemble()

    def handle(message: Message) -> Mapping[str, object]:
        """``data`` names a ``city``, and may name ``families``; without a city: plan the day."""
        city = message.data.get("city")
        if city is None:
            return _plan(whole)
        return _train(whole, find_city(str(city)).name, _families(message.data.get("families")))

    return handle


def _plan(parts: Parts) -> Mapping[str, object]:
    from common.store.models import due_for_training

    with parts.database.transaction() as connection:
        due = due_for_training(connection, now=parts.clock())
    for city, reason in due.items():
        parts.queue.send(TRAIN, city, {"city": city, "reason": reason})
    return {"queued": due}


def _train(parts: Parts, city: str, families: Sequence[Family]) -> Mapping[str, object]:
    from common.adapters.object_store import ObjectStore
    from common.inference.session import ModelCache
    from common.training.service import SERVED_ALREADY, train_city

    files = ObjectStore(parts.settings.model_store_url)
    report = train_city(parts.database, files, ModelCache(files), city, now=parts.clock(), families=families)
    # A training that died may have promoted the model and told nobody.
    if report.promoted or SERVED_ALREADY in report.kept.values():
        parts.queue.send(OBSERVATIONS_READY, f"{city} trained", {"cities": [city]})
    if report.failed and not report.metrics:
        raise ModelError(f"{city}: " + "; ".join(sorted(set(report.failed.values()))))
    return asdict(report)


def _families(named: object) -> Sequence[Family]:
    if named is None:
        return FAMILIES
    if not isinstance(named, list) or not named or not set(named) <= set(FAMILIES):
        raise DataError(f"families must be a list of some of {', '.join(FAMILIES)}")
    return cast("Sequence[Family]", named)
