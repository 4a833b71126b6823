"""City-hours as they are read back: on the full grid, and only what lies in the window."""

from __future__ import annotations

from itertools import count as counter
from typing import TYPE_CHECKING

import pytest
from factories import air, keep_and_reconcile, series
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from common.domain.observation import HOUR
from common.store.city_hours import cities_between, history, provenance, span

if TYPE_CHECKING:
    from datetime import datetime

    from common.store.engine import Database

_numbers = counter()


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    there=st.sets(st.integers(0, 20)),
    window=st.tuples(st.integers(-3, 24), st.integers(0, 24)),
)
def test_history_has_every_hour_of_the_window_once(
    database: Database, now: datetime, there: set[int], window: tuple[int, int]
) -> None:
    city = f"city {next(_numbers)}"
    first, hours = window
    start = now - first * HOUR
    end = start + hours * HOUR
    readings = [
        reading
        for ago in there
        for reading in series(now - ago * HOUR, 1, {"pm25": float(ago), "no2": 5.0}, city=city)
    ]
    if readings:
        keep_and_reconcile(database, readings, now)
    with database.transaction() as connection:
        pm25, rain = history(connection, city, start, end, ["pm25", "rain"])
    ago = [first - hour for hour in range(1, hours + 1)]
    assert pm25 == [float(each) if each in there else None for each in ago]
    assert rain == [None] * hours


def test_history_knows_only_columns(database: Database, now: datetime) -> None:
    with database.transaction() as connection, pytest.raises(ValueError, match="no such columns"):
        history(connection, "Delhi", now - HOUR, now, ["pm25", "1; DROP TABLE city_hour"])


def test_what_is_known_of_cities(database: Database, now: datetime) -> None:
    keep_and_reconcile(
        database,
        series(now, 20, air(60))
        + series(now, 3, air(60), city="Pune", source="open-meteo", basis="modelled")
        + series(now - 60 * HOUR, 20, air(60), city="Surat"),
        now,
    )
    with database.transaction() as connection:
        assert span(connection, "Delhi") == (now - 19 * HOUR, now)
        assert span(connection, "Agra") is None
        assert provenance(connection, "Pune", now) == ("open-meteo", "modelled")
        assert provenance(connection, "Pune", now - 9 * HOUR) == (None, None)
        assert cities_between(connection, now - 99 * HOUR, now) == ["Delhi", "Pune", "Surat"]
        assert cities_between(connection, now - 99 * HOUR, now - 50 * HOUR) == ["Surat"]
