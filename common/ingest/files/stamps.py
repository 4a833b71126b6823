"""Time stamps as files write them. Slashed and dotted dates have the day first, as in India."""

from __future__ import annotations

import re
from datetime import UTC, datetime, tzinfo

_DATE = r"(?:(?P<year>\d{4})[-/.](?P<month>\d{1,2})[-/.](?P<day>\d{1,2})|"
_DAY_FIRST = r"(?P<day1>\d{1,2})[-/.](?P<month1>\d{1,2})[-/.](?P<year1>\d{4}))"
_CLOCK = r"(?:[ T,]+(?P<hour>\d{1,2}):(?P<minute>\d{2})(?::(?P<second>\d{2}))?(?: ?(?P<half>[AaPp])[Mm])?)?"
_STAMP = re.compile(_DATE + _DAY_FIRST + _CLOCK, re.ASCII)
_OFFSET = re.compile(r":\d\d(?:\.\d+)?\s*(?:[Zz]|[+-]\d\d:?\d\d)$")
_EARLIEST = 1990


def parse_stamp(text: str, zone: tzinfo) -> datetime | None:
    """The time in UTC, or None where the text is none; `zone` is meant where the text names none.

    ``2025-01-31T23:45:00+05:30``, ``2025-01-31 23:45``, ``31-01-2025 23:45``, ``2025-01-31 11:45 PM``.
    """
    try:
        time = datetime.fromisoformat(text)
    except ValueError:
        found = _other_form(text.strip())
        if found is None:
            return None
        time = found
    if not _EARLIEST <= time.year < 9999:
        return None
    return (time.replace(tzinfo=zone) if time.tzinfo is None else time).astimezone(UTC)


def has_offset(text: str) -> bool:
    """Whether a stamp names its distance to UTC."""
    return _OFFSET.search(text.strip()) is not None


def _other_form(text: str) -> datetime | None:
    match = _STAMP.fullmatch(text)
    if match is None:
        return None
    part = match.groupdict(default="0")
    hour = int(part["hour"])
    if match["half"]:
        if not 1 <= hour <= 12:
            return None
        hour = hour % 12 + (12 if part["half"] in "Pp" else 0)
    first = "" if match["year"] else "1"
    year, month, day = (int(part[name + first]) for name in ("year", "month", "day"))
    try:
        return datetime(year, month, day, hour, int(part["minute"]), int(part["second"]))  # noqa: DTZ001
    except ValueError:
        return None
