"""Features in words: what a reader of a model card wants to know of a hundred names."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

_GROUPS: tuple[tuple[str, Callable[[list[str]], str]], ...] = (
    (r"lag(\d+)", lambda matched: f"values {_span(matched)} hours before, against the recent level"),
    (r"mean(\d+)|min\d+|max\d+|std\d+", lambda matched: f"means, extremes and spread over {_span(matched)} hours"),
    (r"level", lambda _: "the recent level itself"),
    (r"(?:lead|daily\w*|weekly\w*|fortnight\w*)", lambda _: "the lead time, and the same hour of earlier days"),
    (r"hour_\w+", lambda _: "the hour of day of the hour forecast"),
    (r"\w+_hour_(?:sin|cos)", lambda _: "how those recent values go with the hour of day"),
    (r"season_\w+|level_season_\w+", lambda _: "the time of year"),
    (r"composed_\w+", lambda _: "the index by the NAQI rule from known and expected hours of each pollutant"),
    (r"(\w+?)_ahead\w*", lambda matched: f"weather as forecast for the hours ahead ({_names(matched)})"),
    (r"(pm25|pm10|no2|so2|nh3|co|o3)_(?:1_24|3_24|24_168|level)",
     lambda matched: f"other pollutants against their recent means ({_names(matched)})"),
    (r"(\w+?)_(?:1|6|24|3_change|24_change)", lambda matched: f"past weather ({_names(matched)})"),
)  # fmt: skip


def in_words(features: Sequence[str]) -> str:
    """One sentence part that covers every feature; those of no known kind are listed by name."""
    left, phrases = list(features), []
    for pattern, tell in _GROUPS:
        matches = [match for name in left if (match := re.fullmatch(pattern, name))]
        if matches:
            phrases.append(tell([match[1] for match in matches if match.re.groups and match[1]]))
            left = [name for name in left if not re.fullmatch(pattern, name)]
    return "; ".join([*phrases, *left])


def _span(matched: list[str]) -> str:
    numbers = sorted({int(number) for number in matched})
    return f"{numbers[0]} to {numbers[-1]}" if numbers else "some"


def _names(matched: list[str]) -> str:
    return ", ".join(dict.fromkeys(name.replace("_", " ") for name in matched))
