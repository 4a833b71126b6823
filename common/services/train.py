"""The function ``train``: a message names a city to train; the daily schedule names those that are due."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, cast

from common.domain.cities import find_city
from common.domain.errors import DataError, ModelError
from common.domain.forecast import FAMILIES, Family
from common.domain.messages import OBSERVATIONS_READY, TRAIN, Message
from common.entry.tracked_jobs import tracked
from common.services.events import then_announce
from common.services.message_cities import named_cities
from common.services.notifications import PromotionNotice, tell_training_troubles
from common.services.outbox import put_message, send_messages, then_notify

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from common.domain.messages import Handler
    from common.services.resources import Resources


def handler(resources: Resources) -> Handler:
    """The handler; the training libraries are loaded when a city is trained, not to plan."""

    def handle(message: Message) -> Mapping[str, object]:
        """``data`` names a ``city``, and may name ``families``; or ``cities``; without any: plan the day.

        Who names cities means it: they are trained, unless ``force`` is false and they are not due. ``job`` is the
        row that is told how it goes, where the message came by another queue than the database's.
        """
        city, cities = message.data.get("city"), message.data.get("cities")
        wanted = {name: message.data[name] for name in ("families", "force") if name in message.data}
        _families(wanted.get("families"))
        if city is not None:
            return _train(resources, find_city(str(city)).name, wanted)
        if cities is not None:
            return _spread(resources, [named.name for named in named_cities(message.data)], wanted)
        return _plan(resources)

    announced = then_announce(resources, then_notify(resources, handle))
    return tracked(announced, resources.database, resources.clock)


def _plan(resources: Resources) -> Mapping[str, object]:
    """One message a city that is due, and once a UTC day; what is wrong with trainings is told."""
    from common.store.training_schedule import due_for_training, plan_trainings

    with resources.database.transaction() as connection:
        due = due_for_training(connection, now=resources.clock())
        new = plan_trainings(connection, due, "live", now=resources.clock())
        for city in new:  # within the transaction: a plan without its messages would be a day without them
            put_message(resources, connection, TRAIN, city, {"city": city, "reason": due[city]})
    tell_training_troubles(resources)
    send_messages(resources)
    return {
        "queued": {city: due[city] for city in new},
        "queued_before": {city: reason for city, reason in due.items() if city not in new},
    }


def _spread(
    resources: Resources, cities: Sequence[str], wanted: Mapping[str, object]
) -> Mapping[str, object]:
    for city in cities:
        resources.queue.send(TRAIN, city, {"city": city, **wanted})
    return {"queued": dict.fromkeys(cities, "asked for")}


def _train(resources: Resources, city: str, wanted: Mapping[str, object]) -> Mapping[str, object]:
    if wanted.get("force") is False:
        from common.store.training_schedule import not_due

        with resources.database.transaction() as connection:
            left = not_due(connection, [city], now=resources.clock())
        if left:
            return {"city": city, "left": left[city]}
    from common.inference.onnx_session import ModelCache
    from common.training.service import SERVED_ALREADY, Coordination, train_city

    families = _families(wanted.get("families"))
    report = train_city(
        resources.database,
        ModelCache(resources.open_object_store()),
        city,
        now=resources.clock(),
        families=families,
        coordination=Coordination(on_promotion=PromotionNotice(resources)),
    )
    # A training that died may have promoted the model and woken nobody.
    if report.promoted or SERVED_ALREADY in report.kept.values():
        resources.queue.send(OBSERVATIONS_READY, f"{city} trained", {"cities": [city]})
    if report.failed and not report.metrics:
        raise ModelError(f"{city}: " + "; ".join(sorted(set(report.failed.values()))))
    return asdict(report)


def _families(named: object) -> Sequence[Family]:
    if named is None:
        return FAMILIES
    if not isinstance(named, list) or not named or not set(named) <= set(FAMILIES):
        raise DataError(f"families must be a list of some of {', '.join(FAMILIES)}")
    return cast("Sequence[Family]", named)
