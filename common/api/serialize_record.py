"""The public record as JSON and CSV."""

from __future__ import annotations

import csv
import io
from math import floor, log10
from typing import TYPE_CHECKING, Any

from common.api.schemas.public_record import Cell, CellColumns, ProviderColumns, ProviderScore
from common.domain.forecast import NAIVE
from common.store.reads.verification import CELL, PROVIDER

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

Rows = list[list[Any]]

ENOUGH = 30
"""Hours from which on a score may be read."""

_SHARES = ("skill", "skill_low", "skill_high", "coverage80", "coverage95")
_SHOWN = {
    "coverage80": "coverage_80",
    "coverage95": "coverage_95",
    "width80": "width_80",
    "width95": "width_95",
}
"""Columns whose name in answers is another."""
_KEY = 3
"""So many columns, the city, the season and the lead time, name a cell."""


def score_columns(cells: Rows, providers: Rows) -> tuple[dict[str, Any], dict[str, Any]]:
    """The fields of `CellColumns` and `ProviderColumns`, rounded for tables and charts."""
    columns = _columns(cells, CELL)
    places = {tuple(row[:_KEY]): place for place, row in enumerate(cells)}
    theirs = _columns(providers, PROVIDER)
    return (
        CellColumns.answer(
            **{name: columns[name] for name in ("city", "season", "lead", "n", "days")},
            enough=[n >= ENOUGH for n in columns["n"]],
            best_naive=[NAIVE.index(name) for name in columns["best_naive"]],
            **{_SHOWN.get(name, name): _to_thousandths(columns[name]) for name in _SHARES},
            **{
                _SHOWN.get(name, name): _to_three_digits(columns[name])
                for name in ("mae", "rmse", "bias", "width80", "width95")
            },
            naive_mae={name: _to_three_digits(columns[name]) for name in NAIVE},
        ),
        ProviderColumns.answer(
            cell=[places[tuple(row[:_KEY])] for row in providers],
            provider=theirs["provider"],
            n=theirs["n"],
            enough=[n >= ENOUGH for n in theirs["n"]],
            mae=_to_three_digits(theirs["mae"]),
            our_mae=_to_three_digits(theirs["our_mae"]),
            **{
                name: _to_thousandths(theirs[name])
                for name in ("our_skill", "our_skill_low", "our_skill_high")
            },
        ),
    )


def score_cells(cells: Rows, providers: Rows) -> list[dict[str, Any]]:
    """Each cell with its rivals, all digits."""
    theirs: dict[tuple[Any, ...], list[dict[str, Any]]] = {}
    for row in providers:
        fields = dict(zip(PROVIDER[_KEY:], row[_KEY:], strict=True))
        theirs.setdefault(tuple(row[:_KEY]), []).append(
            ProviderScore.answer(**fields, enough=fields["n"] >= ENOUGH)
        )
    answers = []
    for row in cells:
        values = dict(zip(CELL, row, strict=True))
        naive = {name: mae for name in NAIVE if (mae := values.pop(name)) is not None}
        del values["city"]
        answers.append(
            Cell.answer(
                **{_SHOWN.get(name, name): value for name, value in values.items()},
                enough=values["n"] >= ENOUGH,
                naive_mae=naive,
                providers=theirs.get(tuple(row[:_KEY]), []),
            )
        )
    return answers


def score_lines(head: dict[str, Any], cells: Rows, providers: Rows) -> str:
    """CSV of the cells, all digits: a line each, with the columns of each provider at its end.

    `head`: columns that are the same in all lines.
    """
    names = sorted({row[_KEY] for row in providers})
    theirs = {(*row[:_KEY], row[_KEY]): row[_KEY + 1 :] for row in providers}
    of_provider = PROVIDER[_KEY + 1 :]
    lines = [
        [
            *(_SHOWN.get(name, f"{name}_mae" if name in NAIVE else name) for name in CELL),
            *head,
            *(f"{provider}_{name}" for provider in names for name in of_provider),
        ]
    ]
    nothing = [None] * len(of_provider)
    lines += [
        [
            *row,
            *head.values(),
            *(value for provider in names for value in theirs.get((*row[:_KEY], provider), nothing)),
        ]
        for row in cells
    ]
    return as_csv(lines)


def as_csv(lines: Iterable[Sequence[Any]]) -> str:
    """Lines of CSV; what is not known is empty."""
    text = io.StringIO()
    csv.writer(text).writerows(lines)
    return text.getvalue()


def _columns(rows: Rows, names: Sequence[str]) -> dict[str, list[Any]]:
    columns: Iterable[Iterable[Any]] = zip(*rows, strict=True) if rows else [()] * len(names)
    return {name: list(column) for name, column in zip(names, columns, strict=True)}


def _to_thousandths(values: Iterable[float | None]) -> list[float | None]:
    return [None if value is None else round(value, 3) for value in values]


def _to_three_digits(values: Iterable[float | None]) -> list[float | None]:
    return [None if value is None else _three_digits(value) for value in values]


def _three_digits(value: float) -> float:
    return round(value, 2 - floor(log10(abs(value)))) if value else 0.0
