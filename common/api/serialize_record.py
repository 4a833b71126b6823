"""The public record as JSON, and as rows of tables."""

from __future__ import annotations

from datetime import datetime
from math import floor, log10
from typing import TYPE_CHECKING, Any

from common.api.schemas.plume import PlumeColumns
from common.api.schemas.record_days import DayColumns
from common.api.schemas.record_losses import Loss, Tally
from common.api.schemas.record_scores import Cell, CellColumns, ProviderColumns, ProviderScore
from common.api.schemas.stated_probabilities import EventReliability, ReliabilityBin, WarningScore
from common.api.serialize_forecasts import FIRST_ABOVE
from common.api.serialize_values import utc
from common.domain.forecast import NAIVE
from common.store.reads.verification import CELL, ISSUED, PROVIDER
from common.store.verification_cells import DAY_COLUMNS
from common.tables.downloads import SCORE_DAYS, SCORES
from common.verification.scores import Warnings

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from common.store.reads.verification import Plume, StatedSum
    from common.tables.downloads import Download

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
_SHOWN_SUMS = {**_SHOWN, "within80": "within_80", "within95": "within_95"}
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


def score_rows(marks: Sequence[Any], cells: Rows, providers: Rows) -> tuple[Download, Iterator[list[Any]]]:
    """The cells as a table, all digits: a row each, with the columns of each provider at its end.

    `marks`: target, mode, and whether the data are simulated.
    """
    names = sorted({row[_KEY] for row in providers})
    theirs = {(*row[:_KEY], row[_KEY]): row[_KEY + 1 :] for row in providers}
    nothing = [None] * len(SCORES.of_provider)
    rows = (
        [
            *row,
            *marks,
            *(value for provider in names for value in theirs.get((*row[:_KEY], provider), nothing)),
        ]
        for row in cells
    )
    return SCORES.with_providers(names), rows


def day_columns(sums: Mapping[str, list[Any]]) -> dict[str, Any]:
    """The fields of `DayColumns`; sums by the names of `DAY_COLUMNS`, or none."""
    return DayColumns.answer(
        **{_SHOWN_SUMS.get(name, name): sums.get(name, []) for name in DAY_COLUMNS if name not in NAIVE},
        naive_error={name: sums.get(name, []) for name in NAIVE},
    )


def day_rows(
    marks: Sequence[Any], sums: Mapping[str, list[Any]], providers: Mapping[str, Rows]
) -> tuple[Download, Iterator[list[Any]]]:
    """A city's days as a table, a row each, with the columns of each provider at its end.

    `marks`: city, lead, target, mode, and whether the data are simulated; `providers`: lists of days, n, error, ours.
    """
    by_day = [{day: values for day, *values in zip(*columns, strict=True)} for columns in providers.values()]
    nothing = [None] * len(SCORE_DAYS.of_provider)
    rows = (
        [*row, *marks, *(value for values in by_day for value in values.get(row[0], nothing))]
        for row in zip(*(sums.get(name, []) for name in DAY_COLUMNS), strict=True)
    )
    return SCORE_DAYS.with_providers(providers), rows


def reliability_json(sums: Iterable[StatedSum]) -> dict[str, Any]:
    """Event → the fields of `EventReliability`, lead times added up."""
    events: dict[str, dict[int, tuple[int, float, int]]] = {}
    for part in sums:
        bins = events.setdefault(part.event, {})
        n, stated, happened = bins.get(part.bin, (0, 0.0, 0))
        bins[part.bin] = n + part.n, stated + part.stated, happened + part.happened
    answer = {}
    for event in sorted(events, key=_event_order):
        total = sum(n for n, _, _ in events[event].values())
        answer[event] = EventReliability.answer(
            n=total,
            base_rate=round(sum(happened for _, _, happened in events[event].values()) / total, 4),
            bins=[
                ReliabilityBin.answer(
                    above=tenth / 10,
                    below=(tenth + 1) / 10,
                    n=n,
                    enough=n >= ENOUGH,
                    stated=round(stated / n, 4),
                    realised=round(happened / n, 4),
                )
                for tenth, (n, stated, happened) in sorted(events[event].items())
            ],
        )
    return answer


def _event_order(event: str) -> tuple[bool, str]:
    return event != "category", event


