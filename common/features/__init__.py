"""Features: history (hours × variables) → X, float32 (rows, n_features), with names. Numpy only.

Training and forecasting both build their rows here, so a model cannot be served other features than it saw.
One row is one (origin, lead time): the origin is the last known hour, the row describes what was known then
and the target's hour of day. Levels are divided by the recent level of the target and logged, so that a model
learns *changes*, and what it learnt in May still means something in November.
"""

from common.features.build import Features, Rows, build, build_rows, level_at, usable_origins
from common.features.feature_spec import (
    CEILING,
    FLOOR,
    INPUTS,
    LEVEL_CENTRE,
    LOOKBACK_HOURS,
    MAX_LAG_HOURS,
    REVISION,
    WEATHER_SCALE,
    FeatureSpec,
    Scaled,
    layout_of,
    names,
    production,
    signature,
)
from common.features.local_time import LocalTime, local_time
from common.features.naqi_features import composed_of
from common.features.provider_forecasts import MAX_AGE_HOURS, ProviderForecasts, ReceivedForecasts
from common.features.rolling import Array, as_history, carried, mean_of_days, rolling_mean, same_hour, shifted

__all__ = [
    "CEILING",
    "FLOOR",
    "INPUTS",
    "LEVEL_CENTRE",
    "LOOKBACK_HOURS",
    "MAX_AGE_HOURS",
    "MAX_LAG_HOURS",
    "REVISION",
    "WEATHER_SCALE",
    "Array",
    "FeatureSpec",
    "Features",
    "LocalTime",
    "ProviderForecasts",
    "ReceivedForecasts",
    "Rows",
    "Scaled",
    "as_history",
    "build",
    "build_rows",
    "carried",
    "composed_of",
    "layout_of",
    "level_at",
    "local_time",
    "mean_of_days",
    "names",
    "production",
    "rolling_mean",
    "same_hour",
    "shifted",
    "signature",
    "usable_origins",
]
