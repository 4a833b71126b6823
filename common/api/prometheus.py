"""Metrics in the text format of Prometheus (version 0.0.4)."""

from collections.abc import Iterable, Iterator, Mapping
from itertools import accumulate

from flask import Response
from msgspec import UNSET

from common.api.edge.metrics import BOUNDS_S, Counted, Endpoint
from common.api.schemas.system import Metrics, SourceState

TEXT = "text/plain"
VERSIONED = f"{TEXT}; version=0.0.4"
"""What a Prometheus server asks for."""

Sample = tuple[str, Mapping[str, str], float]
"""(what follows the family's name, labels, value)."""
Family = tuple[str, str, str, Iterable[Sample]]
"""(name, type, what it is, samples)."""
_ONLY: Mapping[str, str] = {}


def text_response(metrics: Metrics, counted: Counted) -> Response:
    """The metrics, a family after the other; one without a sample is left out."""
    families = (
        *_requests(counted),
        *_process(metrics, counted),
        *_service(metrics),
        *_sources(metrics.sources),
    )
    lines = [line for family in families for line in _lines(*family)]
    return Response("\n".join((*lines, "")), content_type=f"{VERSIONED}; charset=utf-8")


def _requests(counted: Counted) -> Iterator[Family]:
    asked = [(_of(one), one) for one in counted.endpoints if any(one.times)]
    yield (
        "vayu_http_requests_total",
        "counter",
        "Requests that were answered",
        [
            ("", {**of, "status": status}, float(number))
            for of, one in asked
            for status, number in one.statuses.items()
        ],
    )
    yield (
        "vayu_http_request_duration_seconds",
        "histogram",
        "Time until the answer was given to the server",
        [sample for of, one in asked for sample in _histogram(of, one)],
    )
    yield (
        "vayu_http_response_bytes_total",
        "counter",
        "Bytes of the bodies that were sent",
        [("", of, float(one.sent)) for of, one in asked],
    )
    results: dict[str, int] = {}
    for _, one in asked:
        for result, number in one.results.items():
            results[result] = results.get(result, 0) + number
    yield (
        "vayu_cache_requests_total",
        "counter",
        "Answers that may be kept, by whether they were: hit, shared (by Redis), miss, or stale",
        [("", {"result": result}, float(number)) for result, number in results.items()],
    )


def _of(one: Endpoint) -> dict[str, str]:
    return {"method": one.method or "any", "route": one.path or "other"}


def _histogram(of: Mapping[str, str], one: Endpoint) -> Iterator[Sample]:
    for bound, number in zip((*BOUNDS_S, "+Inf"), accumulate(one.times), strict=True):
        yield "_bucket", {**of, "le": str(bound)}, float(number)
    yield "_sum", of, one.seconds
    yield "_count", of, float(sum(one.times))


def _process(metrics: Metrics, counted: Counted) -> Iterator[Family]:
    about = ("", {"version": metrics.version}, 1.0)
    yield "vayu_info", "gauge", "The version that is running", [about]
    yield "vayu_workers", "gauge", "Processes that answer", [("", _ONLY, float(counted.workers))]
    yield "vayu_cpu_seconds_total", "counter", "CPU time of all workers", [("", _ONLY, counted.cpu_s)]
    memory = ("", _ONLY, float(counted.memory_bytes))
    yield "vayu_resident_memory_bytes", "gauge", "Resident memory of all workers", [memory]


def _service(metrics: Metrics) -> Iterator[Family]:
    database, queue, age = metrics.database, metrics.queue, metrics.data_age_minutes
    up = ("", _ONLY, float(database is not None))
    yield "vayu_database_up", "gauge", "Whether the database answers", [up]
    if database is not None:
        yield (
            "vayu_database_connections",
            "gauge",
            "Connections to the database, of whomever",
            [("", _ONLY, float(database.connections))],
        )
    if database is not None and database.most is not UNSET:
        most = ("", _ONLY, float(database.most))
        yield "vayu_database_connections_most", "gauge", "Connections that the server takes in all", [most]
    if queue is not None:
        waiting = ("", _ONLY, float(queue.waiting))
        yield "vayu_queue_waiting", "gauge", "Messages that are due or being worked on", [waiting]
        dead = ("", _ONLY, float(queue.dead_24h))
        yield "vayu_queue_dead_24h", "gauge", "Messages that failed for good in the last 24 hours", [dead]
    if age is not None:
        yield (
            "vayu_data_age_seconds",
            "gauge",
            "Age of the newest hour of any city",
            [("", _ONLY, 60.0 * age)],
        )


def _sources(sources: Mapping[str, SourceState]) -> Iterator[Family]:
    each = sources.items()
    yield (
        "vayu_source_state",
        "gauge",
        "1 for the state that the source is in",
        [
            ("", {"source": name, "state": state}, float(one.state == state))
            for name, one in each
            for state in ("ok", "failing", "resting")
        ],
    )
    yield (
        "vayu_source_lag_seconds",
        "gauge",
        "Age of the newest reading that the source gave",
        [("", {"source": name}, 60.0 * one.lag_minutes) for name, one in each if one.lag_minutes is not None],
    )
    yield (
        "vayu_source_last_success_timestamp_seconds",
        "gauge",
        "When the source last gave what it was asked for",
        [
            ("", {"source": name}, one.last_success.timestamp())
            for name, one in each
            if one.last_success is not None
        ],
    )
    yield (
        "vayu_source_resting_until_timestamp_seconds",
        "gauge",
        "Until when the source is left alone",
        [
            ("", {"source": name}, one.resting_until.timestamp())
            for name, one in each
            if one.resting_until is not None
        ],
    )
    yield (
        "vayu_source_failures_24h",
        "gauge",
        "Runs of the last 24 hours in which the source failed",
        [
            ("", {"source": name, "reason": reason}, float(number))
            for name, one in each
            for reason, number in one.failures_24h.items()
        ],
    )


def _lines(name: str, kind: str, told: str, samples: Iterable[Sample]) -> list[str]:
    shown = [f"{name}{rest}{_labels(labels)} {value:.15g}" for rest, labels, value in samples]
    return [f"# HELP {name} {told}", f"# TYPE {name} {kind}", *shown] if shown else []


def _labels(labels: Mapping[str, str]) -> str:
    return "{" + ",".join(f'{name}="{value}"' for name, value in labels.items()) + "}" if labels else ""
