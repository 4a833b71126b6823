"""Both descriptions of the system on AWS are of one system, and of the one that the code expects."""

from __future__ import annotations

import re
import subprocess
import sys
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
from templates import ROOT, read, resolved, sam_function, serverless_function

from common.adapters.cloud_event import address
from common.bootstrap import live
from common.cli import schedule
from common.domain import messages
from common.domain.messages import Message
from common.entry import aws_metrics
from common.entry.event_decoding import decode_one
from common.sources import KEYS

TEMPLATE, SERVICE = read("template.yaml"), read("serverless.yml")
UNITS = sorted(path.parent.name for path in (ROOT / "functions").glob("*/main.py"))
BY_SCHEDULE = {messages.ALERTS}
"""Types that nothing but a schedule makes, which calls the function itself"""
TYPES = sorted(
    {value for value in vars(messages).values() if isinstance(value, str) and value.startswith("vayu.")}
    - BY_SCHEDULE
)
KNOWN_BY = {
    "alerts": messages.ALERTS,
    "collect": messages.COLLECT,
    "forecast": messages.OBSERVATIONS_READY,
    "live": messages.EVENTS_READY,
    "train": messages.TRAIN,
}
"""Function → the type of message that it was made for"""
CONNECTIONS = {"live": live.CONNECTIONS}
"""Of an instance, where it has not as many as the settings say and one more"""
SECRET = {*KEYS.values(), "DATABASE_URL", "REDIS_URL", "VAYU_SLACK_WEBHOOK", "VAYU_SMTP_URL"}


def of_type(kind: str) -> dict[str, dict[str, Any]]:
    return {name: resource for name, resource in TEMPLATE["Resources"].items() if resource["Type"] == kind}


@pytest.mark.parametrize("unit", UNITS)
def test_each_function_is_the_same_in_both(unit: str) -> None:
    assert sam_function(unit, TEMPLATE) == serverless_function(unit, SERVICE, TEMPLATE)


def test_both_have_exactly_the_functions_of_the_code() -> None:
    assert sorted(SERVICE["functions"]) == UNITS
    assert sorted(of_type("AWS::Serverless::Function")) == sorted(
        f"{unit.capitalize()}Function" for unit in UNITS
    )


def test_all_that_is_no_function_is_taken_from_the_template() -> None:
    shared = {
        name: resource
        for name, resource in TEMPLATE["Resources"].items()
        if not resource["Type"].startswith("AWS::Serverless::")
    }
    own = {"Rollouts", "RolloutRole", "ApiRollout", "ForecastRollout"}  # SAM makes its like by itself
    given = resolved(SERVICE["resources"]["Resources"], TEMPLATE)
    permission = given["LivePermission"]["Properties"]
    assert permission["FunctionName"] == {"Fn::GetAtt": ["LiveLambdaFunction", "Arn"]}
    permission["FunctionName"] = {"Fn::GetAtt": ["LiveFunction", "Arn"]}
    assert {name: given_one for name, given_one in given.items() if name not in own} == shared
    assert own <= given.keys()
    assert resolved(SERVICE["resources"]["Parameters"], TEMPLATE) == TEMPLATE["Parameters"]
    assert resolved(SERVICE["resources"]["Conditions"], TEMPLATE) == TEMPLATE["Conditions"]


def test_the_layers_are_the_same_in_both() -> None:
    for name, layer in SERVICE["layers"].items():
        other = TEMPLATE["Resources"][f"{name.capitalize()}Layer"]["Properties"]
        assert (layer["path"], layer["description"]) == (other["ContentUri"], other["Description"])
        assert layer["compatibleRuntimes"] == other["CompatibleRuntimes"]
    assert len(SERVICE["layers"]) == len(of_type("AWS::Serverless::LayerVersion"))


def test_the_http_api_is_the_same_in_both() -> None:
    given = TEMPLATE["Resources"]["HttpApi"]["Properties"]
    stage = resolved(SERVICE["resources"]["extensions"]["HttpApiStage"]["Properties"], TEMPLATE)
    assert stage == {name: given[name] for name in ("DefaultRouteSettings", "AccessLogSettings")}


@pytest.mark.parametrize("type_", TYPES)
def test_each_type_of_message_has_a_queue_or_a_topic(type_: str) -> None:
    settings = TEMPLATE["Globals"]["Function"]["Environment"]["Variables"]
    setting, kind, property_ = (
        ("TOPIC_URL", "AWS::SNS::Topic", "TopicName")
        if type_ in messages.BROADCAST
        else ("QUEUE_URL", "AWS::SQS::Queue", "QueueName")
    )
    name = address(settings[setting]["Fn::Sub"], type_).rpartition("/")[2]
    assert name in {resource["Properties"][property_]["Fn::Sub"] for resource in of_type(kind).values()}


