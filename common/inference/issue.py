"""Issue forecasts: history in, finished rows out."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypedDict

import numpy as np
from aws_lambda_powertools import Logger

from common.domain.errors import ModelError, StoreError, VayuError
from common.domain.forecast import COMPOSED, COMPOSED_OF, HORIZON, IN_ORDER, NAIVE, TARGETS, Mode, Target
from common.domain.observation import HOUR, last_full_hour
from common.features import (
    CEILING,
    FLOOR,
    INPUTS,
    LOOKBACK_HOURS,
    MAX_LAG_HOURS,
    Array,
    ProviderForecasts,
    as_history,
    build,
    carried,
    composed_of,
    usable_origins,
)
from common.inference.adaptive_conformal import Issued, quantiles
from common.inference.challengers import challenger_forecasts
from common.inference.experts import WINDOW_HOURS, Combined, Record, combine
from common.inference.intervals import as_lists, category_probabilities, distribution, interval
from common.inference.issued_history import REACH_HOURS, experts_before, issued_before
from common.inference.naive import naive_forecasts
from common.inference.provider_forecasts import provider_forecasts_of
from common.inference.providers import Heard, insert_provider_challengers, provider_forecasts
from common.inference.recipe import encode_recipe
from common.store.challengers import current_challengers, insert_challenger_forecasts
from common.store.city_hours import history, provenance
from common.store.dataset_kind import check_reachable
from common.store.events import append
from common.store.experts import IssuedExperts, insert_experts
from common.store.forecast_inputs import ForecastInputs as StoredInputs
from common.store.forecast_inputs import insert_inputs
from common.store.forecasts import IssuedForecast, insert_forecast
from common.store.models import champion

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from datetime import datetime

    from common.inference.onnx_session import Model, ModelCache
    from common.store.engine import Connection, Database
    from common.store.models import ModelRow

_LONGEST_REASON = 300
log = Logger(service="vayu", child=True)

_ENOUGH_AT_BEGINNING = 24
"""Where the record begins so many hours after the weights' window, hindcasts are not looked at any more."""


@dataclass(slots=True)
class IssueReport:
    """What came of one round of forecasts."""

    issued: int = 0
    repeated: int = 0
    """Kept already for the same origin; left as they were."""
    skipped: dict[str, str] = field(default_factory=dict)
    """``city/target`` → why there is no forecast."""
    unavailable: set[str] = field(default_factory=set)
    """Those of `skipped` for which the database or the object store failed: another try may succeed."""


class Steps(TypedDict):
    """The hours of a forecast; see `IssuedForecast`."""

    inputs_hash: str
    y: list[float]
    lo80: list[float]
    hi80: list[float]
    lo95: list[float]
    hi95: list[float]
    categories: list[list[float]]
    persistence: list[float]
    daily: list[float]
    mean24: list[float]
    weekly: list[float]


def issue_forecasts(
    database: Database, models: ModelCache, cities: Iterable[str], *, now: datetime, mode: Mode = "live"
) -> IssueReport:
    """Issue the forecasts of some cities; whatever fails at one city costs no other its forecast.

    Raises:
        StoreError: when the database cannot be reached; what was issued before stands.
    """
    report = IssueReport()
    for city in cities:
        try:
            issued, repeated, failures = _try_city(database, models, city, now=now, mode=mode)
        except Exception as error:  # noqa: BLE001 — whatever it is, the other cities get their forecasts
            check_reachable(database)
            issued, repeated, failures = 0, 0, dict.fromkeys(IN_ORDER, error)
        report.issued += issued
        report.repeated += repeated
        for target, failure in failures.items():
            report.skipped[f"{city}/{target}"] = _reason(failure, city)
            if isinstance(failure, StoreError):
                report.unavailable.add(f"{city}/{target}")
    return report


