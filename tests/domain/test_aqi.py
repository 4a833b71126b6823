"""The indices: published tables and examples, and the laws that hold for every concentration and series."""

from __future__ import annotations

import json
import math
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from common.domain.aqi import (
    CATEGORIES,
    STANDARDS,
    Aqi,
    Implied,
    PollutantIndex,
    Standard,
    category,
    city_index,
    implied_concentration,
    naqi,
    station_naqi,
    sub_index,
    us_aqi,
)
from common.domain.errors import DataError
from common.domain.observation import POLLUTANTS

NAQI_BAND_ENDS = {
    "pm25": (30, 60, 90, 120, 250, 380),
    "pm10": (50, 100, 250, 350, 430, 510),
    "no2": (40, 80, 180, 280, 400, 520),
    "o3": (50, 100, 168, 208, 748, 1287),
    "co": (1, 2, 10, 17, 34, 51),
    "so2": (40, 80, 380, 800, 1600, 2400),
    "nh3": (200, 400, 800, 1200, 1800, 2400),
}
EPA_BANDS = {  # in EPA's units: first and last concentration of a band, its first and last index
    ("pm25", 12): (
        ("0.0", "9.0", 0, 50),
        ("9.1", "35.4", 51, 100),
        ("35.5", "55.4", 101, 150),
        ("55.5", "125.4", 151, 200),
        ("125.5", "225.4", 201, 300),
        ("225.5", "325.4", 301, 500),
    ),
    ("pm10", 12): (
        ("0", "54", 0, 50),
        ("55", "154", 51, 100),
        ("155", "254", 101, 150),
        ("255", "354", 151, 200),
        ("355", "424", 201, 300),
        ("425", "604", 301, 500),
    ),
    ("o3", 8): (
        ("0.000", "0.054", 0, 50),
        ("0.055", "0.070", 51, 100),
        ("0.071", "0.085", 101, 150),
        ("0.086", "0.105", 151, 200),
        ("0.106", "0.200", 201, 300),
    ),
    ("o3", 1): (
        ("0.125", "0.164", 101, 150),
        ("0.165", "0.204", 151, 200),
        ("0.205", "0.404", 201, 300),
        ("0.405", "0.604", 301, 500),
    ),
    ("co", 8): (
        ("0.0", "4.4", 0, 50),
        ("4.5", "9.4", 51, 100),
        ("9.5", "12.4", 101, 150),
        ("12.5", "15.4", 151, 200),
        ("15.5", "30.4", 201, 300),
        ("30.5", "50.4", 301, 500),
    ),
    ("so2", 1): (
        ("0", "35", 0, 50),
        ("36", "75", 51, 100),
        ("76", "185", 101, 150),
        ("186", "304", 151, 200),
    ),
    ("so2", 24): (("305", "604", 201, 300), ("605", "1004", 301, 500)),
    ("no2", 1): (
        ("0", "53", 0, 50),
        ("54", "100", 51, 100),
        ("101", "360", 101, 150),
        ("361", "649", 151, 200),
        ("650", "1249", 201, 300),
        ("1250", "2049", 301, 500),
    ),
}
EPA_STEP = {"pm25": "0.1", "pm10": "1", "o3": "0.001", "co": "0.1", "so2": "1", "no2": "1"}
CANONICAL = {"pm25": 1.0, "pm10": 1.0, "o3": 1963.0, "co": 1.1456, "so2": 2.62, "no2": 1.882}
"""Our units in one of EPA's (O3 and CO in ppm, SO2 and NO2 in ppb)."""

pollutants = st.sampled_from(POLLUTANTS)
standards = st.sampled_from(STANDARDS)
concentrations = st.floats(min_value=0, allow_nan=False, allow_infinity=False)
hourly = st.none() | st.floats(0, 600)


def epa_cases() -> list[tuple[str, int, float, int]]:
    return [
        (pollutant, hours, float(end) * CANONICAL[pollutant], index)
        for (pollutant, hours), bands in EPA_BANDS.items()
        for low, high, index_low, index_high in bands
        for end, index in ((low, index_low), (high, index_high))
    ]


def exact_naqi(pollutant: str, value: Fraction) -> int:
    """The sub-index in exact arithmetic, halves up."""
    low, index_low = Fraction(0), 0
    for high, index_high in zip(NAQI_BAND_ENDS[pollutant], (50, 100, 200, 300, 400, 500), strict=True):
        if value <= high:
            return math.floor(
                index_low + (value - low) / (high - low) * (index_high - index_low) + Fraction(1, 2)
            )
        low, index_low = Fraction(high), index_high
    return 500


