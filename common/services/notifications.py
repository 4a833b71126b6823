"""Who is told of what: promotions as they happen, troubles once when they begin and once when they are over.

Here it is only noted: `common.services.outbox` sends it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from common.adapters.notify import Notifier
from common.services.outbox import put_notice
from common.store import notifications
from common.store.jobs import dead
from common.store.models import served
from common.store.training_schedule import planned_in_vain

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from common.bootstrap.container import Parts
    from common.training.service import TrainReport

_MOST = 20
"""Lines of one message; of more, the number is told."""


def tell_promotions(parts: Parts, report: TrainReport) -> None:
    """Tell what was promoted: all of it, or where so set only what is of another family than before."""
    wanted = parts.settings.notify
    chosen = report.promoted if "promotions" in wanted else report.switched if "switches" in wanted else {}
    lines = [
        f"{target}: {report.promoted[target]}"
        + (f" in place of {report.switched[target]}" if target in report.switched else "")
        + f" – {report.reasons[target]}"
        for target in chosen
    ]
    if lines:
        with parts.database.transaction() as connection:
            put_notice(parts, connection, f"{report.city} has a new model", "\n".join(lines))


def tell_forecast_troubles(parts: Parts, cities: Iterable[str], skipped: Mapping[str, str]) -> None:
    """Tell which of the `cities` could not be forecast though they have a model; `skipped`: ``city/target`` → why."""
    if not _wanted(parts):
        return
    with parts.database.transaction() as connection:
        known = {f"{city}/{target}" for city, target in served(connection, "live")}
    asked = set(cities)
    tried = {name for name in known if name.partition("/")[0] in asked}
    failing = {name: why for name, why in skipped.items() if name in tried}
    _tell(parts, "forecast", "Forecasts fail", failing, over=sorted(tried - set(failing)))


def tell_training_troubles(parts: Parts) -> None:
    """Tell which messages were given up, and which cities were to be trained and were not."""
    if not _wanted(parts):
        return
    with parts.database.transaction() as connection:
        buried, waiting = dead(connection), planned_in_vain(connection, now=parts.clock())
        known = notifications.known(connection, "training")
    _tell(parts, "dead letter", "Messages were given up", buried)
    _tell(parts, "training", "Trainings do not happen", waiting, over=sorted(known - set(waiting)))


def _wanted(parts: Parts) -> bool:
    return "failures" in parts.settings.notify and bool(Notifier(parts.settings).channels)


def _tell(
    parts: Parts, kind: str, subject: str, present: Mapping[str, str], *, over: list[str] | None = None
) -> None:
    """Tell what is new of this kind, and what is over."""
    now = parts.clock()
    # In one transaction, so that of two runs at once one tells it: the rows are locked until it is noted.
    with parts.database.transaction() as connection:
        new = notifications.begin(connection, kind, present, now=now)
        if new:
            put_notice(parts, connection, subject, _text([f"{about}: {said}" for about, said in new.items()]))
            notifications.told(connection, kind, list(new), now=now)
        ended = notifications.over(connection, kind, over or [])
        if ended:
            put_notice(parts, connection, f"{subject} no more", _text(ended))


def _text(lines: list[str]) -> str:
    more = len(lines) - _MOST
    return "\n".join([*lines[:_MOST], *([f"… and {more} more"] if more > 0 else [])])
