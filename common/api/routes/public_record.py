"""The public record: what was issued, what came, and where we lose."""

from typing import Any

from flask import Response
from flask_openapi3 import Tag

from common.api.blueprint import Blueprint
from common.api.context import context
from common.api.downloads import download, varying, wanted
from common.api.errors import Problem
from common.api.responses import json_response, stored_response
from common.api.schemas import CityPath
from common.api.schemas.files import Format
from common.api.schemas.plume import Plume, PlumeQuery
from common.api.schemas.record_days import Days, DaysQuery, ProviderDayColumns
from common.api.schemas.record_losses import Losses, LossesQuery
from common.api.schemas.record_scores import (
    CityScores,
    CityScoresQuery,
    ScoresQuery,
    ScoreTable,
    SeasonMonths,
)
from common.api.schemas.stated_probabilities import (
    RecordReliability,
    RecordWarnings,
    StatedQuery,
    WarningsQuery,
)
from common.api.serialize_record import (
    day_columns,
    day_rows,
    losses_json,
    plume_columns,
    reliability_json,
    score_cells,
    score_columns,
    score_rows,
    warnings_json,
)
from common.api.serialize_values import utc
from common.domain.cities import find_city
from common.domain.errors import NotFound
from common.domain.forecast import NAIVE, SEASON_CODES, SEASONS, VERIFIED_LEADS, Mode, Target
from common.domain.observation import hour_ending
from common.store.reads import verification as store
from common.store.reads.verification import CELL, Filter, StatedSum
from common.store.verification_cells import day_sums

RECORD = Tag(name="Record", description="How good the forecasts were, and where they lose")
api = Blueprint("public_record", abp_tags=[RECORD])

UNITS = {"aqi": "AQI", "pm25": "µg/m³"}
_FIRST, _LAST = CELL.index("first_day"), CELL.index("last_day")


@api.get("/record/scores", responses={200: ScoreTable, 404: Problem, 406: Problem}, cache="data")
def table(query: ScoresQuery) -> Response:
    """Scores of all cities by season and lead time: ours, the naive forecasts and the providers' own on the same hours.

    JSON has arrays by column, rounded; CSV, Parquet and workbooks have a row a cell, all digits.
    """
    format_ = wanted(query.format)
    if format_ != "json":
        part, _ = _part(query.mode, query.target, _city(query.city), query.season, query.lead)
        return _scores_file(part, format_, "record")
    if query == ScoresQuery(target=query.target, mode=query.mode):
        name = f"record/scores/{query.target}/{query.mode}"
        return varying(stored_response(name, lambda: _table(query)))
    return varying(json_response(_table(query)))


@api.get("/record/scores/<city>", responses={200: CityScores, 404: Problem, 406: Problem}, cache="data")
def city_scores(path: CityPath, query: CityScoresQuery) -> Response:
    """Scores of one city by season and lead time, with all digits."""
    part, modes = _part(query.mode, query.target, path.city.name, query.season, query.lead)
    format_ = wanted(query.format)
    if format_ != "json":
        return _scores_file(part, format_, f"record-{path.city.slug}")
    with context.database.reading() as connection:
        cells, providers = store.cells(connection, part)
    return varying(
        json_response(
            CityScores.answer(
                city=path.city.name,
                **_head(part, modes),
                note=None if cells else _nothing(part),
                cells=score_cells(cells, providers),
            )
        )
    )


@api.get("/record/days/<city>", responses={200: Days, 404: Problem, 406: Problem}, cache="data")
def days(path: CityPath, query: DaysQuery) -> Response:
    """What a city's scores are made of: sums of errors by day, at one lead time."""
    format_ = wanted(query.format)
    part, modes = _part(query.mode, query.target, path.city.name, query.season, query.lead)
    with context.database.reading() as connection:
        ours, theirs = day_sums(
            connection, path.city.name, part.target, part.mode, season=part.season, lead=query.lead
        )
    sums = ours.get(query.lead, {})
    providers = {provider: columns for _, provider, *columns in theirs}
    if format_ != "json":
        marks = [path.city.name, query.lead, part.target, part.mode, context.simulated()]
        return download(*day_rows(marks, sums, providers), format_, f"record-days-{path.city.slug}")
    return varying(
        json_response(
            Days.answer(
                city=path.city.name,
                lead=query.lead,
                season=query.season,
                **_head(part, modes),
                note=None if sums else _nothing(part),
                days=day_columns(sums),
                providers={
                    name: ProviderDayColumns.answer(day=days, n=n, error=error, our_error=our_error)
                    for name, (days, n, error, our_error) in providers.items()
                },
            )
        )
    )


@api.get("/record/reliability", responses={200: RecordReliability, 404: Problem}, cache="data")
def reliability(query: StatedQuery) -> Response:
    """Whether stated probabilities came true as often as stated: of the category, and of an AQI above 200, 300, 400."""
    if query == StatedQuery(mode=query.mode):
        return stored_response(f"record/reliability/{query.mode}", lambda: _reliability(query))
    return json_response(_reliability(query))


@api.get("/record/warnings", responses={200: RecordWarnings, 404: Problem}, cache="data")
def warnings(query: WarningsQuery) -> Response:
    """How an AQI above 200, 300 and 400 was foreseen, by lead time; a probability from `percent` on is a warning."""
    if query == WarningsQuery(mode=query.mode):
        return stored_response(f"record/warnings/{query.mode}", lambda: _warnings(query))
    return json_response(_warnings(query))