def exact_epa(pollutant: str, steps: int, bands: tuple[tuple[str, str, int, int], ...]) -> int | None:
    """The sub-index of a concentration of that many truncation steps, in exact arithmetic, halves up."""
    value = steps * Fraction(EPA_STEP[pollutant])
    for low, high, index_low, index_high in bands:
        if value < Fraction(low):
            return None
        if value <= Fraction(high):
            share = (value - Fraction(low)) / (Fraction(high) - Fraction(low))
            return math.floor(index_low + share * (index_high - index_low) + Fraction(1, 2))
    return bands[-1][3]


def station(**values: float) -> dict[str, list[float | None]]:
    """24 equal hours of each pollutant."""
    return {pollutant: [value] * 24 for pollutant, value in values.items()}


class TestSubIndex:
    @pytest.mark.parametrize(
        ("pollutant", "concentration", "index"),
        [
            ("pm25", 30, 50),
            ("pm25", 45, 75),
            ("pm25", 60, 100),
            ("pm25", 150, 323),
            ("pm25", 34, 57),
            ("pm25", 380, 500),
            ("pm10", 121, 114),
            ("no2", 8, 10),
            ("o3", 57, 57),
            ("nh3", 34, 9),  # 8.5
            ("co", 0.55, 28),  # 27.5
            ("co", 0.57, 29),  # 28.5, in binary 28.499999999999996
            ("pm25", 31, 52),  # 51.67 with joined edges; the table with gaps would say 51
            ("pm25", 30.5, 51),  # the published table has no row for it
        ],
    )
    def test_published_examples_of_naqi(self, pollutant: str, concentration: float, index: int) -> None:
        assert sub_index(pollutant, concentration) == index

    @pytest.mark.parametrize(
        ("concentration", "index"),
        [(9.0, 50), (9.09, 50), (9.1, 51), (35.4, 100), (55.5, 151), (125.5, 201), (225.5, 301)],
    )
    def test_published_examples_of_epa(self, concentration: float, index: int) -> None:
        assert sub_index("pm25", concentration, "us-epa") == index

    @pytest.mark.parametrize("pollutant", POLLUTANTS)
    def test_every_band_of_naqi_ends_where_the_table_says(self, pollutant: str) -> None:
        result = [sub_index(pollutant, end) for end in NAQI_BAND_ENDS[pollutant]]
        assert result == [50, 100, 200, 300, 400, 500]

    @pytest.mark.parametrize(("pollutant", "hours", "concentration", "index"), epa_cases())
    def test_every_band_of_epa_begins_and_ends_where_the_table_says(
        self, pollutant: str, hours: int, concentration: float, index: int
    ) -> None:
        assert sub_index(pollutant, concentration, "us-epa", hours=hours) == index

    @given(pollutants, st.integers(0, 3000), st.integers(0, 4))
    def test_naqi_equals_exact_arithmetic(self, pollutant: str, digits: int, decimals: int) -> None:
        expected = exact_naqi(pollutant, Fraction(digits, 10**decimals))
        assert sub_index(pollutant, digits / 10**decimals) == expected

    @given(st.sampled_from(sorted(EPA_BANDS)), st.integers(0, 4000), st.floats(0, 0.999))
    def test_epa_truncates_to_its_step_and_equals_exact_arithmetic(
        self, scale: tuple[str, int], steps: int, rest: float
    ) -> None:
        pollutant, hours = scale
        concentration = (steps + rest) * float(EPA_STEP[pollutant]) * CANONICAL[pollutant]
        expected = exact_epa(pollutant, steps, EPA_BANDS[scale])
        assert sub_index(pollutant, concentration, "us-epa", hours=hours) == expected

    @given(pollutants, standards, concentrations)
    def test_every_concentration_has_an_index_from_0_to_500(
        self, pollutant: str, standard: Standard, concentration: float
    ) -> None:
        index = sub_index(pollutant, concentration, standard)
        if (pollutant, standard) == ("nh3", "us-epa"):
            assert index is None
        else:
            assert type(index) is int
            assert 0 <= index <= 500

    @given(
        st.sampled_from(
            [(p, "in-naqi", None) for p in POLLUTANTS] + [(p, "us-epa", h) for p, h in EPA_BANDS]
        ),
        st.tuples(concentrations, concentrations) | st.tuples(st.floats(0, 700), st.floats(0, 700)),
    )
    def test_more_is_never_a_lower_index(
        self, scale: tuple[str, Standard, int | None], pair: tuple[float, float]
    ) -> None:
        pollutant, standard, hours = scale
        low, high = (sub_index(pollutant, each, standard, hours=hours) for each in sorted(pair))
        assert low is None or (high is not None and low <= high)

    @pytest.mark.parametrize("pollutant", POLLUTANTS)
    def test_neighbouring_floats_never_step_by_more_than_one_or_back(self, pollutant: str) -> None:
        for end in NAQI_BAND_ENDS[pollutant]:
            around = [sub_index(pollutant, math.nextafter(end, to)) for to in (0, end, math.inf)]
            assert None not in around
            assert around == sorted(around, key=lambda index: index or 0)
            assert (around[2] or 0) - (around[0] or 0) <= 1

    @given(pollutants, standards, st.sampled_from([None, math.nan, math.inf]) | st.floats(max_value=-1e-300))
    def test_what_is_no_concentration_has_no_index(
        self, pollutant: str, standard: Standard, concentration: float | None
    ) -> None:
        assert sub_index(pollutant, concentration, standard) is None

    def test_zero_is_the_index_0_of_an_average(self) -> None:
        assert sub_index("pm25", 0.0) == 0

    def test_the_usual_averaging_times_of_epa(self) -> None:
        assert sub_index("o3", 1963.0 * 0.3, "us-epa") == 300
        assert sub_index("o3", 1963.0 * 0.3, "us-epa", hours=1) == 248
        assert sub_index("so2", 2.62 * 400, "us-epa") == 200
        assert sub_index("so2", 2.62 * 604, "us-epa", hours=24) == 300

    @pytest.mark.parametrize("pollutant", ["pm2.5", "PM25", "", "temperature"])
    def test_an_unknown_pollutant_is_refused(self, pollutant: str) -> None:
        with pytest.raises(DataError, match="pm25"):
            sub_index(pollutant, 1.0)

    def test_an_unknown_standard_or_averaging_time_is_refused(self) -> None:
        with pytest.raises(DataError, match="in-naqi"):
            sub_index("pm25", 1.0, "caqi")  # type: ignore[arg-type]
        with pytest.raises(DataError, match="24 h"):
            sub_index("o3", 1.0, "us-epa", hours=24)


