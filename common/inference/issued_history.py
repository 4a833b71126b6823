"""What was issued of a city so far, and what came of it by now: what its intervals learn from."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from common.domain.forecast import HORIZON, Mode, Target
from common.domain.observation import HOUR
from common.features import LOOKBACK_HOURS, MAX_LAG_HOURS
from common.inference import experts
from common.inference.adaptive_conformal import APART, BOUNDS, WINDOW_HOURS, Issued
from common.inference.experts import Record
from common.store.experts import experts_between
from common.store.forecasts import issued_between

if TYPE_CHECKING:
    from datetime import datetime

    from common.store.engine import Connection

REACH_HOURS = max(WINDOW_HOURS + 2 * HORIZON, experts.WINDOW_HOURS + HORIZON, LOOKBACK_HOURS) + MAX_LAG_HOURS
"""Hours of the target that a forecast and its intervals may depend on."""

_NUMBERS = (1 + len(BOUNDS)) * HORIZON
_ISSUED = np.dtype(
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
    data = issued_between(connection, city, target, mode=mode, after=after, before=origin, apart=APART)
    rows = np.frombuffer(data, dtype=_ISSUED)
    numbers = rows["numbers"]["value"].astype(np.float64)
    values = numbers.reshape(-1, 1 + len(BOUNDS), HORIZON).transpose(0, 2, 1)
    return Issued(
        origins=place - rows["ago"].astype(np.intp),
        forecasts=values[:, :, 0],
        bounds=values[:, :, 1:],
        lags=rows["lag"].astype(np.intp),
    )


def experts_before(
    connection: Connection, city: str, target: Target, *, mode: Mode, origin: datetime, place: int
) -> Record:
    """The experts' forecasts before one of that origin, which has its `place` in the target's series."""
    after = origin - experts.WINDOW_HOURS * HOUR
    record = Record.empty()
    groups = experts_between(
        connection, city, target, mode=mode, after=after, before=origin, apart=experts.APART
    )
    parts = []
    for names, data in groups:
        count = len(names) + 1
        numbers = [("size", ">i4"), ("value", ">f4")]
        form = np.dtype([("ago", ">i4"), ("head", "V20"), ("numbers", numbers, count * HORIZON)])
        rows = np.frombuffer(data, dtype=form)
        values = rows["numbers"]["value"].astype(np.float64).reshape(-1, count, HORIZON)
        parts.append(Record(names, place - rows["ago"].astype(np.intp), values[:, :-1], values[:, -1]))
    for part in parts:
        record = record.merged(part)
    return record
