"""The vectors are as the rules make them, and the service's own code agrees with the rules in exact fractions."""

from __future__ import annotations

import json
from fractions import Fraction
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from hypothesis import given
from hypothesis import strategies as st

from common.domain.aqi import naqi, sub_index, us_aqi
from common.domain.nowcast import nowcast
from conformance.naqi import rules
from conformance.naqi.compare import differences
from conformance.naqi.make import RULES, VECTORS, document
from conformance.naqi.vayu import factor

FACTS = VECTORS.with_name("schema.json")
KIT: dict[str, Any] = json.loads(VECTORS.read_text(encoding="utf-8"))

tenths = st.integers(0, 30_000).map(lambda value: Fraction(value, 10))
hours = st.lists(
    st.none() | st.integers(0, 6000).map(lambda value: Fraction(value, 10)), min_size=1, max_size=30
)


def test_the_file_is_what_the_rules_make() -> None:
    assert VECTORS.read_text(encoding="utf-8") == document()


def test_the_file_fits_its_schema() -> None:
    jsonschema.validate(KIT, json.loads(FACTS.read_text(encoding="utf-8")))


def test_each_rule_has_vectors_and_each_vector_a_number_of_its_own() -> None:
    assert {vector["rule"] for vector in KIT["vectors"]} == set(KIT["rules"]) == set(RULES)
    assert len({vector["id"] for vector in KIT["vectors"]}) == len(KIT["vectors"])


@pytest.mark.parametrize(
    ("pollutant", "value", "index"),
    [
        ("pm25", "30", 50), ("pm25", "45", 75), ("pm25", "60", 100), ("pm25", "150", 323), ("pm25", "34", 57),
        ("pm25", "380", 500), ("pm10", "121", 114), ("no2", "8", 10), ("o3", "57", 57), ("nh3", "34", 9),
        ("co", "0.55", 28),
    ],
)  # fmt: skip
def test_examples_of_cpcb(pollutant: str, value: str, index: int) -> None:
    assert rules.naqi_index(pollutant, Fraction(value)) == index


@pytest.mark.parametrize(
    ("value", "index"),
    [("9.0", 50), ("9.09", 50), ("9.1", 51), ("35.4", 100), ("55.5", 151), ("125.5", 201), ("225.5", 301)],
)
def test_examples_of_epa(value: str, index: int) -> None:
    assert rules.epa_index("pm25", Fraction(value), 24) == index


def test_the_nowcast_of_the_leaflet() -> None:
    """50 in the latest hour after eleven of 10, with a weight of a half."""
    assert float(rules.nowcast([Fraction(10)] * 11 + [Fraction(50)]) or 0) == pytest.approx(30.005, abs=5e-4)


@given(st.sampled_from(sorted(rules.NAQI_EDGES)), tenths)
def test_indian_sub_indices_agree(pollutant: str, value: Fraction) -> None:
    assert sub_index(pollutant, float(value)) == rules.naqi_index(pollutant, value)


@given(st.sampled_from(sorted(rules.EPA_EDGES)), st.integers(0, 40_000))
def test_us_sub_indices_agree(scale: tuple[str, int], steps: int) -> None:
    """To a tenth of the step that EPA truncates to. Above the tables ours ends at 500, as the rules here do."""
    pollutant, averaged = scale
    value = Fraction(steps, 10) * Fraction(rules.EPA_STEPS[pollutant])
    units = float(value) * factor(pollutant, rules.EPA_UNITS[pollutant])
    window = averaged if pollutant in {"o3", "so2"} else None
    assert sub_index(pollutant, units, "us-epa", hours=window) == rules.epa_index(pollutant, value, averaged)


@given(hours)
def test_nowcasts_agree(series: list[Fraction | None]) -> None:
    ours = nowcast([None if value is None else float(value) for value in series])
    exact = rules.nowcast(series)
    assert (ours is None) == (exact is None)
    if ours is not None and exact is not None:
        assert ours == pytest.approx(float(exact), rel=1e-9)


@given(st.dictionaries(st.sampled_from(["pm25", "pm10", "no2", "so2", "nh3", "co"]), hours, min_size=1))
def test_indian_stations_agree(series: dict[str, list[Fraction | None]]) -> None:
    ours = naqi(_floats(series))
    exact = rules.naqi_station(series)
    assert ours.value == exact.aqi
    assert {name: ours.pollutants[name].index for name in series} == exact.sub_indices
    assert ours.dominant is None or ours.dominant in exact.dominant


@given(st.dictionaries(st.sampled_from(["pm25", "pm10"]), hours, min_size=1))
def test_us_stations_agree(series: dict[str, list[Fraction | None]]) -> None:
    assert us_aqi(_floats(series)).value == rules.epa_station(series).aqi


@given(st.sampled_from(sorted(rules.NAQI_EDGES)), st.integers(1, 499))
def test_ranges_hold_what_has_the_index(pollutant: str, index: int) -> None:
    low, high = rules.naqi_range(pollutant, index)
    assert rules.naqi_index(pollutant, low) == index
    assert rules.naqi_index(pollutant, high) == index + 1
    assert rules.naqi_index(pollutant, (low + high) / 2) == index


@pytest.mark.parametrize(
    ("expected", "answer", "agree"),
    [
        (50, 50, True), (50, 50.0, True), (50, 51, False), (50, None, False), (50, True, False), (50, "50", False),
        (None, None, True), (None, 0, False), (True, True, True), (True, 1, False), ("Good", "good", True),
        ("Good", "Poor", False), (30.005, 30.00500001, True), (30.005, 30.1, False), (30.005, float("nan"), False),
        ({"any_of": ["pm25", "pm10"]}, "pm10", True), ({"any_of": ["pm25", "pm10"]}, "co", False),
        ({"at_least": 500}, 612, True), ({"at_least": 500}, 499, False), ({"between": [1.0, 2.0]}, 2, True),
        ({"between": [1.0, 2.0]}, 2.1, False), ({"pm25": 50}, {"pm25": 50, "pm10": 3}, True),
        ({"pm25": 50}, {"pm10": 50}, False), ({"pm25": 50}, 50, False),
    ],
)  # fmt: skip
def test_comparison(expected: object, answer: object, agree: bool) -> None:
    assert (not differences({"value": expected}, {"value": answer})) is agree


def test_an_answer_without_the_field_is_wrong() -> None:
    assert differences({"index": 1}, {}) == ["index is absent, expected 1"]


def _floats(series: dict[str, list[Fraction | None]]) -> dict[str, list[float | None]]:
    return {
        name: [None if value is None else float(value) for value in values] for name, values in series.items()
    }


def test_only_the_standard_library_is_needed() -> None:
    folder = Path(rules.__file__).parent
    for path in folder.glob("*.py"):
        if path.name != "vayu.py":
            text = path.read_text(encoding="utf-8")
            assert "from common" not in text, path
