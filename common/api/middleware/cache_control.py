"""Until when an answer holds.

Indian hours end at half past the UTC hour, collections start at ``xx:37`` and take minutes. So an answer of the
data is good until the next hour's are expected, once those of the present hour are in; until then, and where the
data are late, anything may come at any moment, and nothing is promised for longer than a minute.
"""

from datetime import datetime, timedelta

from common.api.blueprint import CachePolicy
from common.domain.observation import HOUR, last_full_hour

_MINUTE = timedelta(minutes=1)
_EXPECTED = timedelta(minutes=10)
"""After the end of an hour its data may come; `common.cli.schedule` says when they are collected."""
_SETTLED = timedelta(minutes=15)
"""After the end of an hour its data are all there, and the forecasts made of them."""


def span(policy: CachePolicy, now: datetime) -> int:
    """Number of the stretch of time that an answer of `now` holds for, its data being the same."""
    seconds = int(now.timestamp())
    return seconds // 60 if policy == "minute" else (seconds - 1800) // 3600


def good_for_s(policy: CachePolicy, now: datetime, newest: datetime | None) -> int:
    """Seconds for which clients may keep an answer; `newest`: the newest hour that there are data of."""
    minute = 60 - now.second
    if policy == "minute":
        return minute
    hour = last_full_hour(now)
    if newest is None or newest < hour or now < hour + _SETTLED:
        return 60
    return int((hour + HOUR + _EXPECTED - now) / timedelta(seconds=1))
