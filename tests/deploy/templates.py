"""template.yaml and serverless.yml, read and brought to one form."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).parents[2]


class Loader(yaml.SafeLoader):
    """YAML with CloudFormation's short forms: ``!Ref x`` is ``{"Ref": "x"}``."""


def _long_form(loader: Loader, suffix: str, node: yaml.Node) -> dict[str, Any]:
    if isinstance(node, yaml.ScalarNode):
        value: Any = loader.construct_scalar(node)
    elif isinstance(node, yaml.SequenceNode):
        value = loader.construct_sequence(node, deep=True)
    else:
        value = loader.construct_mapping(node, deep=True)  # type: ignore[arg-type]
    if suffix == "GetAtt" and isinstance(value, str):
        value = value.split(".", 1)
    return {suffix if suffix == "Ref" else f"Fn::{suffix}": value}


Loader.add_multi_constructor("!", _long_form)


def read(name: str) -> dict[str, Any]:
    """One of the two files."""
    result: dict[str, Any] = yaml.load((ROOT / name).read_text(encoding="utf-8"), Loader)  # noqa: S506 - a safe one
    return result


def resolved(value: Any, template: dict[str, Any]) -> Any:
    """A value of serverless.yml with what it takes from template.yaml in its place, and Ref for its other spelling."""
    if isinstance(value, dict):
        if list(value) == ["Fn::Sub"] and (name := re.fullmatch(r"\$\{(\w+)\}", value["Fn::Sub"])):
            return {"Ref": name[1]}
        return {key: resolved(item, template) for key, item in value.items()}
    if isinstance(value, list):
        return [resolved(item, template) for item in value]
    if isinstance(value, str) and value.startswith("${file(template.yaml):"):
        result: Any = template
        for part in value.removeprefix("${file(template.yaml):").removesuffix("}").split("."):
            result = result[part]
        return result
    return value


def sam_function(name: str, template: dict[str, Any]) -> dict[str, Any]:
    """What template.yaml says of a function."""
    usual = template["Globals"]["Function"]
    own = template["Resources"][f"{name.capitalize()}Function"]["Properties"]
    invoke = own.get("EventInvokeConfig", {})
    return {
        "name": own["FunctionName"]["Fn::Sub"].replace("${Stage}", "STAGE"),
        "description": own["Description"],
        "code": own.get("CodeUri"),
        "handler": own.get("Handler"),
        "runtime": own.get("Runtime"),
        "image": own.get("PackageType") == "Image",
        "layers": [layer["Ref"].removesuffix("Layer") for layer in own.get("Layers", [])],
        "role": own["Role"]["Fn::GetAtt"][0],
        "memory": own["MemorySize"],
        "timeout": own["Timeout"],
        "concurrency": own["ReservedConcurrentExecutions"],
        "recursion": own.get("RecursiveLoop"),
        "retries": invoke.get("MaximumRetryAttempts"),
        "age": invoke.get("MaximumEventAgeInSeconds"),
        "given_up": own.get("DeadLetterQueue", {}).get("TargetArn"),
        "environment": usual["Environment"]["Variables"] | own.get("Environment", {}).get("Variables", {}),
        "traced": template["Parameters"][usual["Tracing"]["Ref"]]["Default"],
        "vpc": usual["VpcConfig"],
        "logging": usual["LoggingConfig"],
        "events": sorted(map(_sam_event, own["Events"].values()), key=str),
        "aliased": "AutoPublishAlias" in own,
        "snapshots": own.get("SnapStart"),
        "rollout": _sam_rollout(own.get("DeploymentPreference")),
    }


def _sam_rollout(preference: dict[str, Any] | None) -> dict[str, Any] | None:
    """How calls move to a new version, and the alarms that call them back."""
    if preference is None:
        return None
    return {
        "type": f"CodeDeployDefault.Lambda${{{preference['Type']['Ref']}}}",
        "alarms": preference.get("Alarms", []),
    }


def _sam_event(event: dict[str, Any]) -> dict[str, Any]:
    given = event["Properties"]
    if event["Type"] == "Schedule":
        message = json.loads(given["Input"]) if "Input" in given else None
        return {"schedule": given["Schedule"], "description": given["Description"], "input": message}
    if event["Type"] == "SQS":
        return {
            "queue": given["Queue"]["Fn::GetAtt"][0],
            "batch": given["BatchSize"],
            "partial": given["FunctionResponseTypes"] == ["ReportBatchItemFailures"],
            "at_once": given["ScalingConfig"]["MaximumConcurrency"],
        }
    assert event["Type"] == "HttpApi", event
    return {"path": given["Path"], "method": given["Method"]}


def serverless_function(name: str, service: dict[str, Any], template: dict[str, Any]) -> dict[str, Any]:
    """What serverless.yml says of a function."""
    service = resolved(service, template)
    usual, own = service["provider"], service["functions"][name]
    added = service["resources"]["extensions"][f"{name.capitalize()}LambdaFunction"]["Properties"]
    image = "image" in own
    code = own.get("package", {}).get("artifact")
    return {
        "name": own["name"].replace("${sls:stage}", "STAGE"),
        "description": own["description"],
        "code": code.removesuffix(".zip") if code else None,
        "handler": own.get("handler"),
        "runtime": None if image else usual["runtime"],
        "image": image,
        "layers": []
        if image
        else [layer["Ref"].removesuffix("LambdaLayer") for layer in own.get("layers", usual["layers"])],
        "role": own["role"],
        "memory": own["memorySize"],
        "timeout": own["timeout"],
        "concurrency": own["reservedConcurrency"],
        "recursion": own.get("recursiveLoop"),
        "retries": own.get("maximumRetryAttempts"),
        "age": own.get("maximumEventAge"),
        "given_up": own.get("onError"),
        "environment": usual["environment"] | own.get("environment", {}),
        "traced": service["params"]["default"][usual["tracing"]["lambda"][len("${param:") : -len("}")]],
        "vpc": added["VpcConfig"],
        "logging": added["LoggingConfig"],
        "events": sorted(map(_serverless_event, own["events"]), key=str),
        "aliased": own.get("snapStart", False),
        "snapshots": added.get("SnapStart"),
        "rollout": _serverless_rollout(name, service["resources"]),
    }


def _serverless_rollout(name: str, resources: dict[str, Any]) -> dict[str, Any] | None:
    alias = resources["extensions"].get(f"{name.capitalize()}SnapStartLambdaAlias")
    if alias is None:
        return None
    group = alias["UpdatePolicy"]["CodeDeployLambdaAliasUpdate"]["DeploymentGroupName"]["Ref"]
    given = resources["Resources"][group]["Properties"]
    return {
        "type": given["DeploymentConfigName"]["Fn::Sub"],
        "alarms": [alarm["Name"] for alarm in given.get("AlarmConfiguration", {}).get("Alarms", [])],
    }


def _serverless_event(event: dict[str, Any]) -> dict[str, Any]:
    [(kind, given)] = event.items()
    if kind == "schedule":
        return {
            "schedule": given["rate"],
            "description": given["description"],
            "input": given.get("input"),
        }
    if kind == "sqs":
        return {
            "queue": given["arn"]["Fn::GetAtt"][0],
            "batch": given["batchSize"],
            "partial": given["functionResponseType"] == "ReportBatchItemFailures",
            "at_once": given["maximumConcurrency"],
        }
    assert kind == "httpApi", event
    return {"path": given["path"], "method": given["method"].replace("*", "ANY")}
