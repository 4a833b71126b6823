"""Years of hours: whole, in bounded memory, and never cut short unnoticed."""

from __future__ import annotations

import csv
import io
import json
import socket
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from api_rows import body_of, context_of, url
from serving import Served

from common.api import create_app
from common.domain.observation import HOUR, last_full_hour
from common.entry import aws
from common.store.engine import Database, run

if TYPE_CHECKING:
    from werkzeug.test import Client

HISTORY = "/aqi/history/{city}"
YEARS = 5


def put_years(database: Database, end: datetime, years: float) -> int:
    """Every hour of Delhi but each hundredth, with values that tell the hour; how many."""
    hours = int(years * 365 * 24)
    with database.transaction() as connection:
        run(
            connection,
            """
            INSERT INTO city_hour (city, time, source, basis, stations, pm25, pm10, aqi, dominant, aqi_us, dominant_us,
                                   detail, computed_at)
            SELECT 'Delhi', CAST(:end AS timestamptz) - back * interval '1 hour', 'cpcb', 'measured', 3,
                   mod(back, 300), 120.5, mod(back, 500), 'pm25', 100, 'pm25', '{}', CAST(:end AS timestamptz)
            FROM generate_series(0, CAST(:hours AS int) - 1) AS back WHERE mod(back, 100) <> 50
            """,
            end=end,
            hours=hours,
        )
    return hours - hours // 100


@pytest.mark.parametrize("months", [1, 2, 14])
def test_in_whatever_pieces_it_comes_it_is_the_same(
    client: Client, database: Database, now: datetime, months: int
) -> None:
    put_years(database, now, months / 12)
    hours = int(months / 12 * 365 * 24)
    body = body_of(client.get(url("/aqi/history/Delhi", hours=hours)), HISTORY)
    times = [point["time"] for point in body["points"]]
    expected = [now - back * HOUR for back in reversed(range(hours)) if back % 100 != 50]
    assert times == [f"{time:%Y-%m-%dT%H:%M:%SZ}" for time in expected]
    assert (body["count"], body["expected"]) == (len(expected), hours)
    assert [point["aqi"] for point in body["points"]] == [
        back % 500 for back in reversed(range(hours)) if back % 100 != 50
    ]
    text = client.get(url("/aqi/history/Delhi", hours=hours, format="csv")).text
    rows = list(csv.DictReader(io.StringIO(text)))
    assert [row["time"] for row in rows] == times


@pytest.mark.parametrize("days", [30, 366, 367, 800])
def test_days_in_whatever_pieces(client: Client, database: Database, now: datetime, days: int) -> None:
    put_years(database, now, 2.2)
    body = body_of(client.get(url("/aqi/history/Delhi", days=days, interval="day")), HISTORY)
    dates = [point["date"] for point in body["points"]]
    assert len(dates) == body["count"] == body["expected"] == days
    assert dates == sorted(set(dates))
    early = body_of(
        client.get(url("/aqi/history/Delhi", days=40, interval="day", as_of=now.isoformat())), HISTORY
    )
    assert [point["date"] for point in early["points"]][-days:] == dates[-40:]
    assert early["count"] == 40


def test_nothing_in_years_is_an_empty_history(client: Client) -> None:
    body = body_of(client.get(url("/aqi/history/Delhi", days=3660)), HISTORY)
    assert (body["points"], body["count"], body["expected"]) == ([], 0, 87840)


def test_a_function_that_must_hold_it_whole_refuses_what_is_too_long(
    database: Database, now: datetime
) -> None:
    put_years(database, now, 2)
    handler = aws.http(lambda: create_app(context_of(database, now)))
    event = json.loads((Path(__file__).parents[1] / "events" / "aws" / "http_get.json").read_text())

    def get(days: int) -> tuple[int, Any, int]:
        event["rawPath"] = "/api/v1/aqi/history/Delhi"
        event["rawQueryString"] = f"days={days}"
        event["requestContext"]["http"]["path"] = event["rawPath"]
        answer = handler(event, None)
        return answer["statusCode"], json.loads(answer["body"]), len(json.dumps(answer).encode())

    status, body, size = get(500)
    assert (status, body["expected"]) == (200, 12_000)
    assert size < 6_000_000
    status, body, _ = get(501)
    assert status == 400
    assert "at most 500 days at once" in body["detail"]


def test_years_cost_the_worker_no_memory(database: Database, tmp_path: Path) -> None:
    end = last_full_hour(datetime.now(UTC))
    count = put_years(database, end, YEARS)
    with Served(database.url, tmp_path, VAYU_CACHE_MB="0") as served:
        [worker] = served.workers()
        for path in ("?days=40", "?days=40&format=csv"):
            served.get(f"/api/v1/aqi/history/Delhi{path}")
        before = _resident_mb(worker)
        status, headers, body = served.get(f"/api/v1/aqi/history/Delhi?days={YEARS * 365}")
        _, _, text = served.get(f"/api/v1/aqi/history/Delhi?days={YEARS * 365}&format=csv")
        grown = _resident_mb(worker) - before
    assert (status, headers["Transfer-Encoding"]) == (200, "chunked")
    assert len(body) > 7_000_000
    assert 0 <= count - json.loads(body)["count"] <= 1  # the present hour may be over by now
    assert abs(text.count(b"\r\n") - 1 - count) <= 1
    assert grown < 6


def _resident_mb(pid: int) -> float:
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * 4096 / 1e6


@pytest.mark.parametrize("format_", ["json", "csv"])
def test_what_breaks_off_does_not_look_whole(database: Database, tmp_path: Path, format_: str) -> None:
    """The table goes away while a slow client reads: the answer ends without the mark that ends it."""
    put_years(database, last_full_hour(datetime.now(UTC)), YEARS)
    request = f"GET /api/v1/aqi/history/Delhi?days={YEARS * 365}&format={format_} HTTP/1.1\r\nHost: x\r\n\r\n"
    with Served(database.url, tmp_path) as served:
        with socket.socket() as connection:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            connection.settimeout(10)
            connection.connect(("127.0.0.1", served.port))
            connection.sendall(request.encode())
            received = connection.recv(4096)
            with database.transaction() as away:
                run(away, "ALTER TABLE city_hour RENAME TO city_hour_away")
            try:
                while more := connection.recv(65536):
                    received += more
            except ConnectionResetError:
                pass
            finally:
                with database.transaction() as back:
                    run(back, "ALTER TABLE city_hour_away RENAME TO city_hour")
        assert served.get("/api/v1/health")[0] == 200
        log = served.log.read_text()
    assert received.startswith(b"HTTP/1.1 200")
    assert b"chunked" in received
    assert not received.endswith(b"\r\n0\r\n\r\n")
    assert "a history broke off" in log


def test_between_pieces_no_connection_is_held(database: Database, now: datetime) -> None:
    put_years(database, now, 1)
    client = create_app(context_of(database, now)).test_client()
    response = client.get(url("/aqi/history/Delhi", days=365), buffered=False)
    parts = response.iter_encoded()
    next(parts)
    next(parts)
    with database.transaction() as connection:
        [(held,)] = run(
            connection,
            "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND state <> 'idle' "
            "AND pid <> pg_backend_pid()",
        )
    assert held == 0
    response.close()


def test_a_length_of_hours_that_nobody_has_is_told_quickly(client: Client, now: datetime) -> None:
    start = now - timedelta(days=3661)
    response = client.get(url("/aqi/history/Delhi", start=start.isoformat()))
    assert response.status_code == 400
    assert "at most 3660 days at once" in response.text