def _reason(error: Exception, city: str) -> str:
    if isinstance(error, VayuError):
        return str(error)
    log.error("no forecast", extra={"city": city}, exc_info=error)
    return f"unexpected {type(error).__name__}: {error}"[:_LONGEST_REASON]


def _try_city(
    database: Database, models: ModelCache, city: str, *, now: datetime, mode: Mode
) -> tuple[int, int, dict[Target, Exception]]:
    """As `_issue_city`, once again where the database failed but answers: a lost deadlock, a broken connection."""
    try:
        return _issue_city(database, models, city, now=now, mode=mode)
    except StoreError:
        check_reachable(database)
    return _issue_city(database, models, city, now=now, mode=mode)


def _issue_city(
    database: Database, models: ModelCache, city: str, *, now: datetime, mode: Mode
) -> tuple[int, int, dict[Target, Exception]]:
    """How many forecasts were issued, how many had been before, and what failed.

    Files of models are read between two transactions: a slow download holds no connection and no lock.
    """
    with database.transaction() as connection:
        past = _Past.read(connection, city, last_full_hour(now))
        before = {target: _Before.read(connection, past, target, now=now, mode=mode) for target in IN_ORDER}
    failures: dict[Target, Exception] = {}
    made: list[_Made] = []
    of_pm25: Array | None = None
    for target in IN_ORDER:
        try:
            forecast = _make(models, past, before[target], target, of_pm25)
        except Exception as error:  # noqa: BLE001 — whatever it is, the other target gets its forecast
            failures[target] = error
            continue
        made.append(forecast)
        of_pm25 = forecast.combined.y if target == COMPOSED_OF else of_pm25
    with database.transaction() as connection:
        fresh = [
            forecast.target for forecast in made if _insert(connection, past, forecast, now=now, mode=mode)
        ]
        insert_provider_challengers(connection, city, fresh, mode, past.heard, past.origin)
        if fresh and mode == "live":
            append(connection, "forecast", [city], now=now, detail={"origin": past.origin, "targets": fresh})
    return len(fresh), len(made) - len(fresh), failures


@dataclass(frozen=True, slots=True)
class _Past:
    """Hours of a city up to an origin, float64 (hours, n)."""

    city: str
    origin: datetime
    inputs: Array
    """The last `LOOKBACK_HOURS`, columns `INPUTS`"""
    targets: Array
    """The last `REACH_HOURS`, columns `TARGETS`"""
    weather_ahead: ProviderForecasts
    """What had been received of the weather by the origin; hours are counted as those of `inputs`"""
    heard: Heard
    """What providers forecast of the air themselves"""

    @classmethod
    def read(cls, connection: Connection, city: str, origin: datetime) -> _Past:
        recent, first = origin - LOOKBACK_HOURS * HOUR, origin - REACH_HOURS * HOUR
        inputs = as_history(history(connection, city, recent, origin, INPUTS))
        earlier = as_history(history(connection, city, first, recent, TARGETS))
        columns = [INPUTS.index(target) for target in TARGETS]
        weather_ahead = provider_forecasts_of(connection, city, origin, origin, hour_0=recent + HOUR)
        targets = np.concatenate([earlier, inputs[:, columns]])
        heard = provider_forecasts(connection, city, inputs, origin)
        return cls(city, origin, inputs, targets, weather_ahead, heard)


@dataclass(frozen=True, slots=True)
class _Before:
    """What the database knows, at an origin, of a city's target."""

    champion: ModelRow | None
    challengers: list[str]
    """Versions of its challengers"""
    lag: int
    """Hours since the last one from which a forecast can start"""
    source: str | None
    basis: str | None
    issued: Issued
    record: Record

    @classmethod
    def read(
        cls, connection: Connection, past: _Past, target: Target, *, now: datetime, mode: Mode
    ) -> _Before:
        city, origin, place = past.city, past.origin, len(past.targets) - 1
        lag = _lag(past.inputs, target)
        source, basis = provenance(connection, city, origin - lag * HOUR)
        return cls(
            champion=champion(connection, city, target, mode),
            challengers=current_challengers(connection, city, target, mode, now=now),
            lag=lag,
            source=source,
            basis=basis,
            issued=issued_before(connection, city, target, mode=mode, origin=origin, place=place),
            record=experts_before(connection, city, target, mode=mode, origin=origin, place=place),
        )