def warnings_json(sums: Iterable[StatedSum], percent: int) -> list[dict[str, Any]]:
    """`WarningScore` of each value and lead time, where a probability from so many percent on is a warning."""
    cells: dict[tuple[int, int], list[StatedSum]] = {}
    for part in sums:
        if part.event != "category":
            cells.setdefault((int(part.event), part.lead), []).append(part)
    answers = []
    for (above, lead), parts in sorted(cells.items()):
        n = sum(part.n for part in parts)
        observed = sum(part.happened for part in parts)
        warned = [part for part in parts if part.bin >= percent // 10]
        hits = sum(part.happened for part in warned)
        score = Warnings(
            hits=hits, misses=observed - hits, false_alarms=sum(part.n for part in warned) - hits
        )
        answers.append(
            WarningScore.answer(
                above=above,
                lead=lead,
                n=n,
                observed=observed,
                base_rate=round(observed / n, 4),
                warned=score.hits + score.false_alarms,
                hits=score.hits,
                misses=score.misses,
                false_alarms=score.false_alarms,
                pod=_rounded(score.pod),
                far=_rounded(score.far),
                csi=_rounded(score.csi),
                enough=observed >= ENOUGH,
            )
        )
    return answers


def losses_json(cells: Rows, providers: Rows, limit: int) -> dict[str, Any]:
    """The fields of `Losses` that say who did better where."""
    naive = [_against_naive(dict(zip(CELL, row, strict=True))) for row in cells]
    provided = [_against_provider(dict(zip(PROVIDER, row, strict=True))) for row in providers]
    known = [rival for rival in (*naive, *provided) if rival["skill"] is not None]
    counted = [rival for rival in known if rival["n"] >= ENOUGH]
    losses = sorted(
        (rival for rival in counted if rival["skill"] < 0),
        key=lambda rival: (rival["skill"], rival["city"], rival["season"], rival["lead"], rival["rival"]),
    )
    return {
        "naive": _tally(rival for rival in counted if rival["kind"] == "naive"),
        "provider": _tally(rival for rival in counted if rival["kind"] == "provider"),
        "too_few": sum(row[CELL.index("n")] < ENOUGH for row in cells),
        "count": len(losses),
        "losses": [
            Loss.answer(
                **{name: rival[name] for name in ("city", "season", "lead", "rival", "kind", "n", "days")},
                **{name: _three_digits(rival[name]) for name in ("mae", "our_mae")},
                **{name: _rounded(rival[name]) for name in ("skill", "skill_low", "skill_high")},
                significant=_below(rival),
            )
            for rival in losses[:limit]
        ],
    }


def _against_naive(cell: dict[str, Any]) -> dict[str, Any]:
    best = cell["best_naive"]
    return cell | {"rival": best, "kind": "naive", "our_mae": cell["mae"], "mae": cell[best]}


def _against_provider(cell: dict[str, Any]) -> dict[str, Any]:
    skills = {name: cell[f"our_{name}"] for name in ("skill", "skill_low", "skill_high")}
    return cell | skills | {"rival": cell["provider"], "kind": "provider"}


def _below(rival: Mapping[str, Any]) -> bool:
    return rival["skill_high"] is not None and rival["skill_high"] < 0


def _above(rival: Mapping[str, Any]) -> bool:
    return rival["skill_low"] is not None and rival["skill_low"] > 0


def _tally(rivals: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    rows = list(rivals)
    better, worse = sum(map(_above, rows)), sum(map(_below, rows))
    return Tally.answer(cells=len(rows), better=better, worse=worse, undecided=len(rows) - better - worse)


def plume_columns(plume: Plume) -> dict[str, Any]:
    """The fields of `PlumeColumns`, as stored."""
    columns = _columns(plume.forecasts, ISSUED)
    chances = columns["categories"]
    return PlumeColumns.answer(
        lead=columns["lead"],
        **{
            name: [utc(datetime.fromisoformat(time)) for time in columns[name]]
            for name in ("origin", "issued_at")
        },
        family=columns["family"],
        version=columns["model_version"],
        value=columns["y"],
        lower_80=columns["lo80"],
        upper_80=columns["hi80"],
        lower_95=columns["lo95"],
        upper_95=columns["hi95"],
        exceedance={
            above: [min(sum(row[first:]), 1.0) for row in chances] for above, first in FIRST_ABOVE.items()
        }
        if all(chances)
        else None,
        naive={name: columns[name] for name in NAIVE},
        providers={
            name: [values.get(lead) for lead in columns["lead"]] for name, values in plume.providers.items()
        },
    )


def _columns(rows: Rows, names: Sequence[str]) -> dict[str, list[Any]]:
    columns: Iterable[Iterable[Any]] = zip(*rows, strict=True) if rows else [()] * len(names)
    return {name: list(column) for name, column in zip(names, columns, strict=True)}


def _to_thousandths(values: Iterable[float | None]) -> list[float | None]:
    return [_rounded(value) for value in values]


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 3)


def _to_three_digits(values: Iterable[float | None]) -> list[float | None]:
    return [None if value is None else _three_digits(value) for value in values]


def _three_digits(value: float) -> float:
    return round(value, 2 - floor(log10(abs(value)))) if value else 0.0