@api.get("/record/losses", responses={200: Losses, 404: Problem}, cache="data")
def losses(query: LossesQuery) -> dict[str, Any]:
    """Where the best naive forecast in hindsight, or a provider, did better than we: worst first."""
    part, modes = _part(query.mode, query.target, _city(query.city), query.season, query.lead)
    with context.database.reading() as connection:
        cells, providers = store.cells(connection, part)
    return Losses.answer(
        **_head(part, modes),
        note=None if cells else _nothing(part),
        **losses_json(cells, providers, query.limit),
    )


@api.get("/record/plume/<city>", responses={200: Plume, 404: Problem}, cache="data")
def plume(path: CityPath, query: PlumeQuery) -> dict[str, Any]:
    """All forecasts that were issued for one hour, up to 48 hours before, with their intervals and the truth."""
    part, _ = _part(query.mode, query.target, path.city.name)
    with context.database.reading() as connection:
        hour = (
            store.newest_hour_with_truth(connection, path.city.name, part.target, part.mode)
            if query.time is None
            else hour_ending(query.time)
        )
        issued = (
            None if hour is None else store.plume(connection, path.city.name, part.target, part.mode, hour)
        )
    if hour is None or issued is None:
        when = "" if hour is None else f" for the hour that ends at {utc(hour):%Y-%m-%dT%H:%M:%SZ}"
        raise NotFound(f"the {part.mode} record has no forecast of {path.city.name}{when}")
    return Plume.answer(
        city=path.city.name,
        target=part.target,
        unit=UNITS[part.target],
        mode=part.mode,
        simulated=context.simulated(),
        time=utc(hour),
        truth=issued.truth,
        counts=issued.counts,
        forecasts=plume_columns(issued),
    )


def _reliability(query: StatedQuery) -> dict[str, Any]:
    part, modes, sums = _stated(query)
    return RecordReliability.answer(
        city=part.city,
        lead=part.lead,
        season=part.season,
        **_head_of_stated(part, modes),
        note=None if sums else _nothing(part),
        events=reliability_json(sums),
    )


def _warnings(query: WarningsQuery) -> dict[str, Any]:
    part, modes, sums = _stated(query)
    return RecordWarnings.answer(
        city=part.city,
        season=part.season,
        **_head_of_stated(part, modes),
        probability=query.percent / 100,
        note=None if sums else _nothing(part),
        warnings=warnings_json(sums, query.percent),
    )


def _stated(query: StatedQuery) -> tuple[Filter, list[Mode], list[StatedSum]]:
    part, modes = _part(query.mode, "aqi", _city(query.city), query.season, query.lead)
    with context.database.reading() as connection:
        return part, modes, store.stated(connection, part)


def _city(name: str | None) -> str | None:
    return None if name is None else find_city(name).name


def _table(query: ScoresQuery) -> dict[str, Any]:
    part, modes = _part(query.mode, query.target, _city(query.city), query.season, query.lead)
    with context.database.reading() as connection:
        cells, providers = store.cells(connection, part)
    columns, provider_columns = score_columns(cells, providers)
    return ScoreTable.answer(
        **_head(part, modes),
        first_day=min((row[_FIRST] for row in cells), default=None),
        last_day=max((row[_LAST] for row in cells), default=None),
        leads=VERIFIED_LEADS,
        seasons={
            code: SeasonMonths.answer(name=name, months=SEASONS[name]) for code, name in SEASON_CODES.items()
        },
        naive_names=NAIVE,
        count=len(cells),
        note=None if cells else _nothing(part),
        cells=columns,
        providers=provider_columns,
    )


def _part(
    mode: Mode | None,
    target: Target,
    city: str | None,
    season: str | None = None,
    lead: int | None = None,
) -> tuple[Filter, list[Mode]]:
    """What is asked for, and the modes that have a record of its target: live, or replay where nothing is live."""
    with context.database.reading() as connection:
        modes = store.modes(connection, target)
    return Filter(target, mode or (modes[0] if modes else "live"), city, season, lead), modes


def _head_of_stated(part: Filter, modes: list[Mode]) -> dict[str, Any]:
    return {"mode": part.mode, "modes": modes, "simulated": context.simulated()}


def _head(part: Filter, modes: list[Mode]) -> dict[str, Any]:
    return {
        "target": part.target,
        "unit": UNITS[part.target],
        "mode": part.mode,
        "modes": modes,
        "simulated": context.simulated(),
    }


def _nothing(part: Filter) -> str:
    """Why there is no score."""
    return (
        f"No hour of this part of the {part.mode} record counts yet. An hour counts when its day is over, its truth is "
        f"known and there are forecasts of it {', '.join(map(str, VERIFIED_LEADS[:-1]))} and {VERIFIED_LEADS[-1]} "
        "hours ahead."
    )


def _scores_file(part: Filter, format_: Format, name: str) -> Response:
    with context.database.reading() as connection:
        cells, providers = store.cells(connection, part)
    marks = [part.target, part.mode, context.simulated()]
    return download(*score_rows(marks, cells, providers), format_, name)
