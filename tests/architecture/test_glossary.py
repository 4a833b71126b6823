"""The glossary: each term once, in alphabetical order, with places that exist."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
ROWS = [
    [cell.strip() for cell in line.strip("|").split("|")]
    for line in (ROOT / "docs" / "glossary.md").read_text(encoding="utf-8").splitlines()
    if line.startswith("| **")
]
TERMS = [re.sub(r"\*", "", row[0]) for row in ROWS]


def test_terms_are_in_alphabetical_order_and_each_is_defined_once() -> None:
    assert len(TERMS) > 40
    lowered = [term.lower() for term in TERMS]
    assert lowered == sorted(set(lowered))


@pytest.mark.parametrize(("term", "meaning", "places"), ROWS, ids=TERMS)
def test_each_is_a_sentence_with_the_place_in_the_code(term: str, meaning: str, places: str) -> None:
    assert meaning.endswith(".")
    result = re.findall(r"`([^`]+)`", places)
    assert result
    for place in result:
        assert (ROOT / place).exists(), f"{term}: there is no {place}"
