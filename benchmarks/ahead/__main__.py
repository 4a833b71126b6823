"""What are weather forecasts worth, and how much of it is lost by their errors? python -m benchmarks.ahead [FOLDER].

FOLDER, or VAYU_TEST_DATA, holds beijing_pm25.parquet. PM2.5 of six stations is forecast for a year from the two years
before, by the recipe of production: without the weather ahead; with the weather that came, as if it had been known;
with forecasts of it whose errors `benchmarks.ahead.expected` makes up, archived as issued, for learning too; with such
an archive of the last months of training only, which is how it begins; and, learnt so, but with none received in the
test window. Prints skill against the best naive forecast, pooled over 48 hours and by lead time. With --apart each
station is learnt from by itself and from its last 400 days, as cities are in production.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

import numpy as np

from benchmarks.ahead.expected import expected
from common.domain.forecast import FAMILIES, Family
from common.domain.observation import HOUR
from common.features import (
    Array,
    FeatureSpec,
    ProviderForecasts,
    ReceivedForecasts,
    build_rows,
    local_time,
    usable_origins,
)
from common.inference.naive import naive_forecasts
from common.inference.onnx_session import open_session, predict
from common.metrics import scores
from common.training.backtest.files import Hours, read_hours
from common.training.backtest.plan import Plan, cleaned, make_layout
from common.training.dataset import LEADS, pooled_dataset
from common.training.promote import best_of
from common.training.service import WINDOW_DAYS
from common.training.train import train_families

if TYPE_CHECKING:
    from collections.abc import Sequence

WEATHER = ("temperature", "pressure", "dew_point", "rain", "wind_speed", "wind_u", "wind_v")
ZONE = ZoneInfo("Asia/Shanghai")
PLAN = Plan(
    "pm25",
    datetime(2015, 7, 1, tzinfo=ZONE),
    datetime(2015, 7, 1, tzinfo=ZONE),
    datetime(2016, 6, 30, 23, tzinfo=ZONE),
    ZONE,
    future=WEATHER,
)
SHOWN = (1, 6, 12, 24, 36, 48)


@dataclass(frozen=True, slots=True)
class Case:
    """What is known of the weather ahead."""

    name: str
    errors: float | None
    """In the usual ones; None: none is known"""
    days: int | None = None
    """Days before the end of training from which on it is archived; None: all"""
    lost: bool = False
    """Whether nothing is received in the test window"""


CASES = {
    "none": Case("weather up to the origin", None),
    "perfect": Case("weather that came", 0.0),
    "half": Case("as issued, half the errors", 0.5),
    "issued": Case("as issued", 1.0),
    "double": Case("as issued, twice the errors", 2.0),
    "90": Case("archived for 90 days", 1.0, 90),
    "60": Case("archived for 60 days", 1.0, 60),
    "30": Case("archived for 30 days", 1.0, 30),
    "lost": Case("as issued, then none received", 1.0, lost=True),
    "90 lost": Case("90 days, then none received", 1.0, 90, lost=True),
}


def main() -> None:
    """Print one line a case."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folder", nargs="?", default=os.environ.get("VAYU_TEST_DATA"))
    parser.add_argument("--cases", nargs="+", choices=CASES, default=list(CASES))
    parser.add_argument("--families", nargs="+", choices=FAMILIES, default=list(FAMILIES))
    parser.add_argument("--apart", action="store_true")
    options = parser.parse_args()
    path = next(
        (
            file
            for part in (".", "backtest")
            if options.folder and (file := Path(options.folder, part, "beijing_pm25.parquet")).exists()
        ),
        None,
    )
    if path is None:
        sys.exit("no measurements: give the folder of beijing_pm25.parquet, or name it in VAYU_TEST_DATA")
    hours = cleaned(read_hours(path, ZONE), "pm25")
    print(f"{'known of the weather ahead':<32}{'family':<8}{'MAE':>7}{'skill':>8}", end="")
    print("".join(f"{f'{lead} h':>8}" for lead in SHOWN) + f"{'CPU s':>8}")
    for name in options.cases:
        started = time.process_time()
        if options.apart:
            begin = hours.index(int(PLAN.train_until.timestamp())) - 24 * WINDOW_DAYS
            each = [
                replace(hours, values=[table[begin:]], first=hours.first + 3600 * begin)
                for table in hours.values
            ]
        else:
            each = [hours]
        done = [_measure(some, CASES[name], tuple(options.families), seed) for seed, some in enumerate(each)]
        _print(CASES[name], done, time.process_time() - started)


