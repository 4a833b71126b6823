"""Features of histories with other columns than production's, and of columns that are known ahead."""

from __future__ import annotations

import math
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from synthetic import END, hours

from common.domain.forecast import HORIZON
from common.domain.observation import IST
from common.features import (
    INPUTS,
    Array,
    FeatureSpec,
    Rows,
    Scaled,
    build,
    build_rows,
    local_time,
    production,
)

LEADS = np.arange(1, HORIZON + 1)
RANDOM = np.random.default_rng(6)
COLUMNS = ("visits", "pm10", "wind", "gauge")
TABLE = np.stack([RANDOM.uniform(1, 90, 700) for _ in COLUMNS], axis=1)
TABLE[RANDOM.random(TABLE.shape) < 0.05] = np.nan
WIND = Scaled("wind", 40.0, 25.0)
LAYOUT = FeatureSpec("visits", 2.0, 900.0, COLUMNS, ("pm10",), (WIND, Scaled("gauge", 45.0, 20.0)), (WIND,))


def rows(table: Array, layout: FeatureSpec, origin: int, zone: object = IST) -> Rows:
    time = local_time(END, len(table), zone)  # type: ignore[arg-type]
    return build_rows(table, time, layout, np.array([origin]), LEADS)


def test_any_columns_become_features() -> None:
    features = rows(TABLE, LAYOUT, 600)
    assert features.n_features == len(LAYOUT.names) == len(set(LAYOUT.names))
    assert not any(name.startswith("composed") for name in LAYOUT.names)
    assert np.isfinite(features.dense()).all()


@pytest.mark.parametrize("origin", [400, 555, 690])
def test_what_is_known_ahead_is_read_at_its_own_hour(origin: int) -> None:
    X = rows(TABLE, LAYOUT, origin).dense()[0]
    wind = np.clip((TABLE[:, 2] - 40.0) / 25.0, -6, 6)
    wind = np.concatenate([wind, np.full(HORIZON, np.nan)])

    def mean(first: int, last: int) -> float:
        known = [value for value in wind[first : last + 1] if not math.isnan(value)]
        return math.fsum(known) / len(known) if known else 0.0

    for lead in (1, 5, 12, 48):
        then = origin + lead
        at = X[lead - 1]
        day = mean(origin - 23, origin)
        expected = {
            "wind_ahead": np.nan_to_num(wind[then]),
            "wind_ahead_way": mean(origin + 1, then),
            "wind_ahead_6": mean(then - 5, then),
            "wind_ahead_12": mean(then - 11, then),
            "wind_ahead_change": np.nan_to_num(wind[then] - day),
            "wind_ahead_3": mean(then - 2, then),
            "wind_ahead_24": mean(then - 23, then),
            "wind_ahead_day": np.nan_to_num(wind[then] - wind[then - 24]),
            "wind_ahead_least": min((v for v in wind[then - 11 : then + 1] if not math.isnan(v)), default=0),
            "wind_ahead_most": max((v for v in wind[then - 11 : then + 1] if not math.isnan(v)), default=0),
        }
        assert {name: at[LAYOUT.index(name)] for name in expected} == pytest.approx(expected, abs=1e-5)


@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), origin=st.integers(30, 690))
def test_only_what_is_known_ahead_is_read_after_the_origin(seed: int, origin: int) -> None:
    random = np.random.default_rng(seed)
    later = TABLE.copy()
    later[origin + 1 :, [0, 1, 3]] = random.uniform(0, 500, (len(TABLE) - origin - 1, 3))
    np.testing.assert_array_equal(rows(TABLE, LAYOUT, origin).dense(), rows(later, LAYOUT, origin).dense())
    later[origin + 1 :, 2] = random.uniform(0, 500, len(TABLE) - origin - 1)
    changed = rows(TABLE, LAYOUT, origin).dense() != rows(later, LAYOUT, origin).dense()
    names = np.array(LAYOUT.names)[changed.any(axis=(0, 1))]
    assert all("_ahead" in name for name in names)


def test_the_other_stations_are_a_ratio_with_the_targets_floor() -> None:
    table = np.column_stack([TABLE, TABLE[:, 1] * 3])
    columns = (*COLUMNS, "visits elsewhere")
    layout = replace(LAYOUT, inputs=columns, elsewhere="visits elsewhere")
    X = rows(table, layout, 600).dense()[0, 0]
    mean = np.nanmean(table[595:601, 4])
    level = next(value for value in table[600::-1, 0] if not math.isnan(value))
    expected = math.log((mean + LAYOUT.floor) / (level + LAYOUT.floor))
    assert X[layout.index("visits elsewhere_level")] == pytest.approx(expected, abs=1e-5)
    added = [name for name in layout.names if name not in LAYOUT.names]
    assert len(added) == 4
    assert all(name.startswith("visits elsewhere_") for name in added)


def test_every_difference_of_layouts_changes_the_signature() -> None:
    other = (
        replace(LAYOUT, inputs=(*COLUMNS, "others"), elsewhere="others"),
        replace(LAYOUT, floor=3.0),
        replace(LAYOUT, target="pm10", pollutants=()),
        replace(LAYOUT, pollutants=()),
        replace(LAYOUT, scaled=LAYOUT.scaled[:1]),
        replace(LAYOUT, scaled=(Scaled("wind", 41.0, 25.0), LAYOUT.scaled[1])),
        replace(LAYOUT, ahead=()),
        replace(LAYOUT, inputs=COLUMNS[::-1]),
        production("aqi"),
    )
    assert len({LAYOUT.signature, *(layout.signature for layout in other)}) == len(other) + 1


def test_the_hour_of_day_follows_the_clocks_of_the_zone() -> None:
    """Over the change to summer time in Berlin, 30 March 2025 at 01:00 UTC."""
    end = datetime(2025, 3, 31, 12, tzinfo=UTC)
    berlin = ZoneInfo("Europe/Berlin")
    time = local_time(end, 60, berlin)
    for at in range(60 + HORIZON):
        expected = (end + timedelta(hours=at - 59)).astimezone(berlin)
        assert time.hour(np.array([at]))[0] == expected.hour


def test_rows_kept_together_are_those_of_production() -> None:
    history = hours(20, seed=1, gaps=0.05)
    origins = np.array([300, 479])
    time = local_time(END, len(history), IST)
    apart = [build_rows(history, time, production("aqi"), origins[[at]], LEADS) for at in (0, 1)]
    X = build(history, END, "aqi", origins, LEADS).X
    together = Rows.together(apart)
    np.testing.assert_array_equal(together.dense(), X)
    np.testing.assert_array_equal(together.at(7, np.array([True, False])), X[:1, 7])
    hidden = replace(together, hidden=(3, together.n_features - 1)).dense()
    assert (hidden[..., [3, -1]] == 0).all()
    others = np.delete(np.arange(X.shape[2]), [3, -1])
    np.testing.assert_array_equal(hidden[..., others], X[..., others])
    assert len(together) == 2
    assert production("aqi").inputs == INPUTS
