"""Scores of forecasts: errors, skill, intervals, warnings of bad air, stated probabilities."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from common.domain.forecast import NAIVE

if TYPE_CHECKING:
    from collections.abc import Iterable


class Score(msgspec.Struct, frozen=True):
    """How forecasts did at some lead times; errors in the target's unit.

    Of a challenger: on the pairs that ours has too.
    """

    sums: dict[str, float]
    """By the names of `common.store.score_aggregates`"""
    lead: int | None = None
    """None: several"""

    @classmethod
    def together(cls, parts: Iterable[Score], lead: int | None = None) -> Score:
        """Of all the parts' pairs; at least one."""
        rows = [part.sums for part in parts]
        return cls({name: sum(row[name] for row in rows) for name in rows[0]}, lead)

    @property
    def n(self) -> int:
        return int(self.sums["n"])

    @property
    def mae(self) -> float:
        return self._mean("error")

    @property
    def rmse(self) -> float:
        return float(self._mean("squared") ** 0.5)

    @property
    def bias(self) -> float:
        """Mean of forecast − truth"""
        return self._mean("bias")

    @property
    def mape(self) -> float | None:
        """A share of 1, over hours whose truth is at least `MAPE_FLOOR`"""
        return self.sums["share"] / self.sums["large"] if self.sums["large"] else None

    @property
    def r2(self) -> float | None:
        """Against the mean of the truth; None where that does not vary"""
        variance = self._mean("actual_squared") - self._mean("actual") ** 2
        return (
            1 - self._mean("squared") / variance if variance > 1e-9 * self._mean("actual_squared") else None
        )

    @property
    def naive_mae(self) -> dict[str, float]:
        """Of the naive forecasts that all of these pairs have: none is judged on other hours than ours.

        Forecasts issued before ``weekly`` was introduced do not have it: where one of them is among the pairs, the
        best naive forecast is the best of the others.
        """
        return {name: self._mean(name) for name in NAIVE if self.sums.get(f"{name}_n", self.n) == self.n}

    @property
    def best_naive(self) -> str:
        """The naive forecast with the smallest MAE on these very hours"""
        naive = self.naive_mae
        return min(naive, key=naive.__getitem__)

    @property
    def skill(self) -> float | None:
        """1 − MAE / MAE of the best naive; None where that one made no error"""
        naive = min(self.naive_mae.values())
        return 1 - self.mae / naive if naive > 0 else None

    @property
    def our_skill(self) -> float | None:
        """Ours on the same pairs; a challenger's is `skill`"""
        naive = min(self.naive_mae.values())
        return 1 - self.our_mae / naive if naive > 0 else None

    @property
    def our_mae(self) -> float:
        """Ours on the same pairs; a challenger's is `mae`"""
        return self._mean("ours")

    @property
    def coverage80(self) -> float:
        return self._mean("within80")

    @property
    def coverage95(self) -> float:
        return self._mean("within95")

    @property
    def width80(self) -> float:
        """Mean width of the 80 % interval"""
        return self._mean("width80")

    @property
    def width95(self) -> float:
        return self._mean("width95")

    @property
    def pinball(self) -> float:
        """Mean pinball loss of the four bounds"""
        return self._mean("loss")

    def warnings(self, aqi: int, *, persistence: bool = False) -> Warnings:
        """How hours of an AQI above one of `EXCEEDED` were foreseen, by this forecast or by persistence."""
        names = ("persisted", "persisted_hit") if persistence else ("predicted", "hit")
        observed, warned, hits = (int(self.sums[f"{name}_{aqi}"]) for name in ("observed", *names))
        return Warnings(hits=hits, misses=observed - hits, false_alarms=warned - hits)

    def _mean(self, name: str) -> float:
        return float(self.sums[name]) / self.sums["n"]


class Warnings(msgspec.Struct, frozen=True):
    """Hours of bad air against what was forecast of them; see Wilks, *Statistical Methods*, ch. 8."""

    hits: int
    misses: int
    false_alarms: int

    @property
    def pod(self) -> float | None:
        """Probability of detection: share of the bad hours that were foreseen"""
        return _share(self.hits, self.hits + self.misses)

    @property
    def far(self) -> float | None:
        """False alarm ratio: share of the warnings that were wrong"""
        return _share(self.false_alarms, self.hits + self.false_alarms)

    @property
    def csi(self) -> float | None:
        """Critical success index: hits among all hours that were bad or said to be"""
        return _share(self.hits, self.hits + self.misses + self.false_alarms)


def _share(part: int, whole: int) -> float | None:
    return part / whole if whole else None


class Stated(msgspec.Struct, frozen=True):
    """Probabilities of one event that were stated alike, and how often it happened."""

    event: str
    """``category``: the stated one is right; else an AQI above that many"""
    bin: int
    """Tenth: 0 for 0 to 0.1"""
    n: int
    stated: float
    """Their mean"""
    happened: float
    """Share of 1"""
