"""What the workers have counted, as it is shown."""

from collections.abc import Iterable, Sequence
from datetime import datetime

from common import __version__
from common.api.edge.metrics import BOUNDS_S, LATELY_S, Counted, Endpoint
from common.api.schemas.system import CacheCounts, EndpointCounts, Metrics, Requests, Times, Workers


def metrics_of(counted: Counted, timestamp: datetime) -> Metrics:
    """All that needs no database."""
    asked = [one for one in counted.endpoints if any(one.times)]
    requests, failed, _ = counted.lately
    by_status: dict[str, int] = {}
    for one in asked:
        for status, number in one.statuses.items():
            by_status[status] = by_status.get(status, 0) + number
    hits = sum(number for one in asked for result, number in one.results.items() if result != "miss")
    misses = sum(one.results["miss"] for one in asked)
    return Metrics(
        timestamp=timestamp,
        version=__version__,
        requests=Requests(
            total=sum(by_status.values()),
            by_status=dict(sorted(by_status.items())),
            per_second=round(requests / LATELY_S, 3),
            error_rate=round(failed / requests, 4) if requests else 0.0,
            response_ms=_times(asked) if asked else None,
            by_endpoint=[
                EndpointCounts(
                    method=one.method,
                    path=one.path,
                    requests=sum(one.statuses.values()),
                    errors=sum(n for status, n in one.statuses.items() if status.startswith("5")),
                    response_ms=_times([one]),
                )
                for one in asked
            ],
        ),
        workers=Workers(
            number=counted.workers,
            cpu_seconds=round(counted.cpu_s, 2),
            memory_mb=round(counted.memory_bytes / 1e6, 1),
        ),
        cache=CacheCounts(
            hits=hits, misses=misses, hit_rate=round(hits / (hits + misses), 4) if hits + misses else None
        ),
    )


def _times(endpoints: Sequence[Endpoint]) -> Times:
    times = [sum(column) for column in zip(*(one.times for one in endpoints), strict=True)]
    mean = sum(one.seconds for one in endpoints) / sum(times)
    p50, p95, p99 = (1000 * _percentile(times, share) for share in (0.5, 0.95, 0.99))
    return Times(mean=round(1000 * mean, 3), p50=p50, p95=p95, p99=p99)


def _percentile(times: Iterable[int], share: float) -> float:
    """Upper bound in seconds of the class that it falls into; of the last, its lower."""
    counts = list(times)
    wanted, seen = share * sum(counts), 0
    for number, bound in zip(counts, (*BOUNDS_S, BOUNDS_S[-1]), strict=True):
        seen += number
        if seen >= wanted:
            return bound
    return BOUNDS_S[-1]
