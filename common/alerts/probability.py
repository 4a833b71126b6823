"""The probability that a target is exceeded, read off a forecast as it was issued."""

from __future__ import annotations

from bisect import bisect_left
from itertools import accumulate
from typing import TYPE_CHECKING, NamedTuple, Protocol

if TYPE_CHECKING:
    from collections.abc import Sequence

HIGHEST_INDEX = 500.0
"""The index goes no higher."""
EDGES = (50.0, 100.0, 200.0, 300.0, 400.0)
"""Where one category of the Indian index ends, and the next begins."""
_SURVIVAL = {"lo95": 0.975, "lo80": 0.9, "y": 0.5, "hi80": 0.1, "hi95": 0.025}
"""Part of a forecast → how likely the target is above it."""
_ROUNDING = 1e-9
"""Sums of the same probabilities in another order differ by less."""


class Issued(Protocol):
    """A forecast as issued: 48 values of each part, the first for the hour after its origin."""

    @property
    def target(self) -> str: ...
    @property
    def y(self) -> Sequence[float]: ...
    @property
    def lo80(self) -> Sequence[float]: ...
    @property
    def hi80(self) -> Sequence[float]: ...
    @property
    def lo95(self) -> Sequence[float]: ...
    @property
    def hi95(self) -> Sequence[float]: ...
    @property
    def categories(self) -> Sequence[Sequence[float]]:
        """Probability of each of the six categories, lead by lead; empty unless the target is ``aqi``."""
        ...


def exceedance(forecast: Issued, above: float, within_hours: int) -> float:
    """P(target > `above` in any of the next `within_hours` hours), 0 to 1, as issued.

    It is the highest of the hours' probabilities. Hours that follow one another are bad together, so that is near the
    truth and never above it; a product over hours as if they were independent would cry wolf.

    At the edges of the categories of the index it is the probability that was issued. Elsewhere it is interpolated
    between these and the bounds of the intervals. Beyond the highest of them, PM2.5 falls off exponentially as between
    the upper bounds of both intervals; the index ends at 500.

    Quick for one level and thousands of forecasts, as a preview asks; for one forecast and many levels `Exceedances`
    is quicker. Both give the same.
    """
    leads = range(min(within_hours, len(forecast.y)))
    bounds = {lead: _at_most(forecast, above, lead) for lead in leads}
    highest = 0.0
    for lead in sorted(leads, key=bounds.__getitem__, reverse=True):
        if (
            bounds[lead] <= highest
        ):  # nor do the others go beyond it; a preview asks this of thousands of issues
            break
        highest = max(highest, _at_lead(forecast, above, lead))
    return highest


def _at_most(forecast: Issued, above: float, lead: int) -> float:
    """A bound of `_at_lead` that costs little: the least of what is known of values not above `above`."""
    if forecast.target == "aqi" and lead < len(forecast.categories):
        highest_edge = sum(edge <= above for edge in EDGES)
        return sum(reversed(forecast.categories[lead][highest_edge:])) if highest_edge else 1.0
    known = (chance for name, chance in _SURVIVAL.items() if 0 < getattr(forecast, name)[lead] <= above)
    return min(known, default=1.0)


def _at_lead(forecast: Issued, above: float, lead: int) -> float:
    is_index = forecast.target == "aqi"
    if is_index and above >= HIGHEST_INDEX:
        return 0.0
    shares = forecast.categories[lead] if is_index and lead < len(forecast.categories) else ()
    (left, more), upper = _around(shares, above, ends_at=HIGHEST_INDEX if is_index else None)
    if above <= left:
        return _share(more)
    least = 0.0 if upper is None else upper[1]
    inner: dict[float, float] = {}
    for name, chance in _SURVIVAL.items():
        value = float(getattr(forecast, name)[lead])
        if value > left and (upper is None or value < upper[0]):
            inner[value] = min(max(chance, least), more)
    last = left, more
    for value, chance in sorted(inner.items()):
        point = value, min(chance, last[1])
        if above <= value:
            return _share(_interpolated(last, point, above))
        last = point
    if upper is None:
        return _share(_tail(last, forecast.hi95[lead] - forecast.hi80[lead], above))
    return _share(_interpolated(last, upper, above))


