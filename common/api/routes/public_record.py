"""The public record: what was issued, what came, and where we lose."""

from typing import Any

from flask import Response, request
from flask_openapi3 import Tag

from common.api.blueprint import JSON, Blueprint
from common.api.context import context
from common.api.errors import Problem
from common.api.history import CSV
from common.api.responses import json_response, stored_response
from common.api.schemas import CityPath
from common.api.schemas.public_record import (
    CityScores,
    CityScoresQuery,
    ScoresQuery,
    ScoreTable,
    SeasonMonths,
)
from common.api.serialize_record import score_cells, score_columns, score_lines
from common.domain.cities import find_city
from common.domain.forecast import NAIVE, SEASON_CODES, SEASONS, VERIFIED_LEADS, Mode
from common.store.reads import verification as store
from common.store.reads.verification import CELL, Filter

RECORD = Tag(name="Record", description="How good the forecasts were, and where they lose")
api = Blueprint("public_record", abp_tags=[RECORD])

UNITS = {"aqi": "AQI", "pm25": "µg/m³"}
_FIRST, _LAST = CELL.index("first_day"), CELL.index("last_day")


@api.get("/record/scores", responses={200: ScoreTable, 404: Problem}, cache="data")
def table(query: ScoresQuery) -> Response:
    """Scores of all cities by season and lead time: ours, the naive forecasts and the providers' own on the same hours.

    JSON has arrays by column, rounded; CSV has a line a cell, all digits.
    """
    if not _wants_csv(query.format) and query == ScoresQuery(target=query.target, mode=query.mode):
        name = f"record/scores/{query.target}/{query.mode}"
        return _varying(stored_response(name, lambda: _table(query)))
    if _wants_csv(query.format):
        city = None if query.city is None else find_city(query.city).name
        return _csv(_part(query, city)[0], "record")
    return _varying(json_response(_table(query)))


@api.get("/record/scores/<city>", responses={200: CityScores, 404: Problem}, cache="data")
def city_scores(path: CityPath, query: CityScoresQuery) -> Response:
    """Scores of one city by season and lead time, with all digits."""
    part, modes = _part(query, path.city.name)
    if _wants_csv(query.format):
        return _csv(part, f"record-{path.city.slug}")
    with context.database.reading() as connection:
        cells, providers = store.cells(connection, part)
    return _varying(
        json_response(
            CityScores.answer(
                city=path.city.name,
                **_head(part, modes),
                note=None if cells else _nothing(part),
                cells=score_cells(cells, providers),
            )
        )
    )


def _table(query: ScoresQuery) -> dict[str, Any]:
    part, modes = _part(query, None if query.city is None else find_city(query.city).name)
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


def _part(query: ScoresQuery | CityScoresQuery, city: str | None) -> tuple[Filter, list[Mode]]:
    """What is asked for, and the modes that have a record of its target."""
    with context.database.reading() as connection:
        modes = store.modes(connection, query.target)
    mode: Mode = query.mode or (modes[0] if modes else "live")
    return Filter(query.target, mode, city, query.season, query.lead), modes


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


def _csv(part: Filter, name: str) -> Response:
    with context.database.reading() as connection:
        cells, providers = store.cells(connection, part)
    head = {"target": part.target, "mode": part.mode, "simulated": str(context.simulated()).lower()}
    return as_csv_response(score_lines(head, cells, providers), name)


def as_csv_response(lines: str, name: str) -> Response:
    """A file of CSV."""
    response = _varying(Response(lines, content_type=f"{CSV}; charset=utf-8; header=present"))
    response.headers["Content-Disposition"] = f'attachment; filename="{name}.csv"'
    return response


def _wants_csv(named: str | None) -> bool:
    return named == "csv" if named else request.accept_mimetypes.best_match((JSON, CSV)) == CSV


def _varying(response: Response) -> Response:
    response.vary.add("Accept")
    return response
