"""Times and durations as they are typed on the command line."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Any

import click

from common.domain.observation import IST

_UNITS = {"m": "minutes", "h": "hours", "d": "days"}


class Moment(click.ParamType[Any]):
    """An ISO 8601 time or date; without an offset it is Indian time. Becomes an aware UTC datetime."""

    name = "time"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> datetime:
        if isinstance(value, datetime):
            return value
        try:
            time = datetime.fromisoformat(str(value))
            return (time if time.tzinfo else time.replace(tzinfo=IST)).astimezone(UTC)
        except (ValueError, OverflowError):
            self.fail(f"{value!r} is no time; write 2025-10-10 or 2025-10-10T06:00+05:30", param, ctx)


class Duration(click.ParamType[Any]):
    """A whole number of minutes, hours or days: ``30m``, ``12h``, ``2d``."""

    name = "duration"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> timedelta:
        if isinstance(value, timedelta):
            return value
        match = re.fullmatch(r"([1-9][0-9]{0,3})([mhd])", str(value))
        if match is None:
            self.fail(f"{value!r} is no duration; write 30m, 12h or 2d", param, ctx)
        return timedelta(**{_UNITS[match[2]]: int(match[1])})


MOMENT = Moment()
DURATION = Duration()
