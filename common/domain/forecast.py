"""What is forecast: targets, lead times, naive forecasts by name, and categories."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from datetime import date, datetime

HORIZON = 48
"""Lead times run from 1 to this many hours."""

Target = Literal["aqi", "pm25"]
TARGETS: tuple[Target, ...] = ("aqi", "pm25")
"""Indian AQI (NAQI), and hourly PM2.5 in µg/m³."""

COMPOSED_OF: Target = "pm25"
"""The target that is trained and forecast first: the index is also forecast from it, by its rule."""
IN_ORDER: tuple[Target, ...] = ("pm25", "aqi")

Family = Literal["linear", "random_forest", "xgboost", "lstm", "blend", "naive"]
FAMILIES: tuple[Family, ...] = ("linear", "random_forest", "xgboost", "lstm")
"""What can be trained. ``naive`` is served where none of these beats it."""

NAIVE = ("persistence", "daily", "mean24", "weekly")
"""The forecasts to beat: the last known value; the same hour of the last day; the mean of the last 24 hours; the mean
of the same hour over the last seven days."""

LOG_FLOOR: dict[str, float] = {"aqi": 5.0, "pm25": 5.0}
"""Added to a target before its logarithm is taken, in its unit, so that small values do not make wild ratios."""

EXPERT_BLOCKS = ((1, 1), (2, 3), (4, 6), (7, 12), (13, 18), (19, 24), (25, 36), (37, 48))
"""Blocks of lead times, both ends included, in which experts are weighted alike: see `common.inference.experts`."""

MEAN, CORRECTED, COMPOSED = "mean", "mean_corrected", "composed"
"""Names of the experts that are made of the models: their mean, and that mean corrected by its known errors; and of the
one that is no trained model but follows from the forecast of PM2.5."""

REPRODUCED_WITHIN = 1e-6
"""How far a forecast computed again may be from the one issued, before rounding: relatively, absolutely below 1."""

BLOCKS = ((1, 6), (7, 12), (13, 24), (25, 48))
"""Blocks of lead times, both ends included, within which forecasts are judged beside all of them together."""

EXCEEDED = (200, 300, 400)
"""Indian AQI beyond which air is poor, very poor, severe: how likely it is, and how often it was foreseen."""

SEASONS = {
    "winter": (12, 1, 2),
    "pre-monsoon": (3, 4, 5),
    "monsoon": (6, 7, 8, 9),
    "post-monsoon": (10, 11),
}
"""Seasons of India → their months. December is winter, as in most studies of its air: it is as foul as January."""

SEASON_CODES = {"DJF": "winter", "MAM": "pre-monsoon", "JJAS": "monsoon", "ON": "post-monsoon"}
"""Initials of the months → the season."""


def season_code(day: date) -> str:
    """The code of the season that a day belongs to."""
    return next(code for code, name in SEASON_CODES.items() if day.month in SEASONS[name])


VERIFIED_LEADS = (1, 3, 6, 12, 24, 48)
"""Lead times of the public record. It compares them on the same hours, those with a forecast of each of them."""

UNSEEN_FOR = timedelta(days=1)
"""Hours older than this wait for no forecast."""


def is_unseen(newest: datetime | None, known_until: datetime | None) -> bool:
    """Whether a city is due for a forecast of a target: its newest hour of the time `UNSEEN_FOR`, if there is one, is
    later than the last that its latest forecast knew, if there is one."""
    return newest is not None and (known_until is None or newest > known_until)


MAPE_FLOOR = 1.0
"""Percentages of less than one unit are not counted: they say nothing."""

Mode = Literal["live", "replay"]
MODES: tuple[Mode, ...] = ("live", "replay")
"""Whether the clock was the real one or driven through history. The two are never mixed in the record."""

QUANTILES = (0.01, 0.025, 0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.975, 0.99)
"""Levels at which a forecast's distribution is kept."""

INTERVAL_LEVELS = {"lo95": 0.025, "lo80": 0.1, "hi80": 0.9, "hi95": 0.975}
"""Bounds of the 95 % and 80 % intervals → their levels, which are among `QUANTILES`."""
