"""Figures that an operator alarms on, in CloudWatch's embedded metric format: lines of the log that become metrics.

Namespace ``Vayu``, dimension ``service``: the function's name. Its alarms are in template.yaml.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from common.domain.messages import ALERTS, COLLECT, EVENTS_READY, OBSERVATIONS_READY, TRAIN

if TYPE_CHECKING:
    from collections.abc import Mapping

    from common.domain.messages import Message

NAMESPACE = "Vayu"
ATTEMPTS = {COLLECT: 5, OBSERVATIONS_READY: 3, TRAIN: 5, ALERTS: 3, EVENTS_READY: 3}
"""Type by which a function is known → deliveries after which its queue moves a message to the dead letters."""


def of_result(message: Message, result: Mapping[str, Any]) -> dict[str, int]:
    """Metric → count, of a message that was handled."""
    if message.type == COLLECT and not message.data.get("days"):  # a backfill may well find nothing new
        return {"CollectionsWithoutData": int(not result.get("hours"))}
    if message.type == TRAIN and "city" in message.data:
        return {"TrainingsFailed": int(bool(result.get("failed")))}
    if message.type == OBSERVATIONS_READY:
        return {
            "ForecastsIssued": int(result.get("issued", 0)),
            "ForecastsSkipped": len(result.get("skipped", ())),
        }
    return {}


def of_failure(message: Message) -> dict[str, int]:
    """Metric → count, of a message that was not."""
    if message.type == COLLECT and not message.data.get("days"):
        return {"CollectionsWithoutData": 1}
    if message.type == TRAIN and "city" in message.data:
        return {"TrainingsFailed": 1}
    return {}


def of_delivery(type_: str, attempt: int) -> dict[str, int]:
    """Metric → count, of a message that its queue will deliver no more."""
    return {"MessagesGivenUp": 1} if attempt >= ATTEMPTS.get(type_, attempt + 1) else {}


def emit(counts: Mapping[str, int], function: str) -> None:
    """Write the counts as one line on standard output."""
    if not counts:
        return
    from aws_lambda_powertools import Metrics
    from aws_lambda_powertools.metrics import MetricUnit

    metrics = Metrics(namespace=NAMESPACE, service=function)
    for name, count in counts.items():
        metrics.add_metric(name, MetricUnit.Count, count)
    metrics.flush_metrics()
