"""What the workers have counted, as JSON tells it."""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING

from common import __version__
from common.api.middleware.metrics import BOUNDS_S, CACHE, CPU, DURATION, REQUESTS, Counted
from common.api.schemas.system import CacheCounts, EndpointCounts, Metrics, Requests, Times, Workers

if TYPE_CHECKING:
    from prometheus_client import Metric


@dataclass
class _Endpoint:
    statuses: dict[str, int] = field(default_factory=dict)
    up_to: dict[str, float] = field(default_factory=lambda: defaultdict(float))
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
        (one.name, one.labels, one.value)
        for family in families
        if family.name == name
        for one in family.samples
    )


def _times(endpoints: Iterable[_Endpoint]) -> Times:
    listed = list(endpoints)
    up_to = [sum(one.up_to[str(bound)] for one in listed) for bound in BOUNDS_S]
    number = sum(one.up_to["+Inf"] for one in listed)
    p50, p95, p99 = (1000 * _percentile(up_to, share * number) for share in (0.5, 0.95, 0.99))
    return Times(mean=round(1000 * sum(one.seconds for one in listed) / number, 3), p50=p50, p95=p95, p99=p99)


def _percentile(up_to: list[float], wanted: float) -> float:
    """Upper bound in seconds of the class that it falls into; of the last, its lower."""
    within = (bound for bound, number in zip(BOUNDS_S, up_to, strict=True) if number >= wanted)
    return next(within, BOUNDS_S[-1])
