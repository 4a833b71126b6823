"""What scripts/deploy_gcp would do is the same system as on AWS; the commands are read, none is run."""

from __future__ import annotations

import json
import os
import re
import shlex
import subprocess
from typing import TYPE_CHECKING, Any

import pytest
from templates import ROOT, read, sam_function
from test_templates import TYPES, UNITS

from common.adapters.cloud_event import address

if TYPE_CHECKING:
    from collections.abc import Iterator

TEMPLATE = read("template.yaml")


def script(*arguments: str, **settings: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [ROOT / "scripts" / "deploy_gcp", *arguments],
        capture_output=True,
        text=True,
        check=False,
        env=os.environ | settings,
    )


@pytest.fixture(scope="module")
def commands() -> list[list[str]]:
    done = script("project", "asia-south1", "--dry-run")
    assert (done.returncode, done.stderr) == (0, "")
    lines = map(shlex.split, done.stdout.splitlines())
    return [line[4:] for line in lines if line[:4] == ["gcloud", "--quiet", "--project", "project"]]


def of(commands: list[list[str]], *start: str) -> Iterator[list[str]]:
    return (line for line in commands if tuple(line[: len(start)]) == start)


def option(line: list[str], name: str) -> str:
    return line[line.index(name) + 1]


FUNCTIONS = [unit for unit in UNITS if unit != "live"]
"""Live connections are a process here, which holds the sockets itself"""


@pytest.mark.parametrize("unit", FUNCTIONS)
def test_each_function_has_the_limits_it_has_on_aws(commands: list[list[str]], unit: str) -> None:
    [line] = of(commands, "functions", "deploy", f"vayu-prod-{unit}")
    aws = sam_function(unit, TEMPLATE)
    assert option(line, "--timeout") == f"{aws['timeout']}s"
    assert option(line, "--source") == f"build/gcp/{unit}"
    assert option(line, "--service-account").startswith(f"vayu-prod-{unit}@")
    assert ("--allow-unauthenticated" in line) == (unit == "api")
    if unit != "api":  # there, one instance answers several at once
        assert option(line, "--max-instances") == str(aws["concurrency"])
        assert option(line, "--concurrency") == "1"


def test_schedules_are_the_same_as_on_aws(commands: list[list[str]]) -> None:
    jobs = list(of(commands, "scheduler", "jobs", "create", "http"))
    assert len({line[4] for line in jobs}) == len(jobs)
    for unit in FUNCTIONS:
        expected = [
            (as_cron(event["schedule"]), event["input"])
            for event in sam_function(unit, TEMPLATE)["events"]
            if "schedule" in event
        ]
        made = [line for line in jobs if option(line, "--uri") == f"https://vayu-prod-{unit}.example"]
        assert [(option(line, "--schedule"), message_of(line)) for line in made] == expected


def message_of(line: list[str]) -> Any:
    return json.loads(option(line, "--message-body")) if "--message-body" in line else None


def test_what_an_archive_leaves_behind_is_deleted_as_on_aws(commands: list[list[str]]) -> None:
    [line] = [each for each in of(commands, "storage", "buckets", "update") if "--lifecycle-file" in each]
    rules = json.loads((ROOT / option(line, "--lifecycle-file")).read_text())["rule"]
    given = {
        tuple(rule["condition"].get("matchesPrefix", [""])): rule["condition"]["daysSinceNoncurrentTime"]
        for rule in rules
        if rule["action"] == {"type": "Delete"}
    }
    aws = TEMPLATE["Resources"]["ModelBucket"]["Properties"]["LifecycleConfiguration"]["Rules"]
    assert given == {
        (rule.get("Prefix", ""),): rule["NoncurrentVersionExpiration"]["NoncurrentDays"] for rule in aws
    }


def as_cron(schedule: str) -> str:
    """EventBridge's schedule in the usual form: it has rates, a sixth field for the year, and ? for a day."""
    if minutes := re.fullmatch(r"rate\((\d+) minutes?\)", schedule):
        return f"*/{minutes[1]} * * * *"
    return " ".join(schedule.removeprefix("cron(").removesuffix(")").replace("?", "*").split()[:5])


@pytest.mark.parametrize("type_", TYPES)
def test_each_type_of_message_has_a_topic(commands: list[list[str]], type_: str) -> None:
    [line] = of(commands, "functions", "deploy", "vayu-prod-api")
    settings = dict(setting.split("=", 1) for setting in option(line, "--set-env-vars").split(","))
    topic = address(settings["QUEUE_URL"], type_).rpartition("/")[2]
    assert list(of(commands, "pubsub", "topics", "create", topic))


