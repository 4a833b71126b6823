"""Challengers: models that forecast beside the champion, from the same rows, and are scored like it."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

import numpy as np
from aws_lambda_powertools import Logger

from common.domain.forecast import HORIZON
from common.features import CEILING, Array, FeatureSpec, ProviderForecasts, build

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    from numpy.typing import NDArray

    from common.domain.forecast import Target
    from common.inference.onnx_session import ModelCache

log = Logger(service="vayu", child=True)


def challenger_forecasts(
    models: ModelCache,
    versions: Iterable[str],
    known: Array,
    known_until: datetime,
    target: Target,
    weather_ahead: ProviderForecasts,
    *,
    lag: int,
) -> dict[str, Array]:
    """Version → what the model forecasts for the same hours as the champion, (48,).

    `known`, float64 (hours, n_inputs), ends at `known_until`, `lag` hours before the origin. A model that fails,
    whatever it is, is left out: it must not cost the city its forecast.
    """
    last, leads = np.array([len(known) - 1]), np.arange(1, HORIZON + 1) + lag

    @cache
    def rows(layout: FeatureSpec) -> NDArray[np.float32]:
        features = build(
            known, known_until, target, last, leads, layout=layout, weather_ahead=weather_ahead, late=lag
        )
        return np.asarray(features.X[0])

    forecasts: dict[str, Array] = {}
    for version in versions:
        try:
            model = models.get(version)
            forecasts[version] = np.clip(model.predict(rows(model.card.layout)), 0.0, CEILING[target])
        except Exception as error:  # noqa: BLE001 — see above
            log.warning("a challenger does not forecast", extra={"version": version, "reason": str(error)})
    return forecasts
