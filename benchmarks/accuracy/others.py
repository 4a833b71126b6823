"""What open libraries forecast from the same origins, as they are shipped: mlforecast and statsforecast.

For development only: `pip install mlforecast statsforecast lightgbm`. Each gets what its introduction gives it: gaps
filled by the last value, lags, means, hour and weekday, and the weather where it is known ahead. They learn from the
hours up to the first origin and, like ours, are not trained again in the test window.
"""

from __future__ import annotations

from importlib import import_module
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

import numpy as np
from sklearn.linear_model import Ridge

from common.domain.forecast import HORIZON

if TYPE_CHECKING:
    from common.features import Array
    from common.training.backtest.run import Backtest

_NEEDED = ("pandas", "mlforecast", "statsforecast", "lightgbm")
_LAGS = (1, 2, 3, 6, 12, 24, 48, 168)
_DAY = 24
_BEFORE = 28 * _DAY
"""Hours before an origin that are seen of it."""


def missing() -> list[str]:
    """The packages that are needed and not installed."""
    return [name for name in _NEEDED if find_spec(name) is None]


def forecasts(done: Backtest) -> dict[str, Array]:
    """Name → forecasts of the backtest's origins, (n_origins, 48), in the target's unit."""
    names = [done.layout.target, *(provider.name for provider in done.layout.ahead)]
    columns = [done.layout.inputs.index(name) for name in names]
    names[0] = "y"
    filled = [_filled(values[:, columns]) for values in done.hours.values]
    series, origins = done.forecasts.series, done.forecasts.origin
    cut = int(origins.min()) + 1
    past = _long([values[:cut] for values in filled], np.zeros(len(filled), dtype=int), names)
    pairs = list(zip(series.tolist(), origins.tolist(), strict=True))
    seen = [filled[item][max(at + 1 - _BEFORE, 0) : at + 1] for item, at in pairs]
    before = _long(seen, np.maximum(origins + 1 - _BEFORE, 0), names)
    ahead = None
    if done.layout.ahead:
        paths = [filled[item][at + 1 : at + 1 + HORIZON] for item, at in pairs]
        paths = [np.pad(path, ((0, HORIZON - len(path)), (0, 0)), mode="edge") for path in paths]
        ahead = _long(paths, origins + 1, names).drop(columns="y")
    made = _mlforecast(past, before, ahead) | _statsforecast(before[["unique_id", "ds", "y"]])
    return {name: np.maximum(values.reshape(-1, HORIZON), 0.0) for name, values in made.items()}


def _filled(values: Array) -> Array:
    """Gaps filled by the value before them, at the beginning by the first."""
    frame = import_module("pandas").DataFrame(values)
    return np.asarray(frame.ffill().bfill().to_numpy())


def _long(tables: list[Array], first: Any, names: list[str]) -> Any:
    """Tables over hours from `first` on, beneath each other, in the form that both libraries take."""
    lengths = [len(table) for table in tables]
    frame = import_module("pandas").DataFrame(np.concatenate(tables), columns=names)
    frame.insert(0, "unique_id", np.repeat(np.arange(len(tables)), lengths))
    hours = [start + np.arange(length) for start, length in zip(first, lengths, strict=True)]
    frame.insert(1, "ds", np.concatenate(hours))
    return frame


def _hour(ds: Any) -> Any:
    return ds % _DAY


def _weekday(ds: Any) -> Any:
    return ds // _DAY % 7


def _mlforecast(past: Any, before: Any, ahead: Any) -> dict[str, Array]:
    mean = import_module("mlforecast.lag_transforms").RollingMean
    trees = import_module("lightgbm").LGBMRegressor(verbosity=-1, n_jobs=1)
    models = {"ridge": Ridge(), "lightgbm": trees}
    library = import_module("mlforecast").MLForecast(
        models,
        freq=1,
        lags=list(_LAGS),
        lag_transforms={1: [mean(6), mean(24)]},
        date_features=[_hour, _weekday],
    )
    library.fit(past, static_features=[])
    table = library.predict(HORIZON, new_df=before, X_df=ahead).sort_values(["unique_id", "ds"])
    return {f"mlforecast {name}": table[name].to_numpy() for name in models}


def _statsforecast(before: Any) -> dict[str, Array]:
    theta = import_module("statsforecast.models").DynamicOptimizedTheta
    library = import_module("statsforecast").StatsForecast([theta(season_length=_DAY, alias="theta")], freq=1)
    table = library.forecast(df=before, h=HORIZON).sort_values(["unique_id", "ds"])
    return {"statsforecast theta": table["theta"].to_numpy()}