@dataclass(frozen=True, slots=True)
class _Made:
    """A forecast that is not stored yet."""

    target: Target
    champion: ModelRow
    before: _Before
    steps: Steps
    combined: Combined
    inputs: StoredInputs
    challengers: dict[str, Array]
    """Version → what that model forecasts for the same hours, (48,)"""


def _make(models: ModelCache, past: _Past, before: _Before, target: Target, of_pm25: Array | None) -> _Made:
    """A forecast of a target. `of_pm25`: that of PM2.5, (48,).

    Raises:
        ModelError: when there is no model, it is damaged, or nothing recent is known of the city.
        NotFound, StoreError: when the object store has no such file, or cannot be reached.
    """
    row, lag = before.champion, before.lag
    if row is None:
        raise ModelError("no model has been trained yet")
    if lag > MAX_LAG_HOURS:
        raise ModelError(f"no usable measurements in the last {MAX_LAG_HOURS} hours")
    # Late data make longer lead times, as in training, not a past with a hole at its end.
    known = past.inputs[: len(past.inputs) - lag]
    series = past.targets[: len(past.targets) - lag, TARGETS.index(target)]
    known_until = past.origin - lag * HOUR
    model = models.get(row.version)
    place = len(past.targets) - 1
    issued, record = before.issued, before.record
    if not len(record.origins) or record.origins[0] > place - WINDOW_HOURS + _ENOUGH_AT_BEGINNING:
        hindcast = models.hindcast(row.version, past.origin, place)
        record = record.after(hindcast)
        issued = issued.after(hindcast.origins, hindcast.served)
    given = ForecastInputs(
        target=target,
        known=known,
        known_until=known_until,
        lag=lag,
        series=series,
        issued=issued,
        record=record,
        weather_ahead=past.weather_ahead,
        providers=past.heard.get(target, {}),
        of_pm25=of_pm25,
    )
    steps, combined, inputs = make_forecast(model, given)
    challengers = challenger_forecasts(
        models, before.challengers, known, known_until, target, past.weather_ahead, lag=lag
    )
    return _Made(target, row, before, steps, combined, inputs, challengers)


def _insert(connection: Connection, past: _Past, made: _Made, *, now: datetime, mode: Mode) -> bool:
    """Store a forecast and what it was made of; False where one of the same origin is stored already."""
    city, target, origin = past.city, made.target, past.origin
    fresh = insert_forecast(
        connection,
        IssuedForecast(
            city=city,
            target=target,
            mode=mode,
            issued_at=now,
            origin=origin,
            known_until=origin - made.before.lag * HOUR,
            model_version=made.champion.version,
            family=made.champion.family,
            basis=made.before.basis,
            source=made.before.source,
            **made.steps,
        ),
    )
    if fresh:
        experts = IssuedExperts(
            made.combined.names,
            made.combined.experts[: -len(NAIVE)].ravel().tolist(),
            made.combined.weights.ravel().tolist(),
        )
        insert_experts(connection, city, target, mode, origin=origin, experts=experts)
        if mode == "live":  # nobody looks at those of a replay
            insert_inputs(connection, city, target, mode, origin=origin, inputs=made.inputs)
        challengers = [(target, version, as_lists(y, 1)) for version, y in made.challengers.items()]
        insert_challenger_forecasts(connection, city, mode, origin, challengers)
    return fresh


