"""Which columns a history has, which features are made of them, and in what order."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import cache
from itertools import combinations_with_replacement
from typing import TYPE_CHECKING

from common.domain.breakpoints import NAQI
from common.domain.forecast import LOG_FLOOR
from common.domain.observation import POLLUTANTS

if TYPE_CHECKING:
    from common.domain.forecast import Target

WEATHER_SCALE = {
    "temperature": (25.0, 8.0),
    "humidity": (60.0, 20.0),
    "wind_speed": (1.5, 1.0),
    "wind_u": (0.0, 1.5),
    "wind_v": (0.0, 1.5),
    "rain": (0.0, 1.0),
    "solar_radiation": (200.0, 250.0),
    "boundary_layer_height": (500.0, 400.0),
}
"""Centre and scale of each weather variable: fixed, so that one city's model is not another's by accident."""

FLOOR: dict[str, float] = {
    "pm10": 10.0,
    "no2": 3.0,
    "so2": 2.0,
    "nh3": 2.0,
    "co": 0.1,
    "o3": 3.0,
    **LOG_FLOOR,
}
"""Added before a logarithm, in the variable's unit, so that small values do not make wild ratios."""

CEILING = {"aqi": 500.0, "pm25": 2000.0}
"""No forecast exceeds this, in the target's unit."""

INPUTS = (*POLLUTANTS, *WEATHER_SCALE, "aqi")
"""Columns of a history in production, in this order."""

LOOKBACK_HOURS = 24 * 15
"""Hours of history that one row may depend on."""

MAX_LAG_HOURS = 12
"""Data older than this at the origin are too old to forecast from."""

LEVEL_CENTRE = 4.5
"""Subtracted from the logged level: about the log of 90."""

RATIO_BOUND = 3.0
"""Log ratios are limited to between minus and plus this."""

SCALED_BOUND = 6.0
"""Scaled values are limited to between minus and plus this."""

REVISION = 4
"""To be raised whenever the same history gives other features under the same names."""

LAGS = (1, 2, 3, 4, 6, 8, 12, 18, 22, 23, 24, 25, 36, 48, 72)
MEANS = (3, 6, 12, 24, 48, 72, 168, 336)
BY_HOUR = ("mean6", "mean24", "mean168", "lag24", "level")
"""Features whose meaning changes with the hour of day of the target."""
SEASON = ("season_sin", "season_cos", "level_season_sin", "level_season_cos")