Forecasts = tuple[str, Array, Array, dict[str, Array]]
"""Family, truth, forecasts, naive forecasts"""


def _print(case: Case, done: Sequence[Forecasts], cpu: float) -> None:
    actual, y = (np.concatenate([part[at] for part in done]) for at in (1, 2))
    naive = {name: np.concatenate([part[3][name] for part in done]) for name in done[0][3]}
    together = scores(actual, y, naive)
    by_lead = [
        scores(actual[:, [at]], y[:, [at]], {name: values[:, [at]] for name, values in naive.items()})[
            "skill"
        ]
        for at in (lead - 1 for lead in SHOWN)
    ]
    family = "/".join(sorted({part[0] for part in done}))
    print(f"{case.name:<32}{family:<8}{together['mae']:>7.2f}{together['skill']:>+8.1%}", end="")
    print("".join(f"{skill:>+8.1%}" for skill in by_lead) + f"{cpu:>8.0f}", flush=True)


def _measure(hours: Hours, case: Case, families: tuple[Family, ...], seed: int) -> Forecasts:
    cut = hours.index(int(PLAN.train_until.timestamp()))
    layout, _ = make_layout(hours, cut, PLAN)
    layout = replace(layout, as_issued=True) if case.errors is not None else replace(layout, ahead=())
    received = [_forecasts_as_issued(table, hours, case, seed + at) for at, table in enumerate(hours.values)]
    past = [table[:cut] for table in hours.values]
    until = datetime.fromtimestamp(hours.first, UTC) + (cut - 1) * HOUR
    learnt = [_between(metric, cut - 24 * case.days if case.days else 0, cut) for metric in received]
    data = pooled_dataset(past, until, ZONE, layout, learnt)
    best = best_of([item for item in train_families(data, families) if item.fault is None])
    session = open_session(best.onnx)
    served = [ProviderForecasts() if case.lost else metric for metric in received]
    parts = [
        _forecasts(session, table, hours, layout, item)
        for table, item in zip(hours.values, served, strict=True)
    ]
    actual, y = (np.concatenate([part[at] for part in parts]) for at in (0, 1))
    return (
        best.family,
        actual,
        y,
        {name: np.concatenate([part[2][name] for part in parts]) for name in parts[0][2]},
    )


def _forecasts_as_issued(table: Array, hours: Hours, case: Case, seed: int) -> ProviderForecasts:
    if case.errors is None:
        return ProviderForecasts()
    columns = {name: table[:, hours.columns.index(name)] for name in WEATHER}
    return ProviderForecasts((expected(columns, times=case.errors, seed=seed),))


def _between(weather_ahead: ProviderForecasts, first: int, last: int) -> ProviderForecasts:
    """What had been received from one hour to another."""
    return ProviderForecasts(tuple(_some(provider, first, last) for provider in weather_ahead.providers))


def _some(received: ReceivedForecasts, first: int, last: int) -> ReceivedForecasts:
    within = (received.received >= first) & (received.received < last)
    return ReceivedForecasts(
        received.received[within],
        received.first[within],
        {name: value[within] for name, value in received.values.items()},
    )


def _forecasts(
    session: object, table: Array, hours: Hours, layout: FeatureSpec, weather_ahead: ProviderForecasts
) -> tuple[Array, Array, dict[str, Array]]:
    """Truth, forecasts and naive forecasts from 5 and 17 o'clock of each day of the test window."""
    time_here = local_time(
        datetime.fromtimestamp(hours.first, UTC) + (hours.length - 1) * HOUR, hours.length, ZONE
    )
    series = table[:, layout.inputs.index(layout.target)]
    window = [
        hours.index(int(moment.timestamp())) for moment in (PLAN.test_from, PLAN.test_to or PLAN.test_from)
    ]
    origins = usable_origins(series)
    origins = origins[(origins >= window[0]) & (origins <= window[1]) & np.isfinite(series[origins])]
    origins = origins[np.isin(time_here.hour(origins), PLAN.origin_hours)]
    y: Sequence[Array] = []
    for first in range(0, len(origins), 200):
        some = origins[first : first + 200]
        X = build_rows(table, time_here, layout, some, LEADS, weather_ahead=weather_ahead).dense()
        y = [*y, predict(session, X.reshape(-1, X.shape[2])).reshape(len(some), -1)]
    padded = np.concatenate([series, np.full(len(LEADS), np.nan)])
    return padded[origins[:, None] + LEADS], np.concatenate(y), naive_forecasts(series, origins, LEADS)


if __name__ == "__main__":
    main()
