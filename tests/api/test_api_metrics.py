"""What is counted of the requests: right over several workers and after one of them has ended."""

from __future__ import annotations

import json
import os
import re
import signal
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import pytest
from api_rows import body_of, hour, put_hours, token_for, url
from processes import until
from serving import Served

from common.api import create_app
from common.api.middleware import metrics
from common.api.middleware.metrics import BOUNDS_S
from common.domain.observation import HOUR
from common.store.jobs import enqueue, fail, lease
from common.store.source_runs import SourceRun, record_run

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime
    from pathlib import Path

    from api_server import Make, Time
    from werkzeug.test import Client

    from common.api import ApiContext
    from common.store.engine import Database

SCRAPER = "application/openmetrics-text;version=1.0.0;q=0.5,text/plain;version=0.0.4;q=0.3,*/*;q=0.1"
SAMPLE = re.compile(
    r'[a-zA-Z_:][\w:]*(\{[a-z_]+="[^"\\]*"(,[a-z_]+="[^"\\]*")*\})? [-+]?[0-9.e+-]+(Inf|NaN)?'
)


def samples(text: str) -> dict[str, float]:
    """Name with labels → value; every line must be what Prometheus reads."""
    result = {}
    for line in text.splitlines():
        if line.startswith("#"):
            assert re.fullmatch(r"# (HELP|TYPE) [a-z0-9_]+ .+", line)
        else:
            assert SAMPLE.fullmatch(line), line
            name, _, value = line.rpartition(" ")
            assert name not in result
            result[name] = float(value)
    return result


def test_requests_are_counted_by_endpoint_and_status(
    client: Client, database: Database, now: datetime
) -> None:
    put_hours(database, hour("Delhi", now - HOUR))
    for path in ("/aqi/current/delhi", "/aqi/current/DELHI", "/aqi/current/Atlantis", "/nothing/here"):
        client.get(url(path))
    client.post(url("/aqi/current/delhi"))
    allowed = {"X-API-Key": token_for(database, now, "read")}
    body = body_of(client.get(url("/metrics"), headers=allowed), "/metrics")
    requests = body["requests"]
    assert requests["total"] == 5
    assert requests["by_status"] == {"200": 2, "404": 2, "405": 1}
    by_endpoint = {(endpoint["method"], endpoint["path"]): endpoint for endpoint in requests["by_endpoint"]}
    current = by_endpoint["GET", "/api/v1/aqi/current/{city}"]
    assert (current["requests"], current["errors"]) == (3, 0)
    assert by_endpoint["", ""]["requests"] == 2
    times = requests["response_ms"]
    assert 0 < times["mean"] < 10_000
    assert times["p50"] <= times["p95"] <= times["p99"]
    assert requests["per_second"] == pytest.approx(5 / 60, abs=0.001)
    assert requests["error_rate"] == 0
    assert body["workers"]["number"] == 1
    assert body["workers"]["memory_mb"] > 10
    assert body["workers"]["cpu_seconds"] > 0
    assert body["database"]["most"] >= body["database"]["connections"] >= 1
    assert (body["data_age_minutes"], body["queue"]["waiting"]) == (60, 0)


def test_strangers_are_not_told_the_limits_of_the_server(
    client: Client, database: Database, now: datetime
) -> None:
    allowed = {"X-API-Key": token_for(database, now, "read")}
    text = {"Accept": "text/plain"}
    most = "vayu_database_connections_most"
    for _ in range(2):
        assert list(client.get(url("/metrics")).json["database"]) == ["connections"]
        assert list(client.get(url("/metrics"), headers=allowed).json["database"]) == ["connections", "most"]
        assert most not in samples(client.get(url("/metrics"), headers=text).text)
        assert most in samples(client.get(url("/metrics"), headers=text | allowed).text)


def test_metrics_are_computed_every_five_seconds_at_most(
    process: Make, database: Database, time: Time, now: datetime
) -> None:
    client = process().client

    def both_forms() -> tuple[Any, Any]:
        result = client.get(url("/metrics")).json
        return result["data_age_minutes"], result["requests"]["total"]

    first = both_forms()
    assert first == (None, 0)
    put_hours(database, hour("Delhi", now - HOUR))
    time.pass_by(4.9)
    assert both_forms() == first
    time.pass_by(0.1)
    assert both_forms() == (60, 2)


