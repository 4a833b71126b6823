"""Fit the pooled model that is shipped: python -m benchmarks.seasons.pooled [FOLDER] --out FILE.

FOLDER, or VAYU_TEST_DATA, holds the measurements. Of each place the city's mean is taken, and 5,000 of its hours as
origins; places weigh by the square root of their number. `--without PLACE…` leaves places out, and those of the same
region with them; `--until DATE` all hours from that day on: what a benchmark tests must not be among what the pooled
model has seen. What is shipped is common/training/pooled_model.npz, of all places and hours.
"""

from __future__ import annotations

import argparse
import os
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from benchmarks.seasons import series
from common.domain.forecast import TARGETS, Target
from common.domain.observation import HOUR, POLLUTANTS
from common.features import CEILING, FLOOR, FeatureSpec, Rows, build_rows, local_time, usable_origins
from common.training.backtest.plan import cleaned
from common.training.dataset import LEADS
from common.training.pooled import PooledModel, fit_pooled, write

if TYPE_CHECKING:
    from collections.abc import Collection

    from numpy.typing import NDArray

    from common.features import Array

SOURCES = """\
Hourly means of a city's stations, 2013-2025. Jaipur, Bengaluru, Mumbai, NCR: Central Pollution Control Board,
Government of India (NCR by way of OpenAQ). Delhi: U.S. Embassy, AirNow, public domain. Beijing: S. Chen, Beijing
Multi-Site Air-Quality Data, UCI Machine Learning Repository, CC BY 4.0. Ahmedabad: Air Quality Data in India, Kaggle,
CC0. Kept are coefficients and covariances of features; no measurement can be read from them.
"""
REGIONS = ({"delhi", "ncr"},)
"""Places that breathe the same air"""
ORIGINS = 5000
_LEAST_ORIGINS = 500
_WARM_UP_HOURS = 24 * 7
_SEED = 7


def fitted(
    folder: Path, target: Target, without: Collection[str], until: datetime | None
) -> PooledModel | None:
    """The pooled model of a target; None where no place is left that has enough hours of it."""
    layout = _layout(target)
    places = [place for place in series.FILES if place not in left_out(without)]
    before = float("inf") if until is None else until.timestamp() // 3600
    parts = []
    for place in places:
        result = _sample(folder, place, target)
        if result is None:
            continue
        rows, actual, hours = result
        early = np.flatnonzero(hours + LEADS[-1] < before)
        if len(early) >= _LEAST_ORIGINS:
            part = Rows(rows.fixed[early], rows.by_lead[:, early], rows.level[early])
            parts.append((part, actual[early], np.full(len(early), len(early) ** -0.5)))
    if not parts:
        return None
    rows = Rows.together([part for part, _, _ in parts])
    actual, weight = (np.concatenate([part[at] for part in parts]) for at in (1, 2))
    ratios = np.log((actual + layout.floor) / (rows.level[:, None] + layout.floor))
    hidden = tuple(sorted(layout.index(name) for name in {*layout.of_level, *layout.seasonal}))
    return fit_pooled(
        replace(rows, hidden=hidden), np.nan_to_num(ratios), np.isfinite(actual), weight, layout
    )


def models(
    folder: Path, without: Collection[str] = (), until: datetime | None = None
) -> dict[str, PooledModel]:
    """Those of all targets that places are left for."""
    result = {target: fitted(folder, target, without, until) for target in TARGETS}
    return {target: model for target, model in result.items() if model is not None}


def unseen(folder: Path, place: str, test_from: datetime) -> dict[str, PooledModel]:
    """Models that have not seen the place nor its region, and no hour of the month before a test or later, of which
    the hindcasts are."""
    return models(folder, [place], test_from - timedelta(days=30))


def left_out(without: Collection[str]) -> set[str]:
    """The places, and those of the same regions."""
    return set(without).union(*(region for region in REGIONS if region & set(without)))


def _layout(target: Target) -> FeatureSpec:
    return FeatureSpec(
        target=target,
        floor=FLOOR[target],
        ceiling=CEILING[target],
        inputs=(*POLLUTANTS, "aqi"),
        pollutants=tuple(name for name in POLLUTANTS if name != target),
        whole=target == "aqi",
    )


@cache
def _sample(folder: Path, place: str, target: Target) -> tuple[Rows, Array, NDArray[np.int64]] | None:
    """Rows, the truth, (n, 48), and hours since 1970 of some origins of a place; None where the folder has it
    not, or not of this target."""
    if not (folder / series.FILES[place]).exists():
        return None
    hours = series.stations(folder, place)
    if target not in hours.columns:
        return None
    clean = cleaned(series.city(hours) if len(hours.values) > 1 else hours, target)
    layout, unknown = _layout(target), np.full(clean.length, np.nan)
    table = np.column_stack(
        [
            clean.values[0][:, clean.columns.index(name)] if name in clean.columns else unknown
            for name in layout.inputs
        ]
    )
    own = table[:, layout.inputs.index(target)]
    usable = usable_origins(own)
    usable = usable[usable >= _WARM_UP_HOURS]
    chosen = np.random.default_rng(_SEED).choice(usable, min(ORIGINS, len(usable)), replace=False)
    origins = np.sort(chosen)
    end = datetime.fromtimestamp(clean.first, UTC) + (clean.length - 1) * HOUR
    time = local_time(end, clean.length, series.zone_of(place))
    rows = build_rows(table, time, layout, origins, LEADS)
    actual = np.append(own, np.full(len(LEADS), np.nan))[origins[:, None] + LEADS]
    return rows, actual, clean.first // 3600 + origins


def main() -> None:
    """Write the file."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folder", nargs="?", default=os.environ.get("VAYU_TEST_DATA"))
    parser.add_argument("--without", nargs="*", choices=list(series.FILES), default=[])
    parser.add_argument("--until", type=lambda day: datetime.fromisoformat(day).replace(tzinfo=UTC))
    parser.add_argument("--out", type=Path, required=True)
    given = parser.parse_args()
    if given.folder is None:
        parser.error("name the folder of measurements, or set VAYU_TEST_DATA")
    missing = [file for file in series.FILES.values() if not (Path(given.folder) / file).exists()]
    if missing:
        parser.error(f"{given.folder} has no {', '.join(missing)}")
    result = models(Path(given.folder), given.without, given.until)
    write(result, SOURCES, given.out)
    features = ", ".join(f"{len(model.features)} features of {target}" for target, model in result.items())
    print(f"{given.out}: {given.out.stat().st_size / 1000:.0f} kB, {features}")


if __name__ == "__main__":
    main()
