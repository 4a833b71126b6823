"""What a month costs, against figures computed by hand and against what must be so whatever the figures."""

from __future__ import annotations

import json
import math
import subprocess
import sys
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from templates import ROOT, read, sam_function
from test_deploy_gcp import of, option, script

sys.path.insert(0, str(ROOT))

from benchmarks.costs import clouds
from benchmarks.costs.month import Calls, month, runs

PRICES: dict[str, Any] = json.loads((ROOT / "benchmarks" / "costs" / "prices.json").read_text())
MEASURED: dict[str, Any] = {
    "cold_cpu_s": {"api": 0.4, "collect": 0.5, "forecast": 0.6, "train": 0.4, "retention": 0.3},
    "cpu_s": {
        "api": 0.002,
        "collect_city": 0.02,
        "forecast_city": 0.07,
        "forecast_again": 0.03,
        "train_city": 45.0,
        "plan": 0.05,
        "retention": 0.2,
    },
    "log_bytes": {"api": 400, "collect": 2000, "forecast": 1000, "train": 2000, "retention": 800},
    "answer_bytes": 3000,
    "model_mb": 1.0,
}
NEEDS = {"aws": clouds.aws, "gcp": clouds.gcp}


def costs(cloud: str, *, cities: int = 56, requests: float = 1e6, free: bool = False) -> dict[str, float]:
    needs = NEEDS[cloud](month(MEASURED, cities=cities, requests=requests))
    return {line.name: line.usd for line in clouds.bill(needs, PRICES[cloud], free=free)}


def test_half_a_processor_takes_twice_as_long_to_compute_and_as_long_to_wait() -> None:
    assert clouds.billed_s(Calls("api", 1, cpu_s=2.0, waiting_s=3.0), 1769 / 2) == pytest.approx(2 * 2 + 3)
    assert clouds.billed_s(Calls("api", 1, cpu_s=2.0, waiting_s=3.0), 3000) == 2 + 3


def test_trainings_by_hand() -> None:
    # 730 / 24 days × 56 cities × (0.4 + 45 + 2 targets × 4 models × 3 files × 0.02 s), and the planner's
    # 730 / 24 × (0.4 + 0.05 + 12 × 0.002 s), of 1769 MB, one whole processor
    seconds = 730 / 24 * 56 * (45.4 + 0.48) + 730 / 24 * (0.45 + 0.024)
    assert costs("aws")["Lambda, train"] == pytest.approx(seconds * 1769 / 1024 * 0.0000166667)
    # on Google in tenths of a second: 45.9 and 0.5
    seconds = 730 / 24 * 56 * 45.9 + 730 / 24 * 0.5
    assert costs("gcp")["Cloud Run, train: processor"] == pytest.approx(seconds * 0.000024)
    assert costs("gcp")["Cloud Run, train: memory"] == pytest.approx(seconds * 2 * 0.0000025)


def test_requests_by_hand() -> None:
    result = costs("aws")
    assert result["API Gateway"] == pytest.approx(1.0)
    warm, cold = 0.002 * 1769 / 1024 + 0.002, 0.402 * 1769 / 1024 + 0.02
    assert result["Lambda, api"] == pytest.approx((990_000 * warm + 10_000 * cold) * 0.0000166667)
    assert result["data to the Internet"] == pytest.approx(3 * 0.09)
    # 0.4 requests a second, each billed as a tenth of a second, the cold ones as 0.5
    assert costs("gcp")["Cloud Run, api: processor"] == pytest.approx(
        (990_000 * 0.1 + 10_000 * 0.5) * 0.000024
    )


def test_queues_that_nobody_writes_to_are_asked_all_the_same() -> None:
    # five queues, five at once, three times a minute, of 43,800 minutes
    assert costs("aws", cities=0, requests=0)["SQS: asked in vain"] == pytest.approx(
        5 * 5 * 3 * 43_800 * 4e-7
    )


def test_alarms_are_counted_by_the_metrics_they_look_at() -> None:
    # errors and slowness of seven functions, dead letters, 5xx, two metrics of the silence, and three of our own
    assert clouds.alarm_metrics() == 7 * 2 + 1 + 1 + 2 + 3


def test_live_connections_by_hand() -> None:
    def of(viewers: float) -> dict[str, float]:
        needs = clouds.aws(month(MEASURED, cities=0, requests=0), viewers=viewers)
        return {line.name: line.usd for line in clouds.bill(needs, PRICES["aws"], free=False)}

    none, some = of(0), of(1000)
    # 1,000 × 43,800 minutes; 4 events, 60/9 pings and half a welcome and a hello an hour
    assert some["WebSocket, connections"] == pytest.approx(43.8e6 * 2.5e-7)
    assert some["WebSocket, messages"] == pytest.approx(730_000 * (4 + 60 / 9 + 1) * 1e-6)
    # two writes for each turn, of which there is one a minute and three an hour; three for each visit of two hours
    assert some["DynamoDB, written"] == pytest.approx((2 * 63 * 730 + 3 * 365_000) * 6.25e-7)
    assert none["WebSocket, connections"] == none["WebSocket, messages"] == 0
    assert none["SQS, events: asked in vain"] == pytest.approx(2 * 5 * 3 * 43_800 * 4e-7)
    assert all(some[name] >= none[name] for name in none)