_OWN = (
    *(f"lag{k}" for k in LAGS), *(f"mean{k}" for k in MEANS), "min24", "max24", "level", "std24", "std168",
)  # fmt: skip
_BY_LEAD = (
    "lead", "hour_sin", "hour_cos", "hour_sin2", "hour_cos2", "hour_sin3", "hour_cos3",
    "daily", "daily_before", "daily_change", "weekly", "weekly_change", "fortnight_change",
    *(f"{name}_hour_{wave}" for name in BY_HOUR for wave in ("sin", "cos")),
    *SEASON,
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Scaled:
    """A column that is no concentration, and how it is brought to the size of one."""

    name: str
    centre: float
    scale: float


_FINE_AHEAD = ("_3", "_24", "_day", "_least", "_most")


@dataclass(frozen=True, slots=True)
class FeatureSpec:
    """How a history of these columns becomes features. What varies with the data is fixed here, at training."""

    target: str
    floor: float
    """Added to the target before logarithms, in its unit"""
    ceiling: float
    """No forecast exceeds this, in the target's unit"""
    inputs: tuple[str, ...]
    """Columns of a history, in order; the target is one of them"""
    pollutants: tuple[str, ...] = ()
    """Columns beside the target that are taken as ratios; all of them have a `FLOOR`"""
    scaled: tuple[Scaled, ...] = ()
    """All other covariates"""
    ahead: tuple[Scaled, ...] = ()
    """Columns known for the hours after the origin, as weather forecasts are"""
    elsewhere: str | None = None
    """The column of the target's mean at the other stations, where there are any; taken as a ratio too"""
    whole: bool = False
    """Whether the target is always a whole number, so that its forecasts are rounded"""
    as_issued: bool = False
    """Whether those hours are read from `ProviderForecasts`, as they were expected then, and not from the history"""

    @property
    def composed(self) -> tuple[str, ...]:
        """Pollutants from which the target follows by the rule of the NAQI; none where it is no index."""
        return tuple(name for name in self.pollutants if name in NAQI) if self.target == "aqi" else ()

    @property
    def ratios(self) -> dict[str, float]:
        """Columns beside the target that are taken as ratios → what is added to them before logarithms."""
        floors = {name: FLOOR[name] for name in self.pollutants}
        return floors if self.elsewhere is None else floors | {self.elsewhere: self.floor}

    @property
    def guesses(self) -> tuple[str, ...]:
        """Features that are forecasts of the target already, which a model needs only to correct."""
        return ("composed_likely",) if self.composed else ()

    @property
    def products(self) -> tuple[tuple[str, str], ...]:
        """Pairs of features whose products tell more than both: of the weather on the way to the hour ahead, each
        with each, and with the recent level and the hour of day."""
        pairs: list[tuple[str, str]] = []
        for part in ("12", "way"):
            means = [f"{column.name}_ahead_{part}" for column in self.ahead]
            pairs += combinations_with_replacement(means, 2)
            pairs += [("level", mean) for mean in means]
        waves = ("hour_sin", "hour_cos", "season_sin", "season_cos")
        return (*pairs, *((f"{column.name}_ahead_12", wave) for column in self.ahead for wave in waves))

    @property
    def seasonal(self) -> tuple[str, ...]:
        """Features that tell the time of year: they mislead where training has not seen the year round.

        How warm it is tells it too; how the weather changes does not.
        """
        return (*SEASON, *(f"{column.name}_{part}" for column in self.scaled for part in ("1", "6", "24")))

    @property
    def of_level(self) -> tuple[str, ...]:
        """Features that tell how high the target stands, by itself or beside other pollutants: in a season that
        training has not seen they pull the forecast back to the level of those it has seen, for months."""
        own = [name for name in _BY_LEAD if name.startswith("level_")]
        return ("level", *own, *(f"{name}_level" for name in self.ratios))

    @property
    def fine_ahead(self) -> tuple[str, ...]:
        """Those of the hours after the origin that only a year of them teaches to use: from a month of weather as
        it was expected, they cost more than they gave."""
        return tuple(f"{column.name}_ahead{part}" for column in self.ahead for part in _FINE_AHEAD)

    @property
    def of_ahead(self) -> tuple[str, ...]:
        """Features of the hours after the origin."""
        parts = ("", "_way", "_6", "_12", "_change", *_FINE_AHEAD)
        names = tuple(f"{column.name}_ahead{part}" for column in self.ahead for part in parts)
        return (*names, "ahead_known") if self.as_issued else names

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the features, in the order of X's columns."""
        names = list(_OWN)
        for name in self.ratios:
            names += [f"{name}_1_24", f"{name}_3_24", f"{name}_24_168", f"{name}_level"]
        for column in self.scaled:
            names += [f"{column.name}_{part}" for part in ("1", "6", "24", "3_change", "24_change")]
        names += _BY_LEAD
        if self.composed:
            names += [f"composed_{part}" for part in ("last", "pattern", "likely", "second", "now")]
        return (*names, *self.of_ahead)

    def index(self, name: str) -> int:
        """Where a feature stands in X."""
        return self.names.index(name)

    @property
    def signature(self) -> str:
        """A short hash of names, order and scaling: two models with the same one take the same X."""
        fixed = (REVISION, self.ratios, LEVEL_CENTRE, RATIO_BOUND, SCALED_BOUND)
        text = repr((fixed, self.target, self.floor, self.inputs, self.scaled, self.ahead, self.names))
        return hashlib.sha256(text.encode()).hexdigest()[:16]


@cache
def production(target: Target, *, ahead: bool = False) -> FeatureSpec:
    """The layout of a target in production: `INPUTS`, whatever of them a city has; with the weather `ahead` as it
    was expected, where enough of that is archived to learn from."""
    weather = tuple(Scaled(name, *scale) for name, scale in WEATHER_SCALE.items())
    return FeatureSpec(
        target=target,
        floor=FLOOR[target],
        ceiling=CEILING[target],
        inputs=INPUTS,
        pollutants=tuple(name for name in POLLUTANTS if name != target),
        scaled=weather,
        whole=target == "aqi",
        ahead=weather if ahead else (),
        as_issued=ahead,
    )


def layout_of(target: Target, its_signature: str) -> FeatureSpec | None:
    """The production layout that has this signature; None where this code has none."""
    family = (production(target), production(target, ahead=True))
    return next((layout for layout in family if layout.signature == its_signature), None)


@cache
def names(target: Target) -> tuple[str, ...]:
    """Names of the features in production, in the order of X's columns."""
    return production(target).names


@cache
def signature(target: Target) -> str:
    """The signature of the features in production."""
    return production(target).signature
