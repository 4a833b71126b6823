"""A month's needs → what each cloud bills for."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from benchmarks.costs.live import of_alerts_and_live
from benchmarks.costs.month import HOURS, TEMPLATE, UNITS, Calls, Month, sam_function

if TYPE_CHECKING:
    from collections.abc import Iterator

VCPU_MB = 1769
"""Memory at which a Lambda function has one whole processor; less has its share.

https://docs.aws.amazon.com/lambda/latest/dg/configuration-memory.html
"""
POLLS = 5 * 3 * 60 * HOURS
"""Of one queue by Lambda in a month: five at once, each waiting for 20 seconds"""
METRICS = 4
"""Of common/entry/aws_metrics.py that are written every month; a fifth only when a message is given up"""
DATABASE_GB = 20
IMAGE_GB = 0.4
"""The image of train; assumed, as it was not built"""
GCP_GIB = {"collect": 0.5, "forecast": 2.0, "train": 2.0, "retention": 0.25, "api": 1.0}
GCP_IMAGES_GB = 1.2
"""Five of them; assumed"""
GIB = 1024**3


@dataclass(frozen=True)
class Line:
    """One line of a bill."""

    name: str
    quantity: float
    unit: str
    usd: float


def billed_s(calls: Calls, memory_mb: float) -> float:
    """Seconds of a call on Lambda: what computes takes as much longer as the processor's share is smaller."""
    return calls.cpu_s / min(1.0, memory_mb / VCPU_MB) + calls.waiting_s


def traces(month: Month) -> float:
    """Those that X-Ray records: of each second's requests the first, and a twentieth of the others.

    The API's are taken to come at random all month long; of the rest no two come in one second.
    """
    rate = month.requests / (HOURS * 3600)
    first = 1 - math.exp(-rate)
    of_api = (first + 0.05 * (rate - first)) * HOURS * 3600
    return of_api + sum(call.number for call in month.calls if call.unit != "api")


def alarm_metrics() -> int:
    """Metrics that the alarms of template.yaml look at."""
    alarms = [
        resource
        for resource in TEMPLATE["Resources"].values()
        if resource["Type"] == "AWS::CloudWatch::Alarm"
    ]
    return sum(
        sum("MetricStat" in metric for metric in alarm["Properties"].get("Metrics", [])) or 1
        for alarm in alarms
    )


def snapshots() -> list[str]:
    """Functions that start from a snapshot, as template.yaml comes."""
    on = TEMPLATE["Parameters"]["SnapStart"]["Default"] == "PublishedVersions"
    return [unit for unit in UNITS if on and sam_function(unit, TEMPLATE)["snapshots"]]


def aws(
    month: Month, *, arch: str = "x86_64", database: bool = False, nat: bool = False, viewers: float = 0.0
) -> Iterator[tuple[str, str, float]]:
    """(what, name of its price, quantity); `viewers`: live connections on average."""
    polled = sum("queue" in event for unit in UNITS for event in sam_function(unit, TEMPLATE)["events"])
    for unit in UNITS:
        memory = sam_function(unit, TEMPLATE)["memory"]
        seconds = sum(item.number * billed_s(item, memory) for item in month.of(unit))
        yield f"Lambda, {unit}", f"lambda_gb_s_{arch}", seconds * memory / 1024
    for (
        unit
    ) in snapshots():  # of one version; each other that is kept and was called in 14 days costs the same
        gb = sam_function(unit, TEMPLATE)["memory"] / 1024
        yield f"SnapStart, {unit}: kept", "snapstart_gb_s", gb * HOURS * 3600
        starts = sum(item.number * item.cold for item in month.of(unit))
        yield f"SnapStart, {unit}: restored", "snapstart_restored_gb", gb * starts
    yield "Lambda, calls", "lambda_requests", sum(call.number for call in month.calls)
    yield "API Gateway", "http_api", month.requests
    yield "SQS: sent, received, deleted", "sqs", 3 * month.messages
    yield "SQS: asked in vain", "sqs", polled * POLLS
    yield "EventBridge", "eventbridge", month.schedules
    yield "S3, models", "s3_storage", month.files_gb
    yield "S3, written", "s3_put", month.files_put
    yield "S3, read", "s3_get", month.files_read
    yield "Secrets Manager", "secret", 1
    yield "Secrets Manager, read", "secret_read", month.starts
    yield "CloudWatch, logs", "logs", month.log_gb
    yield "CloudWatch, logs kept", "logs_kept", month.log_gb
    yield "CloudWatch, alarms", "alarm_metrics", alarm_metrics()
    yield "CloudWatch, our metrics", "metrics", METRICS
    yield "X-Ray", "xray", traces(month)
    yield "ECR, the image of train", "image", IMAGE_GB
    yield "data to the Internet", "out", month.out_gb
    yield from of_alerts_and_live(viewers, arch)
    if database:
        yield "RDS db.t4g.micro", "database_hours", HOURS
        yield "RDS, disk", "database_storage", DATABASE_GB
    if nat:
        yield "NAT gateway", "nat_hours", HOURS
        yield "NAT gateway, data", "nat", month.out_gb


def gcp(month: Month, *, database: bool = False) -> Iterator[tuple[str, str, float]]:
    """(what, name of its price, quantity); a call is billed in tenths of a second, of one processor."""
    for unit in UNITS:
        seconds = sum(
            item.number * math.ceil(10 * (item.cpu_s + item.waiting_s)) / 10 for item in month.of(unit)
        )
        yield f"Cloud Run, {unit}: processor", "vcpu_s", seconds
        yield f"Cloud Run, {unit}: memory", "gib_s", seconds * GCP_GIB[unit]
    yield "Cloud Run, calls", "requests", sum(call.number for call in month.calls)
    yield "Pub/Sub", "pubsub", month.messages * 2 * 1000 / GIB  # in and out, a kilobyte each at the least
    yield "Cloud Scheduler", "scheduler", 6
    yield "Cloud Storage, models", "storage", month.files_gb
    yield "Cloud Storage, written", "storage_a", month.files_put
    yield "Cloud Storage, read", "storage_b", month.files_read
    yield "Secret Manager", "secret", 1
    yield "Secret Manager, read", "secret_read", month.starts
    yield "Logging", "logs", month.log_gb * 1e9 / GIB
    yield "Artifact Registry", "image", GCP_IMAGES_GB
    yield "data to the Internet", "out", month.out_gb
    if database:
        yield "Cloud SQL db-f1-micro", "database_hours", HOURS
        yield "Cloud SQL, disk", "database_storage", DATABASE_GB


def bill(needs: Iterator[tuple[str, str, float]], prices: dict[str, Any], *, free: bool) -> list[Line]:
    """The lines of a bill; with `free`, less what is free each month for ever, where several share it in turn."""
    left: dict[str, float] = {}
    lines = []
    for name, kind, quantity in needs:
        price = prices[kind]
        spare = left.setdefault(kind, price["free"] if free else 0.0)
        taken = min(spare, quantity)
        left[kind] = spare - taken
        lines.append(Line(name, quantity, price["unit"], (quantity - taken) * price["usd"]))
    return lines
