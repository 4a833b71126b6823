"""Every recipe of docs/use-from.md is carried out, as it stands there, against a running API."""

from __future__ import annotations

import io
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx
import pandas as pd
import pytest
import yaml
from commands import command
from jinja2 import StrictUndefined
from jinja2.sandbox import SandboxedEnvironment
from processes import free_port, killed_afterwards, until
from prometheus_client.parser import text_string_to_metric_families

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "use-from.md").read_text(encoding="utf-8")
HERE = "http://127.0.0.1:8080"
SECTIONS = {
    part.splitlines()[0]: re.findall(r"^```(\w+)\n(.*?)^```$", part, re.MULTILINE | re.DOTALL)
    for part in PAGE.split("\n## ")[1:]
}
DASHBOARD = (ROOT / "docs" / "grafana" / "vayu.json").read_text(encoding="utf-8")
PANELS = json.loads(DASHBOARD)["panels"]
PROMETHEUS = shutil.which("prometheus")


def blocks(section: str, language: str) -> list[str]:
    return [text for kind, text in SECTIONS[section] if kind == language]


def output(command: list[str], folder: Path) -> str:
    quiet = {**os.environ, "LC_ALL": "C.UTF-8"}
    done = subprocess.run(command, cwd=folder, env=quiet, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    return done.stdout


def test_every_block_is_tried() -> None:
    tried = {
        ("curl", "sh"),
        ("Python", "python"),
        ("pandas", "python"),
        ("R", "r"),
        ("A spreadsheet", "text"),
    }
    tried |= {("Home Assistant", "yaml"), ("Grafana", "yaml"), ("An assistant", "json")}
    assert {(name, kind) for name, texts in SECTIONS.items() for kind, _ in texts} == tried


def test_curl(api: str, tmp_path: Path) -> None:
    first, polling = (text.replace(HERE, api) for text in blocks("curl", "sh"))
    shown = output(["sh", "-e", "-c", first], tmp_path)
    assert '"city":"Delhi"' in shown
    assert '"lower_80"' in shown
    assert len(pd.read_csv(tmp_path / "delhi.csv")) > 400
    output(["sh", "-e", "-c", polling], tmp_path)
    whole = (tmp_path / "delhi.json").read_bytes()
    again = polling.strip() + " -w '%{http_code}'"
    assert output(["sh", "-e", "-c", again], tmp_path) == "304"
    assert json.loads(whole)["city"] == "Delhi"


def test_httpx(api: str, tmp_path: Path) -> None:
    [text] = blocks("Python", "python")
    lines = output([sys.executable, "-c", text.replace(HERE, api)], tmp_path).splitlines()
    assert lines[0].startswith("Delhi issued 2025-11-05T10:4")
    assert len(lines) == 7
    assert re.fullmatch(r"2025-11-05T11:30:00Z \d+ 80 %: \d+ to \d+ [A-Z].+", lines[1])


def test_pandas(api: str, tmp_path: Path) -> None:
    [text] = blocks("pandas", "python")
    lines = output([sys.executable, "-c", text.replace(HERE, api)], tmp_path).splitlines()
    served = httpx.get(f"{api}/api/v1/aqi/history/delhi?days=2&interval=day").json()["points"]
    # The whole day before the present.
    [row] = [line for line in lines if line.startswith("2025-11-04")]
    [day] = [point for point in served if point["date"] == "2025-11-04"]
    assert float(row.split()[-4]) == pytest.approx(day["aqi"], abs=0.51)
    assert int(row.split()[-3]) == 24


@pytest.mark.skipif(shutil.which("Rscript") is None, reason="R is not installed: apt-get install r-base-core")
def test_r(api: str, tmp_path: Path) -> None:
    [text] = blocks("R", "r")
    lines = output(["Rscript", "-e", text.replace(HERE, api)], tmp_path).splitlines()
    assert lines[0].split() == ["day", "aqi", "pm25"]
    served = httpx.get(f"{api}/api/v1/aqi/history/delhi?days=2&interval=day").json()["points"]
    [row] = [line.split() for line in lines if "2025-11-04" in line]
    [day] = [point for point in served if point["date"] == "2025-11-04"]
    assert float(row[-2]) == pytest.approx(day["aqi"], abs=0.51)


def test_the_address_for_a_spreadsheet(api: str) -> None:
    [text] = blocks("A spreadsheet", "text")
    answer = httpx.get(text.strip().replace(HERE, api))
    assert answer.headers["Content-Type"].startswith("text/csv")
    table = pd.read_csv(io.BytesIO(answer.content))
    assert {"city", "simulated", "date", "aqi", "pm25"} <= set(table.columns)
    assert len(table) >= 20
    # A spreadsheet must not take a cell for a formula.
    assert not re.search(r"(^|,)[=+@]", answer.text, re.MULTILINE)


class HomeAssistant:
    """Its templates: Jinja2 in a sandbox, where `round` and `max` are as here; a name that is unknown is an error."""

    def __init__(self) -> None:
        self._environment = SandboxedEnvironment(undefined=StrictUndefined, autoescape=False)

    def rendered(self, template: str, answer: dict[str, Any]) -> str:
        return self._environment.from_string(template).render(value_json=answer).strip()


def test_home_assistant(api: str) -> None:
    [text] = blocks("Home Assistant", "yaml")
    assistant, states = HomeAssistant(), {}
    for rest in yaml.safe_load(text)["rest"]:
        answer = httpx.get(rest["resource"].replace(HERE, api)).json()
        for sensor in rest["sensor"]:
            # An attribute that is not in the answer would be missing without a word.
            assert set(sensor.get("json_attributes", ())) <= set(answer)
            assert assistant.rendered(sensor["availability"], answer) == "True"
            assert assistant.rendered(sensor["availability"], answer | {"stale": True}) == "False"
            problem = httpx.get(f"{api}/api/v1/aqi/current/nowhere").json()
            assert assistant.rendered(sensor["availability"], problem) == "False"
            states[sensor["unique_id"]] = float(assistant.rendered(sensor["value_template"], answer))
    current = httpx.get(f"{api}/api/v1/aqi/current/delhi").json()
    points = httpx.get(f"{api}/api/v1/forecast/delhi?hours=24").json()["forecast"]
    assert states == {
        "vayu_delhi_aqi": current["aqi"],
        "vayu_delhi_pm25": current["pm25"],
        "vayu_delhi_aqi_peak": max(point["aqi"] for point in points),
        "vayu_delhi_very_poor": round(100 * max(point["exceedance"]["300"] for point in points)),
    }


def test_an_assistants_file() -> None:
    [text] = blocks("An assistant", "json")
    server = json.loads(text)["mcpServers"]["vayu"]
    assert server["command"] == ".venv/bin/vayu"
    name, *arguments = server["args"]
    context = command(name).make_context(name, arguments)
    assert context.params["api"] == HERE


def queries() -> Iterator[str]:
    for panel in PANELS:
        for target in panel["targets"]:
            if target["datasource"]["type"] == "prometheus":
                yield target["expr"]


def metrics(api: str) -> dict[str, set[str]]:
    """Sample → its labels, as the API has them now."""
    text = httpx.get(f"{api}/api/v1/metrics", headers={"Accept": "text/plain"}).text
    result: dict[str, set[str]] = {}
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            result.setdefault(sample.name, set()).update(sample.labels)
    return result


def test_the_dashboard_is_one_of_grafanas() -> None:
    whole = json.loads(DASHBOARD)
    assert len({panel["id"] for panel in PANELS}) == len(PANELS)
    inputs = {f"${{{given['name']}}}" for given in whole["__inputs"]}
    assert {panel["datasource"]["uid"] for panel in PANELS} == inputs
    variables = {variable["name"] for variable in whole["templating"]["list"]}
    named = set(re.findall(r"\$\{(\w+)\}", DASHBOARD)) - {name[2:-1] for name in inputs}
    assert named == variables
    taken: set[tuple[int, int]] = set()
    for panel in PANELS:
        at = panel["gridPos"]
        cells = {(x, y) for x in range(at["x"], at["x"] + at["w"]) for y in range(at["y"], at["y"] + at["h"])}
        assert max(x for x, _ in cells) < 24
        assert not cells & taken, panel["title"]
        taken |= cells


def test_every_query_names_what_metrics_has(api: str) -> None:
    httpx.get(f"{api}/api/v1/aqi/current/delhi")
    there = metrics(api)
    for query in queries():
        names = set(re.findall(r"\bvayu_\w+", query))
        assert names
        assert names <= set(there), query
        labels = set().union(*(there[name] for name in names))
        used = re.findall(r"\bby \(([^)]*)\)", query) + re.findall(r"\{(\w+)[=!]", query)
        assert {label.strip() for part in used for label in part.split(",")} <= labels, query


def test_every_address_of_the_dashboard_has_its_columns(api: str) -> None:
    variables = {item["name"]: item["query"] for item in json.loads(DASHBOARD)["templating"]["list"]}
    number = 0
    for panel in PANELS:
        for target in panel["targets"]:
            if target["datasource"]["type"] == "prometheus":
                continue
            address = re.sub(r"\$\{(\w+)\}", lambda name: variables[name[1]], target["url"])
            answer = httpx.get(address.replace(HERE, api)).raise_for_status().json()
            rows = answer[target["root_selector"]] if target["root_selector"] else [answer]
            assert rows
            for column in target["columns"]:
                assert all(column["selector"] in row for row in rows), (panel["title"], column)
                kinds = {"number": (int, float), "string": str, "boolean": bool, "timestamp": str}
                assert isinstance(rows[0][column["selector"]], kinds[column["type"]]), column
                number += 1
    assert number > 15


class Running:
    """A process, as `killed_afterwards` takes it."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        self.process = process


@pytest.mark.skipif(PROMETHEUS is None, reason="Prometheus is not installed: apt-get install prometheus")
def test_prometheus_reads_and_answers_every_query(api: str, tmp_path: Path) -> None:
    [text] = blocks("Grafana", "yaml")
    config = yaml.safe_load(text)
    [job] = config["scrape_configs"]
    assert job["static_configs"] == [{"targets": ["127.0.0.1:8080"]}]
    job["static_configs"] = [{"targets": [api.removeprefix("http://")]}]
    job["scrape_interval"], job["scrape_timeout"] = "1s", "1s"
    (tmp_path / "prometheus.yml").write_text(yaml.safe_dump(config))
    port = free_port()
    command = [
        str(PROMETHEUS), f"--config.file={tmp_path / 'prometheus.yml'}", f"--web.listen-address=127.0.0.1:{port}",
        f"--storage.tsdb.path={tmp_path / 'data'}", "--log.level=error",
    ]  # fmt: skip
    with (tmp_path / "log").open("wb") as log:
        running = Running(subprocess.Popen(command, stdout=log, stderr=log))
    with killed_afterwards(running), httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=20) as client:

        def rows(query: str) -> list[Any]:
            try:
                answer = client.get("/api/v1/query", params={"query": query})
            except httpx.TransportError:
                assert running.process.poll() is None, (tmp_path / "log").read_text()
                return []
            if answer.status_code == httpx.codes.SERVICE_UNAVAILABLE:
                return []
            assert answer.status_code == httpx.codes.OK, answer.text
            return list(answer.json()["data"]["result"])

        # A rate needs two scrapes.
        until(lambda: rows("rate(vayu_http_requests_total[1m])"), 60, "two scrapes", poll_s=0.2)
        for query in queries():
            assert until(lambda query=query: rows(query), 30, query, poll_s=0.2)
