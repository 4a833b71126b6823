"""The model card as a page: what the model is, what it learnt from, how good it was, and where it is weak.

The text is the template `model_card.md.jinja`; this module computes what it shows.
"""

from __future__ import annotations

from datetime import datetime
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from common.domain.forecast import BLOCKS
from common.metrics import skill
from common.training.feature_groups import in_words

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from jinja2 import Template

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
_HEADINGS = ("lead time", "pairs", "MAE", "best naive's MAE", "skill")
_SHORT_DAYS = 90
_SEASONS_DAYS = 330
_WEAK_SKILL = 0.02
_OFF = 0.06
"""Realised coverage further from nominal than this is listed as a weakness."""


def text_key(version: str) -> str:
    """Where a model's page lies in the object store."""
    return f"{version}/card.md"


def as_markdown(card: ModelCard) -> str:
    """The page, in Markdown; all of it follows from the card."""
    start, end = (datetime.fromisoformat(text) for text in (card.window_start, card.window_end))
    days = (end - start).days
    return _template().render(
        card=card,
        target=_TARGETS[card.target],
        unit=_UNITS[card.target],
        bases=_BASES,
        recipe=_recipe(card),
        start=start,
        end=end,
        days=days,
        trained=datetime.fromisoformat(card.trained_at),
        hours=card.metrics.get("hours", {}),
        features=in_words(card.features),
        holdout=card.metrics.get("holdout"),
        scores=list(table(_HEADINGS, _score_rows(card))),
        coverage=card.metrics.get("coverage"),
        weaknesses=weaknesses(card, days),
    )


@cache
def _template() -> Template:
    from jinja2 import Environment, FileSystemLoader, StrictUndefined, select_autoescape

    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent),
        undefined=StrictUndefined,
        autoescape=select_autoescape(),  # of pages in HTML: this one is Markdown
        trim_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters |= {"percent": percent, "two_digits": _two_digits}
    return environment.get_template("model_card.md.jinja")


def _score_rows(card: ModelCard) -> list[tuple[str, ...]]:
    return [
        (
            block["block"],
            f"{block['n']:,}",
            f"{block['mae']:.1f}",
            f"{block['naive_mae']:.1f}",
            percent(block["skill"]),
        )
        for block in by_block(card.metrics.get("by_lead", []))
    ]


def by_block(by_lead: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Scores by lead time → scores by `BLOCKS`: ``block``, ``n``, ``mae``, ``naive_mae``, ``skill``.

    The naive forecast is the best one at each lead time; skill is None where it made no error.
    """
    blocks = []
    for first, last in BLOCKS:
        leads = [scores for scores in by_lead if first <= scores["lead"] <= last]
        n = sum(scores["n"] for scores in leads)
        if n:
            mae, naive = (
                sum(scores["n"] * scores[name] for scores in leads) / n for name in ("mae", "naive_mae")
            )
            blocks.append(
                {
                    "block": f"{first}–{last} h",
                    "n": n,
                    "mae": mae,
                    "naive_mae": naive,
                    "skill": skill(mae, naive),
                }
            )
    return blocks


def table(headings: Sequence[str], rows: Sequence[Sequence[object]]) -> Iterator[str]:
    """A table in Markdown."""
    yield "| " + " | ".join(headings) + " |"
    yield "|" + "|".join([" --- ", *[" ---: "] * (len(headings) - 1)]) + "|"
    for row in rows:
        yield "| " + " | ".join(map(str, row)) + " |"


def percent(share: float | None) -> str:
    """A share with its sign, such as ``+12.3 %``; a dash where it is unknown."""
    return "–" if share is None else f"{share:+.1%}".replace("%", " %")


def _recipe(card: ModelCard) -> str:
    description = _FAMILIES.get(card.family, card.family)
    if card.family == "blend" and "blend_of" in card.metrics:
        return f"{description}: {', '.join(card.metrics['blend_of'])}"
    if card.family == "naive" and "naive" in card.metrics:
        why = card.metrics.get("why", "no trained model beat it")
        return f"{description}, {card.metrics['naive']}, because {why}"
    return description


def weaknesses(card: ModelCard, days: int) -> list[str]:
    """What the numbers of the card warn of, in sentences; one that says so where they warn of nothing."""
    warnings = [*_of_history(card, days), *_of_scores(card)]
    return warnings or ["The numbers above warn of nothing in particular."]


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
    for block in by_block(card.metrics.get("by_lead", [])):
        if block["skill"] is not None and block["skill"] < _WEAK_SKILL and card.family != "naive":
            weak = percent(block["skill"])
            yield f"At {block['block']} it is hardly better than a naive forecast, or worse ({weak})."
    holdout = card.metrics.get("holdout", {})
    if holdout.get("r2") is not None and holdout["r2"] <= 0.75:
        yield f"Its R² of {holdout['r2']:.2f} is not above 0.75."
    if holdout and holdout["rmse"] >= 15:
        yield f"Its RMSE of {holdout['rmse']:.1f} is not below 15: single hours may be far off."
    for nominal, realised in (card.metrics.get("coverage") or {}).items():
        if abs(realised - int(nominal) / 100) > _OFF:
            yield f"Its {nominal} % intervals held {realised:.0%} of the truth."


def _two_digits(value: float | None) -> str:
    return "–" if value is None else f"{value:.2f}"