def test_the_text_says_the_same(client: Client, database: Database, now: datetime) -> None:
    put_hours(database, hour("Delhi", now - HOUR))
    with database.transaction() as connection:
        record_run(
            connection, SourceRun("cpcb", started_at=now - HOUR, finished_at=now - HOUR, latest=now - HOUR)
        )
        record_run(
            connection,
            SourceRun("cpcb", started_at=now, finished_at=now, reason="quota", rests_until=now + HOUR),
        )
    for _ in range(3):
        client.get(url("/aqi/current/delhi"))
    response = client.get(url("/metrics"), headers={"Accept": SCRAPER})
    assert response.content_type == "text/plain; version=0.0.4; charset=utf-8"
    assert response.text.endswith("\n")
    result = samples(response.text)
    of = 'method="GET",route="/api/v1/aqi/current/{city}"'
    assert result[f'vayu_http_requests_total{{{of},status="200"}}'] == 3
    assert result[f"vayu_http_request_duration_seconds_count{{{of}}}"] == 3
    buckets = [
        result[f'vayu_http_request_duration_seconds_bucket{{le="{bound}",{of}}}'] for bound in BOUNDS_S
    ]
    assert buckets == sorted(buckets)
    assert result[f'vayu_http_request_duration_seconds_bucket{{le="+Inf",{of}}}'] == 3
    assert 0 < result[f"vayu_http_request_duration_seconds_sum{{{of}}}"] < 10
    assert result[f"vayu_http_response_bytes_total{{{of}}}"] > 300
    assert result["vayu_database_up"] == result["vayu_workers"] == 1
    assert result["vayu_data_age_seconds"] == 3600
    assert result['vayu_source_state{source="cpcb",state="resting"}'] == 1
    assert result['vayu_source_failures_24h{reason="quota",source="cpcb"}'] == 1
    assert result['vayu_source_last_success_timestamp_seconds{source="cpcb"}'] == 1762335000


@pytest.mark.parametrize(
    ("accept", "kind"),
    [("*/*", "application/json"), ("text/plain", "text/plain"), ("application/json", "application/json")],
)
def test_it_is_told_as_it_is_wanted(client: Client, accept: str, kind: str) -> None:
    assert client.get(url("/metrics"), headers={"Accept": accept}).mimetype == kind


def test_without_a_database_what_was_counted_is_told(down: Client) -> None:
    down.get(url("/aqi/current/delhi"))
    response = down.get(url("/metrics"))
    body = body_of(response, "/metrics")
    assert (body["requests"]["by_status"], body["requests"]["error_rate"]) == ({"503": 1}, 1)
    assert (body["database"], body["queue"], body["sources"]) == (None, None, {})
    text = down.get(url("/metrics"), headers={"Accept": "text/plain"}).text
    assert samples(text)["vayu_database_up"] == 0


def test_the_queue_is_told(client: Client, database: Database, now: datetime) -> None:
    with database.transaction() as connection:
        enqueue(connection, "t", "lost", {}, now=now - HOUR, max_attempts=1)
        job = lease(connection, now=now, seconds=60)
        assert job is not None
        fail(connection, job, "broken", now=now - HOUR)
        enqueue(connection, "t", "late", {}, now=now - HOUR)
        enqueue(connection, "t", "tomorrow", {}, now=now + 24 * HOUR)
    expected = {"waiting": 1, "oldest_minutes": 60, "dead_24h": 1}
    assert body_of(client.get(url("/metrics")), "/metrics")["queue"] == expected
    health = body_of(client.get(url("/health")), "/health")
    assert health["queue"] == expected
    assert "a message has waited for a worker for 60 minutes" in health["reasons"]
    assert "a message failed for good in the last 24 hours; see: vayu status" in health["reasons"]