def test_what_is_free_is_shared_by_the_lines_of_one_price() -> None:
    priced, free = costs("aws"), costs("aws", free=True)
    functions = [name for name in priced if name.startswith("Lambda, ") and name != "Lambda, calls"]
    saved = sum(priced[name] - free[name] for name in functions)
    assert saved == pytest.approx(min(400_000 * 0.0000166667, sum(priced[name] for name in functions)))
    assert all(0 <= free[name] <= priced[name] for name in priced)


@given(st.integers(0, 10**8), st.sampled_from(sorted(NEEDS)))
def test_twice_the_requests_are_twice_the_costs_of_requests(requests: int, cloud: str) -> None:
    first, two, none = (costs(cloud, requests=number) for number in (requests, 2 * requests, 0))
    for name in first.keys() - {"X-Ray"}:  # of a second's requests it records the first
        assert two[name] - none[name] == pytest.approx(2 * (first[name] - none[name]), abs=1e-6), name
    assert "X-Ray" not in first or none["X-Ray"] <= first["X-Ray"] <= two["X-Ray"] <= 2 * first["X-Ray"]


@given(st.integers(0, 500), st.sampled_from(sorted(NEEDS)))
def test_more_cities_never_cost_less_and_leave_requests_alone(cities: int, cloud: str) -> None:
    first, more = costs(cloud, cities=cities), costs(cloud, cities=cities + 1)
    assert all(more[name] >= first[name] - 1e-9 for name in first)
    for name in first:
        if "api" in name or name in ("API Gateway", "data to the Internet"):
            assert more[name] == first[name]


@given(st.floats(0.001, 100), st.integers(128, 10_000))
def test_what_only_computes_costs_the_same_with_any_share_of_a_processor(cpu_s: float, memory: int) -> None:
    calls = Calls("api", 1, cpu_s)
    gb_s = clouds.billed_s(calls, memory) * memory
    whole = clouds.billed_s(calls, clouds.VCPU_MB) * clouds.VCPU_MB
    assert gb_s == pytest.approx(whole) if memory <= clouds.VCPU_MB else gb_s > whole


def test_traces_of_requests_that_come_thick_are_one_a_second_and_a_twentieth() -> None:
    thick = month(MEASURED, cities=0, requests=730 * 3600 * 1000.0)
    others = clouds.traces(replace(thick, requests=0.0))
    assert clouds.traces(thick) - others == pytest.approx(730 * 3600 * (1 + 0.05 * 999))
    thin = replace(thick, requests=100.0)
    assert clouds.traces(thin) - others == pytest.approx(100, rel=1e-3)


@pytest.mark.parametrize(
    ("cron", "times"),
    [("37 * * * ? *", 730), ("0 2 * * ? *", 730 / 24), ("30 20 ? * SUN *", 730 / 24 / 7)],
)
def test_schedules_are_counted(cron: str, times: float) -> None:
    assert runs(f"cron({cron})") == pytest.approx(times)


@pytest.mark.parametrize("cron", ["0 2 1 * ? *", "0 2 ? 6 SUN *", "0 * ? * SUN *"])
def test_a_schedule_of_another_kind_is_not_guessed_at(cron: str) -> None:
    with pytest.raises(ValueError, match="hourly"):
        runs(f"cron({cron})")


def test_memory_on_google_is_what_the_script_deploys() -> None:
    done = script("project", "asia-south1", "--dry-run")
    lines = [line.split()[4:] for line in done.stdout.splitlines() if line.startswith("gcloud")]
    for unit, gib in clouds.GCP_GIB.items():
        [line] = of(lines, "functions", "deploy", f"vayu-prod-{unit}")
        number, kind = option(line, "--memory")[:-3], option(line, "--memory")[-3:]
        assert float(number) / {"GiB": 1, "MiB": 1024}[kind] == gib
        assert option(line, "--cpu") == "1"
    jobs = {line[4] for line in of(lines, "scheduler", "jobs", "create", "http")}
    assert {"Cloud Scheduler": len(jobs)}.items() <= {
        name: quantity for name, _, quantity in clouds.gcp(month(MEASURED, cities=1, requests=1))
    }.items()


@pytest.mark.parametrize("cloud", sorted(NEEDS))
def test_every_price_has_its_page_and_is_used(cloud: str) -> None:
    priced = {name: price for name, price in PRICES[cloud].items() if name != "region"}
    needs = month(MEASURED, cities=1, requests=1)
    used = [*clouds.aws(needs, database=True, nat=True), *clouds.aws(needs, arch="arm64")]
    if cloud == "gcp":
        used = [*clouds.gcp(needs, database=True)]
    assert {kind for _, kind, _ in used} == priced.keys()
    assert all(item["page"].startswith("https://") and item["usd"] > 0 for item in priced.values())
    assert PRICES["as_of"]


def test_the_measured_functions_fit_their_memory() -> None:
    measured = json.loads((ROOT / "benchmarks" / "costs" / "measured.json").read_text())
    template = read("template.yaml")
    for unit, memory_mb in measured["memory_mb"].items():
        assert memory_mb < 0.8 * sam_function(unit, template)["memory"], unit


@pytest.mark.parametrize("options", [[], ["--cloud", "gcp", "--free"], ["--arch", "arm64", "--database"]])
def test_the_bill_adds_up(options: list[str]) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.costs", *options], cwd=ROOT, capture_output=True, text=True, check=True
    )  # fmt: skip
    rows = [line.strip("|").split("|") for line in done.stdout.splitlines() if line.startswith("| ")][1:]
    *lines, (total, *_, usd) = rows
    assert total.strip() == "all"
    assert math.isclose(sum(float(line[-1]) for line in lines), float(usd), abs_tol=0.005 * len(rows))