def test_each_function_that_wants_events_has_a_queue_that_the_topics_fill() -> None:
    subscribed: dict[str, set[str]] = {}
    for resource in of_type("AWS::SNS::Subscription").values():
        given = resource["Properties"]
        assert given["Protocol"] == "sqs"
        assert given["RawMessageDelivery"]  # or the event would be wrapped into one of SNS
        assert given["RedrivePolicy"] == {"deadLetterTargetArn": {"Fn::GetAtt": ["DeadLetterQueue", "Arn"]}}
        subscribed.setdefault(given["Endpoint"]["Fn::GetAtt"][0], set()).add(given["TopicArn"]["Ref"])
    assert subscribed == {
        "EventsAlertsQueue": {"EventsReadyTopic", "ForecastReadyTopic"},
        "EventsLiveQueue": {"EventsReadyTopic"},
    }
    assert _queues("alerts") == ["EventsAlertsQueue"]
    assert _queues("live") == ["EventsLiveQueue"]
    [policy] = of_type("AWS::SQS::QueuePolicy").values()
    [statement] = policy["Properties"]["PolicyDocument"]["Statement"]
    allowed = {resource["Fn::GetAtt"][0] for resource in statement["Resource"]}
    assert allowed == {*subscribed, "DeadLetterQueue"}
    assert statement["Principal"] == {"Service": "sns.amazonaws.com"}
    assert statement["Condition"] == {
        "ArnEquals": {"aws:SourceArn": [{"Ref": "ForecastReadyTopic"}, {"Ref": "EventsReadyTopic"}]}
    }


def _queues(unit: str) -> list[str]:
    return [event["queue"] for event in sam_function(unit, TEMPLATE)["events"] if "queue" in event]


def _allowed(unit: str, action: str) -> list[Any]:
    """What a function may do this to."""
    [policy] = TEMPLATE["Resources"][f"{unit.capitalize()}Role"]["Properties"]["Policies"]
    return [
        resource
        for statement in policy["PolicyDocument"]["Statement"]
        if action in statement["Action"]
        for resource in (
            statement["Resource"] if isinstance(statement["Resource"], list) else [statement["Resource"]]
        )
    ]


@pytest.mark.parametrize("unit", UNITS)
def test_whoever_changes_something_may_say_so(unit: str) -> None:
    forecasts, events = {"Ref": "ForecastReadyTopic"}, {"Ref": "EventsReadyTopic"}
    expected = {"forecast": [forecasts, events], "live": []}.get(unit, [events])
    assert _allowed(unit, "sns:Publish") == expected


def test_the_websocket_has_the_routes_that_the_function_knows_and_may_be_answered() -> None:
    routes = [resource["Properties"] for resource in of_type("AWS::ApiGatewayV2::Route").values()]
    assert sorted(route["RouteKey"] for route in routes) == ["$connect", "$default", "$disconnect"]
    for route in routes:
        assert route["ApiId"] == {"Ref": "LiveApi"}
        assert route["Target"] == {"Fn::Sub": "integrations/${LiveIntegration}"}
    assert TEMPLATE["Resources"]["LiveApi"]["Properties"]["ProtocolType"] == "WEBSOCKET"
    target = TEMPLATE["Resources"]["LiveIntegration"]["Properties"]["IntegrationUri"]["Fn::Sub"]
    name = TEMPLATE["Resources"]["LiveFunction"]["Properties"]["FunctionName"]["Fn::Sub"]
    assert target.endswith(f":function:{name}/invocations")
    [posts] = _allowed("live", "execute-api:ManageConnections")
    assert posts["Fn::Sub"].endswith(":${LiveApi}/${LiveStage}/*/@connections/*")


def test_live_connections_are_stored_where_the_function_looks_and_end_by_themselves() -> None:
    table = TEMPLATE["Resources"]["LiveConnections"]["Properties"]
    url = sam_function("live", TEMPLATE)["environment"]["VAYU_LIVE_TABLE"]["Fn::Sub"]
    assert url == f"dynamodb://${{AWS::Region}}/{table['TableName']['Fn::Sub']}"
    assert table["KeySchema"] == [{"AttributeName": "id", "KeyType": "HASH"}]
    assert table["TimeToLiveSpecification"] == {"AttributeName": "expires", "Enabled": True}
    for action in ("PutItem", "UpdateItem", "DeleteItem", "Scan"):
        assert _allowed("live", f"dynamodb:{action}") == [{"Fn::GetAtt": ["LiveConnections", "Arn"]}]


