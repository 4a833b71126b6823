"""Models by hand: go back to a former one, serve a chosen one, show what is known of one."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from common.adapters.object_store import ObjectStore
from common.domain.cities import find_city
from common.domain.errors import ModelError, NotFound
from common.domain.forecast import TARGETS
from common.domain.messages import OBSERVATIONS_READY
from common.inference.card import card_key, read_card
from common.inference.card_text import as_markdown, percent, table, text_key
from common.inference.onnx_session import ModelCache
from common.services.outbox import put_notice, send_notices
from common.store.models import ModelRow, champion, model, promote, roll_back
from common.store.verification import Span, record

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from common.bootstrap.container import Parts
    from common.domain.forecast import Target

_RECORD_DAYS = 30


def roll_back_city(parts: Parts, city: str, targets: Sequence[Target] = TARGETS) -> dict[str, dict[str, str]]:
    """Serve the former champions of a city again: target → ``served`` and ``before``, or ``kept`` and why.

    Raises:
        NotFound: when there is no former model of any of the targets.
    """
    done: dict[str, dict[str, str]] = {}
    for target in targets:
        try:
            with parts.database.transaction() as connection:
                served, before = roll_back(connection, city, target, "live", now=parts.clock())
        except NotFound as error:
            done[target] = {"kept": str(error)}
            continue
        done[target] = {"served": served, "before": before}
    if not any("served" in one for one in done.values()):
        raise NotFound("; ".join(one["kept"] for one in done.values()))
    lines = [
        f"{target}: {one['served']} again, not {one['before']}"
        for target, one in done.items()
        if "served" in one
    ]
    _tell(parts, city, "went back to a former model", lines)
    return done


def promote_version(parts: Parts, version: str) -> ModelRow:
    """Serve this very model.

    Raises:
        NotFound: when there is none of that version, or its file has been given up.
        ModelError: when its file cannot be served.
    """
    with parts.database.transaction() as connection:
        row = model(connection, version)
    if "fault" in row.metrics:
        raise ModelError(f"{version} must not be served: {row.metrics['fault']}")
    if row.mode != "live":
        raise ModelError(f"{version} was made by a replay; it is not served")
    ModelCache(ObjectStore(parts.settings.model_store_url)).get(version)
    with parts.database.transaction() as connection:
        promote(connection, version, reason="chosen by hand", now=parts.clock(), hold=True)
    _tell(parts, row.city, "has a model chosen by hand", [f"{row.target}: {version}"])
    return row


def card_text(parts: Parts, name: str, target: Target = "aqi") -> str:
    """The page of a version, or of the champion of a city, with its city's record of the last days.

    Raises:
        NotFound: when there is no such model, or its file has been given up.
    """
    row = _named(parts, name, target)
    files = ObjectStore(parts.settings.model_store_url)
    try:
        page = files.get(text_key(row.version)).decode()
    except NotFound:
        page = as_markdown(read_card(files.get(card_key(row.version))))
    return page + "".join(line + "\n" for line in _in_service(parts, row))


def _named(parts: Parts, name: str, target: Target) -> ModelRow:
    with parts.database.transaction() as connection:
        try:
            city = find_city(name).name
        except NotFound:
            return model(connection, name)
        row = champion(connection, city, target, "live")
    if row is None:
        raise NotFound(f"{city} has no model of {target} yet; train one: vayu train {city}")
    return row


def _in_service(parts: Parts, row: ModelRow) -> Iterator[str]:
    """What came of it: its status now, and the record of its family."""
    now = parts.clock()
    start = now - timedelta(days=_RECORD_DAYS)
    with parts.database.transaction() as connection:
        found = record(connection, Span(row.city, row.target, row.mode, start, now, family=row.family))
    yield from ("", "## In service", "", f"- {row.status}: {row.reason}")
    if found is None:
        yield f"- no forecast of a {row.family} model of this city has been scored in the last {_RECORD_DAYS} days"
        return
    together = found.pooled
    yield (
        f"- the last {_RECORD_DAYS} days, all {row.family} models of this city: MAE {together.mae:.1f} over "
        f"{together.n:,} hours, skill {percent(together.skill)}; {together.coverage80:.0%} of the truth within 80 % "
        f"intervals, {together.coverage95:.0%} within 95 %"
    )
    yield ""
    rows = [
        (
            f"{first}–{last} h",
            f"{one.n:,}",
            f"{one.mae:.1f}",
            f"{one.naive_mae[one.best_naive]:.1f}",
            percent(one.skill),
            f"{one.coverage80:.0%}",
            f"{one.coverage95:.0%}",
        )
        for (first, last), one in found.by_block.items()
    ]
    headings = ("lead time", "hours", "MAE", "best naive's MAE", "skill", "in 80 %", "in 95 %")
    yield from table(headings, rows)


def _tell(parts: Parts, city: str, what: str, lines: list[str]) -> None:
    """Have the next forecast issued where there is none yet for the present hour, and tell people."""
    parts.queue.send(OBSERVATIONS_READY, f"{city} trained", {"cities": [city]})
    if {"promotions", "switches"} & set(parts.settings.notify):
        with parts.database.transaction() as connection:
            put_notice(parts, connection, f"{city} {what}", "\n".join(lines))
        send_notices(parts)
