"""render.yaml against a table of its fields. Render publishes no schema: what is not in the table is refused.

The table is of November 2026, from Render's Blueprint reference; docs/containers.md says what to look up anew.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import click
import pytest
import yaml
from commands import command

ROOT = Path(__file__).parents[2]
BLUEPRINT: dict[str, Any] = yaml.safe_load((ROOT / "render.yaml").read_text(encoding="utf-8"))
SERVICES: dict[str, dict[str, Any]] = {service["name"]: service for service in BLUEPRINT["services"]}
EVERY = {"type", "name", "autoDeployTrigger"}
PROCESS = EVERY | {"runtime", "plan", "region", "envVars", "maxShutdownDelaySeconds", "scaling"}
DOCKER = {"dockerfilePath", "dockerContext", "dockerCommand", "preDeployCommand"}
PYTHON = {"buildCommand", "startCommand", "preDeployCommand"}
ALLOWED = {
    ("web", "docker"): PROCESS | DOCKER | {"healthCheckPath"},
    ("worker", "docker"): PROCESS | DOCKER,
    ("worker", "python"): PROCESS | PYTHON,
    ("web", "static"): EVERY
    | {"runtime", "buildCommand", "staticPublishPath", "routes", "headers", "envVars"},
    ("keyvalue", None): {"type", "name", "plan", "region", "maxmemoryPolicy", "ipAllowList"},
}
"""(type, runtime) → the fields that it may have."""
FORMER = {"env", "redis", "autoDeploy", "disk", "numInstances"}
"""Names that Render has given up, a disk, which ends deployments without an outage, and what excludes scaling."""
SETTINGS = (ROOT / "docs" / "settings.md").read_text(encoding="utf-8")
PROCESSES = [name for name, service in SERVICES.items() if service.get("runtime") in ("docker", "python")]


def test_its_parts_are_known() -> None:
    assert BLUEPRINT.keys() == {"databases", "services", "envVarGroups"}


@pytest.mark.parametrize("name", sorted(SERVICES))
def test_a_service_has_fields_of_its_kind_alone(name: str) -> None:
    service = SERVICES[name]
    assert not service.keys() & FORMER
    assert service.keys() <= ALLOWED[service["type"], service.get("runtime")]


def test_there_is_what_a_whole_installation_needs() -> None:
    kinds = [(service["type"], service.get("runtime")) for service in SERVICES.values()]
    assert set(kinds) == set(ALLOWED)
    commands = " ".join(
        service.get("dockerCommand", service.get("startCommand", "")) for service in SERVICES.values()
    )
    for word in ("serve", "live", "work", "schedule", "work vayu.train"):
        assert f"common.cli {word}" in commands


@pytest.mark.parametrize("name", PROCESSES)
def test_the_commands_exist(name: str) -> None:
    service = SERVICES[name]
    for text in (service.get("dockerCommand"), service.get("startCommand"), service.get("preDeployCommand")):
        if text is None:
            continue
        words = re.fullmatch(r"python3? -m common\.cli (.+)", text)[1].split()  # type: ignore[index]
        called = command(words[0])
        with click.Context(called) as context:
            called.parse_args(context, words[1:])


def test_the_api_is_deployed_without_an_outage() -> None:
    api = SERVICES["vayu-api"]
    assert api["preDeployCommand"].endswith(" migrate")
    assert api["healthCheckPath"] == "/api/v1/health"
    assert (api["scaling"]["minInstances"], api["scaling"]["maxInstances"]) == (1, 3)
    assert api["scaling"].keys() <= {
        "minInstances",
        "maxInstances",
        "targetCPUPercent",
        "targetMemoryPercent",
    }
    assert 30 < api["maxShutdownDelaySeconds"] <= 300, "gunicorn lets requests in hand take 30 s"
    assert all(
        service["autoDeployTrigger"] == "checksPass"
        for service in SERVICES.values()
        if service["type"] != "keyvalue"
    )


def test_data_are_reached_from_inside_alone() -> None:
    [database] = BLUEPRINT["databases"]
    assert database["ipAllowList"] == SERVICES["vayu-cache"]["ipAllowList"] == []
    # An empty list of replicas removes those that were added by hand.
    assert "readReplicas" not in database
    regions = {each["region"] for each in (database, *SERVICES.values()) if "region" in each}
    assert len(regions) == 1


def variables(entries: list[dict[str, Any]]) -> set[str]:
    return {entry["key"] for entry in entries if "key" in entry}


def test_its_variables_are_settings() -> None:
    others = {
        "AWS_ACCESS_KEY_ID",
        "AWS_SECRET_ACCESS_KEY",
        "AWS_REGION",
        "PYTHON_VERSION",
    }  # boto3's, Render's
    names = set().union(*(variables(service.get("envVars", [])) for service in SERVICES.values()))
    groups = {group["name"]: group for group in BLUEPRINT["envVarGroups"]}
    names |= set().union(*(variables(group["envVars"]) for group in groups.values()))
    undocumented = {name for name in names - others if f"`{name}`" not in SETTINGS}
    assert undocumented <= {"VAYU_ALERTS_KEY", "VAYU_PUBLIC_URL"}, undocumented
    for name in PROCESSES:
        for entry in SERVICES[name]["envVars"]:
            assert "fromGroup" not in entry or entry["fromGroup"] in groups
            if "fromService" in entry:
                assert SERVICES[entry["fromService"]["name"]]["type"] == entry["fromService"]["type"]
            if "fromDatabase" in entry:
                assert entry["fromDatabase"]["name"] == BLUEPRINT["databases"][0]["name"]


def test_no_secret_is_written_down() -> None:
    for group in BLUEPRINT["envVarGroups"]:
        for entry in group["envVars"]:
            assert entry.get("sync") is False or not re.search(
                r"KEY|TOKEN|SECRET|SMTP|DATABASE", entry["key"]
            )
    assert "password" not in (ROOT / "render.yaml").read_text(encoding="utf-8").lower()
