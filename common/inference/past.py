"""What was issued of a city so far, and what came of it by now: what its intervals learn from."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from common.domain.forecast import HORIZON, Mode, Target
from common.domain.observation import HOUR
from common.features import LOOKBACK_HOURS, MAX_LAG_HOURS
from common.inference.adaptive import APART, BOUNDS, WINDOW_HOURS, Issued
from common.store.forecasts import issued_between

if TYPE_CHECKING:
    from datetime import datetime

    from common.store.connection import Connection

REACH_HOURS = max(WINDOW_HOURS + 2 * HORIZON, LOOKBACK_HOURS) + MAX_LAG_HOURS
"""Hours of the target that a forecast and its intervals may depend on."""

_NUMBERS = (1 + len(BOUNDS)) * HORIZON
_KEPT = np.dtype(
    [
        ("ago", ">i4"),
        ("lag", ">i4"),
        ("head", "V20"),
        ("numbers", [("size", ">i4"), ("value", ">f4")], _NUMBERS),
    ]
)
"""A forecast in the form of `issued_between`."""


def issued_before(
    connection: Connection, city: str, target: Target, *, mode: Mode, origin: datetime, place: int
) -> Issued:
    """The forecasts issued before one of that origin, which has its `place` in the target's series.

    Those of former champions too: the record is of what was issued.
    """
    after = origin - (WINDOW_HOURS + MAX_LAG_HOURS) * HOUR
    found = issued_between(connection, city, target, mode=mode, after=after, before=origin, apart=APART)
    kept = np.frombuffer(found, dtype=_KEPT)
    numbers = kept["numbers"]["value"].astype(np.float64)
    values = numbers.reshape(-1, 1 + len(BOUNDS), HORIZON).transpose(0, 2, 1)
    return Issued(
        origins=place - kept["ago"].astype(np.intp),
        forecasts=values[:, :, 0],
        bounds=values[:, :, 1:],
        lags=kept["lag"].astype(np.intp),
    )
