"""The record as commands show it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from msgspec import structs

from common.cli.output import make_table
from common.domain.forecast import EXCEEDED, TARGETS, Mode
from common.store.verification import Span, cities_with_record, record, reliability
from common.verification.scores import Score

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rich.table import Table

    from common.store.engine import Connection
    from common.store.verification import Record
    from common.verification.scores import Warnings

_SHOWN_LEADS = (None, 1, 3, 6, 12, 24, 36, 48)
_EVER = datetime(1970, 1, 1, tzinfo=UTC)


def records(
    connection: Connection, mode: Mode, chosen: set[str], *, now: datetime, days: int
) -> list[dict[str, Any]]:
    """What is recorded of the chosen cities, for machines: the last `days` of the live record, all of a replay."""
    start = now - timedelta(days=days) if mode == "live" else _EVER
    entries = []
    for city in cities_with_record(connection, mode=mode, start=start, end=now):
        for target in TARGETS if city in chosen else ():
            span = Span(city, target, mode, start, now)
            known = record(connection, span)
            if known is not None:
                stated = (
                    [structs.asdict(forecast_bin) for forecast_bin in reliability(connection, span)]
                    if target == "aqi"
                    else []
                )
                entries.append(
                    {"city": city, "target": target, "mode": mode} | _whole(known) | {"stated": stated}
                )
    return entries


def _whole(known: Record) -> dict[str, Any]:
    return {
        "together": _plain(known.pooled),
        "by_lead": [_plain(score) for score in known.by_lead],
        "by_block": {_leads(block): _plain(score) for block, score in known.by_block.items()},
        "by_family": {
            family: _plain(Score.together(resources)) for family, resources in known.by_family.items()
        },
        "by_season": {season: _plain(score) for season, score in known.by_season.items()},
        "rivals": {
            name: {_leads(block): _against(score) for block, score in blocks.items()}
            | {"all": _against(Score.together(blocks.values()))}
            for name, blocks in known.challengers.items()
        },
        "warnings": {
            str(above): {
                _leads(block): {
                    "ours": _foreseen(score.warnings(above)),
                    "persistence": _foreseen(score.warnings(above, persistence=True)),
                    **{
                        name: _foreseen(blocks[block].warnings(above))
                        for name, blocks in known.challengers.items()
                        if block in blocks
                    },
                }
                for block, score in known.by_block.items()
            }
            for above in EXCEEDED
        },
    }


def _plain(score: Score) -> dict[str, Any]:
    names = (
        "lead", "n", "mae", "rmse", "bias", "mape", "r2", "naive_mae", "best_naive", "skill",
        "coverage80", "coverage95", "width80", "width95", "pinball",
    )  # fmt: skip
    return {name: getattr(score, name) for name in names}


def _against(score: Score) -> dict[str, Any]:
    return {name: getattr(score, name) for name in ("n", "mae", "our_mae", "skill", "our_skill")}


def _foreseen(warnings: Warnings) -> dict[str, Any]:
    return structs.asdict(warnings) | {"pod": warnings.pod, "far": warnings.far, "csi": warnings.csi}


def _leads(block: tuple[int, int]) -> str:
    return f"{block[0]}-{block[1]}"


def record_tables(entry: dict[str, Any]) -> Iterator[Table]:
    """One of `records` for people: errors by lead time, then what else there is."""
    name = f"{entry['city']} {entry['target']} ({entry['mode']})"
    headings = (
        "lead",
        "hours",
        "MAE",
        "naive MAE",
        "best naive",
        "skill",
        "RMSE",
        "in 80 %",
        "in 95 %",
        "width",
    )
    yield make_table(name, headings, _error_rows(entry))
    for title, headings_of, rows in (
        ("rivals", ("rival", "lead", "hours", "MAE", "ours", "skill", "ours"), _rival_rows(entry)),
        (
            "bad air foreseen",
            ("AQI above", "lead", "forecast", "hits", "misses", "false", "POD", "FAR", "CSI"),
            _warning_rows(entry),
        ),
        ("stated probabilities", ("of", "hours", "stated", "came true"), _stated_rows(entry)),
    ):
        if rows:
            yield make_table(f"{name}: {title}", headings_of, rows)


def _error_rows(entry: dict[str, Any]) -> list[tuple[object, ...]]:
    by_lead = [
        ("all" if each["lead"] is None else f"{each['lead']} h", each)
        for each in (entry["together"], *entry["by_lead"])
        if each["lead"] in _SHOWN_LEADS
    ]
    return [
        (
            lead,
            each["n"],
            each["mae"],
            each["naive_mae"][each["best_naive"]],
            each["best_naive"],
            _signed(each["skill"]),
            each["rmse"],
            f"{each['coverage80']:.0%}",
            f"{each['coverage95']:.0%}",
            each["width80"],
        )
        for lead, each in (*by_lead, *((f"{leads} h", each) for leads, each in entry["by_block"].items()))
    ]


def _rival_rows(entry: dict[str, Any]) -> list[tuple[object, ...]]:
    return [
        (
            rival,
            leads if leads == "all" else f"{leads} h",
            each["n"],
            each["mae"],
            each["our_mae"],
            _signed(each["skill"]),
            _signed(each["our_skill"]),
        )
        for rival, blocks in entry["rivals"].items()
        for leads, each in blocks.items()
    ]


def _warning_rows(entry: dict[str, Any]) -> list[tuple[object, ...]]:
    return [
        (
            above,
            f"{leads} h",
            who,
            each["hits"],
            each["misses"],
            each["false_alarms"],
            *(_percent(each[name]) for name in ("pod", "far", "csi")),
        )
        for above, blocks in entry["warnings"].items()
        for leads, forecasters in blocks.items()
        for who, each in forecasters.items()
        if each["hits"] + each["misses"] + each["false_alarms"]
    ]


def _stated_rows(entry: dict[str, Any]) -> list[tuple[object, ...]]:
    return [
        (
            each["event"] if each["event"] == "category" else f"AQI above {each['event']}",
            each["n"],
            _percent(each["stated"]),
            _percent(each["happened"]),
        )
        for each in entry["stated"]
    ]


def _signed(share: float | None) -> str | None:
    return None if share is None else f"{share:+.1%}"


def _percent(share: float | None) -> str | None:
    return None if share is None else f"{share:.0%}"
