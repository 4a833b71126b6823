"""Who is told of what, through the functions' own handlers: troubles once, and once that they are over."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from synthetic import hours, put_hours, put_model

from common.adapters.object_store import UrlObjectStore
from common.bootstrap.container import assemble
from common.config import from_mapping
from common.domain.messages import OBSERVATIONS_READY, TRAIN, Message
from common.domain.model_files import model_key
from common.entry.worker import work_once
from common.services import forecast, train
from common.store.engine import run

if TYPE_CHECKING:
    from factories import Clock
    from webhook import Webhook

    from common.services.resources import Resources

HOUR = timedelta(hours=1)
REQUESTED = Message(OBSERVATIONS_READY, "now", {"cities": ["Delhi", "Pune"]})


def test_a_city_whose_forecasts_fail_is_told_once_and_once_that_they_do_not(
    parts: Resources, hook: Webhook, time: Clock
) -> None:
    files = UrlObjectStore(parts.settings.model_store_url)
    for city in ("Delhi", "Pune"):
        put_hours(parts.database, city, hours(20, seed=5))
        for target in ("aqi", "pm25"):
            card = put_model(parts.database, files, target, "daily", city=city)  # type: ignore[arg-type]
    whole = files.get(model_key(card.version))
    files.put(model_key(card.version), b"damaged")  # Pune's PM2.5
    handle = forecast.handler(parts)
    hook.status = 503
    assert handle(REQUESTED)["issued"] == 3
    assert hook.taken() == []
    hook.status = 200
    for _ in range(3):
        time.now += HOUR
        handle(REQUESTED)
    [sent] = hook.taken()
    assert sent.startswith("*Forecasts fail*\nPune/pm25: the file of model")
    files.put(model_key(card.version), whole)
    for _ in range(2):
        time.now += HOUR
        handle(REQUESTED)
    assert hook.taken() == ["*Forecasts fail no more*\nPune/pm25"]


def test_a_city_without_a_model_is_no_trouble(parts: Resources, hook: Webhook) -> None:
    forecast.handler(parts)(REQUESTED)
    assert hook.taken() == []


def test_a_training_that_was_given_up_is_told_once(parts: Resources, hook: Webhook, time: Clock) -> None:
    parts.queue.send(TRAIN, "Pune", {"city": "Pune"})
    handlers = {TRAIN: train.handler(parts)}
    while work_once(parts.database, time, handlers):
        time.now += HOUR
    for _ in range(2):
        forecast.handler(parts)(REQUESTED)
        train.handler(parts)(Message(TRAIN, "plan"))
    [sent] = hook.taken()
    assert sent.startswith("*Messages were given up*\nvayu.train Pune (job ")
    assert "given up after 5 attempts: Pune: nothing has been collected for this city yet" in sent


def test_a_city_that_is_due_and_not_trained_is_told_once_whatever_the_queue(
    parts: Resources, hook: Webhook, time: Clock
) -> None:
    put_hours(parts.database, "Delhi", hours(20, seed=5))
    plan = train.handler(parts)
    assert plan(Message(TRAIN, "plan"))["queued"] == {"Delhi": "never trained"}
    assert plan(Message(TRAIN, "plan"))["queued"] == {}
    with parts.database.transaction() as connection:
        run(connection, "DELETE FROM job")  # whatever became of it
    time.now += 24 * HOUR
    for _ in range(3):
        plan(Message(TRAIN, "plan"))
    [sent] = hook.taken()
    assert sent == (
        "*Trainings do not happen*\nDelhi: due since 2025-11-05 10:42 UTC (never trained), and not trained since"
    )


@pytest.mark.parametrize(
    ("wanted", "number"), [("promotions", 2), ("switches,failures", 0), ("nothing", 0), ("failures", 0)]
)
def test_promotions_are_told_where_wanted(
    settings: dict[str, str], time: Clock, hook: Webhook, wanted: str, number: int
) -> None:
    made = assemble(from_mapping({**settings, "VAYU_NOTIFY": wanted}), clock=time)
    put_hours(made.database, "Delhi", hours(30, seed=5))
    handle = train.handler(made)
    message: dict[str, Any] = {"city": "Delhi", "families": ["linear"]}
    handle(Message(TRAIN, "Delhi", message))
    handle(Message(TRAIN, "Delhi", message))
    texts = hook.taken()
    made.database.close()
    assert len(texts) == (1 if number else 0)
    for text in texts:
        assert text.startswith("*Delhi has a new model*\npm25: delhi-pm25-linear-")
        assert "\naqi: delhi-aqi-linear-" in text
        assert text.count("held-out hours") == number


def test_who_names_cities_means_it_unless_force_is_false(parts: Resources, time: Clock) -> None:
    put_hours(parts.database, "Delhi", hours(30, seed=5))
    handle = train.handler(parts)
    requested: dict[str, Any] = {"families": ["linear"], "force": False}
    spread = handle(Message(TRAIN, "some", {"cities": ["delhi", "Pune"], **requested}))
    assert spread["queued"] == {"Delhi": "asked for", "Pune": "asked for"}
    assert handle(Message(TRAIN, "Delhi", {"city": "Delhi", **requested}))["promoted"]
    time.now += HOUR
    left = handle(Message(TRAIN, "Delhi", {"city": "Delhi", **requested}))
    assert str(left["left"]).startswith("not due: trained on what was known at 2025-11-05 10:30 UTC")
    with parts.database.transaction() as connection:
        payloads = run(connection, "SELECT payload FROM job WHERE type = 'vayu.train' ORDER BY key")
    assert [payload for (payload,) in payloads] == [
        {"city": "Delhi", **requested},
        {"city": "Pune", **requested},
    ]
