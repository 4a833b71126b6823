"""Training rows: every usable origin × every lead time, and the hours set aside to judge on."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from common.domain.errors import ModelError
from common.domain.forecast import HORIZON, Target
from common.domain.observation import IST
from common.features import (
    Array,
    FeatureSpec,
    ProviderForecasts,
    Rows,
    build_rows,
    local_time,
    production,
    usable_origins,
)
from common.inference.naive import naive_forecasts

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from datetime import datetime, tzinfo

    from numpy.typing import NDArray

LEADS = np.arange(1, HORIZON + 1)
MIN_TRAINING_HOURS = 24 * 10
"""Fewer usable hours than this before the held-out ones teach nothing."""
MAX_ORIGINS = 45_000
"""More origins, from several stations and years, teach little but cost their time and memory."""
SEASON_HOURS = 24 * 330
"""What is learnt from less than about a year must not depend on the time of year."""
AHEAD_ORIGINS = 24 * 30
"""What was expected of the weather is learnt from once it is archived for so many origins."""
_HOLDOUT_SHARE = 0.2
_HOLDOUT_HOURS = (24 * 5, 24 * 30)
_FURTHER_HOLDOUT_SHARE = 0.15
"""Of what is known beyond a year: who learns from one year would miss its parts."""
_LAST_BLOCK_HOURS = 24 * 30
_BLOCK_HOURS = 24 * 5
_WARM_UP_HOURS = 24 * 7


@dataclass(frozen=True, slots=True)
class Dataset:
    """All rows of one target: of one city, or of several stations that are learnt from together."""

    layout: FeatureSpec
    rows: Rows
    actual: Array
    """(n_origins, 48), in the target's unit; nan where it is not known"""
    naive: dict[str, Array]
    """Name → (n_origins, 48), in the target's unit"""
    hours: NDArray[np.intp]
    """(n_origins,): the origin's hour, counted from the histories' first"""
    series: NDArray[np.intp]
    """(n_origins,): which of the histories"""
    histories: tuple[Array, ...]
    """Float64 (length, n_inputs) each, columns `layout.inputs`"""
    end: datetime
    """End of the histories' last hour"""
    length: int
    """Hours of the histories"""
    rows_as: Callable[[FeatureSpec], Rows]
    """The same rows under another layout of the same columns, for a model that takes those"""

    @property
    def target(self) -> Any:
        """What is forecast; in production a `Target`."""
        return self.layout.target

    @property
    def past(self) -> tuple[Array, ...]:
        """The target of each history, (length,)"""
        return tuple(self.column(self.layout.target, place) for place in range(len(self.histories)))

    def column(self, name: str, place: int = 0) -> Array:
        """A column of one of the histories, (length,)"""
        return self.histories[place][:, self.layout.inputs.index(name)]

    @property
    def floor(self) -> float:
        """Added before logarithms, in the target's unit."""
        return self.layout.floor

    @property
    def X(self) -> NDArray[np.float32]:  # noqa: N802 - the field's name
        """All rows, float32 (n_origins, 48, n_features); put together anew at each call."""
        return self.rows.dense()

    @property
    def level(self) -> Array:
        """(n_origins,), in the target's unit"""
        return self.rows.level

    def log_ratio(self) -> Array:
        """What the models learn: log((actual + floor) / (level + floor)), (n_origins, 48)."""
        return np.log((self.actual + self.floor) / (self.level[:, None] + self.floor))

    def weight(self) -> Array:
        """What an origin counts in learning, (n_origins,): an error in a log-ratio costs more where the level is
        high; the square root lies between errors in the unit and errors in shares."""
        return np.sqrt(self.level + self.floor)

    def knows_seasons(self) -> bool:
        """Whether about a year is known."""
        known = self.hours[np.isfinite(self.actual).any(axis=1)]
        return bool(len(known) > 0 and known.max() - known.min() >= SEASON_HOURS)

    def taught(self, *, level_free: bool = False) -> Rows:
        """The rows as they are learnt from: without what tells the time of year where less than a year is known, and
        without the finer features of the weather ahead where little is known of that; if `level_free`, also without
        what tells how high the target stands."""
        hidden = () if self.knows_seasons() else self.layout.seasonal
        if not self.knows_ahead():
            hidden += self.layout.fine_ahead
        if level_free:
            hidden += self.layout.of_level
        return replace(self.rows, hidden=tuple(sorted(set(map(self.layout.index, hidden)))))

    def knows_ahead(self) -> bool:
        """Whether the weather ahead is known often enough for more than its plain effects to be learnt: always, or as
        it was expected for about a year. Of a month of it products teach nonsense."""
        if not self.layout.as_issued:
            return bool(self.layout.ahead)
        last = self.rows.at(HORIZON - 1, np.arange(len(self.rows)))
        return int((last[:, self.layout.index("ahead_known")] > 0).sum()) >= SEASON_HOURS

    def split(self) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
        """Which (origin, lead) pairs may be learnt from, and which origins are held out.

        Held out is a fifth of the hours, between 5 and 30 days, or 15 % of what goes beyond a year where that is more.
        The last 30 days of them lie at the end, where hindcasts teach what experts and intervals begin with; the rest
        in blocks of 5 days over the time before, so that all seasons are judged.
        Nothing whose *target* hour lies in them is learnt from, so no held-out hour is seen in training, not
        even as another origin's future.

        Returns:
            (n_origins, 48) and (n_origins,).

        Raises:
            ModelError: when the history is too short to do both.
        """
        held_out = self._held_out()
        learn = ~held_out[self.hours[:, None] + LEADS] & np.isfinite(self.actual)
        judge = held_out[self.hours]
        early = self.hours[~judge & (self.hours < self.last_block() - HORIZON)]
        if len(np.unique(early)) < MIN_TRAINING_HOURS or not np.isfinite(self.judged(judge)).any():
            raise ModelError(
                f"too little history: {self.length} hours; training needs about "
                f"{(MIN_TRAINING_HOURS + _WARM_UP_HOURS + HORIZON + _HOLDOUT_HOURS[0]) // 24} days with few gaps"
            )
        return learn, judge

    def last_block(self) -> int:
        """The first hour of the held-out ones that end the histories."""
        return int(np.flatnonzero(~self._held_out()[: self.length])[-1]) + 1

    def judged(self, judge: NDArray[np.bool_]) -> Array:
        """The truth that held-out origins are judged by, (n_held_out, 48): nan where their target hour is not
        held out, for it was learnt from."""
        targets = self.hours[judge, None] + LEADS
        return np.where(self._held_out()[targets], self.actual[judge], np.nan)

    def _held_out(self) -> NDArray[np.bool_]:
        """Whether an hour is held out, (length + 48,)."""
        shortest, longest = _HOLDOUT_HOURS
        longest = max(longest, int((self.length - 24 * 365) * _FURTHER_HOLDOUT_SHARE))
        total = int(min(max(self.length * _HOLDOUT_SHARE, shortest), longest))
        held_out = np.zeros(self.length + HORIZON, dtype=bool)
        last = self.length - min(total, _LAST_BLOCK_HOURS)
        held_out[last:] = True
        earlier = total - (self.length - last)
        blocks = -(-earlier // _BLOCK_HOURS)
        for number in range(blocks):
            middle, half = last * (2 * number + 1) // (2 * blocks), earlier // (2 * blocks)
            held_out[middle - half : middle + half] = True
        return held_out


def make_dataset(
    history: Array, end: datetime, target: Target, weather_ahead: ProviderForecasts | None = None
) -> Dataset:
    """Rows in production from one city's history, float64 (hours, n_inputs), whose last hour ends at `end`.

    The weather ahead is among its features where `weather_ahead` tell it for `AHEAD_ORIGINS` hours.

    Raises:
        ModelError: when no hour of it can be a forecast's origin.
    """
    layout = production(target)
    if (
        weather_ahead is not None
        and origins_with_weather_ahead(history, weather_ahead, layout) >= AHEAD_ORIGINS
    ):
        layout = production(target, ahead=True)
    return pooled_dataset([history], end, IST, layout, [weather_ahead or ProviderForecasts()])


def origins_with_weather_ahead(history: Array, weather_ahead: ProviderForecasts, layout: FeatureSpec) -> int:
    """For how many origins it had been received what the weather would be in each of the 48 hours."""
    (origins,) = _origins([history[:, layout.inputs.index(layout.target)]])
    known = np.zeros((len(origins), HORIZON), dtype=bool)
    for by in production(layout.target, ahead=True).ahead:
        known |= np.isfinite(weather_ahead.path(by.name, origins, HORIZON))
    return int(known.all(axis=1).sum())


def pooled_dataset(
    histories: Sequence[Array],
    end: datetime,
    zone: tzinfo,
    layout: FeatureSpec,
    weather_ahead: Sequence[ProviderForecasts] | None = None,
) -> Dataset:
    """Rows of several histories over the same hours, each float64 (hours, n_inputs), columns `layout.inputs`.

    `weather_ahead`, one a history, are read where the layout is `as_issued`.

    Raises:
        ModelError: when no hour of them can be a forecast's origin.
    """
    length, column = len(histories[0]), layout.inputs.index(layout.target)
    origins = _origins([history[:, column] for history in histories])
    if not sum(map(len, origins)):
        raise ModelError("too little history: no hour has half a day of measurements before it")
    time = local_time(end, length, zone)
    forecasts = weather_ahead or [ProviderForecasts()] * len(histories)

    def rows_as(layout: FeatureSpec) -> Rows:
        each = zip(histories, origins, forecasts, strict=True)
        return Rows.together(
            [
                build_rows(history, time, layout, chosen, LEADS, weather_ahead=ahead)
                for history, chosen, ahead in each
            ]
        )

    actual, naive = [], []
    for history, chosen in zip(histories, origins, strict=True):
        series = history[:, column]
        padded = np.concatenate([series, np.full(HORIZON, np.nan)])
        actual.append(padded[chosen[:, None] + LEADS[None, :]])
        naive.append(naive_forecasts(series, chosen, LEADS))
    return Dataset(
        layout=layout,
        rows=rows_as(layout),
        actual=np.concatenate(actual),
        naive={name: np.concatenate([by_name[name] for by_name in naive]) for name in naive[0]},
        hours=np.concatenate(origins),
        series=np.repeat(np.arange(len(histories)), [len(chosen) for chosen in origins]),
        histories=tuple(histories),
        end=end,
        length=length,
        rows_as=rows_as,
    )


def _origins(series: Sequence[Array]) -> list[NDArray[np.intp]]:
    """Origins of each history; those before a week is known only where there are no others."""
    usable = [usable_origins(values) for values in series]
    warm = [origins[origins >= _WARM_UP_HOURS] for origins in usable]
    chosen = warm if any(map(len, warm)) else usable
    step = -(-sum(map(len, chosen)) // MAX_ORIGINS)
    # Each history begins at another hour, so that together they still see all hours of the day.
    return [origins[number % max(step, 1) :: max(step, 1)] for number, origins in enumerate(chosen)]
