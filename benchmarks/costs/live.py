"""What alerts and live connections need in a month on AWS, beside all else.

Measured: the processor time of a post (`python -m benchmarks.live_posts`). All else that is a number here is assumed,
and named.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from benchmarks.costs.month import HOURS, TEMPLATE, sam_function

if TYPE_CHECKING:
    from collections.abc import Iterator

VCPU_MB = 1769
POST_CPU_S = 0.0026
"""Of one message to one connection, measured"""
CALL_CPU_S, CALL_WAIT_S = 0.01, 0.03
"""Of a call that finds little to do: assumed"""
COLD_CPU_S, COLD = 0.4, 0.05
"""Of a call that starts an instance, and the share of them: assumed"""
EVENTS_AN_HOUR = 4.0
"""That a page wants, which has no filter: new hours, forecasts, a correction or two; assumed"""
PUSHES_AN_HOUR = 3.0
"""Runs of functions that added events: assumed"""
PINGS_AN_HOUR = 60 / 9
"""Every eight minutes, at the next schedule: common/services/live.py"""
HELLOS_AN_HOUR = 0.5
"""API Gateway ends each socket after two hours"""
ROWS_A_UNIT = 20
"""Connections that a consistent read of 4 KB finds, of some 200 bytes each"""
POLLS = 5 * 3 * 60 * HOURS
"""Of one queue: see clouds.py"""


def of_alerts_and_live(viewers: float, arch: str) -> Iterator[tuple[str, str, float]]:
    """(what, name of its price, quantity), with so many connections on average."""
    schedules = {"alerts": 12 * HOURS, "live": 60 * HOURS}
    pushes = PUSHES_AN_HOUR * HOURS
    messages = viewers * HOURS * (EVENTS_AN_HOUR + PINGS_AN_HOUR + HELLOS_AN_HOUR)
    hellos = viewers * HOURS * HELLOS_AN_HOUR
    calls = {
        "alerts": schedules["alerts"] + pushes,
        "live": schedules["live"] + pushes + 3 * hellos,  # to connect, to say hello, to disconnect
    }
    posts = {"alerts": 0.0, "live": messages}
    for unit, number in calls.items():
        memory = sam_function(unit, TEMPLATE)["memory"]
        share = min(1.0, memory / VCPU_MB)
        cpu_s = number * (CALL_CPU_S + COLD * COLD_CPU_S) + posts[unit] * POST_CPU_S
        yield (
            f"Lambda, {unit}",
            f"lambda_gb_s_{arch}",
            (cpu_s / share + number * CALL_WAIT_S) * memory / 1024,
        )
    yield "calls of alerts and live", "lambda_requests", sum(calls.values())
    yield "EventBridge, alerts and live", "eventbridge", sum(schedules.values())
    yield "SNS", "sns", 2 * pushes
    yield "SQS, events: sent, received, deleted", "sqs", 3 * 3 * pushes
    yield "SQS, events: asked in vain", "sqs", 2 * POLLS
    yield "X-Ray, alerts and live", "xray", sum(calls.values())
    yield "WebSocket, messages", "websocket_messages", messages + hellos
    yield "WebSocket, connections", "websocket_minutes", viewers * HOURS * 60
    turns = schedules["live"] + pushes
    yield "DynamoDB, written", "dynamodb_write", 2 * turns + 3 * hellos
    scans = pushes + PINGS_AN_HOUR * HOURS
    yield "DynamoDB, read", "dynamodb_read", turns + 2 * hellos + scans * (1 + viewers / ROWS_A_UNIT)
