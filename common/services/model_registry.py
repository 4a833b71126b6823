"""Models by hand: go back to a former one, serve a chosen one, show what is known of one."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from common.domain.cities import find_city
from common.domain.errors import ModelError, NotFound
from common.domain.forecast import TARGETS
from common.domain.messages import OBSERVATIONS_READY
from common.domain.model_files import card_key
from common.inference.card import read_card
from common.inference.onnx_session import ModelCache
from common.services.events import announcing
from common.services.outbox import put_notice, send_notices
from common.store.models import ModelRow, champion, get_model, promote, roll_back
from common.store.verification import Span, record
from common.training.card_text import as_markdown, percent, table, text_key

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from common.domain.forecast import Target
    from common.services.resources import Resources
    from common.store.engine import Connection

_RECORD_DAYS = 30


def roll_back_city(
    resources: Resources, city: str, targets: Sequence[Target] = TARGETS
) -> dict[str, dict[str, str]]:
    """Serve the former champions of a city again: target → ``served`` and ``before``, or ``kept`` and why.

    Raises:
        NotFound: when there is no former model of any of the targets.
    """
    done: dict[str, dict[str, str]] = {}
    lines = []
    with resources.database.transaction() as connection:
        for target in targets:
            try:
                with connection.begin_nested():
                    served, before = roll_back(connection, city, target, "live", now=resources.clock())
            except NotFound as error:
                done[target] = {"kept": str(error)}
                continue
            done[target] = {"served": served, "before": before}
            lines.append(f"{target}: {served} again, not {before}")
        if not lines:
            raise NotFound("; ".join(outcome["kept"] for outcome in done.values()))
        _put_notice(resources, connection, f"{city} went back to a former model", lines)
    _announce(resources, city)
    return done


def promote_version(resources: Resources, version: str) -> ModelRow:
    """Serve this very model.

    Raises:
        NotFound: when there is none of that version, or its file has been given up.
        ModelError: when its file cannot be served.
    """
    with resources.database.transaction() as connection:
        row = get_model(connection, version)
    if "fault" in row.metrics:
        raise ModelError(f"{version} must not be served: {row.metrics['fault']}")
    if row.mode != "live":
        raise ModelError(f"{version} was made by a replay; it is not served")
    ModelCache(resources.open_object_store()).get(version)
    with resources.database.transaction() as connection:
        promote(connection, version, reason="chosen by hand", now=resources.clock(), hold=True)
        _put_notice(
            resources, connection, f"{row.city} has a model chosen by hand", [f"{row.target}: {version}"]
        )
    _announce(resources, row.city)
    return row


def card_text(resources: Resources, name: str, target: Target = "aqi") -> str:
    """The page of a version, or of the champion of a city, with its city's record of the last days.

    Raises:
        NotFound: when there is no such model, or its file has been given up.
    """
    row = _named(resources, name, target)
    files = resources.open_object_store()
    try:
        page = files.get(text_key(row.version)).decode()
    except NotFound:
        page = as_markdown(read_card(files.get(card_key(row.version))))
    return page + "".join(line + "\n" for line in _in_service(resources, row))


def _named(resources: Resources, name: str, target: Target) -> ModelRow:
    with resources.database.transaction() as connection:
        try:
            city = find_city(name).name
        except NotFound:
            return get_model(connection, name)
        row = champion(connection, city, target, "live")
    if row is None:
        raise NotFound(f"{city} has no model of {target} yet; train one: vayu train {city}")
    return row


def _in_service(resources: Resources, row: ModelRow) -> Iterator[str]:
    """What came of it: its status now, and the record of its family."""
    now = resources.clock()
    start = now - timedelta(days=_RECORD_DAYS)
    with resources.database.transaction() as connection:
        scores = record(connection, Span(row.city, row.target, row.mode, start, now, family=row.family))
    yield from ("", "## In service", "", f"- {row.status}: {row.reason}")
    if scores is None:
        yield f"- no forecast of a {row.family} model of this city has been scored in the last {_RECORD_DAYS} days"
        return
    together = scores.pooled
    yield (
        f"- the last {_RECORD_DAYS} days, all {row.family} models of this city: MAE {together.mae:.1f} over "
        f"{together.n:,} hours, skill {percent(together.skill)}; {together.coverage80:.0%} of the truth within 80 % "
        f"intervals, {together.coverage95:.0%} within 95 %"
    )
    yield ""
    rows = [
        (
            f"{first}–{last} h",
            f"{score.n:,}",
            f"{score.mae:.1f}",
            f"{score.naive_mae[score.best_naive]:.1f}",
            percent(score.skill),
            f"{score.coverage80:.0%}",
            f"{score.coverage95:.0%}",
        )
        for (first, last), score in scores.by_block.items()
    ]
    headings = ("lead time", "hours", "MAE", "best naive's MAE", "skill", "in 80 %", "in 95 %")
    yield from table(headings, rows)


def _put_notice(resources: Resources, connection: Connection, subject: str, lines: list[str]) -> None:
    """In the transaction of the promotion, so that neither is without the other."""
    if {"promotions", "switches"} & set(resources.settings.notify):
        put_notice(resources, connection, subject, "\n".join(lines))


def _announce(resources: Resources, city: str) -> None:
    """Have the next forecast issued where there is none yet for the present hour; send what is to be sent."""
    with announcing(resources):
        resources.queue.send(OBSERVATIONS_READY, f"{city} trained", {"cities": [city]})
    send_notices(resources)