def test_the_api_tells_clients_the_address_that_the_websocket_has() -> None:
    shown = sam_function("api", TEMPLATE)["environment"]["VAYU_LIVE_URL"]["Fn::Sub"]
    posts = sam_function("live", TEMPLATE)["environment"]["VAYU_LIVE_POST_URL"]["Fn::Sub"]
    assert shown.removeprefix("wss://") == posts.removeprefix("https://")
    assert TEMPLATE["Outputs"]["Live"]["Value"]["Fn::Sub"] == shown


@pytest.mark.parametrize("unit", UNITS)
def test_a_message_stays_hidden_six_times_as_long_as_its_function_may_take(unit: str) -> None:
    # https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-configure.html
    result = sam_function(unit, TEMPLATE)
    for event in result["events"]:
        if "queue" in event:
            properties = TEMPLATE["Resources"][event["queue"]]["Properties"]
            assert properties["VisibilityTimeout"] >= 6 * result["timeout"]
            assert properties["RedrivePolicy"]["deadLetterTargetArn"] == {
                "Fn::GetAtt": ["DeadLetterQueue", "Arn"]
            }
            assert event["partial"]
            assert event["at_once"] <= result["concurrency"]


@pytest.mark.parametrize("unit", UNITS)
def test_what_is_woken_by_a_schedule_may_leave_it_with_the_dead_letters(unit: str) -> None:
    result = sam_function(unit, TEMPLATE)
    queue = {"Fn::GetAtt": ["DeadLetterQueue", "Arn"]}
    scheduled = any("schedule" in event for event in result["events"])
    assert (result["given_up"] == queue) == scheduled
    [policy] = TEMPLATE["Resources"][result["role"]]["Properties"]["Policies"]
    sends = [
        statement["Resource"]
        for statement in policy["PolicyDocument"]["Statement"]
        if statement["Action"] == "sqs:SendMessage"
    ]
    assert any(queue in (to if isinstance(to, list) else [to]) for to in sends) == scheduled


def test_whoever_writes_the_archive_may_and_goes_on_where_its_time_was_over() -> None:
    folder = {"Fn::Sub": "${ModelBucket.Arn}/archive/*"}
    for action in ("s3:GetObject", "s3:PutObject", "s3:DeleteObject"):
        assert folder in _allowed("train", action)
    assert sam_function("train", TEMPLATE)["environment"]["VAYU_ARCHIVE_URL"] == {
        "Fn::Sub": "s3://${ModelBucket}/archive"
    }
    queue = {"Fn::GetAtt": ["ArchiveQueue", "Arn"]}
    assert "ArchiveQueue" in _queues("train")
    assert queue in _allowed("train", "sqs:SendMessage")
    assert queue in _allowed("train", "sqs:ReceiveMessage")
    # A year of all cities needs more parts than the 16 after which Lambda ends a chain.
    assert sam_function("train", TEMPLATE)["recursion"] == "Allow"


@pytest.mark.parametrize("unit", UNITS)
def test_a_schedule_s_message_is_one_that_the_function_takes(unit: str) -> None:
    for event in sam_function(unit, TEMPLATE)["events"]:
        if event.get("input") is not None:
            message = decode_one(event["input"], KNOWN_BY[unit])
            assert message.type in import_module(f"functions.{unit}.main").TAKEN


def test_schedules_are_those_of_one_machine() -> None:
    cron = {
        unit: [event["schedule"] for event in sam_function(unit, TEMPLATE)["events"] if "schedule" in event]
        for unit in UNITS
    }
    assert cron["collect"] == [f"cron({schedule._COLLECT_MINUTE} * * * ? *)"]
    hour, minute = schedule._ARCHIVE_AT
    assert cron["train"] == [f"cron(0 {schedule._PLAN_HOUR} * * ? *)", f"cron({minute} {hour} * * ? *)"]
    [archive] = [
        event for event in sam_function("train", TEMPLATE)["events"] if event.get("input") is not None
    ]
    assert (archive["schedule"], archive["input"]) == (cron["train"][1], {"type": messages.ARCHIVE})
    [weekly] = cron["retention"]
    assert weekly.split()[4] == "SUN"
    assert cron["api"] == []
    assert cron["alerts"] == ["rate(5 minutes)"]
    assert cron["live"] == ["rate(1 minute)"]


def test_no_secret_stands_in_the_environment() -> None:
    for unit in UNITS:
        environment = sam_function(unit, TEMPLATE)["environment"]
        assert not SECRET & environment.keys()
        assert "VAYU_SECRETS" in environment
    # An address, where no user and password stand in it.
    allowed = re.compile(TEMPLATE["Parameters"]["DatabaseReadUrl"]["AllowedPattern"])
    for replica in ("", "postgresql://far:5432/vayu?sslmode=require", "postgres://[::1]/vayu"):
        assert allowed.fullmatch(replica)
    assert not allowed.fullmatch("postgresql://vayu:secret@far:5432/vayu")


