"""What more places cost is measured of places that are apart, and shown as it grows."""

from __future__ import annotations

from argparse import ArgumentTypeError
from typing import Any

import pytest

from benchmarks.scale import places as benchmark
from benchmarks.scale.places import MOST, Row, counted, measure, rows, table
from benchmarks.scale.registry import places
from common.domain.cities import _key, all_cities


def test_places_are_the_cities_and_copies_that_no_name_address_or_spot_confuses() -> None:
    made = places(MOST)
    assert made[:56] == all_cities()
    assert len(made) == len({city.slug for city in made}) == MOST
    assert len({(city.latitude, city.longitude) for city in made}) == MOST
    assert len({place for city in made for place in city.cpcb}) == sum(len(city.cpcb) for city in made)
    spelt: dict[str, str] = {}
    for city in made:
        for name in (city.name, *city.aliases):
            assert spelt.setdefault(_key(name), city.name) == city.name


@pytest.mark.parametrize("text", ["0", "10001", "-1", "4.5", "x"])
def test_numbers_of_places_are_bounded(text: str) -> None:
    with pytest.raises(ArgumentTypeError, match="1 to 10000 places"):
        counted(text)


def test_the_table_marks_what_grows_faster_than_the_places_and_what_is_beyond_a_limit(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    listed = [
        Row("fair", lambda r: r["fair"]),
        Row("fast", lambda r: r["fast"], limit=50),
        Row("each", lambda r: r["each"], grows=False),
    ]
    monkeypatch.setattr(benchmark, "rows", lambda: listed)
    few = {"places": 10, "fair": 2.0, "fast": 2.0, "each": 2.0}
    many = {"places": 100, "fair": 20.0, "fast": 60.0, "each": 4.0}
    assert table([few, many])[2:] == [
        "| fair | 2.0 | 20.0 | ×10.0 |  |",
        "| fast | 2.0 | 60.0 ✗ | ×30.0 ▲ | 50 |",
        "| each | 2.0 | 4.0 | ×2.0 ▲ |  |",
    ]


@pytest.mark.slow
def test_a_run() -> None:
    results = [measure(number, 1) for number in (3, 6)]
    for result in results:
        _check(result)
    assert len(table(results)) == 2 + len(rows())


def _check(result: dict[str, Any]) -> None:
    number = result["places"]
    assert result["collect"]["failures"] == {}
    assert result["collect"]["requests"] == 3  # the feed, air and weather
    assert result["forecast"]["places"] == number
    assert result["forecast"]["cold"]["files_read"] == 3 * 2 * number  # model, card, hindcast
    assert result["forecast"]["warm"]["files_read"] == 0
    assert result["truth"]["scored"] >= 3 * 2 * number
    assert [part["places"] for part in result["forecast_parts"]["messages"]] == [number]
    assert result["queue"]["sent"] == result["queue"]["taken"] == number
    assert result["archive"]["files"] >= number
    assert result["database_connections"] >= 1
    assert all(row.value(result) > 0 for row in rows() if "files read" not in row.name)