class TestImplied:
    @pytest.mark.parametrize("pollutant", POLLUTANTS)
    def test_every_naqi_index_comes_back(self, pollutant: str) -> None:
        for index in range(501):
            implied = implied_concentration(pollutant, index)
            assert sub_index(pollutant, implied.value) == index
            assert implied.at_least == (index == 500)

    @pytest.mark.parametrize("pollutant", POLLUTANTS)
    def test_the_ends_of_the_bands_come_back(self, pollutant: str) -> None:
        result = [implied_concentration(pollutant, index).value for index in (50, 100, 200, 300, 400, 500)]
        assert result == pytest.approx(NAQI_BAND_ENDS[pollutant])

    @pytest.mark.parametrize("pollutant", [p for p in POLLUTANTS if p != "nh3"])
    def test_every_epa_index_that_a_concentration_has_comes_back(self, pollutant: str) -> None:
        hours, bands = next((h, bands) for (p, h), bands in EPA_BANDS.items() if p == pollutant)
        reachable = {exact_epa(pollutant, steps, bands) for steps in range(4000)} - {None}
        for index in range(501):
            implied = implied_concentration(pollutant, index, "us-epa")
            result = sub_index(pollutant, implied.value, "us-epa", hours=hours)
            assert implied.at_least == (index >= bands[-1][3])
            if index in reachable:
                assert result == index
            elif not implied.at_least:
                assert result is not None
                assert abs(result - index) <= 2

    def test_known_inversions(self) -> None:
        assert implied_concentration("co", 28) == pytest.approx((0.56, False))
        assert implied_concentration("nh3", 4) == pytest.approx((16.0, False))
        assert implied_concentration("pm25", 500) == Implied(380.0, at_least=True)
        assert implied_concentration("pm25", 999) == Implied(380.0, at_least=True)

    def test_what_is_no_index_is_refused(self) -> None:
        for index in (-1, math.nan):
            with pytest.raises(DataError):
                implied_concentration("pm25", index)
        with pytest.raises(DataError, match="nh3"):
            implied_concentration("nh3", 50, "us-epa")
        with pytest.raises(DataError, match="unknown"):
            implied_concentration("pb", 50)


