"""Units: every spelling seen, every conversion by hand, and what cannot be true."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from common.domain.errors import DataError
from common.domain.observation import UNITS, VARIABLES
from common.domain.units import LIMITS, plausible, to_canonical, wind_components


@pytest.mark.parametrize("variable", VARIABLES)
def test_every_variable_takes_its_own_unit_as_it_is(variable: str) -> None:
    assert to_canonical(variable, 12.5, UNITS[variable]) == 12.5
    assert to_canonical(variable, 12.5, f"  {UNITS[variable].upper()} ") == 12.5


@pytest.mark.parametrize(
    "unit",
    [
        "\N{MICRO SIGN}g/m\N{SUPERSCRIPT THREE}",
        "\N{GREEK SMALL LETTER MU}g/m\N{SUPERSCRIPT THREE}",
        "\N{GREEK SMALL LETTER MU}g/m3",
        "ug/m3",
        "UG/M3",
        "ug/m^3",
        "ug/m**3",
        "µg / m³",
        "µg m-3",
        "µg m⁻³",
        "µg·m⁻³",
        "µg\N{NO-BREAK SPACE}m\N{MINUS SIGN}3",
        "mcg/m3",
        "㎍/m³",
        "(µg/m³)",
        "ug/cu.m",
    ],
)
def test_spellings_of_micrograms(unit: str) -> None:
    assert to_canonical("pm25", 35.0, unit) == 35.0


@pytest.mark.parametrize(
    ("variable", "value", "unit", "expected"),
    [
        ("co", 823.0, "μg/m³", 0.823),
        ("co", 1.0, "ppm", 1.1456),
        ("co", 1000.0, "ppb", 1.1456),
        ("co", 1.2, "mg/m^3", 1.2),
        ("o3", 50.0, "ppb", 98.15),
        ("o3", 0.05, "ppm", 98.15),
        ("no2", 10.0, "PPB", 18.82),
        ("so2", 10.0, "ppbv", 26.2),
        ("nh3", 10.0, "ppb", 6.966),
        ("no2", 0.04, "mg/m3", 40.0),
        ("pm10", 0.15, "mg/m³", 150.0),
        ("temperature", 300.15, "K", 27.0),
        ("temperature", 86.0, "°F", 30.0),
        ("temperature", 30.0, "deg C", 30.0),
        ("temperature", 30.0, "℃", 30.0),
        ("dew_point", -40.0, "fahrenheit", -40.0),
        ("wind_speed", 36.0, "km/h", 10.0),
        ("wind_speed", 36.0, "kmph", 10.0),
        ("wind_u", -18.0, "km h-1", -5.0),
        ("wind_speed", 10.0, "knots", 5.144444),
        ("wind_speed", 10.0, "mph", 4.4704),
        ("wind_speed", 3.0, "m s⁻¹", 3.0),
        ("pressure", 750.0, "mmHg", 999.9179),
        ("pressure", 100000.0, "Pa", 1000.0),
        ("pressure", 1013.0, "mbar", 1013.0),
        ("solar_radiation", 512.0, "W/mt2", 512.0),
        ("solar_radiation", 512.0, "W m-2", 512.0),
        ("rain", 1.0, "inch", 25.4),
        ("boundary_layer_height", 1.2, "km", 1200.0),
        ("humidity", 55.0, "percent", 55.0),
    ],
)
def test_conversions(variable: str, value: float, unit: str, expected: float) -> None:
    assert to_canonical(variable, value, unit) == pytest.approx(expected, rel=1e-6)


@pytest.mark.parametrize(
    ("variable", "unit"),
    [
        ("pm25", "ppb"),
        ("pm25", "AQI"),
        ("pm25", "USAQI"),
        ("pm25", ""),
        ("temperature", "%"),
        ("temperature", "m"),
        ("wind_speed", "°"),
        ("wind_direction", "deg"),
        ("rain", "hPa"),
        ("pressure", "m/s"),
        ("", "µg/m³"),
    ],
)
def test_meaningless_units_are_refused_by_name(variable: str, unit: str) -> None:
    with pytest.raises(DataError) as caught:
        to_canonical(variable, 1.0, unit)
    assert repr(unit) in str(caught.value)
    assert repr(variable) in str(caught.value)


@given(st.sampled_from(VARIABLES), st.text(max_size=12), st.floats(allow_nan=False, allow_infinity=False))
def test_any_text_is_a_unit_or_a_data_error(variable: str, unit: str, value: float) -> None:
    try:
        to_canonical(variable, value, unit)
    except DataError:
        return


@given(st.sampled_from(["o3", "no2", "so2", "nh3", "co"]), st.floats(0, 1e6))
def test_ppm_is_a_thousand_ppb(gas: str, value: float) -> None:
    assert to_canonical(gas, value, "ppm") == pytest.approx(to_canonical(gas, value * 1000, "ppb"))


def test_limits_cover_every_variable_and_hold_the_whole_naqi_scale() -> None:
    assert set(LIMITS) == set(VARIABLES)
    tops = {"pm25": 380, "pm10": 510, "no2": 520, "so2": 2400, "nh3": 2400, "co": 51, "o3": 1287}
    assert all(plausible(pollutant, top) for pollutant, top in tops.items())


@pytest.mark.parametrize("variable", VARIABLES)
def test_fill_values_are_not_plausible(variable: str) -> None:
    for value in (math.nan, math.inf, -math.inf, -999.0, -9999.0, 1e9, 99999.0):
        assert not plausible(variable, value)
    low, high = LIMITS[variable]
    assert plausible(variable, low)
    assert plausible(variable, high)
    assert not plausible(variable, math.nextafter(low, -math.inf))
    assert not plausible(variable, math.nextafter(high, math.inf))


@pytest.mark.parametrize("variable", ["pm25", "co", "humidity", "rain", "wind_speed", "solar_radiation"])
def test_what_cannot_be_negative(variable: str) -> None:
    assert not plausible(variable, -0.1)
    assert plausible("temperature", -0.1)
    assert plausible("wind_u", -0.1)


@pytest.mark.parametrize(
    ("direction", "expected"), [(0, (0, -4)), (90, (-4, 0)), (180, (0, 4)), (270, (4, 0)), (360, (0, -4))]
)
def test_wind_blows_from_its_direction(direction: float, expected: tuple[float, float]) -> None:
    assert wind_components(4.0, direction) == pytest.approx(expected, abs=1e-12)


@given(st.floats(0, 60), st.floats(0, 360))
def test_wind_components_keep_the_speed(speed: float, direction: float) -> None:
    assert math.hypot(*wind_components(speed, direction)) == pytest.approx(speed, abs=1e-9)
