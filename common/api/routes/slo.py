"""How soon hours come, and whose fault it is where they do not."""

from datetime import timedelta
from typing import Any

from flask import Response

from common.api.blueprint import Blueprint
from common.api.context import context
from common.api.responses import stored_response
from common.api.routes.system import SERVICE
from common.api.schemas.slo import Objective, Slo, SloWindow, SourceSlo, StageDelays
from common.api.serialize_values import utc
from common.domain.observation import last_full_hour
from common.domain.slo import SHARE, WITHIN, budget_left, verdict
from common.store.slo import STAGES, SourceDelays, delays

api = Blueprint("slo", abp_tags=[SERVICE])

_DAY, _MONTH = timedelta(hours=24), timedelta(days=30)


@api.get("/slo", responses={200: Slo}, cache="data")
def slo() -> Response:
    """How soon hours are collected, committed, forecast from and pushed, by source; "is it us or the source?".

    Over the last 24 hours and 30 days, with what is left of the error budget. Delays count from the end of the hour.
    """
    return stored_response("slo", _slo)


def _slo() -> dict[str, Any]:
    now = context.clock()
    with context.database.reading() as connection:
        day, month = delays(connection, now, _DAY), delays(connection, now, _MONTH)
    return Slo.answer(
        as_of=utc(last_full_hour(now)),
        objective=Objective.answer(share=SHARE, within_minutes=WITHIN // timedelta(minutes=1)),
        simulated=context.simulated(),
        sources={name: _source(day.get(name, SourceDelays()), month[name]) for name in sorted(month)},
    )


def _source(day: SourceDelays, month: SourceDelays) -> dict[str, Any]:
    return SourceSlo.answer(
        verdict=verdict(day.expected, day.met, by_source=day.by_source, by_us=day.by_us),
        last_24h=_window(day),
        last_30d=_window(month),
    )


def _window(of: SourceDelays) -> dict[str, Any]:
    left = budget_left(of.expected, of.met)
    return SloWindow.answer(
        hours=of.expected,
        met=of.met,
        missed_by_source=of.by_source,
        missed_by_us=of.by_us,
        share=round(of.met / of.expected, 4) if of.expected else None,
        budget_left=None if left is None else round(left, 4),
        **{stage: _stage(of, stage) for stage in STAGES},
    )


def _stage(of: SourceDelays, stage: str) -> dict[str, Any] | None:
    known = of.stages.get(stage)
    if known is None:
        return None
    return StageDelays.answer(
        hours=known.hours, p50_minutes=round(known.p50_s / 60, 1), p95_minutes=round(known.p95_s / 60, 1)
    )
