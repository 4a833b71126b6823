"""How alerts did, as JSON: a rule replayed on the record, and the scores of those that were given."""

from collections.abc import Iterable, Sequence
from typing import Any

from common.alerts.scoring import Judgement, median_or_none
from common.api.schemas.alert_record import AlertScore, Exceeded, JudgedItem
from common.api.serialize_values import rounded, utc
from common.store.alert_outcomes import CellCounts, Outcome, OutcomeCounts
from common.verification.scores import Warnings

_SHARES = ("pod", "far", "csi")


def counts_json(warnings: Warnings, warning_hours: Iterable[float | None]) -> dict[str, Any]:
    """Hits, misses, false alarms, what follows from them, and the median warning."""
    shares = {name: getattr(warnings, name) for name in _SHARES}
    return {
        "hits": warnings.hits,
        "false_alarms": warnings.false_alarms,
        "misses": warnings.misses,
        **{name: None if share is None else rounded(share, 3) for name, share in shares.items()},
        "median_warning_hours": median_or_none(warning_hours),
    }


def judgement_json(judgement: Judgement) -> dict[str, Any]:
    """What a replay gave: counts, and the exceedances one by one."""
    return {
        "hours": judgement.hours,
        "alerts": len(judgement.alerts),
        **counts_json(judgement.warnings, (each.warning_hours for each in judgement.exceedances)),
        "late": sum(each.outcome == "late" for each in judgement.alerts),
        "episodes": [
            Exceeded.answer(
                from_=utc(each.start),
                to=utc(each.end),
                peak=rounded(each.peak, 2),
                outcome=each.outcome,
                warned_at=None if each.warned_at is None else utc(each.warned_at),
                warning_hours=each.warning_hours,
            )
            for each in judgement.exceedances
        ],
    }


def scores_json(cells: Sequence[CellCounts]) -> list[dict[str, Any]]:
    """All listed cities together first, by kind of rule; then city by city.

    What is together is of the listed cities alone: else it would tell of those that are not listed.
    """
    together: dict[tuple[str, str, bool], list[OutcomeCounts]] = {}
    for cell in cells:
        together.setdefault((cell.on, cell.target, cell.public), []).append(cell.counts)
    sums = [
        _score_json(None, on, target, public=public, counts=_sum(counts))
        for (on, target, public), counts in sorted(together.items())
    ]
    return sums + [
        _score_json(cell.city, cell.on, cell.target, public=cell.public, counts=cell.counts) for cell in cells
    ]


def _sum(counts: Sequence[OutcomeCounts]) -> OutcomeCounts:
    return OutcomeCounts(
        sum(each.hits for each in counts),
        sum(each.false_alarms for each in counts),
        sum(each.misses for each in counts),
        tuple(hours for each in counts for hours in each.warning_hours),
    )


def _score_json(
    city: str | None, on: str, target: str, *, public: bool, counts: OutcomeCounts
) -> dict[str, Any]:
    warnings = Warnings(counts.hits, counts.misses, counts.false_alarms)
    return AlertScore.answer(
        city=city,
        on=on,
        target=target,
        rules="public" if public else "private",
        n=counts.hits + counts.misses + counts.false_alarms,
        **counts_json(warnings, counts.warning_hours),
    )


def outcomes_json(outcomes: Sequence[Outcome], *, shown: int) -> dict[str, Any]:
    """The counts of one rule's outcomes, and the newest one by one."""
    number = {
        name: sum(each.outcome == name for each in outcomes)
        for name in ("hit", "miss", "false alarm", "late")
    }
    warnings = Warnings(number["hit"], number["miss"], number["false alarm"])
    return {
        "n": number["hit"] + number["miss"] + number["false alarm"],
        **counts_json(warnings, (each.warning_hours for each in outcomes)),
        "late": number["late"],
        "outcomes": [
            JudgedItem.answer(
                kind=each.outcome,
                time=utc(each.time),
                until=None if each.until is None else utc(each.until),
                peak=None if each.peak is None else rounded(each.peak, 2),
                warned_at=None if each.warned_at is None else utc(each.warned_at),
                warning_hours=each.warning_hours,
            )
            for each in outcomes[:shown]
        ],
    }
