"""What a backtest is to do, and what that means for the columns of a file."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from common.domain.errors import DataError
from common.domain.forecast import FAMILIES, Family
from common.features import CEILING, FLOOR, Array, FeatureSpec, Scaled

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime, tzinfo

    from common.training.backtest.files import Hours
    from common.training.pooled import PooledModel

_LEAST_SCALE = 1e-9


@dataclass(frozen=True, slots=True)
class Plan:
    """The settings of a backtest; times are aware."""

    target: str
    train_until: datetime
    """Only rows before it are learnt from"""
    test_from: datetime
    test_to: datetime | None
    """The last origin at the latest; None: the file's last hour"""
    zone: tzinfo
    origin_hours: tuple[int, ...] = (5, 17)
    future: tuple[str, ...] = ()
    """Columns known ahead, as weather forecasts are"""
    families: tuple[Family, ...] = FAMILIES
    pooled: Mapping[str, PooledModel] | None = None
    """Models of other places, by target; None: those that are shipped, ``{}``: none"""


def cleaned(hours: Hours, target: str) -> Hours:
    """The file without negative concentrations: they count as missing."""
    ratios = [at for at, name in enumerate(hours.columns) if name in FLOOR or name == target]
    negative = 0
    values = []
    for table in hours.values:
        part = table.copy()
        wrong = part[:, ratios] < 0
        negative += int(wrong.sum())
        part[:, ratios] = np.where(wrong, np.nan, part[:, ratios])
        values.append(part)
    remarks = {"negative concentrations taken as missing": negative} if negative else {}
    return replace(hours, values=values, remarks=hours.remarks | remarks)


def with_elsewhere(hours: Hours, target: str) -> tuple[Hours, str | None]:
    """The file with one more column, and its name: the mean of the target at the other stations in each hour.

    None where there is no other station.
    """
    if len(hours.values) < 2:
        return hours, None
    column = hours.columns.index(target)
    here = np.stack([table[:, column] for table in hours.values])
    known = np.isfinite(here)
    total, number = np.where(known, here, 0.0).sum(axis=0), known.sum(axis=0)
    values = []
    for table, own in zip(hours.values, here, strict=True):
        count = number - np.isfinite(own)
        mean = (total - np.nan_to_num(own)) / np.maximum(count, 1)
        values.append(np.column_stack([table, np.where(count > 0, np.maximum(mean, 0.0), np.nan)]))
    name = f"{target} elsewhere"
    return replace(hours, columns=(*hours.columns, name), values=values), name


def make_layout(
    hours: Hours, cut: int, plan: Plan, elsewhere: str | None = None
) -> tuple[FeatureSpec, dict[str, str]]:
    """The layout of a file by its first `cut` hours, and the columns left out with the reason.

    `elsewhere`: the column that `with_elsewhere` added.

    Nothing of the hours after is looked at: neither which columns are empty nor how large their values are.

    Raises:
        DataError: when the target has no values in them.
    """
    learnt = np.concatenate([table[:cut] for table in hours.values])
    own = learnt[:, hours.columns.index(plan.target)]
    own = own[np.isfinite(own)]
    if not len(own):
        raise DataError(f"{plan.target} has no value before --train-until")
    left_out: dict[str, str] = {}
    pollutants: list[str] = []
    scaled: list[Scaled] = []
    for at, name in enumerate(hours.columns):
        if name in (plan.target, elsewhere):
            continue
        known = learnt[np.isfinite(learnt[:, at]), at]
        if not len(known):
            left_out[name] = "has no value before --train-until"
        elif known.max() - known.min() < _LEAST_SCALE:
            left_out[name] = "is the same in all hours before --train-until"
        else:
            scaled.append(Scaled(name, float(known.mean()), float(known.std())))
            if name in FLOOR:
                pollutants.append(name)
    layout = FeatureSpec(
        target=plan.target,
        floor=FLOOR.get(plan.target) or _floor(own),
        ceiling=CEILING.get(plan.target) or 10 * (float(own.max()) or 1.0),
        whole=bool((own == np.round(own)).all()),
        inputs=hours.columns,
        pollutants=tuple(pollutants),
        elsewhere=elsewhere,
        scaled=tuple(column for column in scaled if column.name not in FLOOR),
        ahead=tuple(column for column in scaled if column.name in plan.future),
    )
    return layout, left_out


def _floor(values: Array) -> float:
    """For a target of unknown unit: a twentieth of its usual size, as the known ones have."""
    return max(0.05 * float(np.median(values)), 0.005 * float(values.max())) or 1.0
