"""Metrics in the text format of Prometheus (version 0.0.4)."""

from collections.abc import Iterable, Mapping

from flask import Response

from common.api.schemas.system import Metrics, SourceState

TEXT = "text/plain"
VERSIONED = f"{TEXT}; version=0.0.4"
"""What a Prometheus server asks for."""

Sample = tuple[Mapping[str, str], float]
"""(labels, value)."""


def text_response(metrics: Metrics) -> Response:
    """The metrics, a family after the other; one without a sample is left out."""
    each = metrics.sources.items()
    families: list[tuple[str, str, list[Sample]]] = [
        (
            "vayu_data_age_seconds",
            "Age of the newest hour of any city",
            [] if metrics.data_age_minutes is None else [({}, 60.0 * metrics.data_age_minutes)],
        ),
        (
            "vayu_source_state",
            "1 for the state that the source is in",
            [
                ({"source": name, "state": state}, float(one.state == state))
                for name, one in each
                for state in ("ok", "failing", "resting")
            ],
        ),
        ("vayu_source_lag_seconds", "Age of the newest reading that the source gave", _lags(each)),
        (
            "vayu_source_last_success_timestamp_seconds",
            "When the source last gave what it was asked for",
            [
                ({"source": name}, one.last_success.timestamp())
                for name, one in each
                if one.last_success is not None
            ],
        ),
        (
            "vayu_source_resting_until_timestamp_seconds",
            "Until when the source is left alone",
            [
                ({"source": name}, one.resting_until.timestamp())
                for name, one in each
                if one.resting_until is not None
            ],
        ),
        (
            "vayu_source_failures_24h",
            "Runs of the last 24 hours in which the source failed",
            [
                ({"source": name, "reason": reason}, float(number))
                for name, one in each
                for reason, number in one.failures_24h.items()
            ],
        ),
    ]
    lines = [line for family in families for line in _lines(*family)]
    return Response("\n".join((*lines, "")), content_type=f"{VERSIONED}; charset=utf-8")


def _lags(each: Iterable[tuple[str, SourceState]]) -> list[Sample]:
    return [({"source": name}, 60.0 * one.lag_minutes) for name, one in each if one.lag_minutes is not None]


def _lines(name: str, told: str, samples: list[Sample]) -> list[str]:
    if not samples:
        return []
    return [
        f"# HELP {name} {told}",
        f"# TYPE {name} gauge",
        *(f"{name}{_labels(labels)} {value:.15g}" for labels, value in samples),
    ]


def _labels(labels: Mapping[str, str]) -> str:
    return "{" + ",".join(f'{name}="{value}"' for name, value in labels.items()) + "}" if labels else ""
