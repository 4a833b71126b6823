"""Rules that flag readings: values that stand still, lone peaks, PM2.5 above PM10, outliers.

A flag never changes a value or fills one in. A few flags are grave: such a value stays out of the city's means and
indices, and the hour says so. To leave out a true episode is worse than to keep a false value. A value that another
station or the other particle size confirms is therefore never grave, nor is one that nothing can confirm or deny.
Only instruments are judged, and indices turned back into concentrations; models are not.

Series are hourly means in `observation.UNITS` on one grid of hours, None where missing. The limits come from 1.3
million hours of 16 stations (docs/quality.md). The kinds of flags follow Wu et al. 2018, Probabilistic automatic
outlier detection for surface air quality measurements, Adv. Atmos. Sci. 35.
"""

from __future__ import annotations

from collections import defaultdict
from itertools import pairwise
from math import log
from statistics import median
from typing import TYPE_CHECKING, NamedTuple

from common.domain.breakpoints import NAQI, SCALES
from common.quality.corroborating_station import is_contradicted
from common.quality.limits import LIMITS, SOFTENED, TWIN
from common.quality.outlier import FACTOR as OUTLIER_FACTOR
from common.quality.outlier import LEAST_OTHERS, outliers

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from common.domain.breakpoints import Standard
    from common.domain.observation import Basis
    from common.quality.limits import Values

STUCK_HOURS = 8
"""So many equal hours in a row are no air: told to two decimals and above the detection limit, values of Indian
stations repeat for up to 5 hours by chance; told in whole numbers, up to 7."""
BEFORE = AFTER = STUCK_HOURS - 1
"""Hours before and after an hour that its doubts depend on."""

_PEAK_FACTOR = 2.0
_GRAVE_FACTOR = 3.0
_PEAK_DEVIATIONS = 6.0
_PEAK_HOURS = 6
_LEAST_SPREAD = 0.1
"""Of the logarithms around a peak: 10 % from hour to hour is no more than an instrument's own noise."""
_PM_FACTOR, _PM_MARGIN = 1.1, 5.0
"""PM2.5 is a part of PM10; two instruments agree within about a tenth and 5 µg/m³."""
_RANGE_END = 900.0
"""µg/m³. PM monitors end at 985 or 1000 and stay there through the worst hours of Diwali: no standing still."""
_FEW_STEPS = 12
"""Of a source that tells whole numbers: below, a step is more than 8 %, and equal hours are nothing special."""
_IMPLIED_BLANK = {name: 0.4 * scale.bands[0][1] for name, (scale, *_) in NAQI.items()}
"""Concentrations of index 20: below, one step of a whole-numbered index is more than 5 %."""
_STORED = 1e-6
"""Relative error of a value that is stored in single precision"""
MEANINGS: Mapping[str, str] = {
    "stuck": f"exactly the same value for {STUCK_HOURS} hours or more",
    "spike": "a lone peak of one hour",
    "outlier": f"{OUTLIER_FACTOR:.0f} times above or below the city's other stations",
    "pm25>pm10": "PM2.5 above PM10, of which it is a part",
    "at_least": "implied by an index at the end of its scale: the concentration was at least so much",
    "excluded": "values within the hour's window were left out of its means and indices",
    "gap": "hours of the 24 h window without any data",
    "stopped": "a station has told nothing for 3 hours and more",
}
"""Kind of flag → what it says. A flag is a kind, or ``kind:pollutant``."""


class QcFlag(NamedTuple):
    """One flag of one value."""

    kind: str
    pollutant: str = ""
    grave: bool = False
    """Whether the value stays out of the city's numbers."""

    @property
    def flag(self) -> str:
        """The code of a city-hour, such as ``spike:pm10``."""
        return f"{self.kind}:{self.pollutant}" if self.pollutant else self.kind

    def __str__(self) -> str:
        """The code a city-hour keeps of a station: a grave one ends with ``!``."""
        return self.flag + "!" * self.grave


QcFlags = dict[int, list[QcFlag]]
"""Hour of the grid → what is doubtful in it."""


