"""The driver with its statements remembered says what it says without."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pg8000 import dbapi, legacy

from common.store.driver import remember_statements

PARTS = ("SELECT ", "%s", "%%", "'it''s %s'", '"a %s"', "$$ %s $$", "-- %s\n", "E'\\' %s'", "::text", " , ")


@given(st.lists(st.sampled_from(PARTS)), st.lists(st.integers()))
def test_a_statement_is_converted_as_ever(parts: list[str], arguments: list[int]) -> None:
    remember_statements()
    statement = "".join(parts)
    for _ in range(2):
        told = legacy.convert_paramstyle("format", statement, arguments)
        assert told == dbapi.convert_paramstyle("format", statement, arguments)


def test_other_styles_are_left_to_the_driver() -> None:
    remember_statements()
    assert legacy.convert_paramstyle("named", "SELECT :a, :b, :a", {"a": 1, "b": 2}) == (
        "SELECT $1, $2, $1",
        (1, 2),
    )


def test_what_cannot_be_converted_is_refused_each_time() -> None:
    remember_statements()
    for _ in range(2):
        with pytest.raises(dbapi.InterfaceError):
            legacy.convert_paramstyle("format", "SELECT %x", ())
