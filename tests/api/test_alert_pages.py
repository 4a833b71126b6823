"""The pages behind the links of alerts' mails are in the language of the alert, the city's name too."""

from __future__ import annotations

import re

import pytest

from common.api.alert_pages import page

NAMES = ["confirm", "confirmed", "token", "expired", "unsubscribe", "unsubscribed"]


@pytest.mark.parametrize("name", NAMES)
def test_a_hindi_page_is_in_hindi(name: str) -> None:
    text = page(name, "hi", "Delhi", token="va_x" if name == "token" else None).get_data(as_text=True)
    body = re.sub(r"<[^>]+>", " ", text.partition("<body>")[2]).replace("va_x", "")
    assert re.search(r"[\u0900-\u097f]", body)
    assert re.findall(r"[A-Za-z]+", body) == []


def test_a_page_names_its_city() -> None:
    assert "दिल्ली की हवा के अलर्ट" in page("confirm", "hi", "Delhi").get_data(as_text=True)
    assert "the air of Delhi" in page("confirm", "en", "Delhi").get_data(as_text=True)