class TestCategory:
    @pytest.mark.parametrize("standard", STANDARDS)
    def test_categories_join_without_holes(self, standard: Standard) -> None:
        rows = CATEGORIES[standard]
        assert (rows[0].low, rows[-1].high) == (0, 500)
        assert [row.low for row in rows[1:]] == [row.high + 1 for row in rows[:-1]]
        for row in rows:
            assert {category(row.low, standard), category(row.high, standard)} == {row.name}
            assert row.colour.startswith("#")
            assert len(row.colour) == 7

    def test_names(self) -> None:
        result = [category(index) for index in (50, 51, 100, 101, 200, 201, 300, 301, 400, 401, 500)]
        assert result == [
            "Good",
            *["Satisfactory"] * 2,
            *["Moderate"] * 2,
            *["Poor"] * 2,
            *["Very Poor"] * 2,
            *["Severe"] * 2,
        ]
        assert category(151, "us-epa") == "Unhealthy"

    def test_fractions_and_values_beyond_the_scale(self) -> None:
        assert [category(index) for index in (100.4, 100.5, 1e300, math.inf)] == [
            "Satisfactory",
            "Moderate",
            "Severe",
            "Severe",
        ]

    @pytest.mark.parametrize("index", [-0.1, math.nan])
    def test_no_index(self, index: float) -> None:
        with pytest.raises(DataError):
            category(index)


