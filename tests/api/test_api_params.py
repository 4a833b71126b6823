"""Query parameters: what is declared is accepted, everything else is refused with a reason."""

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import AwareDatetime, Field

from common.api.schemas import Parameters
from common.api.schemas.aqi import HistoryQuery
from common.api.validation import read_query
from common.domain.errors import DataError


class Declared(Parameters):
    cities: str
    hours: int = Field(24, ge=1, le=48)
    start: AwareDatetime | None = None
    explain: bool = False


class Loose(Parameters):
    count: int = 0
    least: int = Field(0, ge=1)
    most: int = Field(0, le=9)
    degrees: float = Field(0.0, ge=-90, le=90)
    names: list[str] = Field([], min_length=2)


@pytest.mark.parametrize(
    ("name", "text", "allowed"),
    [
        ("count", "x", "a whole number"),
        ("least", "0", "a whole number of 1 or more"),
        ("most", "10", "a whole number of at most 9"),
        ("degrees", "91", "a number from -90 to 90"),
        ("degrees", "nan", "a number from -90 to 90"),
        ("names", "a", "2 or more, separated by commas, each text"),
    ],
)
def test_whatever_a_model_allows_is_said_in_words(name: str, text: str, allowed: str) -> None:
    with pytest.raises(DataError) as caught:
        read_query(Loose, {name: [text]})
    assert [(fault.name, fault.given, fault.allowed) for fault in caught.value.faults] == [
        (name, text, allowed)
    ]


def read(**given: str) -> Declared:
    query = read_query(Declared, {name: [text] for name, text in given.items()})
    assert query is not None
    return query


@given(st.integers())
def test_a_number_is_read_if_and_only_if_it_is_in_its_range(number: int) -> None:
    if 1 <= number <= 48:
        assert read(cities="Delhi", hours=str(number)).hours == number
    else:
        with pytest.raises(DataError, match="hours must be a whole number from 1 to 48"):
            read(cities="Delhi", hours=str(number))


@given(st.dictionaries(st.text(max_size=8), st.lists(st.text(max_size=30), min_size=1, max_size=3)))
def test_any_text_at_all_is_read_or_refused_in_words(query: dict[str, list[str]]) -> None:
    try:
        read = read_query(HistoryQuery, query)
    except DataError:
        assert query
    else:
        assert set(query) <= set(HistoryQuery.model_fields)
        assert read is not None
        assert read.interval in ("hour", "day")


@given(
    st.datetimes(min_value=datetime(1, 1, 2), max_value=datetime(9999, 12, 30)),  # noqa: DTZ001 — made aware below
    st.integers(-14 * 60, 14 * 60),
    st.booleans(),
)
def test_a_time_is_read_with_any_offset_even_where_its_plus_came_as_a_space(
    naive: datetime, minutes: int, lost: bool
) -> None:
    time = naive.replace(tzinfo=timezone(timedelta(minutes=minutes)))
    text = time.isoformat()
    result = read(cities="x", start=text.replace("+", " ") if lost else text)
    assert result.start == time


@pytest.mark.parametrize(
    "text",
    [
        "",
        "2025-11-05T10:30:00",
        "2025-11-05",
        "1700000000",
        "1e9",
        "now",
        "2025-11-05T10:30Z",
        "2025-13-01T00:00:00Z",
        "null",
    ],
)
def test_a_time_without_offset_or_sense_is_refused(text: str) -> None:
    with pytest.raises(DataError, match="start must be a time with its offset"):
        read(cities="x", start=text)


@pytest.mark.parametrize("text", ["1_0", " 7", "7.0", "1e1", "٧", "0x7", "", "None", "9" * 30])
def test_a_number_is_written_in_digits(text: str) -> None:
    with pytest.raises(DataError, match="hours must be a whole number from 1 to 48"):
        read(cities="Delhi", hours=text)


@pytest.mark.parametrize("text", ["yes", "on", "t", "null", ""])
def test_a_truth_value_is_written_as_true_or_false(text: str) -> None:
    with pytest.raises(DataError, match="explain must be true or false"):
        read(cities="Delhi", explain=text)


def test_every_fault_is_named_at_once() -> None:
    with pytest.raises(DataError) as caught:
        read_query(Declared, {"hours": ["0"], "start": ["a", "b"], "colour": ["red"]})
    message = str(caught.value)
    assert "hours must be a whole number from 1 to 48, not '0'" in message
    assert "start is given 2 times" in message
    assert "no parameter 'colour'; those there are: cities, hours, start, explain" in message
    assert "cities is missing" in message


def test_long_input_is_not_sent_back_whole() -> None:
    with pytest.raises(DataError) as caught:
        read(cities="x", hours="9" * 10_000, **{"z" * 10_000: ""})
    assert len(str(caught.value)) < 400


def test_defaults_and_a_whole_query() -> None:
    assert read(cities="Delhi") == Declared(cities="Delhi")
    assert read(cities="Delhi", hours="1", start="2025-11-05T16:00:00+05:30", explain="true") == Declared(
        cities="Delhi", hours=1, start=datetime(2025, 11, 5, 10, 30, tzinfo=UTC), explain=True
    )
