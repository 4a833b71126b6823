"""How forecasts did."""

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from flask import Response
from msgspec import UNSET

from common.api import serializers
from common.api.context import ApiContext
from common.api.route import Route
from common.api.schemas.common import raw
from common.api.schemas.record import (
    Calibration,
    Champion,
    Confidence,
    ConfidenceQuery,
    Coverage,
    FamilyScores,
    Foreseen,
    Performance,
    PerformanceQuery,
    Record,
    Reliability,
    Rival,
    RivalScores,
    Scores,
    Stated,
    VersionScores,
    Warned,
)
from common.api.stored_responses import stored_response
from common.domain.cities import City
from common.domain.forecast import EXCEEDED
from common.store import verification as store
from common.store.reads.forecasts import forecast_span
from common.store.reads.models import champion_since, trainings_json
from common.verification import scores
from common.verification.scores import Score, Warnings

_EVER = datetime(1970, 1, 1, tzinfo=UTC)
_MODEL = "model:"
Block = tuple[int, int]


def performance(context: ApiContext, *, city: City, query: PerformanceQuery) -> Performance | Response:
    """How a city's models did on held-out data, in the live record, and in replayed history."""
    if query == PerformanceQuery(target=query.target):  # what nearly all ask for
        name = f"performance/{city.slug}/{query.target}"
        return stored_response(context, name, lambda: _performance(context, city, query))
    return _performance(context, city, query)


def _performance(context: ApiContext, city: City, query: PerformanceQuery) -> Performance:
    now = context.clock()
    simulated = context.simulated()
    with context.database.reading() as connection:
        served = champion_since(connection, city.name, query.target)
        training = trainings_json(connection, city.name, query.target)
        records = []
        for span in (
            store.Span(
                city.name, query.target, "live", now - timedelta(days=query.days), now, **_only(query)
            ),
            store.Span(city.name, query.target, "replay", _EVER, now, **_only(query)),
        ):
            found = store.record(connection, span)
            ends = None if found is None else forecast_span(connection, span)
            records.append(None if found is None or ends is None else _record(found, *ends, query.target))
    live, replay = records
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


def confidence(context: ApiContext, *, city: City, query: ConfidenceQuery) -> Confidence | Response:
    """How often a city's intervals held the truth, and whether stated probabilities came true as often as stated."""
    if query == ConfidenceQuery(target=query.target, mode=query.mode):
        name = f"confidence/{city.slug}/{query.target}/{query.mode}"
        return stored_response(context, name, lambda: _confidence(context, city, query))
    return _confidence(context, city, query)


def _confidence(context: ApiContext, city: City, query: ConfidenceQuery) -> Confidence:
    now = context.clock()
    simulated = context.simulated()
    live = query.mode == "live"
    start = now - timedelta(days=query.days) if live else _EVER
    span = store.Span(city.name, query.target, query.mode, start, now, **_only(query))
    with context.database.reading() as connection:
        found = store.record(connection, span)
        ends = None if found is None else forecast_span(connection, span)
        told = store.reliability(connection, span) if found is not None and query.target == "aqi" else []
    return Confidence(
        city=city.name,
        target=query.target,
        mode=query.mode,
        days=query.days if live else None,
        simulated=simulated,
        start=None if ends is None else serializers.utc(ends[0]),
        end=None if ends is None else serializers.utc(ends[1]),
        pooled=None if found is None else _calibration(found.pooled),
        by_block=[] if found is None else [_calibration(one, block) for block, one in found.by_block.items()],
        by_lead=[] if found is None else [_calibration(one) for one in found.by_lead],
        reliability=_reliability(told) if told else None,
    )


def _only(query: PerformanceQuery | ConfidenceQuery) -> dict[str, Any]:
    return {name: value for name in ("family", "season") if (value := getattr(query, name)) is not UNSET}


def _champion(served: tuple[str, str, datetime | None] | None) -> Champion | None:
    if served is None:
        return None
    version, family, since = served
    return Champion(version=version, family=family, since=None if since is None else serializers.utc(since))