class TestNaqi:
    def test_the_station_of_cpcbs_calculator(self) -> None:
        result = naqi(station(pm10=121, pm25=34, so2=0, no2=8, co=0, o3=57, nh3=34))
        assert (result.value, result.dominant, result.category) == (114, "pm10", "Moderate")
        assert {name: part.index for name, part in result.pollutants.items()} == {
            "pm10": 114,
            "pm25": 57,
            "no2": 10,
            "o3": 57,
            "nh3": 9,
            "so2": None,
            "co": None,
        }
        assert "0 counts as missing" in str(result.pollutants["so2"].withheld)

    @pytest.mark.parametrize(
        ("pollutant", "hours", "required"), [("pm25", 24, 16), ("nh3", 24, 16), ("co", 8, 6), ("o3", 8, 6)]
    )
    def test_one_hour_decides_whether_there_is_a_sub_index(
        self, pollutant: str, hours: int, required: int
    ) -> None:
        gaps: list[float | None] = [None] * (hours - required)
        enough = naqi({pollutant: [9.0] * 40 + gaps + [5.0] * required}).pollutants[pollutant]
        short = naqi({pollutant: [9.0] * 40 + [None, *gaps] + [5.0] * (required - 1)}).pollutants[pollutant]
        assert enough == PollutantIndex(
            pollutant, sub_index(pollutant, 5.0), 5.0, f"{hours} h mean", required, required, hours
        )
        assert (short.index, short.concentration, short.hours_present) == (None, None, required - 1)
        assert short.withheld == f"{required - 1} of {hours} hours present, {required} needed"

    @given(st.lists(hourly, max_size=30), st.lists(hourly, min_size=24, max_size=24))
    def test_hours_before_the_window_do_not_count(
        self, before: list[float | None], window: list[float | None]
    ) -> None:
        series = dict.fromkeys(POLLUTANTS, window)
        assert naqi({p: before + hours for p, hours in series.items()}) == naqi(series)

    @given(
        st.lists(hourly, min_size=24, max_size=24).flatmap(
            lambda h: st.tuples(st.just(h), st.permutations(h))
        )
    )
    def test_the_order_inside_the_24_hours_does_not_count(
        self, orders: tuple[list[float | None], list[float | None]]
    ) -> None:
        names = ("pm25", "pm10", "no2", "so2", "nh3")
        first, second = (naqi(dict.fromkeys(names, hours)) for hours in orders)
        assert first == second

    def test_the_mean_has_no_rounding_noise_of_the_order(self) -> None:
        hours = [0.1, 599.9, 0.7] * 8
        first, second = (naqi({"pm25": each}).pollutants["pm25"] for each in (hours, sorted(hours)))
        assert first.concentration == second.concentration

    @given(st.lists(st.floats(0.1, 300), min_size=24, max_size=24), st.integers(0, 23))
    def test_missing_is_not_zero(self, hours: list[float], gap: int) -> None:
        whole = naqi({"pm25": [*hours[:gap], *hours[gap + 1 :]]}).pollutants["pm25"]
        for missing in (None, math.nan, -999.0, math.inf):
            result = naqi({"pm25": [*hours[:gap], missing, *hours[gap + 1 :]]}).pollutants["pm25"]
            assert result == whole
            assert result.hours_present == 23

    @given(
        pollutants,
        st.lists(st.floats(0.1, 2000), min_size=24, max_size=24),
        st.integers(0, 23),
        st.floats(0, 2000),
    )
    def test_a_worse_hour_never_lowers_the_sub_index(
        self, pollutant: str, hours: list[float], place: int, more: float
    ) -> None:
        worse = [*hours[:place], hours[place] + more, *hours[place + 1 :]]
        before, after = (naqi({pollutant: each}).pollutants[pollutant].index for each in (hours, worse))
        assert before is not None
        assert after is not None
        assert before <= after

    @given(st.dictionaries(pollutants, st.lists(hourly, max_size=26)))
    def test_the_highest_sub_index_or_a_reason(self, series: dict[str, list[float | None]]) -> None:
        result = naqi(series)
        assert set(result.pollutants) == set(POLLUTANTS)
        indices = {n: part.index for n, part in result.pollutants.items() if part.index is not None}
        if len(indices) >= 3 and indices.keys() & {"pm25", "pm10"}:
            assert result.value == max(indices.values()) == indices[str(result.dominant)]
            assert result.withheld is None
        else:
            assert (result.value, result.dominant, result.category) == (None, None, None)
            assert result.withheld
        for part in result.pollutants.values():
            assert (part.index is None) == (part.withheld is not None)

    def test_three_pollutants_and_particles_are_needed(self) -> None:
        two = naqi(station(pm25=40, no2=20))
        gases = naqi(station(no2=20, so2=20, co=1, o3=30))
        assert naqi(station(pm10=40, no2=20, so2=20)).value == 40
        assert (two.value, two.withheld) == (None, "sub-indices of 2 pollutants; the AQI needs at least 3")
        assert gases.value is None
        assert "neither PM2.5 nor PM10" in str(gases.withheld)
        assert gases.pollutants["co"].index == 50

    def test_equal_sub_indices_always_name_the_same_pollutant(self) -> None:
        series = station(no2=80, pm10=100, pm25=60)
        assert naqi(series).dominant == naqi(dict(reversed(series.items()))).dominant == "pm25"

    def test_a_key_that_is_no_pollutant_is_refused(self) -> None:
        with pytest.raises(DataError, match=r"pm2\.5"):
            naqi({"pm2.5": [1.0] * 24})

    def test_published_sub_indices_follow_the_same_rule(self) -> None:
        parts = {
            name: PollutantIndex(name, index, None, "24 h mean", 24, 16, 24)
            for name, index in (("pm10", 98), ("pm25", 24), ("no2", 30))
        }
        assert station_naqi(parts).value == 98
        assert station_naqi({name: parts[name] for name in ("pm10", "pm25")}).value is None


class TestNaqiOzone:
    def ozone(self, *latest: float | None) -> PollutantIndex:
        return naqi({"o3": [10.0] * 20 + list(latest)}).pollutants["o3"]

    def test_up_to_208_it_is_the_8_h_mean(self) -> None:
        result = self.ozone(*[208.0] * 8)
        assert (result.index, result.concentration, result.window) == (300, 208.0, "8 h mean")

    def test_208_is_not_yet_above_it(self) -> None:
        result = self.ozone(*[176.0] * 7, 432.0)
        assert (result.index, result.concentration, result.window) == (300, 208.0, "8 h mean")

    def test_above_208_it_is_the_latest_hour(self) -> None:
        result = self.ozone(*[100.0] * 4, *[478.0] * 4)
        assert (result.index, result.concentration, result.window) == (350, 478.0, "1 h")
        assert (result.hours_present, result.hours_required, result.hours_window) == (1, 1, 1)

    def test_a_missing_latest_hour_leaves_the_one_before_it(self) -> None:
        assert self.ozone(*[478.0] * 6, 748.0, None).index == 400

    def test_it_is_never_below_300_there(self) -> None:
        result = self.ozone(*[500.0] * 7, 20.0)
        assert (result.index, result.concentration, result.window) == (300, 440.0, "8 h mean")

    def test_one_high_hour_alone_does_not_lift_a_mean_below_208(self) -> None:
        assert self.ozone(*[100.0] * 7, 900.0).index == sub_index("o3", 200.0)


