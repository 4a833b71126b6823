"""Notices to people: of promotions as they happen, of problems once when they begin and once when they end.

They are only added to the outbox here; `common.services.outbox` sends them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from common.services.outbox import put_notice
from common.store import notifications, outbox
from common.store.jobs import dead
from common.store.models import served
from common.store.training_schedule import planned_in_vain

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from common.domain.forecast import Target
    from common.services.resources import Resources
    from common.store.engine import Connection
    from common.training.service import TrainReport

_MOST = 20
"""Lines of one message; the others are only counted."""


class PromotionNotice:
    """The notice of what one training promotes, written in the transactions of the promotions themselves.

    The targets of a training share one message, unless somebody has begun to send it when the next one is promoted.
    """

    def __init__(self, resources: Resources) -> None:
        self._resources = resources
        self._lines: list[str] = []
        self._rows: dict[str, int] = {}
        """Channel → row of the outbox"""

    def __call__(self, connection: Connection, report: TrainReport, target: Target) -> None:
        """Add a promotion, or where so set only one of another family than before."""
        wanted = self._resources.settings.notify
        before = report.switched.get(target)
        if not ("promotions" in wanted or ("switches" in wanted and before)):
            return
        place = f" in place of {before}" if before else ""
        line = f"{target}: {report.promoted[target]}{place} – {report.reasons[target]}"
        self._lines.append(line)
        subject = f"{report.city} has a new model"
        for channel in self._resources.mailers:
            whole = {"subject": subject, "text": "\n".join(self._lines)}
            row = self._rows.get(channel)
            if row is None or not outbox.amend(connection, row, whole):
                body = {"subject": subject, "text": line}
                self._rows[channel] = outbox.put(connection, channel, body, now=self._resources.clock())


def tell_forecast_troubles(resources: Resources, cities: Iterable[str], skipped: Mapping[str, str]) -> None:
    """Notify of `cities` that could not be forecast though they have a model; `skipped`: ``city/target`` → why."""
    if not _wanted(resources):
        return
    with resources.database.transaction() as connection:
        known = {f"{city}/{target}" for city, target in served(connection, "live")}
    chosen = set(cities)
    tried = {name for name in known if name.partition("/")[0] in chosen}
    failing = {name: why for name, why in skipped.items() if name in tried}
    _tell(resources, "forecast", "Forecasts fail", failing, over=sorted(tried - set(failing)))


def tell_training_troubles(resources: Resources) -> None:
    """Notify of messages that were given up, and of cities that were due for training and not trained."""
    if not _wanted(resources):
        return
    with resources.database.transaction() as connection:
        buried, waiting = dead(connection), planned_in_vain(connection, now=resources.clock())
        known = notifications.ongoing(connection, "training")
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
    """Add notices of what is new of this kind, and of what has ended."""
    now = resources.clock()
    # In one transaction, so that only one of two concurrent runs sends it: the rows are locked until then.
    with resources.database.transaction() as connection:
        new = notifications.begin(connection, kind, present, now=now)
        if new:
            put_notice(
                resources, connection, subject, _text([f"{about}: {reason}" for about, reason in new.items()])
            )
            notifications.mark_sent(connection, kind, list(new), now=now)
        ended = notifications.end(connection, kind, over or [])
        if ended:
            put_notice(resources, connection, f"{subject} no more", _text(ended))


def _text(lines: list[str]) -> str:
    more = len(lines) - _MOST
    return "\n".join([*lines[:_MOST], *([f"… and {more} more"] if more > 0 else [])])
