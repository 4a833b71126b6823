"""What forecasts were made of: kept once, never changed, read as weights are learnt from it, forgotten in time."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from factories import count
from sqlalchemy.exc import DBAPIError

from common.domain.forecast import EXPERT_BLOCKS, HORIZON, NAIVE, Mode
from common.domain.observation import HOUR
from common.inference.experts import APART
from common.inference.issued_history import experts_before
from common.store.engine import Database, run
from common.store.experts import (
    EXPERTS_KEPT,
    IssuedExperts,
    drop_old_experts,
    experts_between,
    experts_of,
    insert_experts,
)
from common.store.forecasts import IssuedForecast, insert_forecast
from common.store.maintain import maintain

if TYPE_CHECKING:
    from datetime import datetime

    from common.features import Array

FEW = ("linear", "mean", "mean_corrected", *NAIVE)
MANY = ("linear", "xgboost", "mean", "mean_corrected", "open-meteo", *NAIVE)
DAY = timedelta(days=1)


def values_of(origin: datetime, names: tuple[str, ...]) -> Array:
    """Random numbers that float4 holds exactly, (n_experts + 1, 48), the last of what was served; nan at times."""
    random = np.random.default_rng([int(origin.timestamp()), len(names)])
    y = random.integers(20, 400, (len(names) + 1, HORIZON)) / 2
    if "open-meteo" in names:
        y[names.index("open-meteo"), random.random(HORIZON) < 0.4] = np.nan
    return np.asarray(y)


def shares(names: tuple[str, ...]) -> Array:
    """Weights that float4 holds exactly, (n_blocks, n_experts)."""
    random = np.random.default_rng(len(names))
    return np.asarray(random.integers(0, 64, (len(EXPERT_BLOCKS), len(names))) / 64)


def issue(
    database: Database,
    origin: datetime,
    names: tuple[str, ...] = FEW,
    *,
    city: str = "Delhi",
    target: str = "aqi",
    mode: Mode = "live",
    **changes: Any,
) -> None:
    y = values_of(origin, names)
    arrays = {name: y[names.index(name)].tolist() for name in NAIVE}
    served = y[-1].tolist()
    fields: dict[str, Any] = {
        "city": city, "target": target, "mode": mode, "issued_at": origin, "origin": origin, "known_until": origin,
        "model_version": None, "family": "linear", "inputs_hash": "", "basis": None, "source": None, "y": served,
        "lo80": served, "hi80": served, "lo95": served, "hi95": served, "categories": [], **arrays,
    }  # fmt: skip
    with database.transaction() as connection:
        assert insert_forecast(connection, IssuedForecast(**(fields | changes)))
        insert_experts(connection, city, target, mode, origin=origin, experts=made_of(origin, names))


def made_of(origin: datetime, names: tuple[str, ...]) -> IssuedExperts:
    own = values_of(origin, names)[: -1 - len(NAIVE)]
    return IssuedExperts(names, own.ravel().tolist(), shares(names).ravel().tolist())


def decoded(names: tuple[str, ...], data: bytes) -> dict[int, Array]:
    """Hours ago → (n_experts + 1, 48), read as the description says: int4, then an array as array_send writes it."""
    size = (len(names) + 1) * HORIZON
    step = 4 + 20 + 8 * size
    assert len(data) % step == 0
    by_age = {}
    for start in range(0, len(data), step):
        row = data[start : start + step]
        dimensions, _, _, length, first = np.frombuffer(row[4:24], ">i4")
        assert (dimensions, length, first) == (1, size, 1)
        parts = np.frombuffer(row[24:], [("size", ">i4"), ("value", ">f4")])
        assert set(parts["size"]) == {4}
        by_age[int.from_bytes(row[:4], "big")] = parts["value"].reshape(-1, HORIZON).astype(np.float64)
    return by_age


def between(database: Database, before: datetime, apart: int, **changes: Any) -> dict[tuple[str, ...], Any]:
    given: dict[str, Any] = {"mode": "live", "after": before - 60 * DAY} | changes
    with database.transaction() as connection:
        rows = experts_between(connection, "Delhi", "aqi", before=before, apart=apart, **given)
    assert len({names for names, _ in rows}) == len(rows)
    return {names: decoded(names, data) for names, data in rows}


def test_they_come_back_as_they_were_kept(database: Database, now: datetime) -> None:
    backs = {1: FEW, 2: MANY, 5: MANY, 9: FEW}
    for back, names in backs.items():
        issue(database, now - back * HOUR, names)
    issue(database, now - 3 * HOUR, mode="replay")
    issue(database, now - 4 * HOUR, target="pm25")
    issue(database, now - 6 * HOUR, city="Mumbai")
    by_names = between(database, now, 1)
    assert {names: sorted(by_age) for names, by_age in by_names.items()} == {FEW: [1, 9], MANY: [2, 5]}
    for names, by_age in by_names.items():
        assert list(by_age) == sorted(by_age, reverse=True)  # oldest first
        for back, y in by_age.items():
            np.testing.assert_array_equal(y, values_of(now - back * HOUR, names))
    assert {len(by_age) for by_age in between(database, now, 1, mode="replay").values()} == {1}


@pytest.mark.parametrize("apart", [1, 3, 7])
def test_the_last_of_every_few_hours_back_from_the_newest(
    database: Database, now: datetime, apart: int
) -> None:
    backs = [1, 2, 3, 4, 7, 8, 9, 10, 11, 12, 13, 21, 22, 40]
    for back in backs:
        issue(database, now - (back + 1) * HOUR, MANY if back % 2 else FEW)
    newest = {(back - backs[0]) // apart: back for back in reversed(backs)}
    by_names = between(database, now, apart)
    assert sorted(ago for by_age in by_names.values() for ago in by_age) == sorted(
        back + 1 for back in newest.values()
    )


def test_only_what_was_issued_between_two_moments(database: Database, now: datetime) -> None:
    for back in range(5):
        issue(database, now - back * HOUR)
    assert [*between(database, now, 1, after=now - 3 * HOUR)[FEW]] == [2, 1]  # neither end
    assert between(database, now - 10 * HOUR, 1) == {}


def test_forecasts_from_before_there_was_a_further_naive_one_are_left_out(
    database: Database, now: datetime
) -> None:
    issue(database, now - 2 * HOUR, weekly=None)
    issue(database, now - 3 * HOUR)
    assert [*between(database, now, 1)[FEW]] == [3]


def test_a_record_of_them_has_its_places_in_the_series(database: Database, now: datetime) -> None:
    issued = ((1 + 2 * APART, FEW), (1 + APART, MANY), (1, FEW))
    for back, names in issued:
        issue(database, now - back * HOUR, names)
    with database.transaction() as connection:
        record = experts_before(connection, "Delhi", "aqi", mode="live", origin=now, place=1000)
        nothing = experts_before(connection, "Delhi", "pm25", mode="live", origin=now, place=1000)
    assert record.origins.tolist() == [1000 - back for back, _ in issued]
    assert set(record.names) == set(MANY)
    for row, (back, names) in enumerate(issued):
        y = values_of(now - back * HOUR, names)
        np.testing.assert_array_equal(record.served[row], y[-1])
        np.testing.assert_array_equal(record.aligned(names)[row], y[:-1])
        rest = [name for name in MANY if name not in names]
        assert np.isnan(record.aligned(rest)[row]).all()
    assert nothing.origins.tolist() == []


def test_the_experts_of_one_forecast(database: Database, now: datetime) -> None:
    issue(database, now, MANY)
    issue(database, now, MANY, mode="replay")
    with database.transaction() as connection:
        experts = experts_of(connection, "Delhi", "aqi", now)
        assert experts_of(connection, "Delhi", "aqi", now - HOUR) is None
        assert experts_of(connection, "Delhi", "pm25", now) is None
    assert experts is not None
    assert experts.names == MANY
    np.testing.assert_array_equal(np.reshape(experts.y, (len(MANY), HORIZON)), values_of(now, MANY)[:-1])
    np.testing.assert_array_equal(np.reshape(experts.weights, shares(MANY).shape), shares(MANY))


def test_they_are_kept_as_they_were_issued(database: Database, now: datetime) -> None:
    issue(database, now)
    issue(database, now - HOUR)
    with database.transaction() as connection:
        before = run(connection, "SELECT to_jsonb(forecast_expert) FROM forecast_expert ORDER BY origin")
        insert_experts(connection, "Delhi", "aqi", "live", origin=now, experts=made_of(now, MANY))
        assert (
            run(connection, "SELECT to_jsonb(forecast_expert) FROM forecast_expert ORDER BY origin") == before
        )
    for change in ("weights = weights", "y = '{}'", "names = '{}'", "origin = origin - interval '2 hours'"):
        with (
            pytest.raises(DBAPIError, match="kept as it was issued"),
            database.transaction() as connection,
        ):
            run(connection, f"UPDATE forecast_expert SET {change}")  # noqa: S608
    with database.transaction() as connection:
        assert (
            run(connection, "SELECT to_jsonb(forecast_expert) FROM forecast_expert ORDER BY origin") == before
        )


def test_without_a_forecast_there_are_none(database: Database, now: datetime) -> None:
    with pytest.raises(DBAPIError, match="forecast"), database.transaction() as connection:
        insert_experts(connection, "Delhi", "aqi", "live", origin=now, experts=made_of(now, FEW))
    issue(database, now)
    issue(database, now - HOUR)
    with database.transaction() as connection:
        run(connection, "DELETE FROM forecast WHERE origin = :now", now=now)
        assert run(connection, "SELECT origin FROM forecast_expert") == [(now - HOUR,)]


def test_upkeep_forgets_them_once_weights_are_no_longer_learnt_from_them(
    database: Database, now: datetime
) -> None:
    second = timedelta(seconds=1)
    origins = [now - EXPERTS_KEPT - second, now - EXPERTS_KEPT, now - DAY]
    for origin in origins:
        issue(database, origin)
        issue(database, origin, target="pm25")
        issue(database, origin, mode="replay")
    dropped = maintain(database, now=now, retain_raw_days=90)["dropped"]
    assert dropped["forecast_expert"] == 3  # type: ignore[index]
    with database.transaction() as connection:
        left = run(connection, "SELECT DISTINCT origin FROM forecast_expert ORDER BY 1")
        assert left == [(origin,) for origin in origins[1:]]
        assert drop_old_experts(connection, now=now) == 0
    assert count(database, "forecast") == 9  # the forecasts themselves stay
