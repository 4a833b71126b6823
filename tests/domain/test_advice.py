"""Advice and Hindi names: complete, and the same that the dashboard shows."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from common.domain.advice import advice, caveat, impact
from common.domain.breakpoints import CATEGORIES
from common.domain.cities import all_cities
from common.domain.hindi import category_name, city_name, month_name

DASHBOARD = Path(__file__).parents[2] / "dashboard" / "src"
ADVICE = (DASHBOARD / "features" / "city" / "Advice.tsx").read_text(encoding="utf-8")
NAMES = [category.name for category in CATEGORIES["in-naqi"]]


def catalogue(path: str) -> dict[str, str]:
    """The messages of the dashboard in Hindi."""
    text = (DASHBOARD / path / "locales" / "hi.po").read_text(encoding="utf-8")
    return dict(re.findall(r'^msgid "(.+)"\nmsgstr "(.+)"$', text, re.MULTILINE))


def key(name: str) -> str:
    return name.lower().replace(" ", "-")


@pytest.mark.parametrize("name", NAMES)
def test_the_dashboard_gives_the_same_advice(name: str) -> None:
    hindi = catalogue("features/city")
    constants = dict(re.findall(r"^const ([A-Z_]+) = msg`(.+)`;$", ADVICE, re.MULTILINE))
    impacts = dict(re.findall(r'^  "?([a-z-]+)"?: msg`(.+)`,$', ADVICE, re.MULTILINE))
    groups = re.findall(r"name: msg`(.+)`,\n    advice: \{(.+)\}", ADVICE)
    shown = [
        (group, constants[dict(re.findall(r'"?([a-z-]+)"?: ([A-Z_]+)', rows))[key(name)]])
        for group, rows in groups
    ]
    assert [(each.group, each.text) for each in advice(name, "en")] == shown
    assert [(each.group, each.text) for each in advice(name, "hi")] == [
        (hindi[group], hindi[text]) for group, text in shown
    ]
    assert impact(name, "en") == impacts[key(name)]
    assert impact(name, "hi") == hindi[impacts[key(name)]]
    assert hindi[caveat("en")] == caveat("hi")


def test_the_dashboard_has_the_same_names() -> None:
    text = (DASHBOARD / "shared" / "i18n" / "cities.hi.ts").read_text(encoding="utf-8")
    names = {
        (quoted or plain): hindi
        for quoted, plain, hindi in re.findall(r'^  (?:"(.+?)"|(\w+)): "(.+)",$', text, re.M)
    }
    assert {city.name: city_name(city.name) for city in all_cities()} == {
        city.name: names[city.name] for city in all_cities()
    }
    hindi = catalogue("app")
    assert [category_name(name) for name in NAMES] == [hindi[name] for name in NAMES]


def test_a_name_that_is_not_known_stays_and_months_are_twelve() -> None:
    assert city_name("Atlantis") == "Atlantis"
    assert len({month_name(month) for month in range(1, 13)}) == 12
    assert (month_name(1), month_name(12)) == ("जनवरी", "दिसंबर")