def over_time(stations: Sequence[Mapping[str, Values]], basis: Basis) -> list[QcFlags]:
    """What is doubtful in each station's course of hours: values that stand still, and lone peaks.

    `stations`: the series by pollutant of all stations of one source in one city. An hour is judged for good
    when the `AFTER` hours after it are known, and needs the `BEFORE` hours before it.
    """
    doubts: list[QcFlags] = [defaultdict(list) for _ in stations]
    if basis == "modelled":
        return doubts
    for number, station in enumerate(stations):
        for pollutant, limits in LIMITS.items():
            series = station.get(pollutant)
            if series is None:
                continue
            blank = limits.blank if basis == "measured" else _IMPLIED_BLANK[pollutant]
            for first, end in _still(series, blank):
                value = series[first] or 0.0
                steps = _steps(pollutant, value)
                if steps is not None and steps < _FEW_STEPS:
                    continue
                at_end = pollutant in TWIN and value >= _RANGE_END
                doubt = QcFlag("stuck", pollutant, basis == "measured" and steps is None and not at_end)
                for hour in range(first, end):
                    doubts[number][hour].append(doubt)
            for hour, factor in _peaks(series, limits.jump, SOFTENED[pollutant]):
                grave = factor >= _GRAVE_FACTOR and is_contradicted(stations, number, pollutant, hour)
                doubts[number][hour].append(QcFlag("spike", pollutant, grave))
    return doubts


def at_once(stations: Sequence[Mapping[str, Values]], basis: Basis, hour: int) -> list[list[QcFlag]]:
    """What is doubtful in the stations' values of one hour, held against each other; none of it is grave."""
    doubts: list[list[QcFlag]] = [[] for _ in stations]
    if basis == "modelled":
        return doubts
    for number, station in enumerate(stations):
        fine, coarse = (series[hour] if (series := station.get(name)) else None for name in ("pm25", "pm10"))
        if fine is not None and coarse is not None and fine > _PM_FACTOR * coarse + _PM_MARGIN:
            doubts[number].append(QcFlag("pm25>pm10"))
    if len(stations) > LEAST_OTHERS:
        for pollutant in LIMITS:
            for number in outliers(stations, pollutant, hour):
                doubts[number].append(QcFlag("outlier", pollutant))
    return doubts


def at_scale_end(station: Mapping[str, Values], standard: Standard, hour: int) -> list[QcFlag]:
    """The values of one hour that an index of `standard` at the end of its scale implies; none of it is grave."""
    return [
        QcFlag("at_least", pollutant)
        for pollutant, (scale, *_) in SCALES[standard].items()
        if (series := station.get(pollutant)) is not None
        and (value := series[hour]) is not None
        and value >= scale.concentration(scale.bands[-1][3]) * (1 - _STORED)
    ]


def _still(series: Values, blank: float) -> Iterator[tuple[int, int]]:
    """(first, end) of each stretch of equal values above `blank`."""
    step = STUCK_HOURS // 2
    marks = series[::step]  # of so many hours in a row, two that are marked follow each other
    end = 0
    for number, (value, next_) in enumerate(pairwise(marks)):
        hour = number * step
        if value is None or value != next_ or value <= blank or hour < end:
            continue
        first, end = hour, hour + 1
        while first and series[first - 1] == value:
            first -= 1
        while end < len(series) and series[end] == value:
            end += 1
        if end - first >= STUCK_HOURS:
            yield first, end


def _steps(pollutant: str, value: float) -> int | None:
    """The value in whole µg/m³, CO in tenths of a mg/m³; None where it is told more finely."""
    steps = value * 10 if pollutant == "co" else value
    return round(steps) if abs(steps - round(steps)) < 1e-3 else None


def _peaks(series: Values, jump: float, soft: float) -> Iterator[tuple[int, float]]:
    """(hour, how many times the highest of the hours around) of each value far above all of these."""
    for hour in range(1, len(series) - 1):
        value, after = series[hour], series[hour + 1]
        if (
            value is None
            or value <= jump
            or after is None
            or value < after + jump
            or series[hour - 1] is None
        ):
            continue
        around = [each for each in series[max(0, hour - _PEAK_HOURS) : hour] if each is not None]
        around.append(after)
        highest = max(around)
        factor = (value + soft) / (highest + soft)
        if len(around) < _PEAK_HOURS - 1 or value - highest < jump or factor < _PEAK_FACTOR:
            continue
        logs = [log(each + soft) for each in around]
        middle = median(logs)
        # 1.4826: from the median deviation of a normal distribution to its standard deviation
        spread = max(1.4826 * median(abs(each - middle) for each in logs), _LEAST_SPREAD)
        if log(value + soft) - middle >= _PEAK_DEVIATIONS * spread:
            yield hour, factor
