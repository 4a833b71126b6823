"""Whether an answer is what a vector expects."""

from __future__ import annotations

from typing import Any

TOLERANCE = 1e-6
"""Relative, of concentrations: floats need not come out to the last digit."""


def differences(expected: dict[str, Any], answer: dict[str, Any]) -> list[str]:
    """Sentences on what differs; empty where all agrees. What was not expected is not looked at."""
    result = []
    for name, value in expected.items():
        if name not in answer:
            result.append(f"{name} is absent, expected {shown(value)}")
        elif not _agrees(value, answer[name]):
            result.append(f"{name} is {shown(answer[name])}, expected {shown(value)}")
    return result


def shown(value: Any) -> str:
    """An expectation in words."""
    match value:
        case {"any_of": [*options]}:
            return " or ".join(shown(option) for option in options)
        case {"at_least": low}:
            return f"{low} or more"
        case {"between": [low, high]}:
            return f"{low:g} to {high:g}"
        case dict():
            return ", ".join(f"{name} {shown(part)}" for name, part in value.items())
        case None:
            return "none"
        case bool():
            return str(value).lower()
        case _:
            return str(value)[:100]


def _agrees(expected: Any, value: Any) -> bool:
    match expected:
        case {"any_of": [*options]}:
            return any(_agrees(option, value) for option in options)
        case {"at_least": low}:
            return _is_number(value) and value >= low
        case {"between": [low, high]}:
            slack = TOLERANCE * max(abs(high), 1e-3)
            return _is_number(value) and low - slack <= value <= high + slack
        case dict():
            return isinstance(value, dict) and not differences(expected, value)
        case str():
            return isinstance(value, str) and value.casefold() == expected.casefold()
        case bool() | None:
            return value is expected
        case int():
            return _is_number(value) and value == expected
        case _:
            return _is_number(value) and abs(value - expected) <= TOLERANCE * max(abs(expected), 1e-3)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
