"""What Lambda's log tells CloudWatch and X-Ray."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from common.domain.errors import ModelError, Transient
from common.domain.messages import COLLECT, OBSERVATIONS_READY, TRAIN
from common.entry import aws

if TYPE_CHECKING:
    from collections.abc import Mapping

    from common.domain.messages import Message

ROOT = Path(__file__).parents[2]
TYPES = {COLLECT, OBSERVATIONS_READY, TRAIN}


class Context:
    """What Lambda tells beside the event, as far as it is looked at."""

    function_name = "vayu-prod-it"


@pytest.fixture
def metrics(capsys: pytest.CaptureFixture[str]) -> Any:
    """Sends one event to a function that answers with `outcome`; gives the metrics that it wrote, by name."""

    def sent(event: dict[str, Any], outcome: Mapping[str, object] | Exception) -> dict[str, float]:
        def handle(_: Message) -> Mapping[str, object]:
            if isinstance(outcome, Exception):
                raise outcome
            return outcome

        handler = aws.events(lambda: handle, default_type=COLLECT, accepts=TYPES)
        try:
            handler(event, Context())
        except (ModelError, Transient):
            assert "Records" not in event
        result: dict[str, float] = {}
        for line in map(json.loads, capsys.readouterr().out.splitlines()):
            [message] = line["_aws"]["CloudWatchMetrics"]
            assert (message["Namespace"], message["Dimensions"]) == ("Vayu", [["service"]])
            assert line["service"] == "vayu-prod-it"
            result |= {metric["Name"]: sum(line[metric["Name"]]) for metric in message["Metrics"]}
        return result

    return sent


def queued(type_: str, data: Mapping[str, object], attempt: int = 1) -> dict[str, Any]:
    """An SQS batch of one."""
    body = json.dumps({"type": type_, "data": data})
    record = {"messageId": "m", "body": body, "attributes": {"ApproximateReceiveCount": str(attempt)}}
    return {"Records": [record]}


DELHI = {"city": "Delhi"}


@pytest.mark.parametrize(
    ("event", "outcome", "expected"),
    [
        ({}, {"hours": 56}, {"CollectionsWithoutData": 0}),
        ({}, {"hours": 0}, {"CollectionsWithoutData": 1}),
        ({}, Transient("no source gave anything"), {"CollectionsWithoutData": 1}),
        (queued(COLLECT, {"days": 9}), {"hours": 0}, {}),
        (queued(TRAIN, DELHI), {"failed": {}}, {"TrainingsFailed": 0}),
        (queued(TRAIN, DELHI), {"failed": {"pm25": "no data"}}, {"TrainingsFailed": 1}),
        (queued(TRAIN, DELHI), ModelError("no data"), {"TrainingsFailed": 1}),
        (queued(TRAIN, {}), {"queued": {}}, {}),
        (
            queued(OBSERVATIONS_READY, {}),
            {"issued": 110, "skipped": {"Pune/aqi": "no model"}},
            {"ForecastsIssued": 110, "ForecastsSkipped": 1},
        ),
    ],
)
def test_what_an_operator_alarms_on_is_counted(
    metrics: Any, event: dict[str, Any], outcome: Any, expected: dict[str, float]
) -> None:
    assert metrics(event, outcome) == expected


def test_a_message_is_given_up_with_its_last_delivery(metrics: Any) -> None:
    fails = Transient("away")
    assert metrics(queued(COLLECT, {"days": 9}, attempt=4), fails) == {}
    assert metrics(queued(COLLECT, {"days": 9}, attempt=5), fails) == {"MessagesGivenUp": 1}
    unreadable = queued(COLLECT, {}, attempt=5)
    unreadable["Records"][0]["body"] = "{"
    assert metrics(unreadable, {}) == {"MessagesGivenUp": 1}


def test_x_ray_gets_a_segment_of_a_call_that_is_recorded_and_of_no_other() -> None:
    """A real daemon's port; the library and its patches are loaded for recorded calls only."""
    code = (
        "import os, sys\n"
        "from common.entry import aws\n"
        "handler = aws.events(lambda: lambda m: {'hours': 1}, 'vayu.collect', {'vayu.collect'})\n"
        "trace = 'Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;Sampled='\n"
        "for sampled in '01':\n"
        "    os.environ['_X_AMZN_TRACE_ID'] = trace + sampled\n"
        "    handler({}, None)\n"
        "    print('aws_xray_sdk' in sys.modules)\n"
    )
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as daemon:
        daemon.bind(("127.0.0.1", 0))
        daemon.settimeout(20)
        environment = {
            "AWS_XRAY_DAEMON_ADDRESS": f"127.0.0.1:{daemon.getsockname()[1]}",
            "LAMBDA_TASK_ROOT": str(ROOT),
            "PATH": os.defpath,
            "PYTHONPATH": str(ROOT),
        }
        done = subprocess.run(
            [sys.executable, "-c", code], check=True, capture_output=True, text=True, env=environment
        )
        segment = json.loads(daemon.recv(65536).partition(b"\n")[2])
    assert [line for line in done.stdout.splitlines() if line[0] != "{"] == ["False", "True"]
    assert segment["name"].startswith("## ")
    assert segment["trace_id"] == "1-5759e988-bd862e3fe1be46a994272793"


def test_snapstart_keeps_what_is_loaded_when_first_needed() -> None:
    code = (
        "import sys, snapshot_restore_py\n"
        "from functions.forecast.main import handler\n"
        "print('boto3' in sys.modules)\n"
        "for load, positional, named in snapshot_restore_py.get_before_snapshot():\n"
        "    load(*positional, **named)\n"
        "print('boto3' in sys.modules)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], check=True, capture_output=True, text=True, cwd=ROOT, timeout=60
    )
    assert done.stdout.split() == ["False", "True"]