def _lag(known: Array, target: Target) -> int:
    """Hours since the last one from which a forecast can start and whose value is known."""
    series = known[:, INPUTS.index(target)]
    usable = usable_origins(series)
    usable = usable[np.isfinite(series[usable])]
    return len(known) - 1 - int(usable[-1]) if len(usable) else LOOKBACK_HOURS


@dataclass(frozen=True, slots=True, kw_only=True)
class ForecastInputs:
    """What is known of a city's target where a forecast begins."""

    target: Target
    known: Array
    """The history, float64 (hours, n_inputs), which ends `lag` hours before the origin"""
    known_until: datetime
    lag: int
    series: Array
    """The target, float64 (hours,), which ends where `known` does and reaches further back: intervals learn from it"""
    issued: Issued
    """What was issued of it before"""
    record: Record
    """What its experts forecast before"""
    weather_ahead: ProviderForecasts
    """Of the weather; hours are counted as those of `known`"""
    providers: Mapping[str, Array]
    """Name → what a provider forecasts itself, (48,)"""
    of_pm25: Array | None = None
    """The forecast of PM2.5, (48,), from which an index follows unless data are late"""


def make_forecast(model: Model, given: ForecastInputs) -> tuple[Steps, Combined, StoredInputs]:
    """A forecast of 48 hours, what it is made of, and what is needed to compute it again.

    Its experts are the model's, the providers', the naive forecasts and, of the index, what follows from PM2.5.
    """
    target, known, lag, series = given.target, given.known, given.lag, given.series
    origins = np.array([len(known) - 1])
    leads = np.arange(1, HORIZON + 1) + lag
    floor, ceiling = FLOOR[target], CEILING[target]
    layout = model.card.layout
    rows = build(
        known,
        given.known_until,
        target,
        origins,
        leads,
        layout=layout,
        weather_ahead=given.weather_ahead,
        late=lag,
    )
    naive = {
        name: values[0]
        for name, values in naive_forecasts(known[:, INPUTS.index(target)], origins, leads).items()
    }
    each = {name: np.clip(y, 0.0, ceiling) for name, y in model.experts(rows.X[0]).items()}
    if given.of_pm25 is not None and layout.composed and not lag:
        columns = {name: known[:, INPUTS.index(name)] for name in layout.composed}
        now = carried(known[:, INPUTS.index(target)], 3)[origins]
        each[COMPOSED] = composed_of(columns, origins, now, given.of_pm25[None])[0]
    origin = len(series) - 1 + lag
    combined = combine(given.record, series, origin, each, {**given.providers, **naive}, floor=floor)
    y = np.clip(combined.y, 0.0, ceiling)
    y = np.round(y) if layout.whole else y
    table = quantiles(
        series,
        origin,
        y,
        given.issued,
        prior=np.array(model.card.held_out_quantiles),
        floor=floor,
        lag=lag,
    )
    values = distribution(y, table, floor, ceiling)
    lo80, hi80 = interval(values, y, 0.80)
    lo95, hi95 = interval(values, y, 0.95)
    categories = category_probabilities(values) if target == "aqi" else np.empty((0, 0))
    steps: Steps = {
        "inputs_hash": hashlib.sha256(known.tobytes()).hexdigest()[:16],
        "y": as_lists(y, 1),
        "lo80": as_lists(lo80, 1),
        "hi80": as_lists(hi80, 1),
        "lo95": as_lists(lo95, 1),
        "hi95": as_lists(hi95, 1),
        "categories": [as_lists(row, 4) for row in categories],
        "persistence": as_lists(naive["persistence"], 1),
        "daily": as_lists(naive["daily"], 1),
        "mean24": as_lists(naive["mean24"], 1),
        "weekly": as_lists(naive["weekly"], 1),
    }
    recipe = encode_recipe(model, target, combined, table, averaged=tuple(each))
    matrix = np.ascontiguousarray(rows.X[0], dtype="<f4").tobytes()
    return steps, combined, StoredInputs(matrix, recipe, model.size)