class TestUsAqi:
    def test_particles_come_from_nowcast_and_are_truncated(self) -> None:
        result = us_aqi({"pm25": [10.0] * 11 + [50.0], "pm10": [54.99] * 12}).pollutants
        assert result["pm25"].concentration == pytest.approx(30.005, abs=5e-4)
        assert (result["pm25"].index, result["pm25"].window) == (
            sub_index("pm25", 30.0, "us-epa"),
            "NowCast 12 h",
        )
        assert result["pm10"].index == 50

    def test_particles_need_two_of_the_latest_three_hours(self) -> None:
        result = us_aqi({"pm25": [10.0] * 10 + [None, 10.0, None]})
        assert result.pollutants["pm25"].withheld == "1 of the latest 3 hours present, 2 needed"
        assert (result.value, result.withheld) == (None, "no pollutant has a sub-index")

    def test_one_pollutant_is_enough_and_zero_is_clean_air(self) -> None:
        assert us_aqi({"no2": [None] * 23 + [100 * 1.882]}).value == 100
        assert us_aqi(station(pm25=0.0)).value == 0

    @pytest.mark.parametrize(("pollutant", "unit"), [("co", 1.1456), ("o3", 1.963)])
    def test_8_h_means_need_six_hours(self, pollutant: str, unit: float) -> None:
        assert us_aqi({pollutant: [None, None, *[4.0 * unit] * 6]}).value is not None
        assert us_aqi({pollutant: [4.0 * unit, None, None, None, *[4.0 * unit] * 5]}).value is None

    def test_ozone_takes_the_higher_of_8_h_and_1_h(self) -> None:
        low, high = 60 * 1.963, 150 * 1.963
        calm = us_aqi({"o3": [low] * 8}).pollutants["o3"]
        rising = us_aqi({"o3": [low] * 7 + [high]}).pollutants["o3"]
        alone = us_aqi({"o3": [None] * 7 + [high]}).pollutants["o3"]
        assert (calm.index, calm.window) == (67, "8 h mean")
        assert (rising.index, rising.window) == (132, "1 h")
        assert alone == rising
        assert us_aqi({"o3": [250 * 1.963] * 8}).pollutants["o3"].index == 300
        assert us_aqi({"o3": [604 * 1.963] * 8}).value == 500

    def test_sulphur_dioxide_above_304_ppb_takes_the_24_h_mean(self) -> None:
        peak = us_aqi({"so2": [10.0] * 23 + [400 * 2.62]}).pollutants["so2"]
        long = us_aqi({"so2": [604 * 2.62] * 24}).pollutants["so2"]
        short = us_aqi({"so2": [604 * 2.62] * 17}).pollutants["so2"]
        assert (peak.index, peak.window) == (200, "1 h")
        assert (long.index, long.window) == (300, "24 h mean")
        assert (short.index, short.window) == (200, "1 h")

    def test_ammonia_has_no_us_index(self) -> None:
        result = us_aqi(station(nh3=900, pm25=9.0))
        assert (result.value, result.dominant) == (50, "pm25")
        assert "nh3" not in result.pollutants

    @given(st.dictionaries(pollutants, st.lists(hourly, max_size=26)))
    def test_the_highest_sub_index_or_a_reason(self, series: dict[str, list[float | None]]) -> None:
        result = us_aqi(series)
        indices = {n: part.index for n, part in result.pollutants.items() if part.index is not None}
        assert result.value == max(indices.values(), default=None)
        assert result.dominant is None or indices[result.dominant] == result.value
        assert (result.value is None) == (result.withheld is not None)
        for part in result.pollutants.values():
            assert (part.index is None) == (part.withheld is not None)


