"""Metrics in the text format of Prometheus (version 0.0.4)."""

from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING

from flask import Response
from msgspec import UNSET

from common.api.middleware.metrics import Counted
from common.api.schemas.system import Metrics, SourceState

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
    for name, told, samples in (*_process(metrics, counted), *_service(metrics), *_sources(metrics.sources)):
        family = GaugeMetricFamily(name, told)
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
        told = "Connections to the database, of whomever"
        yield "vayu_database_connections", told, [({}, database.connections)]
    if database is not None and database.most is not UNSET:
        told = "Connections that the server takes in all"
        yield "vayu_database_connections_most", told, [({}, database.most)]
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
        [({"source": name, "state": state}, one.state == state) for name, one in each for state in _STATES],
    )
    yield (
        "vayu_source_lag_seconds",
        "Age of the newest reading that the source gave",
        [({"source": name}, 60.0 * one.lag_minutes) for name, one in each if one.lag_minutes is not None],
    )
    yield (
        "vayu_source_last_success_timestamp_seconds",
        "When the source last gave what it was asked for",
        [({"source": name}, one.last_success.timestamp()) for name, one in each if one.last_success],
    )
    yield (
        "vayu_source_resting_until_timestamp_seconds",
        "Until when the source is left alone",
        [({"source": name}, one.resting_until.timestamp()) for name, one in each if one.resting_until],
    )
    yield (
        "vayu_source_failures_24h",
        "Runs of the last 24 hours in which the source failed",
        [
            ({"source": name, "reason": reason}, number)
            for name, one in each
            for reason, number in one.failures_24h.items()
        ],
    )