def test_health_is_computed_once_a_second(context: ApiContext, database: Database, now: datetime) -> None:
    tick = [100.0]
    timed = type(context)(database=database, clock=lambda: now, queue=context.queue, tick=lambda: tick[0])
    client = create_app(timed).test_client()
    assert client.get(url("/health")).json["status"] == "starting"
    put_hours(database, hour("Delhi", now))
    assert client.get(url("/health")).json["status"] == "starting"
    tick[0] += 1.0
    assert client.get(url("/health")).json["status"] == "degraded"


def test_many_threads_lose_no_count(context: ApiContext) -> None:
    app = create_app(context)

    def ask() -> None:
        client = app.test_client()
        for _ in range(50):
            client.get("/nowhere")

    threads = [threading.Thread(target=ask) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert app.test_client().get(url("/metrics")).json["requests"]["total"] == 400


@pytest.fixture
def served(database: Database, tmp_path: Path) -> Iterator[Served]:
    with Served(database.url, tmp_path, workers=2, VAYU_RATE_ANONYMOUS="unlimited") as running:
        yield running


def _metrics_of(served: Served) -> Any:
    return json.loads(served.get("/api/v1/metrics")[2])


def _both_answer(served: Served) -> bool:
    """Asked side by side: one after the other, requests may all go to the one that was ready first."""
    with ThreadPoolExecutor(8) as side_by_side:
        return max(side_by_side.map(lambda _: _metrics_of(served)["workers"]["number"], range(8))) == 2


def test_any_worker_tells_what_all_have_counted_and_nothing_is_lost_with_one(served: Served) -> None:
    def answered() -> set[int]:
        """What the workers tell, whichever of them is asked; each tells the same for some seconds."""
        counts = (_metrics_of(served)["requests"]["by_status"] for _ in range(8))
        return {int(by_status.get("404", 0)) for by_status in counts}

    until(lambda: _both_answer(served), 60, "both workers answer")
    for number in range(1, 61):
        served.get("/api/v1/aqi/current/Atlantis")
        if number % 20 == 0:
            until(lambda wanted=number: answered() == {wanted}, 60, "both tell it")  # type: ignore[misc]
    both = served.workers()
    assert len(both) == 2
    assert _metrics_of(served)["workers"]["number"] == 2
    cpu_before = _metrics_of(served)["workers"]["cpu_seconds"]

    os.kill(both[0], signal.SIGKILL)
    until(lambda: len(served.workers()) == 2 and both[0] not in served.workers(), 60, "a new worker")
    until(lambda: _both_answer(served), 60, "it answers")
    for _ in range(40):
        served.get("/api/v1/aqi/current/Atlantis")
    until(lambda: answered() == {100}, 60, "both tell it")
    until(lambda: _metrics_of(served)["workers"]["cpu_seconds"] >= cpu_before, 60, "nor is processor time")

    def exposed() -> float:
        """The same count as Prometheus reads it; a worker answers this form from its own text of some seconds ago."""
        text = served.get("/api/v1/metrics", Accept="text/plain")[2].decode()
        return samples(text)[
            'vayu_http_requests_total{method="GET",route="/api/v1/aqi/current/{city}",status="404"}'
        ]

    until(lambda: exposed() == 100, 60, "Prometheus reads it too")


def test_one_line_of_json_a_request_and_no_secret(served: Served) -> None:
    token = "vayu_" + "s" * 40
    served.get("/api/v1/aqi/current/Atlantis?standard=hush", Authorization=f"Bearer {token}")
    served.get("/api/v1/health", X_Request_Id="mine-1")
    until(lambda: "mine-1" in served.log.read_text(), 60)
    lines = [json.loads(line) for line in served.log.read_text().splitlines() if line.startswith("{")]
    of_mine = [line for line in lines if line["request_id"] == "mine-1"]
    [line] = of_mine
    assert line["message"] == "request"
    assert line["level"] == "INFO"
    assert (line["method"], line["route"], line["status"]) == ("GET", "/api/v1/health", 200)
    assert 0 <= line["duration_ms"] < 10_000
    text = served.log.read_text()
    assert token not in text
    assert "hush" not in text


def test_a_folder_that_others_can_write_to_is_not_used(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    made = metrics.private_folder(os.getpid())
    assert made.stat().st_mode & 0o077 == 0
    made.chmod(0o777)
    with pytest.raises(PermissionError):
        metrics.private_folder(os.getpid())
