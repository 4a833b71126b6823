"""`vayu mcp` as assistants use it: the package's own client, a process of its own, a real API."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import anyio
import httpx
import pytest
from click.testing import CliRunner
from mcp import Client, StdioServerParameters
from processes import free_port

from common.cli import main

if TYPE_CHECKING:
    from pathlib import Path

Call = Callable[..., Any]


def served(url: str, *options: str) -> StdioServerParameters:
    return StdioServerParameters(
        command=sys.executable, args=["-m", "common.cli", "mcp", "--api", url, *options]
    )


def results(url: str, *calls: tuple[str, dict[str, Any]], options: tuple[str, ...] = ()) -> list[Any]:
    """What a new process answers to these calls of tools, one after the other."""

    async def talk() -> list[Any]:
        async with Client(served(url, *options), read_timeout_seconds=60) as client:
            return [await client.call_tool(name, arguments) for name, arguments in calls]

    return anyio.run(talk)


def sentence(result: Any) -> str:
    assert result.is_error
    [content] = result.content
    assert "\n" not in content.text
    return str(content.text)


def test_each_tool_answers_what_the_api_does(api: str) -> None:
    current, forecast, record, compared = results(
        api,
        ("current_air_quality", {"city": "delhi"}),
        ("air_quality_forecast", {"city": "Delhi", "hours": 6}),
        ("forecast_record", {"city": "Delhi", "lead": 24}),
        ("compare_cities", {"cities": ["Delhi", "bengaluru", "Nowhere"], "days": 2}),
    )
    whole = httpx.get(f"{api}/api/v1/aqi/current/delhi").json()
    answer = current.structured_content
    assert {name: answer[name] for name in whole if name != "as_of"} == whole
    assert answer["units"]["co"] == "mg/m³"
    assert answer["simulated"] is False
    assert answer["source"] == "cpcb-feed"
    assert answer["read_from"] == f"{api}/api/v1/aqi/current/delhi?standard=in-naqi"
    assert json.loads(current.content[0].text)["aqi"] == whole["aqi"]

    hours = forecast.structured_content["forecast"]
    assert [hour["lead_hours"] for hour in hours] == [1, 2, 3, 4, 5, 6]
    for hour in hours:
        assert hour["lower_95"] <= hour["lower_80"] <= hour["aqi"] <= hour["upper_80"] <= hour["upper_95"]

    cells = record.structured_content["cells"]
    assert cells
    assert {cell["lead"] for cell in cells} == {24}
    assert record.structured_content["unit"] == "AQI"

    comparison = compared.structured_content
    assert [city["city"] for city in comparison["cities"]] == ["Delhi", "Bangalore"]
    [fault] = comparison["errors"]
    assert "Nowhere" in fault["detail"]


def test_what_goes_wrong_is_one_sentence(api: str) -> None:
    unknown, silent, many, kind, path = results(
        api,
        ("current_air_quality", {"city": "Dehli"}),
        ("air_quality_forecast", {"city": "Srinagar"}),
        ("air_quality_forecast", {"city": "Delhi", "hours": 49}),
        ("forecast_record", {"city": "Delhi", "target": "ozone"}),
        ("current_air_quality", {"city": "../health"}),
    )
    assert "did you mean Delhi" in sentence(unknown)
    assert "Srinagar" in sentence(silent)
    assert "hours: input should be less than or equal to 48, not '49'" in sentence(many)
    assert "target: input should be 'aqi' or 'pm25'" in sentence(kind)
    assert "city: string should match pattern" in sentence(path)


def test_a_tool_says_which_api_does_not_answer() -> None:
    nobody = f"http://127.0.0.1:{free_port()}"
    [result] = results(nobody, ("current_air_quality", {"city": "Delhi"}))
    assert f"no API answers at {nobody}" in sentence(result)


def test_tools_have_schemas_and_say_that_they_only_read() -> None:
    done = CliRunner().invoke(main, ["mcp", "--json"])
    tools = json.loads(done.stdout)
    assert [tool["name"] for tool in tools] == [
        "current_air_quality", "air_quality_forecast", "forecast_record", "compare_cities",
    ]  # fmt: skip
    for tool in tools:
        assert tool["annotations"]["readOnlyHint"]
        assert tool["outputSchema"]["properties"]["simulated"]["type"] == "boolean"
        assert "read_from" in tool["outputSchema"]["required"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--api", "ftp://example.org"], "is no address such as https://"),
        (["--api", "air.example.org"], "is no address such as https://"),
        (["--token-file", "/nowhere/token"], "does not exist"),
    ],
)
def test_a_wrong_option_is_refused_with_status_2(arguments: list[str], message: str) -> None:
    done = CliRunner().invoke(main, ["mcp", *arguments])
    assert done.exit_code == 2
    assert message in " ".join(done.stderr.split())
    assert done.stdout == ""


def test_without_the_package_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "mcp.server", None)
    monkeypatch.delitem(sys.modules, "common.mcp_server.server", raising=False)
    done = CliRunner().invoke(main, ["mcp"])
    assert done.exit_code == 2
    assert "pip install 'vayu[mcp]'" in " ".join(done.stderr.split())


def test_a_token_comes_from_a_file(closed_api: tuple[str, str], tmp_path: Path) -> None:
    url, token = closed_api
    [refused] = results(url, ("current_air_quality", {"city": "Delhi"}))
    assert "--token-file" in sentence(refused)
    file = tmp_path / "token"
    file.write_text(f"{token}\n")
    [answered] = results(url, ("current_air_quality", {"city": "Delhi"}), options=("--token-file", str(file)))
    assert answered.structured_content["city"] == "Delhi"
