"""The model card as a page: what the model is, what it learnt from, how good it was, and where it is weak."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any

from common.domain.forecast import BLOCKS
from common.inference.feature_groups import in_words

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from common.inference.card import ModelCard

_UNITS = {"aqi": "points of the Indian AQI", "pm25": "µg/m³"}
_TARGETS = {"aqi": "AQI (Indian NAQI)", "pm25": "PM2.5"}
_BASES = {
    "measured": "measured at stations",
    "implied": "implied by a published index",
    "modelled": "modelled by a provider",
}
_FAMILIES = {
    "linear": "a linear model for each lead time, fitted by least absolute deviations",
    "random_forest": "a random forest for each block of lead times",
    "xgboost": "boosted trees (XGBoost) for each block of lead times",
    "lstm": "a recurrent neural network (LSTM) that corrects a linear model for each lead time",
    "blend": "several models, each of which is an expert of its own in service",
    "naive": "a naive forecast",
}
_SHORT_DAYS = 90
_SEASONS_DAYS = 330
_WEAK_SKILL = 0.02
_OFF = 0.06
"""Realised coverage further from nominal than this is told as a weakness."""


def text_key(version: str) -> str:
    """Where a model's page lies in the object store."""
    return f"{version}/card.md"


def as_markdown(card: ModelCard) -> str:
    """The page, in Markdown; all of it follows from the card."""
    return "\n".join(_lines(card)) + "\n"


