"""Models, and how they do."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

from msgspec import UNSET

from common.api import shown
from common.api.context import ApiContext
from common.api.route import Route
from common.api.schemas.common import raw
from common.api.schemas.models import (
    Champion,
    Models,
    ModelsQuery,
    Performance,
    PerformanceQuery,
    Record,
    Scores,
)
from common.domain.cities import City, find_city
from common.domain.forecast import Mode
from common.store.forecasts import LeadScore, record
from common.store.reads.forecasts import forecast_span
from common.store.reads.models import champion_since, models_json, trainings_json

_EVER = datetime(1970, 1, 1, tzinfo=UTC)


def models(context: ApiContext, *, query: ModelsQuery) -> Models:
    """All models that were trained, newest first, a page at a time."""
    filters: dict[str, str | None] = {
        "city": None if query.city is UNSET else find_city(query.city).name,
        "family": None if query.family is UNSET else query.family,
        "status": None if query.status is UNSET else query.status,
        "target": None if query.target is UNSET else query.target,
        "mode": None if query.mode is UNSET else query.mode,
    }
    with context.database.transaction() as connection:
        total, page = models_json(
            connection, filters, limit=query.per_page, offset=(query.page - 1) * query.per_page
        )
    return Models(
        page=query.page,
        per_page=query.per_page,
        pages=-(-total // query.per_page),
        total=total,
        simulated=context.simulated(),
        models=raw(page),
    )


def performance(context: ApiContext, *, city: City, query: PerformanceQuery) -> Performance:
    """How a city's models did on held-out data, in the live record, and in replayed history."""
    now = context.clock()
    simulated = context.simulated()
    with context.database.transaction() as connection:
        served = champion_since(connection, city.name, query.target)
        training = trainings_json(connection, city.name, query.target)

        def recorded(mode: Mode, start: datetime) -> Record | None:
            asked: dict[str, Any] = {"mode": mode, "start": start, "end": now}
            span = forecast_span(connection, city.name, query.target, **asked)

            def scores(family: str | None = None) -> list[LeadScore]:
                return record(connection, city.name, query.target, family=family, **asked)

            return None if span is None else _record(*span, scores)

        live = recorded("live", now - timedelta(days=query.days))
        replay = recorded("replay", _EVER)
    return Performance(
        city=city.name,
        target=query.target,
        days=query.days,
        simulated=simulated,
        champion=_champion(served),
        training=None if training is None else raw(training),
        live=live,
        replay=replay,
    )


def _champion(served: tuple[str, str, datetime | None] | None) -> Champion | None:
    if served is None:
        return None
    version, family, since = served
    return Champion(version=version, family=family, since=None if since is None else shown.utc(since))


def _record(
    first: datetime, last: datetime, families: list[str], scores: Callable[..., list[LeadScore]]
) -> Record | None:
    everything = scores()
    if not everything:
        return None
    pooled, *by_lead = everything
    # With one family only the pooled scores are its own.
    by_family = (
        {families[0]: everything}
        if len(families) == 1
        else {family: found for family in families if (found := scores(family))}
    )
    return Record(
        start=shown.utc(first),
        end=shown.utc(last),
        pooled=_scores(pooled),
        by_lead=[_scores(each) for each in by_lead],
        by_family={family: _scores(found[0]) for family, found in by_family.items()},
    )


def _scores(score: LeadScore) -> Scores:
    return Scores(
        lead=UNSET if score.lead is None else score.lead,
        n=score.n,
        mae=round(score.mae, 3),
        rmse=round(score.rmse, 3),
        bias=round(score.bias, 3),
        mape=_rounded(score.mape),
        r2=_rounded(score.r2),
        skill=_rounded(score.skill),
        best_naive=score.best_naive,
        coverage_80=round(score.coverage80, 3),
        coverage_95=round(score.coverage95, 3),
    )


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 3)


ROUTES = (
    Route("GET", "/models/list", models, Models, query=ModelsQuery, errors=(404,)),
    Route(
        "GET", "/models/performance/{city}", performance, Performance, query=PerformanceQuery, errors=(404,)
    ),
)
