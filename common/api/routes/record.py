"""How forecasts did."""

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from flask import Response

from common.api.blueprint import Blueprint
from common.api.context import context
from common.api.errors import Problem
from common.api.responses import json_response, raw, stored_response
from common.api.routes.forecast import FORECASTS
from common.api.routes.models import MODELS
from common.api.schemas import CityPath
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
from common.api.serialize_forecasts import trainings_json
from common.api.serialize_values import utc
from common.domain.cities import City
from common.domain.forecast import EXCEEDED
from common.store import verification as store
from common.store.reads.forecasts import forecast_span
from common.store.reads.models import champion_since
from common.verification import scores
from common.verification.scores import Score, Warnings

api = Blueprint("record")
_EVER = datetime(1970, 1, 1, tzinfo=UTC)
_MODEL = "model:"
Block = tuple[int, int]


@api.get(
    "/models/performance/<city>", tags=[MODELS], responses={200: Performance, 404: Problem}, cache="data"
)
def performance(path: CityPath, query: PerformanceQuery) -> Response:
    """How a city's models did on held-out data, in the live record, and in replayed history."""
    if query == PerformanceQuery(target=query.target):  # what nearly all ask for
        name = f"performance/{path.city.slug}/{query.target}"
        return stored_response(name, lambda: _performance(path.city, query))
    return json_response(_performance(path.city, query))


def _performance(city: City, query: PerformanceQuery) -> dict[str, Any]:
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
            record = store.record(connection, span)
            ends = None if record is None else forecast_span(connection, span)
            records.append(None if record is None or ends is None else _record(record, *ends, query.target))
    live, replay = records
    return Performance.answer(
        city=city.name,
        target=query.target,
        days=query.days,
        simulated=simulated,
        champion=_champion(served),
        training=None if training is None else raw(training),
        live=live,
        replay=replay,
    )


@api.get(
    "/forecast/confidence/<city>", tags=[FORECASTS], responses={200: Confidence, 404: Problem}, cache="data"
)
def confidence(path: CityPath, query: ConfidenceQuery) -> Response:
    """How often a city's intervals held the truth, and whether stated probabilities came true as often as stated."""
    if query == ConfidenceQuery(target=query.target, mode=query.mode):
        name = f"confidence/{path.city.slug}/{query.target}/{query.mode}"
        return stored_response(name, lambda: _confidence(path.city, query))
    return json_response(_confidence(path.city, query))


def _confidence(city: City, query: ConfidenceQuery) -> dict[str, Any]:
    now = context.clock()
    simulated = context.simulated()
    live = query.mode == "live"
    start = now - timedelta(days=query.days) if live else _EVER
    span = store.Span(city.name, query.target, query.mode, start, now, **_only(query))
    with context.database.reading() as connection:
        record = store.record(connection, span)
        ends = None if record is None else forecast_span(connection, span)
        stated = store.reliability(connection, span) if record is not None and query.target == "aqi" else []
    return Confidence.answer(
        city=city.name,
        target=query.target,
        mode=query.mode,
        days=query.days if live else None,
        simulated=simulated,
        start=None if ends is None else utc(ends[0]),
        end=None if ends is None else utc(ends[1]),
        pooled=None if record is None else _calibration(record.pooled),
        by_block=[]
        if record is None
        else [_calibration(score, block) for block, score in record.by_block.items()],
        by_lead=[] if record is None else [_calibration(score) for score in record.by_lead],
        reliability=_reliability(stated) if stated else None,
    )


def _only(query: PerformanceQuery | ConfidenceQuery) -> dict[str, Any]:
    return {name: value for name in ("family", "season") if (value := getattr(query, name)) is not None}


def _champion(served: tuple[str, str, datetime | None] | None) -> dict[str, Any] | None:
    if served is None:
        return None
    version, family, since = served
    return Champion.answer(version=version, family=family, since=None if since is None else utc(since))