def by_block(by_lead: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Scores by lead time → scores by `BLOCKS`: ``block``, ``n``, ``mae``, ``naive_mae``, ``skill``.

    The naive forecast is the best one at each lead time; skill is None where it made no error.
    """
    found = []
    for first, last in BLOCKS:
        some = [one for one in by_lead if first <= one["lead"] <= last]
        n = sum(one["n"] for one in some)
        if n:
            mae, naive = (sum(one["n"] * one[name] for one in some) / n for name in ("mae", "naive_mae"))
            skill = 1 - mae / naive if naive > 0 else None
            found.append(
                {"block": f"{first}–{last} h", "n": n, "mae": mae, "naive_mae": naive, "skill": skill}
            )
    return found


def table(headings: Sequence[str], rows: Sequence[Sequence[object]]) -> Iterator[str]:
    """A table in Markdown."""
    yield "| " + " | ".join(headings) + " |"
    yield "|" + "|".join([" --- ", *[" ---: "] * (len(headings) - 1)]) + "|"
    for row in rows:
        yield "| " + " | ".join(map(str, row)) + " |"


def percent(share: float | None) -> str:
    """A share with its sign, such as ``+12.3 %``; a dash where it is unknown."""
    return "–" if share is None else f"{share:+.1%}".replace("%", " %")


def _lines(card: ModelCard) -> Iterator[str]:
    holdout, target = card.metrics.get("holdout", {}), _TARGETS[card.target]
    start, end = (datetime.fromisoformat(text) for text in (card.window_start, card.window_end))
    yield f"# {target} of {card.city}: {card.family}"
    yield ""
    yield f"`{card.version}`" + (" – made by a replay of past hours" if card.mode == "replay" else "")
    yield ""
    yield f"Forecasts {target} of {card.city}, 48 hours ahead, hour by hour: {_recipe(card)}."
    yield ""
    yield "## What it learnt from"
    yield ""
    trained = datetime.fromisoformat(card.trained_at)
    yield (
        f"- {start:%Y-%m-%d %H:%M} to {end:%Y-%m-%d %H:%M} UTC ({(end - start).days} days), "
        f"trained {trained:%Y-%m-%d %H:%M} UTC"
    )
    yield f"- {card.samples:,} pairs of a moment and a lead time"
    hours: dict[str, int] = card.metrics.get("hours", {})
    for basis, number in hours.items():
        share = number / sum(hours.values())
        yield f"- {share:.0%} of its hours {_BASES.get(basis, basis)} ({number:,} hours)"
    yield f"- {len(card.features)} features: {in_words(card.features)}"
    yield ""
    yield "## How good it was on hours it had not seen"
    yield ""
    if not holdout:
        yield "Nobody knows: nothing was held out."
    else:
        yield (
            f"Over {holdout['n']:,} pairs: MAE {holdout['mae']:.1f}, RMSE {holdout['rmse']:.1f} "
            f"{_UNITS[card.target]}, R² {_number(holdout['r2'])}, skill {percent(holdout['skill'])} against the best "
            f"naive forecast ({holdout['best_naive']}), which is the one to beat."
        )
        yield ""
        rows = [
            (
                one["block"],
                f"{one['n']:,}",
                f"{one['mae']:.1f}",
                f"{one['naive_mae']:.1f}",
                percent(one["skill"]),
            )
            for one in by_block(card.metrics.get("by_lead", []))
        ]
        yield from table(("lead time", "pairs", "MAE", "best naive's MAE", "skill"), rows)
    coverage = card.metrics.get("coverage")
    if coverage:
        yield ""
        yield (
            f"Of the truth, {coverage['80']:.0%} lay in intervals made to hold 80 %, and {coverage['95']:.0%} in those "
            "made to hold 95 %: widths from one half of the held-out days, counted on the other. Once in "
            "service they follow the errors that become known."
        )
    yield ""
    yield "## Known weaknesses"
    yield ""
    yield from (f"- {one}" for one in weaknesses(card, (end - start).days))
    yield ""
    yield "## The file"
    yield ""
    yield f"- ONNX, SHA-256 `{card.checksum}`"
    yield (
        f"- differs from the trained model by {card.parity:.2g} {_UNITS[card.target]} at most, on real rows"
    )
    yield f"- features `{card.features_hash}`: served only where the same are computed"


def _recipe(card: ModelCard) -> str:
    told = _FAMILIES.get(card.family, card.family)
    if card.family == "blend" and "blend_of" in card.metrics:
        return f"{told}: {', '.join(card.metrics['blend_of'])}"
    if card.family == "naive" and "naive" in card.metrics:
        why = card.metrics.get("why", "no trained model beat it")
        return f"{told}, {card.metrics['naive']}, because {why}"
    return told


def weaknesses(card: ModelCard, days: int) -> list[str]:
    """What the numbers of the card warn of, in sentences; one that says so where they warn of nothing."""
    found = [*_of_history(card, days), *_of_scores(card)]
    return found or ["The numbers above warn of nothing in particular."]


def _of_history(card: ModelCard, days: int) -> Iterator[str]:
    if card.family == "naive":
        yield "It is no trained model: it repeats what was last known."
    if days < _SHORT_DAYS:
        yield f"It has learnt from {days} days only."
    elif days < _SEASONS_DAYS:
        yield f"It has learnt from {days} days: some seasons it has never seen."
    hours: dict[str, int] = card.metrics.get("hours", {})
    foreign = 1 - hours.get("measured", 0) / sum(hours.values()) if hours else 0.0
    if foreign > 0.1:
        yield f"{foreign:.0%} of its hours were not measured: it has learnt a provider's model, too."


def _of_scores(card: ModelCard) -> Iterator[str]:
    for one in by_block(card.metrics.get("by_lead", [])):
        if one["skill"] is not None and one["skill"] < _WEAK_SKILL and card.family != "naive":
            yield f"At {one['block']} it is hardly better than a naive forecast, or worse ({percent(one['skill'])})."
    holdout = card.metrics.get("holdout", {})
    if holdout.get("r2") is not None and holdout["r2"] <= 0.75:
        yield f"Its R² of {holdout['r2']:.2f} is not above 0.75."
    if holdout and holdout["rmse"] >= 15:
        yield f"Its RMSE of {holdout['rmse']:.1f} is not below 15: single hours may be far off."
    for nominal, realised in (card.metrics.get("coverage") or {}).items():
        if abs(realised - int(nominal) / 100) > _OFF:
            yield f"Its {nominal} % intervals held {realised:.0%} of the truth."


def _number(value: float | None) -> str:
    return "–" if value is None else f"{value:.2f}"