def _around(
    shares: Sequence[float], above: float, ends_at: float | None
) -> tuple[tuple[float, float], tuple[float, float] | None]:
    """What is known for sure nearest to a value, as (value, probability of more): below or at it, and above it.

    These are the issued edges of the categories, which count before bounds of intervals, and the ends of the scale.
    """
    place = sum(edge <= above for edge in EDGES) if shares else 0
    below = (EDGES[place - 1], sum(reversed(shares[place:]))) if place else (0.0, 1.0)
    if shares and place < len(EDGES):
        return below, (EDGES[place], sum(reversed(shares[place + 1 :])))
    return below, None if ends_at is None else (ends_at, 0.0)


def _interpolated(below: tuple[float, float], upper: tuple[float, float], above: float) -> float:
    (left, more), (right, less) = below, upper
    return more + (less - more) * (above - left) / (right - left)


def _tail(last: tuple[float, float], width: float, above: float) -> float:
    """Exponentially: from one upper bound to the next, `width` apart, it falls to a quarter."""
    value, chance = last
    return chance * (_SURVIVAL["hi95"] / _SURVIVAL["hi80"]) ** ((above - value) / width) if width > 0 else 0.0


class Exceedances:
    """`exceedance` of one forecast for many levels: what does not depend on the level is computed once."""

    def __init__(self, forecast: Issued) -> None:
        self._forecast = forecast
        self._curves: list[Curve] = []
        self._highest: dict[float, list[float]] = {}
        """Level → the highest probability up to each lead time"""

    def within(self, above: float, within_hours: int) -> float:
        """P(target > `above` in any of the next `within_hours` hours)."""
        hours = min(within_hours, len(self._forecast.y))
        while len(self._curves) < hours:
            self._curves.append(_curve(self._forecast, len(self._curves)))
        highest = self._highest.setdefault(above, [])
        while len(highest) < hours:
            chance = _share(_beyond(self._curves[len(highest)], above))
            highest.append(max(chance, highest[-1]) if highest else chance)
        return highest[hours - 1] if hours > 0 else 0.0


class Curve(NamedTuple):
    """How likely one hour is above each value."""

    values: list[float]
    """Rising"""
    chances: list[float]
    """Of more than each value; never rising"""
    width: float | None
    """Of the tail beyond the last value: so much further it is a quarter as likely. None: there is none."""


def _curve(forecast: Issued, lead: int) -> Curve:
    is_index = forecast.target == "aqi"
    shares = forecast.categories[lead] if is_index and lead < len(forecast.categories) else ()
    # From the highest category down: how likely it is to be above each edge.
    edges = dict(zip(EDGES, reversed(list(accumulate(reversed(shares[1:])))), strict=False)) if shares else {}
    bounds = {float(getattr(forecast, name)[lead]): chance for name, chance in _SURVIVAL.items()}
    points = _falling(bounds, edges, ends_at=HIGHEST_INDEX if is_index else None)
    width = None if is_index else forecast.hi95[lead] - forecast.hi80[lead]
    return Curve([value for value, _ in points], [chance for _, chance in points], width)


def _falling(
    bounds: dict[float, float], edges: dict[float, float], ends_at: float | None
) -> list[tuple[float, float]]:
    """(value, probability of more) by rising value, never rising; issued edges count before bounds of intervals."""
    fixed = [(0.0, 1.0), *sorted(edges.items()), *([(ends_at, 0.0)] if ends_at is not None else [])]
    points = dict(fixed)
    for value, chance in bounds.items():
        if value in points or value < 0:
            continue
        least = max((p for edge, p in fixed if edge > value), default=0.0)
        most = min((p for edge, p in fixed if edge < value), default=1.0)
        points[value] = min(max(chance, least), most)
    ordered = sorted(points.items())
    falling = accumulate((chance for _, chance in ordered), min)
    return [(value, chance) for (value, _), chance in zip(ordered, falling, strict=True)]


def _beyond(curve: Curve, above: float) -> float:
    """How likely the hour is above that value."""
    values, chances, width = curve
    place = bisect_left(values, above)
    if place == len(values):
        if width is None or width <= 0:
            return 0.0
        # Exponentially: from one upper bound to the next it falls to a quarter.
        return float(chances[-1] * (_SURVIVAL["hi95"] / _SURVIVAL["hi80"]) ** ((above - values[-1]) / width))
    if place == 0 or values[place] == above:
        return chances[place]
    share = (above - values[place - 1]) / (values[place] - values[place - 1])
    return chances[place - 1] + (chances[place] - chances[place - 1]) * share


def _share(chance: float) -> float:
    return min(max(float(chance), 0.0), 1.0)
