"""The list of cities, and finding one by any of its spellings."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from common.domain.cities import City, all_cities, cpcb_places, find_city
from common.domain.errors import NotFound

SPELLINGS = [(spelling, city) for city in all_cities() for spelling in (city.name, *city.aliases)]
spellings = st.sampled_from(SPELLINGS)


def full_width(text: str) -> str:
    return "".join(chr(ord(ch) + 0xFEE0) if "!" <= ch <= "~" else ch for ch in text)


def bold(text: str) -> str:
    """Mathematical bold letters: their capitals have no small form until they are decomposed."""
    return "".join(chr(0x1D400 + ord(ch) - ord("A")) if "A" <= ch <= "Z" else ch for ch in text)


def accented(text: str) -> str:
    return "".join(ch + "\u0304" if ch in "aeiou" else ch for ch in text)


def test_there_are_56_in_india() -> None:
    cities = all_cities()
    assert len(cities) == len({city.name for city in cities}) == len({city.slug for city in cities}) == 56
    for city in cities:
        assert city.state
        assert 8 < city.latitude < 36
        assert 68 < city.longitude < 96


@pytest.mark.parametrize(("spelling", "city"), SPELLINGS)
def test_no_spelling_is_taken_by_another_city(spelling: str, city: City) -> None:
    assert find_city(spelling) is city


@given(
    spellings,
    st.sampled_from([str.upper, str.lower, str.swapcase, full_width, bold, accented]),
    st.sampled_from([" ", "-", "_", "", "  ", "\u00a0", "–"]),
)
def test_case_width_accents_and_separators_do_not_matter(pair, change, separator: str) -> None:
    spelling, city = pair
    written = change(spelling.replace(" ", separator).replace("-", separator))
    assert find_city(f" {written} ") is city


@pytest.mark.parametrize("city", all_cities(), ids=lambda city: city.slug)
def test_the_slug_leads_back(city: City) -> None:
    assert find_city(city.slug) is city
    assert city.slug == city.slug.lower()
    assert " " not in city.slug


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("bengaluru", "Bangalore"),
        ("navi-mumbai", "Navi Mumbai"),
        ("New Delhi", "Delhi"),
        ("Gurugram", "Gurgaon"),
        ("prayagraj", "Allahabad"),
        ("hubballi", "Hubli-Dharwad"),
        ("Bengalūru", "Bangalore"),
    ],
)
def test_well_known_other_names(name: str, expected: str) -> None:
    assert find_city(name).name == expected


@pytest.mark.parametrize(
    "name",
    [
        "",
        " ",
        "-",
        "Atlantis",
        "Delhi'; --x",
        "Delh",
        "दिल्ली",
        "x" * 10_000,
        "Delhi" + "-" * 95 + "x",
        "Delhi" + " " * 96,
    ],
)
def test_other_names_are_not_found_and_not_echoed_at_length(name: str) -> None:
    with pytest.raises(NotFound, match="/api/v1/cities/") as caught:
        find_city(name)
    assert len(str(caught.value)) < 200


@given(st.text())
def test_any_text_finds_a_city_or_is_not_found(name: str) -> None:
    try:
        result = find_city(name)
    except NotFound:
        return
    assert result in all_cities()


def test_cpcb_places_need_their_state() -> None:
    places = cpcb_places()
    assert places["Maharashtra", "Aurangabad"].name == "Aurangabad"
    assert ("Bihar", "Aurangabad") not in places
    assert places["Karnataka", "Hubballi"] is places["Karnataka", "Dharwad"] is find_city("Hubli")
    assert places["TamilNadu", "Chennai"].name == "Chennai"


def test_every_cpcb_place_belongs_to_one_city() -> None:
    assert len(cpcb_places()) == sum(len(city.cpcb) for city in all_cities()) == 54
    assert {city.name for city in all_cities() if not city.cpcb} == {"Ranchi", "Aligarh", "Warangal"}
