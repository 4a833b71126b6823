"""Pages of model cards: word for word as they were written before, by cards that meet every branch of the text."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import msgspec
import pytest

from common.inference.card import ModelCard
from common.training.card_text import as_markdown

CARDS = sorted((Path(__file__).parent / "cards").glob("*.json"))


@pytest.mark.parametrize("path", CARDS, ids=[path.stem for path in CARDS])
def test_a_page_reads_as_it_always_did(path: Path) -> None:
    card = msgspec.json.decode(path.read_bytes(), type=ModelCard)
    assert as_markdown(card) == path.with_suffix(".md").read_text(encoding="utf-8")


def test_what_a_card_says_is_not_escaped() -> None:
    fields = json.loads(CARDS[0].read_bytes()) | {"city": "<A & B>"}
    page = as_markdown(msgspec.convert(fields, ModelCard))
    assert page.startswith("# AQI (Indian NAQI) of <A & B>: ")


def test_forecasting_loads_no_jinja() -> None:
    code = "import sys, common.inference.issue, common.services.forecast; print('jinja2' in sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=Path(__file__).parents[2],
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout == "False\n"