def _record(found: store.Record, first: datetime, last: datetime, target: str) -> Record:
    return Record(
        start=serializers.utc(first),
        end=serializers.utc(last),
        pooled=_scores(found.pooled),
        by_lead=[_scores(one) for one in found.by_lead],
        by_block=[_scores(one, block) for block, one in found.by_block.items()],
        by_family={
            family: FamilyScores(
                pooled=_scores(Score.together(parts)), by_lead=[_scores(one) for one in parts]
            )
            for family, parts in found.by_family.items()
        },
        by_version=[
            VersionScores(version=version or None, family=family, scores=_scores(one))
            for (version, family), one in found.by_version.items()
        ],
        by_season={season: _scores(one) for season, one in found.by_season.items()},
        rivals=[_rival(name, blocks) for name, blocks in found.challengers.items()],
        warnings=list(_warnings(found)) if target == "aqi" else [],
    )


def _scores(score: Score, block: Block | None = None) -> Scores:
    return Scores(
        **_place(score, block),
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


def _rival(name: str, blocks: Mapping[Block, Score]) -> Rival:
    return Rival(
        name=name.removeprefix(_MODEL),
        kind="model" if name.startswith(_MODEL) else "provider",
        pooled=_against(Score.together(blocks.values())),
        by_block=[_against(one, block) for block, one in blocks.items()],
    )


def _against(score: Score, block: Block | None = None) -> RivalScores:
    return RivalScores(
        **_place(score, block),
        n=score.n,
        mae=round(score.mae, 3),
        our_mae=round(score.our_mae, 3),
        skill=_rounded(score.skill),
        our_skill=_rounded(score.our_skill),
    )


def _warnings(found: store.Record) -> Iterable[Warned]:
    for above in EXCEEDED:
        for block, score in found.by_block.items():
            yield Warned(
                above=above,
                leads=_leads(block),
                ours=_foreseen(score.warnings(above)),
                persistence=_foreseen(score.warnings(above, persistence=True)),
                rivals={
                    name.removeprefix(_MODEL): _foreseen(blocks[block].warnings(above))
                    for name, blocks in found.challengers.items()
                    if block in blocks
                },
            )


def _foreseen(warnings: Warnings) -> Foreseen:
    return Foreseen(
        hits=warnings.hits,
        misses=warnings.misses,
        false_alarms=warnings.false_alarms,
        pod=_rounded(warnings.pod),
        far=_rounded(warnings.far),
        csi=_rounded(warnings.csi),
    )


def _calibration(score: Score, block: Block | None = None) -> Calibration:
    return Calibration(
        **_place(score, block),
        n=score.n,
        interval_80=_coverage(0.80, score.coverage80, score.width80),
        interval_95=_coverage(0.95, score.coverage95, score.width95),
        pinball=round(score.pinball, 3),
    )


def _coverage(nominal: float, realised: float, width: float) -> Coverage:
    return Coverage(nominal=nominal, realised=round(realised, 3), width=round(width, 1))


def _reliability(told: Iterable[scores.Stated]) -> Reliability:
    by_event: dict[str, list[Stated]] = {"category": [], **{str(above): [] for above in EXCEEDED}}
    for one in told:
        by_event[one.event].append(
            Stated(
                above=one.bin / 10,
                below=(one.bin + 1) / 10,
                n=one.n,
                stated=round(one.stated, 3),
                realised=round(one.happened, 3),
            )
        )
    return Reliability(category=by_event.pop("category"), exceedance=by_event)


def _place(score: Score, block: Block | None) -> dict[str, Any]:
    if block is not None:
        return {"leads": _leads(block)}
    return {} if score.lead is None else {"lead": score.lead}


def _leads(block: Block) -> str:
    return f"{block[0]}-{block[1]}"


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 3)


ROUTES = (
    Route(
        "GET",
        "/models/performance/{city}",
        performance,
        Performance,
        query=PerformanceQuery,
        errors=(404,),
        cache="data",
        tag="Models",
    ),
    Route(
        "GET",
        "/forecast/confidence/{city}",
        confidence,
        Confidence,
        query=ConfidenceQuery,
        errors=(404,),
        cache="data",
        tag="Forecasts",
    ),
)