def test_no_role_may_do_anything_to_everything() -> None:
    for name, role in of_type("AWS::IAM::Role").items():
        for policy in role["Properties"]["Policies"]:
            for statement in policy["PolicyDocument"]["Statement"]:
                actions = (
                    statement["Action"] if isinstance(statement["Action"], list) else [statement["Action"]]
                )
                assert not any(action.endswith("*") for action in actions), name
                if statement["Resource"] == "*":  # X-Ray knows no other
                    assert all(action.startswith("xray:") for action in actions), name


def test_models_are_kept_private_encrypted_and_versioned() -> None:
    bucket = TEMPLATE["Resources"]["ModelBucket"]
    properties = bucket["Properties"]
    assert all(properties["PublicAccessBlockConfiguration"].values())
    assert properties["VersioningConfiguration"] == {"Status": "Enabled"}
    assert properties["BucketEncryption"]
    assert bucket["DeletionPolicy"] == bucket["UpdateReplacePolicy"] == "Retain"


def test_the_connections_of_all_functions_fit_a_usual_server() -> None:
    each = int(TEMPLATE["Globals"]["Function"]["Environment"]["Variables"]["VAYU_DATABASE_CONNECTIONS"])
    most = sum(
        CONNECTIONS.get(unit, each + 1) * sam_function(unit, TEMPLATE)["concurrency"] for unit in UNITS
    )
    assert most <= 97  # max_connections less those for superusers, as PostgreSQL comes


def test_every_function_has_its_log_and_its_alarms() -> None:
    for unit in UNITS:
        log = TEMPLATE["Resources"][f"{unit.capitalize()}Log"]["Properties"]
        assert log["LogGroupName"]["Fn::Sub"] == f"/aws/lambda/vayu-${{Stage}}-{unit}"
        assert log["RetentionInDays"] == {"Ref": "LogDays"}
        slow = TEMPLATE["Resources"][f"{unit.capitalize()}Slow"]["Properties"]
        assert slow["Threshold"] == 800 * sam_function(unit, TEMPLATE)["timeout"]
        assert f"{unit.capitalize()}Errors" in TEMPLATE["Resources"]
    assert {"DeadLetters", "CollectionSilence"} <= TEMPLATE["Resources"].keys()


def test_what_is_waited_for_starts_from_a_snapshot_and_can_be_rolled_back() -> None:
    for unit in UNITS:
        result = sam_function(unit, TEMPLATE)
        waited_for = unit in ("api", "forecast")
        assert result["aliased"] == waited_for
        assert result["snapshots"] == ({"ApplyOn": {"Ref": "SnapStart"}} if waited_for else None)
        assert (result["rollout"] is not None) == waited_for
    assert sam_function("api", TEMPLATE)["rollout"]["alarms"] == [{"Ref": "ApiErrors"}]
    for parameter, name in (("SnapStart", "snap_start"), ("Rollout", "rollout")):
        assert SERVICE["params"]["default"][name] == TEMPLATE["Parameters"][parameter]["Default"]


def test_alarms_look_at_metrics_that_functions_write() -> None:
    written = {
        "collect": aws_metrics.of_result(Message(messages.COLLECT), {}),
        "train": aws_metrics.of_result(Message(messages.TRAIN, data={"city": "Delhi"}), {}),
        "forecast": aws_metrics.of_result(Message(messages.OBSERVATIONS_READY), {}),
    }
    alarms = [resource["Properties"] for resource in of_type("AWS::CloudWatch::Alarm").values()]
    own = [item for item in alarms if item.get("Namespace") == aws_metrics.NAMESPACE]
    assert len(own) == 3
    for alarm in own:
        [dimension] = alarm["Dimensions"]
        assert dimension["Name"] == "service"
        unit = dimension["Value"]["Fn::Sub"].removeprefix("vayu-${Stage}-")
        assert alarm["MetricName"] in written[unit]


def test_a_message_is_given_up_when_its_queue_gives_it_up() -> None:
    redriven = {
        name: resource["Properties"]["RedrivePolicy"]["maxReceiveCount"]
        for name, resource in of_type("AWS::SQS::Queue").items()
        if "RedrivePolicy" in resource["Properties"]
    }
    attempts = {
        queue: aws_metrics.ATTEMPTS[type_] for unit, type_ in KNOWN_BY.items() for queue in _queues(unit)
    }
    assert attempts == redriven


def test_cfn_lint_finds_nothing() -> None:
    done = subprocess.run(
        [Path(sys.executable).with_name("cfn-lint"), "template.yaml"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout) == (0, "")