def test_what_is_not_taken_goes_to_the_dead_letters(commands: list[list[str]]) -> None:
    pushed = [line for line in of(commands, "pubsub", "subscriptions", "create") if "--push-endpoint" in line]
    woken = {
        (option(line, "--topic"), option(line, "--push-endpoint").removeprefix("https://").partition(".")[0])
        for line in pushed
    }
    assert woken == {
        (f"vayu-prod-{topic}", f"vayu-prod-{unit}")
        for topic, unit in (
            ("collect", "collect"),
            ("observations-ready", "forecast"),
            ("train", "train"),
            ("export", "train"),
            ("archive", "train"),
            ("forecast-ready", "alerts"),
            ("events-ready", "alerts"),
        )
    }
    names = [line[3] for line in pushed]
    assert len(set(names)) == len(names)
    for line in pushed:
        assert option(line, "--dead-letter-topic") == "vayu-prod-dead"
        [allowed] = of(commands, "pubsub", "subscriptions", "add-iam-policy-binding", line[3])
        assert option(allowed, "--role") == "roles/pubsub.subscriber"


def test_whoever_changes_something_may_say_so(commands: list[list[str]]) -> None:
    allowed = {
        option(line, "--member").removeprefix("serviceAccount:vayu-prod-").partition("@")[0]
        for line in of(commands, "pubsub", "topics", "add-iam-policy-binding", "vayu-prod-events-ready")
    }
    assert allowed == {*FUNCTIONS}


def test_live_connections_are_a_process_that_the_api_tells_clients_of(commands: list[list[str]]) -> None:
    [line] = of(commands, "run", "deploy", "vayu-prod-live")
    assert option(line, "--source") == "build/gcp/live"
    assert option(line, "--timeout") == "3600"  # Cloud Run's longest
    assert "--no-cpu-throttling" in line  # it follows the database while no request comes
    assert "--allow-unauthenticated" in line
    [api] = of(commands, "functions", "deploy", "vayu-prod-api")
    settings = dict(setting.split("=", 1) for setting in option(api, "--set-env-vars").split(","))
    assert settings["VAYU_LIVE_URL"] == "wss://vayu-prod-live-0.asia-south1.run.app/live/ws"
    [alerts] = of(commands, "functions", "deploy", "vayu-prod-alerts")
    assert f"VAYU_PUBLIC_URL={settings['VAYU_PUBLIC_URL']}" in option(alerts, "--set-env-vars")


def test_the_dashboard_goes_with_the_api_and_the_last_release_s_parts_stay() -> None:
    lines = script("project", "asia-south1", "--dry-run").stdout.splitlines()
    page = "build/gcp/api/dashboard/dist"
    copied = lines.index(f"cp -R dashboard/dist {page} ")
    archive = "gs://project-vayu-prod-models/dashboard/assets"
    gcloud = "gcloud --quiet --project project storage rsync"
    taken_back = lines.index(f"{gcloud} {archive} {page}/assets ")
    [deployed] = [number for number, line in enumerate(lines) if "functions deploy vayu-prod-api " in line]
    archived = lines.index(
        f"{gcloud} --delete-unmatched-destination-objects dashboard/dist/assets {archive} "
    )
    assert copied < taken_back < deployed < archived


def test_no_secret_stands_in_the_environment(commands: list[list[str]]) -> None:
    for line in (*of(commands, "functions", "deploy"), *of(commands, "run", "deploy")):
        assert "VAYU_SECRETS=file:///secrets/vayu.json" in option(line, "--set-env-vars")
        assert "DATABASE_URL" not in option(line, "--set-env-vars")


@pytest.mark.parametrize("arguments", [(), ("project",), ("p", "r", "s", "t"), ("p", "r", "--force")])
def test_misuse_is_told(arguments: tuple[str, ...]) -> None:
    done = script(*arguments)
    assert done.returncode == 2
    assert "scripts/deploy_gcp PROJECT REGION" in done.stderr


def test_the_api_alone_reads_from_a_replica() -> None:
    replica = "postgresql://far:5432/vayu?sslmode=require"
    done = script("project", "asia-south1", "--dry-run", DATABASE_READ_URL=replica)
    lines = [shlex.split(line)[4:] for line in done.stdout.splitlines()]
    for unit in FUNCTIONS:
        [line] = of(lines, "functions", "deploy", f"vayu-prod-{unit}")
        given = f"DATABASE_READ_URL={replica}" in option(line, "--set-env-vars").split(",")
        assert given == (unit == "api"), unit


def test_no_password_of_a_replica_becomes_a_variable() -> None:
    done = script(
        "project", "asia-south1", "--dry-run", DATABASE_READ_URL="postgresql://vayu:hidden@far:5432/vayu"
    )
    assert (done.returncode, done.stdout) == (2, "")
    assert "put it into the secret" in done.stderr
    assert "hidden" not in done.stderr
