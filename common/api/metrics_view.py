"""Sources and metrics as they are shown: as JSON, and in the text format of Prometheus (version 0.0.4)."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any

import msgspec
from flask import Response

from common import __version__
from common.api.middleware.metrics import BOUNDS_S, CACHE, CPU, DURATION, REQUESTS, Counted
from common.api.schemas.system import (
    CacheCounts,
    EndpointCounts,
    Metrics,
    Requests,
    SourceState,
    Times,
    Workers,
)
from common.api.serialize_values import age_minutes, stamp
from common.store.reads.service import SourceHealth

if TYPE_CHECKING:
    from prometheus_client import Metric

TEXT = "text/plain"
VERSIONED = f"{TEXT}; version=0.0.4"
"""What a Prometheus server asks for."""

Sample = tuple[Mapping[str, str], float]
"""(labels, value)."""
Gauge = tuple[str, str, list[Sample]]
"""(name, what it is, samples)."""
_STATES = ("ok", "failing", "resting")


class _Endpoint(msgspec.Struct):
    statuses: dict[str, int] = msgspec.field(default_factory=dict)
    up_to: dict[str, float] = msgspec.field(default_factory=lambda: defaultdict(float))
    """Upper bound of a class of response times → requests within it"""
    seconds: float = 0.0


def metrics_of(counted: Counted, timestamp: datetime) -> Metrics:
    """All that needs no database."""
    endpoints = _endpoints(counted.families)
    cache = {labels["result"]: int(value) for _, labels, value in _samples(counted.families, CACHE)}
    [cpu_s] = [value for _, _, value in _samples(counted.families, CPU)]
    by_status: dict[str, int] = {}
    for endpoint in endpoints.values():
        for status, number in endpoint.statuses.items():
            by_status[status] = by_status.get(status, 0) + number
    misses = cache.pop("miss", 0)
    hits = sum(cache.values())
    return Metrics(
        timestamp=timestamp,
        version=__version__,
        requests=Requests(
            total=sum(by_status.values()),
            by_status=dict(sorted(by_status.items())),
            per_second=round(counted.per_second, 3),
            error_rate=round(counted.error_rate, 4),
            response_ms=_times(endpoints.values()) if endpoints else None,
            by_endpoint=[
                EndpointCounts(
                    method="" if route == "other" else method,
                    path="" if route == "other" else route,
                    requests=sum(endpoint.statuses.values()),
                    errors=sum(n for status, n in endpoint.statuses.items() if status.startswith("5")),
                    response_ms=_times([endpoint]),
                )
                for (method, route), endpoint in sorted(endpoints.items())
            ],
        ),
        workers=Workers(
            number=counted.workers,
            cpu_seconds=round(cpu_s, 2),
            memory_mb=round(counted.memory_bytes / 1e6, 1),
        ),
        cache=CacheCounts(
            hits=hits, misses=misses, hit_rate=round(hits / (hits + misses), 4) if hits + misses else None
        ),
        sources={},
    )


def _endpoints(families: Iterable["Metric"]) -> dict[tuple[str, str], _Endpoint]:
    """(method, route) → what was counted of it."""
    endpoints: dict[tuple[str, str], _Endpoint] = defaultdict(_Endpoint)
    for _, labels, value in _samples(families, REQUESTS):
        endpoints[labels["method"], labels["route"]].statuses[labels["status"]] = int(value)
    for name, labels, value in _samples(families, DURATION):
        endpoint = endpoints[labels["method"], labels["route"]]
        if name.endswith("_bucket"):
            endpoint.up_to[labels["le"]] = value
        elif name.endswith("_sum"):
            endpoint.seconds = value
    return endpoints


def _samples(families: Iterable["Metric"], name: str) -> Iterator[tuple[str, dict[str, str], float]]:
    """(name, labels, value) of the samples of one family."""
    return (
        (sample.name, sample.labels, sample.value)
        for family in families
        if family.name == name
        for sample in family.samples
    )


def _times(endpoints: Iterable[_Endpoint]) -> Times:
    listed = list(endpoints)
    up_to = [sum(endpoint.up_to[str(bound)] for endpoint in listed) for bound in BOUNDS_S]
    number = sum(endpoint.up_to["+Inf"] for endpoint in listed)
    p50, p95, p99 = (1000 * _percentile(up_to, share * number) for share in (0.5, 0.95, 0.99))
    return Times(
        mean=round(1000 * sum(endpoint.seconds for endpoint in listed) / number, 3), p50=p50, p95=p95, p99=p99
    )


def _percentile(up_to: list[float], wanted: float) -> float:
    """Upper bound in seconds of the class that it falls into; of the last, its lower."""
    within = (bound for bound, number in zip(BOUNDS_S, up_to, strict=True) if number >= wanted)
    return next(within, BOUNDS_S[-1])


class _Families:
    """A registry as far as `generate_latest` needs one."""

    def __init__(self, families: Iterable["Metric"]) -> None:
        self._families = families

    def collect(self) -> Iterable["Metric"]:
        return self._families


def text_response(metrics: Metrics, counted: Counted) -> Response:
    """The metrics, a family after the other; one without a sample is left out."""
    from prometheus_client import generate_latest
    from prometheus_client.metrics_core import GaugeMetricFamily

    families = [family for family in counted.families if family.samples]
    for name, description, samples in (
        *_process(metrics, counted),
        *_service(metrics),
        *_sources(metrics.sources),
    ):
        family = GaugeMetricFamily(name, description)
        for labels, value in samples:
            family.add_sample(name, dict(labels), value)
        if samples:
            families.append(family)
    text = generate_latest(_Families(families))
    return Response(text, content_type=f"{VERSIONED}; charset=utf-8")


def _process(metrics: Metrics, counted: Counted) -> Iterator[Gauge]:
    yield "vayu_info", "The version that is running", [({"version": metrics.version}, 1.0)]
    yield "vayu_workers", "Processes that answer", [({}, counted.workers)]
    yield "vayu_resident_memory_bytes", "Resident memory of all workers", [({}, counted.memory_bytes)]


def _service(metrics: Metrics) -> Iterator[Gauge]:
    database, queue, age = metrics.database, metrics.queue, metrics.data_age_minutes
    yield "vayu_database_up", "Whether the database answers", [({}, float(database is not None))]
    if database is not None:
        description = "Connections to the database, of whomever"
        yield "vayu_database_connections", description, [({}, database.connections)]
    if database is not None and database.most is not None:
        description = "Connections that the server takes in all"
        yield "vayu_database_connections_most", description, [({}, database.most)]
    if queue is not None:
        yield "vayu_queue_waiting", "Messages that are due or being worked on", [({}, queue.waiting)]
        yield (
            "vayu_queue_dead_24h",
            "Messages that failed for good in the last 24 hours",
            [({}, queue.dead_24h)],
        )
    if age is not None:
        yield "vayu_data_age_seconds", "Age of the newest hour of any city", [({}, 60.0 * age)]


def _sources(sources: Mapping[str, SourceState]) -> Iterator[Gauge]:
    each = sources.items()
    yield (
        "vayu_source_state",
        "1 for the state that the source is in",
        [
            ({"source": name, "state": state}, source.state == state)
            for name, source in each
            for state in _STATES
        ],
    )
    yield (
        "vayu_source_lag_seconds",
        "Age of the newest reading that the source gave",
        [
            ({"source": name}, 60.0 * source.lag_minutes)
            for name, source in each
            if source.lag_minutes is not None
        ],
    )
    yield (
        "vayu_source_last_success_timestamp_seconds",
        "When the source last gave what it was asked for",
        [({"source": name}, source.last_success.timestamp()) for name, source in each if source.last_success],
    )
    yield (
        "vayu_source_resting_until_timestamp_seconds",
        "Until when the source is left alone",
        [
            ({"source": name}, source.resting_until.timestamp())
            for name, source in each
            if source.resting_until
        ],
    )
    yield (
        "vayu_source_failures_24h",
        "Runs of the last 24 hours in which the source failed",
        [
            ({"source": name, "reason": reason}, number)
            for name, source in each
            for reason, number in source.failures_24h.items()
        ],
    )


def source_states(sources: Mapping[str, SourceHealth], now: datetime) -> dict[str, dict[str, Any]]:
    """Source → how it does: see `common.api.schemas.system.SourceState`."""
    return {name: source_state(health, now) for name, health in sources.items()}


def source_state(health: SourceHealth, now: datetime) -> dict[str, Any]:
    """How a source does; one that is left alone rests, whatever its last run was."""
    state = "resting" if health.rests_until else "failing" if health.reason else "ok"
    return {
        "state": state,
        "resting_until": stamp(health.rests_until),
        "last_run": stamp(health.last_run),
        "last_success": stamp(health.last_success),
        "lag_minutes": None if health.latest is None else max(0, age_minutes(now, health.latest)),
        "reason": health.reason,
        "failures_24h": dict(sorted(health.failures.items())),
    }
