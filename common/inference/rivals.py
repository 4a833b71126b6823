"""Models that are followed: they forecast beside the champion, from the same rows, and are scored like it."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

import numpy as np

from common.domain.errors import ModelError, NotFound
from common.domain.forecast import HORIZON
from common.features import CEILING, Array, Layout, Outlooks, build
from common.inference.intervals import as_lists
from common.store.rivals import followed, keep_rival

if TYPE_CHECKING:
    from datetime import datetime

    from numpy.typing import NDArray

    from common.domain.forecast import Mode, Target
    from common.inference.session import ModelCache
    from common.store.engine import Connection


def keep_rivals(
    connection: Connection,
    models: ModelCache,
    city: str,
    target: Target,
    mode: Mode,
    known: Array,
    known_until: datetime,
    outlooks: Outlooks,
    *,
    origin: datetime,
    lag: int,
    now: datetime,
) -> int:
    """Keep what the followed models of a city forecast for the same hours as the champion just did; how many.

    `known`, float64 (hours, n_inputs), ends at `known_until`, `lag` hours before the origin. A model that cannot
    be opened or does not take the rows is left out: it must not cost the city its forecast.
    """
    versions = followed(connection, city, target, mode, now=now)
    if not versions:
        return 0
    last, leads = np.array([len(known) - 1]), np.arange(1, HORIZON + 1) + lag

    @cache
    def rows(layout: Layout) -> NDArray[np.float32]:
        found = build(known, known_until, target, last, leads, layout=layout, outlooks=outlooks, late=lag)
        return np.asarray(found.X[0])

    kept = 0
    for version in versions:
        try:
            model = models.get(version)
            y = np.clip(model.predict(rows(model.card.layout)), 0.0, CEILING[target])
        except (ModelError, NotFound):
            continue
        kept += keep_rival(connection, city, target, mode, origin=origin, version=version, y=as_lists(y, 1))
    return kept
