"""Who is told of what: promotions as they happen, troubles once when they begin and once when they are over.

Here it is only noted: `common.services.outbox` sends it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from common.services.outbox import put_notice
from common.store import notifications
from common.store.jobs import dead
from common.store.models import served
from common.store.training_schedule import planned_in_vain

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from common.services.resources import Resources
    from common.training.service import TrainReport

_MOST = 20
"""Lines of one message; of more, the number is told."""


def tell_promotions(resources: Resources, report: TrainReport) -> None:
    """Tell what was promoted: all of it, or where so set only what is of another family than before."""
    wanted = resources.settings.notify
    chosen = report.promoted if "promotions" in wanted else report.switched if "switches" in wanted else {}
    lines = [
        f"{target}: {report.promoted[target]}"
        + (f" in place of {report.switched[target]}" if target in report.switched else "")
        + f" – {report.reasons[target]}"
        for target in chosen
    ]
    if lines:
        with resources.database.transaction() as connection:
            put_notice(resources, connection, f"{report.city} has a new model", "\n".join(lines))


def tell_forecast_troubles(resources: Resources, cities: Iterable[str], skipped: Mapping[str, str]) -> None:
    """Tell which of the `cities` could not be forecast though they have a model; `skipped`: ``city/target`` → why."""
    if not _wanted(resources):
        return
    with resources.database.transaction() as connection:
        known = {f"{city}/{target}" for city, target in served(connection, "live")}
    chosen = set(cities)
    tried = {name for name in known if name.partition("/")[0] in chosen}
    failing = {name: why for name, why in skipped.items() if name in tried}
    _tell(resources, "forecast", "Forecasts fail", failing, over=sorted(tried - set(failing)))


def tell_training_troubles(resources: Resources) -> None:
    """Tell which messages were given up, and which cities were to be trained and were not."""
    if not _wanted(resources):
        return
    with resources.database.transaction() as connection:
        buried, waiting = dead(connection), planned_in_vain(connection, now=resources.clock())
        known = notifications.known(connection, "training")
    _tell(resources, "dead letter", "Messages were given up", buried)
    _tell(resources, "training", "Trainings do not happen", waiting, over=sorted(known - set(waiting)))


def _wanted(resources: Resources) -> bool:
    return "failures" in resources.settings.notify and bool(resources.mailers)


def _tell(
    resources: Resources,
    kind: str,
    subject: str,
    present: Mapping[str, str],
    *,
    over: list[str] | None = None,
) -> None:
    """Tell what is new of this kind, and what is over."""
    now = resources.clock()
    # In one transaction, so that of two runs at once one tells it: the rows are locked until it is noted.
    with resources.database.transaction() as connection:
        new = notifications.begin(connection, kind, present, now=now)
        if new:
            put_notice(
                resources, connection, subject, _text([f"{about}: {reason}" for about, reason in new.items()])
            )
            notifications.told(connection, kind, list(new), now=now)
        ended = notifications.over(connection, kind, over or [])
        if ended:
            put_notice(resources, connection, f"{subject} no more", _text(ended))


def _text(lines: list[str]) -> str:
    more = len(lines) - _MOST
    return "\n".join([*lines[:_MOST], *([f"… and {more} more"] if more > 0 else [])])