class TestCity:
    def test_the_mean_of_the_stations_that_have_a_value(self) -> None:
        result = city_index(
            [
                naqi(station(pm25=30, no2=40, so2=40)),  # 50
                naqi(station(pm25=30.6, no2=40, so2=8)),  # 51
                naqi(station(pm25=300, no2=40)),  # none
            ]
        )
        assert (result.value, result.dominant, result.withheld) == (51, "pm25", None)  # 50.5
        assert result.pollutants["pm25"].concentration == pytest.approx(30.3)
        assert result.pollutants["so2"].index == 30
        assert result.pollutants["co"].withheld == "0 of 8 hours present, 6 needed"

    def test_the_dominant_pollutant_has_the_highest_mean_sub_index(self) -> None:
        result = city_index(
            [
                naqi(station(pm25=60, pm10=350, no2=4)),
                naqi(station(pm25=120, pm10=50, no2=4)),
                naqi(station(pm25=90, pm10=50, no2=4)),
            ]
        )
        assert (result.value, result.dominant) == (267, "pm25")
        assert result.pollutants["pm10"].index == 133

    def test_hours_are_those_of_the_poorest_station(self) -> None:
        full = station(pm25=30, no2=40, so2=40)
        gaps = full | {"pm25": [None] * 5 + [30.0] * 19}
        assert city_index([naqi(full), naqi(gaps)]).pollutants["pm25"].hours_present == 19

    def test_without_a_sub_index_the_station_that_came_nearest_is_shown(self) -> None:
        base = station(pm25=30, no2=40, so2=40)
        few, more = (naqi(base | {"co": [1.0] * count}) for count in (3, 5))
        assert city_index([few, more]).pollutants["co"].withheld == "5 of 8 hours present, 6 needed"

    def test_a_1_h_value_and_an_8_h_mean_have_no_mean_concentration(self) -> None:
        base = {"pm25": 30.0, "no2": 40.0}
        result = city_index([naqi(station(**base, o3=100)), naqi(station(**base, o3=478))]).pollutants["o3"]
        assert (result.index, result.concentration, result.window) == (225, None, "1 h or 8 h mean")

    def test_without_any_value_it_says_why_and_keeps_the_sub_indices(self) -> None:
        result = city_index([naqi(station(pm25=30, no2=40)), naqi({})])
        assert (result.value, result.dominant) == (None, None)
        assert str(result.withheld).startswith("none of 2 stations has an AQI; sub-indices of 0 pollutants")
        assert result.pollutants["pm25"].index == 50
        assert city_index([]).withheld == "none of 0 stations has an AQI"
        assert city_index([], "us-epa").standard == "us-epa"

    def test_standards_do_not_mix(self) -> None:
        with pytest.raises(DataError):
            city_index([naqi(station(pm25=30)), us_aqi(station(pm25=30))])
        with pytest.raises(DataError):
            city_index([naqi(station(pm25=30))], "us-epa")

    @given(st.lists(st.integers(0, 500), min_size=1, max_size=9))
    def test_rounded_half_up_whatever_the_order(self, values: list[int]) -> None:
        stations = [Aqi(value, "in-naqi", "pm25", {}) for value in values]
        expected = math.floor(Fraction(sum(values), len(values)) + Fraction(1, 2))
        assert city_index(stations).value == city_index(stations[::-1]).value == expected

    @given(st.floats(1, 400), st.integers(1, 5))
    def test_equal_stations_are_the_city(self, pm25: float, count: int) -> None:
        first = naqi(station(pm25=pm25, no2=20, so2=10, co=1, o3=30))
        city = city_index([first] * count)
        assert (city.value, city.dominant) == (first.value, first.dominant)
        for name, part in city.pollutants.items():
            assert part.index == first.pollutants[name].index
            assert part.concentration == pytest.approx(first.pollutants[name].concentration)


class TestExplain:
    def test_it_survives_json_and_tells_what_was_used(self) -> None:
        message = json.loads(json.dumps(naqi(station(pm10=121, pm25=34, no2=8, co=1.5)).explain()))
        assert (message["standard"], message["aqi"], message["category"]) == ("in-naqi", 114, "Moderate")
        assert (message["dominant"], message["withheld"]) == ("pm10", None)
        assert message["missing"] == ["so2", "nh3", "o3"]
        assert any("16 hours" in rule for rule in message["rules"])
        assert message["pollutants"]["co"] == {
            "index": 75,
            "concentration": 1.5,
            "unit": "mg/m³",
            "window": "8 h mean",
            "hours_present": 8,
            "hours_required": 6,
            "hours_window": 8,
            "withheld": None,
        }

    @pytest.mark.parametrize("empty", [naqi({}), us_aqi({}), city_index([])])
    def test_an_index_that_is_withheld_says_so(self, empty: Aqi) -> None:
        message = json.loads(json.dumps(empty.explain()))
        assert (message["aqi"], message["category"]) == (None, None)
        assert message["withheld"]
