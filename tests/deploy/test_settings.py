"""Both clouds set what docs/settings.md says they need, and nothing else."""

from __future__ import annotations

import re
import shlex
from typing import TYPE_CHECKING, Any

import pytest
from templates import ROOT, read, sam_function, serverless_function
from test_deploy_gcp import of, option, script
from test_templates import UNITS

from common.config import Settings, from_mapping

if TYPE_CHECKING:
    from collections.abc import Iterator

_ROW = re.compile(r"\| `(\w+)` \| (.+) \| (.+) \| (.+) \|")


def table() -> Iterator[tuple[str, dict[str, str], set[str]]]:
    """Name, cloud → what the page says, and the functions that have it."""
    page = (ROOT / "docs" / "settings.md").read_text(encoding="utf-8")
    section = page.partition("## What a deployment sets")[2].partition("\n## ")[0]
    for name, aws, gcp, units in _ROW.findall(section):
        yield name, {"aws": aws, "gcp": gcp}, set(UNITS if units == "all" else re.findall(r"`(\w+)`", units))


def settings(cloud: str, unit: str) -> dict[str, Any]:
    """What a cloud's description gives a function."""
    if cloud == "sam":
        return dict(sam_function(unit, read("template.yaml"))["environment"])
    if cloud == "serverless":
        return dict(serverless_function(unit, read("serverless.yml"), read("template.yaml"))["environment"])
    lines = [
        shlex.split(line)[4:] for line in script("project", "asia-south1", "--dry-run").stdout.splitlines()
    ]
    kind = "run" if unit == "live" else "functions"
    [line] = of(lines, kind, "deploy", f"vayu-prod-{unit}")
    return dict(setting.split("=", 1) for setting in option(line, "--set-env-vars").split(","))


@pytest.mark.parametrize("unit", UNITS)
@pytest.mark.parametrize("cloud", ["sam", "serverless", "gcp"])
def test_a_function_has_the_settings_of_the_page(cloud: str, unit: str) -> None:
    column = "gcp" if cloud == "gcp" else "aws"
    statement = {name: clouds[column] for name, clouds, units in table() if unit in units}
    given = settings(cloud, unit)

    assert set(given) == {name for name, value in statement.items() if value != "default"}
    for name, value in given.items():
        text = value if isinstance(value, str) else str(value.get("Fn::Sub", ""))
        if parameter := re.fullmatch(r"the parameter `([\w:]+)`", statement[name]):
            assert value == {"Ref": parameter[1]}
        elif parameters := re.fullmatch(r"the parameters? `(\w+)` or `(\w+)`", statement[name]):
            own, other = value["Fn::If"][1], value["Fn::If"][2]["Fn::If"][1]
            assert (own, other) == ({"Fn::Sub": f"https://${{{parameters[1]}}}"}, {"Ref": parameters[2]})
        elif statement[name].endswith(("://`", ":///`")):
            assert text.startswith(statement[name].strip("`"))
        else:
            assert f"`{text}`" == statement[name]


def test_the_api_believes_the_proxies_that_each_cloud_has() -> None:
    page = (ROOT / "docs" / "settings.md").read_text(encoding="utf-8")
    assert "2 with `VAYU_PROXY_TOKEN` behind CloudFront and API Gateway, 1 behind Google's front end" in page

    def believed(cloud: str) -> int:
        texts = {name: value for name, value in settings(cloud, "api").items() if isinstance(value, str)}
        result: Settings = from_mapping(texts)
        return result.trusted_proxies

    assert [believed(cloud) for cloud in ("sam", "serverless", "gcp")] == [2, 2, 1]
