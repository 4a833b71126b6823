"""The function ``train``: a message names a city to train; the daily schedule names those that are due."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, cast

from common.adapters.queue import OBSERVATIONS_READY, TRAIN, Message
from common.bootstrap.named import named_cities
from common.bootstrap.notices import tell_promotions, tell_training_troubles
from common.bootstrap.outbox import put_message, send_messages, then_notify
from common.bootstrap.parts import Parts, assemble
from common.domain.cities import find_city
from common.domain.errors import DataError, ModelError
from common.domain.forecast import FAMILIES, Family
from common.entry.followed import followed

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence


def build(parts: Parts | None = None) -> Callable[[Message], Mapping[str, object]]:
    """The handler; the training libraries are loaded when a city is trained, not to plan."""
    whole = parts or assemble()

    def handle(message: Message) -> Mapping[str, object]:
        """``data`` names a ``city``, and may name ``families``; or ``cities``; without any: plan the day.

        Who names cities means it: they are trained, unless ``force`` is false and they are not due. ``job`` is the
        row that is told how it goes, where the message came by another queue than the database's.
        """
        city, cities = message.data.get("city"), message.data.get("cities")
        wanted = {name: message.data[name] for name in ("families", "force") if name in message.data}
        _families(wanted.get("families"))
        if city is not None:
            return _train(whole, find_city(str(city)).name, wanted)
        if cities is not None:
            return _spread(whole, [found.name for found in named_cities(message.data)], wanted)
        return _plan(whole)

    return followed(then_notify(whole, handle), whole.database, whole.clock)


def _plan(parts: Parts) -> Mapping[str, object]:
    """One message a city that is due, and once a UTC day; what is wrong with trainings is told."""
    from common.store.plans import due_for_training, plan_trainings

    with parts.database.transaction() as connection:
        due = due_for_training(connection, now=parts.clock())
        new = plan_trainings(connection, due, "live", now=parts.clock())
        for city in new:  # within the transaction: a plan without its messages would be a day without them
            put_message(parts, connection, TRAIN, city, {"city": city, "reason": due[city]})
    tell_training_troubles(parts)
    send_messages(parts)
    return {
        "queued": {city: due[city] for city in new},
        "queued_before": {city: reason for city, reason in due.items() if city not in new},
    }


def _spread(parts: Parts, cities: Sequence[str], wanted: Mapping[str, object]) -> Mapping[str, object]:
    for city in cities:
        parts.queue.send(TRAIN, city, {"city": city, **wanted})
    return {"queued": dict.fromkeys(cities, "asked for")}


def _train(parts: Parts, city: str, wanted: Mapping[str, object]) -> Mapping[str, object]:
    if wanted.get("force") is False:
        from common.store.plans import not_due

        with parts.database.transaction() as connection:
            left = not_due(connection, [city], now=parts.clock())
        if left:
            return {"city": city, "left": left[city]}
    from common.adapters.object_store import ObjectStore
    from common.inference.onnx_session import ModelCache
    from common.training.service import SERVED_ALREADY, train_city

    files = ObjectStore(parts.settings.model_store_url)
    families = _families(wanted.get("families"))
    report = train_city(parts.database, ModelCache(files), city, now=parts.clock(), families=families)
    # A training that died may have promoted the model and told nobody.
    if report.promoted or SERVED_ALREADY in report.kept.values():
        parts.queue.send(OBSERVATIONS_READY, f"{city} trained", {"cities": [city]})
    tell_promotions(parts, report)
    if report.failed and not report.metrics:
        raise ModelError(f"{city}: " + "; ".join(sorted(set(report.failed.values()))))
    return asdict(report)


def _families(named: object) -> Sequence[Family]:
    if named is None:
        return FAMILIES
    if not isinstance(named, list) or not named or not set(named) <= set(FAMILIES):
        raise DataError(f"families must be a list of some of {', '.join(FAMILIES)}")
    return cast("Sequence[Family]", named)