def _record(record: store.Record, first: datetime, last: datetime, target: str) -> dict[str, Any]:
    return Record.answer(
        start=utc(first),
        end=utc(last),
        pooled=_scores(record.pooled),
        by_lead=[_scores(score) for score in record.by_lead],
        by_block=[_scores(score, block) for block, score in record.by_block.items()],
        by_family={
            family: FamilyScores.answer(
                pooled=_scores(Score.together(parts)), by_lead=[_scores(score) for score in parts]
            )
            for family, parts in record.by_family.items()
        },
        by_version=[
            VersionScores.answer(version=version or None, family=family, scores=_scores(score))
            for (version, family), score in record.by_version.items()
        ],
        by_season={season: _scores(score) for season, score in record.by_season.items()},
        rivals=[_rival(name, blocks) for name, blocks in record.challengers.items()],
        warnings=list(_warnings(record)) if target == "aqi" else [],
    )


def _scores(score: Score, block: Block | None = None) -> dict[str, Any]:
    return Scores.answer(
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


def _rival(name: str, blocks: Mapping[Block, Score]) -> dict[str, Any]:
    return Rival.answer(
        name=name.removeprefix(_MODEL),
        kind="model" if name.startswith(_MODEL) else "provider",
        pooled=_against(Score.together(blocks.values())),
        by_block=[_against(score, block) for block, score in blocks.items()],
    )


def _against(score: Score, block: Block | None = None) -> dict[str, Any]:
    return RivalScores.answer(
        **_place(score, block),
        n=score.n,
        mae=round(score.mae, 3),
        our_mae=round(score.our_mae, 3),
        skill=_rounded(score.skill),
        our_skill=_rounded(score.our_skill),
    )


def _warnings(record: store.Record) -> Iterable[dict[str, Any]]:
    for above in EXCEEDED:
        for block, score in record.by_block.items():
            yield Warned.answer(
                above=above,
                leads=_leads(block),
                ours=_foreseen(score.warnings(above)),
                persistence=_foreseen(score.warnings(above, persistence=True)),
                rivals={
                    name.removeprefix(_MODEL): _foreseen(blocks[block].warnings(above))
                    for name, blocks in record.challengers.items()
                    if block in blocks
                },
            )


def _foreseen(warnings: Warnings) -> dict[str, Any]:
    return Foreseen.answer(
        hits=warnings.hits,
        misses=warnings.misses,
        false_alarms=warnings.false_alarms,
        pod=_rounded(warnings.pod),
        far=_rounded(warnings.far),
        csi=_rounded(warnings.csi),
    )


def _calibration(score: Score, block: Block | None = None) -> dict[str, Any]:
    return Calibration.answer(
        **_place(score, block),
        n=score.n,
        interval_80=_coverage(0.80, score.coverage80, score.width80),
        interval_95=_coverage(0.95, score.coverage95, score.width95),
        pinball=round(score.pinball, 3),
    )


def _coverage(nominal: float, realised: float, width: float) -> dict[str, Any]:
    return Coverage.answer(nominal=nominal, realised=round(realised, 3), width=round(width, 1))


def _reliability(stated: Iterable[scores.Stated]) -> dict[str, Any]:
    by_event: dict[str, list[dict[str, Any]]] = {"category": [], **{str(above): [] for above in EXCEEDED}}
    for bin_ in stated:
        by_event[bin_.event].append(
            Stated.answer(
                above=bin_.bin / 10,
                below=(bin_.bin + 1) / 10,
                n=bin_.n,
                stated=round(bin_.stated, 3),
                realised=round(bin_.happened, 3),
            )
        )
    return Reliability.answer(category=by_event.pop("category"), exceedance=by_event)


def _place(score: Score, block: Block | None) -> dict[str, Any]:
    if block is not None:
        return {"leads": _leads(block)}
    return {} if score.lead is None else {"lead": score.lead}


def _leads(block: Block) -> str:
    return f"{block[0]}-{block[1]}"


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 3)
