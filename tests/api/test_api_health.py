"""Health: true in good times and in bad."""

import gc
import socket
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from time import monotonic

import pytest
from api_rows import body_of, context_of, hour, mark_simulated, put_hours, put_models, trained, url
from api_server import Process, Time, token
from tcp_proxy import Wire
from werkzeug.test import Client

from common import __version__
from common.api import create_app
from common.api.context import Policy
from common.domain.observation import HOUR
from common.store.engine import Database, run
from common.store.facts import set_fact
from common.store.models import promote
from common.store.source_runs import SourceRun, record_run
from common.store.writer_lease import COLLECTING, take_lease


def test_healthy(client: Client, database: Database, now: datetime) -> None:
    mark_simulated(database)
    put_hours(
        database, hour("Delhi", now - HOUR), hour("Mumbai", now - 4 * HOUR), hour("Pune", now, aqi=None)
    )
    put_models(database, trained("v1", now), trained("v2", now, city="Mumbai", mode="replay"))
    with database.transaction() as connection:
        promote(connection, "v1", reason="first", now=now)
        promote(connection, "v2", reason="first", now=now)
    body = body_of(client.get(url("/health")), "/health")
    assert body == {
        "status": "healthy",
        "timestamp": "2025-11-05T10:30:00Z",
        "database": "connected",
        "cache": "available",
        "version": __version__,
        "reasons": [],
        "causes": [],
        "simulated": True,
        "data": {"latest": "2025-11-05T10:30:00Z", "age_minutes": 0, "cities_current": 1, "cities": 56},
        "models": 1,
        "models_trained_at": "2025-11-05T10:30:00Z",
        "queue": {"waiting": 0, "oldest_minutes": None, "dead_24h": 0},
        "sources": {},
        "backups": None,
        "collecting": None,
        "read_replica": None,
    }


def test_backups_that_are_old_are_told(client: Client, database: Database, now: datetime) -> None:
    put_hours(database, hour("Delhi", now))
    put_models(database, trained("v1", now))
    facts = {
        "backup_at": (now - 9 * 24 * HOUR).isoformat(),
        "drill_at": (now - 41 * 24 * HOUR).isoformat(),
        "drill_rpo_s": "0.4",
        "drill_rto_s": "many",  # by hand, and no number
    }
    with database.transaction() as connection:
        promote(connection, "v1", reason="first", now=now)
        for key, value in facts.items():
            set_fact(connection, key, value)
    body = body_of(client.get(url("/health")), "/health")
    assert body["status"] == "degraded"
    assert body["reasons"] == [
        "the newest base backup is 9 days old",
        "restoring was last tried 41 days ago",
    ]
    assert body["causes"] == [{"code": "old_backup", "number": 9}, {"code": "old_drill", "number": 41}]
    assert body["backups"] == {
        "backup_at": "2025-10-27T10:30:00Z",
        "backup_age_hours": 9 * 24,
        "streaming": None,
        "drill_at": "2025-09-25T10:30:00Z",
        "drill_age_hours": 41 * 24,
        "drill_rpo_s": 0.4,
        "drill_rto_s": None,
    }


@pytest.mark.tiers("plain")  # a slot is of the whole server; this one is not shared
@pytest.mark.parametrize("base", [False, True])
def test_a_log_without_a_base_backup_is_told(
    client: Client, database: Database, now: datetime, base: bool
) -> None:
    put_hours(database, hour("Delhi", now))
    put_models(database, trained("v1", now))
    name = "vayu_backup"
    with database.transaction() as connection:
        promote(connection, "v1", reason="first", now=now)
        if base:
            set_fact(connection, "backup_at", now.isoformat())
    with database.transaction() as connection:
        run(connection, "SELECT pg_create_physical_replication_slot(:name)", name=name)
    try:
        body = body_of(client.get(url("/health")), "/health")
    finally:
        with database.transaction() as connection:
            run(connection, "SELECT pg_drop_replication_slot(:name)", name=name)
    codes = [cause["code"] for cause in body["causes"]]
    assert codes == [*([] if base else ["no_backup"]), "backup_stream"]


def test_the_lease_on_collecting_is_told(client: Client, database: Database) -> None:
    for _ in range(2):
        with take_lease(database, COLLECTING) as lease:
            assert lease is not None
    shown = body_of(client.get(url("/health")), "/health")["collecting"]
    assert shown == {"token": 2, "taken_at": lease.taken_at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")}


def test_sources_tell_success_lag_and_failures(client: Client, database: Database, now: datetime) -> None:
    runs = [
        ("cpcb", now - 3 * HOUR, None, now - 4 * HOUR, None),
        ("cpcb", now - 2 * HOUR, "unavailable", None, now - HOUR),
        ("cpcb", now - HOUR, "unavailable", None, now + HOUR),
        ("cpcb", now - 30 * HOUR, "quota", None, None),
        ("open_meteo", now - HOUR, "quota", None, now + HOUR),
        ("open_meteo", now, None, now, None),
        ("iqair", now, "refused", None, None),
        ("openaq", now - 24 * 9 * HOUR, "quota", None, now + 24 * 9 * HOUR),
        ("waqi", now - 24 * 8 * HOUR, None, now, None),
    ]
    with database.transaction() as connection:
        for source, time, reason, latest, rests_until in runs:
            record_run(
                connection,
                SourceRun(
                    source,
                    started_at=time,
                    finished_at=time,
                    reason=reason,
                    message="secret words",
                    latest=latest,
                    rests_until=rests_until,
                ),
            )
    response = client.get(url("/health"))
    assert "secret" not in response.text
    expected = {
        "cpcb": {
            "state": "resting",
            "resting_until": "2025-11-05T11:30:00Z",
            "last_run": "2025-11-05T09:30:00Z",
            "last_success": "2025-11-05T07:30:00Z",
            "lag_minutes": 240,
            "reason": "unavailable",
            "failures_24h": {"unavailable": 2},
        },
        "iqair": {
            "state": "failing",
            "resting_until": None,
            "last_run": "2025-11-05T10:30:00Z",
            "last_success": None,
            "lag_minutes": None,
            "reason": "refused",
            "failures_24h": {"refused": 1},
        },
        "openaq": {
            "state": "resting",
            "resting_until": "2025-11-14T10:30:00Z",
            "last_run": "2025-10-27T10:30:00Z",
            "last_success": None,
            "lag_minutes": None,
            "reason": "quota",
            "failures_24h": {},
        },
        "open_meteo": {
            "state": "ok",
            "resting_until": None,
            "last_run": "2025-11-05T10:30:00Z",
            "last_success": "2025-11-05T10:30:00Z",
            "lag_minutes": 0,
            "reason": None,
            "failures_24h": {"quota": 1},
        },
    }
    assert body_of(response, "/health")["sources"] == expected
    answer = body_of(client.get(url("/metrics")), "/metrics")
    assert (answer["timestamp"], answer["data_age_minutes"]) == ("2025-11-05T10:30:00Z", None)
    assert answer["sources"] == expected


def test_starting_before_there_is_anything(client: Client) -> None:
    body = body_of(client.get(url("/health")), "/health")
    assert (body["status"], body["database"]) == ("starting", "connected")
    assert body["reasons"] == ["nothing has been collected yet"]


@pytest.mark.parametrize(("hours", "status"), [(3, "healthy"), (4, "degraded"), (100, "degraded")])
def test_degraded_without_fresh_data(
    client: Client, database: Database, now: datetime, hours: int, status: str
) -> None:
    put_hours(database, hour("Delhi", now - hours * HOUR))
    put_models(database, trained("v1", now))
    with database.transaction() as connection:
        promote(connection, "v1", reason="first", now=now)
    body = body_of(client.get(url("/health")), "/health")
    assert body["status"] == status
    assert body["reasons"] == (
        [] if status == "healthy" else [f"the newest data are {hours * 60} minutes old"]
    )


def test_degraded_without_models(client: Client, database: Database, now: datetime) -> None:
    put_hours(database, hour("Delhi", now))
    body = body_of(client.get(url("/health")), "/health")
    assert body["status"] == "degraded"
    assert body["reasons"] == ["no model has been trained yet, so there are no forecasts"]


def test_degraded_with_models_of_old(client: Client, database: Database, now: datetime) -> None:
    put_hours(database, hour("Delhi", now))
    put_models(database, trained("v1", now - 9 * 24 * HOUR))
    with database.transaction() as connection:
        promote(connection, "v1", reason="first", now=now)
    body = body_of(client.get(url("/health")), "/health")
    assert (body["status"], body["reasons"]) == ("degraded", ["the newest model is 9 days old"])


def test_degraded_without_redis(database: Database, now: datetime) -> None:
    context = replace(
        context_of(database, now), policy=Policy(redis_url="redis://127.0.0.1:1/0", cache_bytes=1)
    )
    body = body_of(create_app(context).test_client().get(url("/health")), "/health")
    assert (body["status"], body["cache"]) == ("starting", "unavailable")
    assert any("Redis does not answer" in reason for reason in body["reasons"])
    context.probe.close()


def test_unhealthy_without_a_database(down: Client) -> None:
    response = down.get(url("/health"))
    assert response.status_code == 503
    assert response.content_type == "application/json"
    assert "secret" not in response.text
    assert (response.json["status"], response.json["database"]) == ("unhealthy", "disconnected")
    assert response.json["reasons"]
    assert response.json["causes"] == [{"code": "database", "number": None}]


def test_why_there_is_no_database_is_told_to_holders_of_a_token_alone(database: Database, time: Time) -> None:
    with Wire(database.url) as wire:  # at its end the database is away
        own = Database(wire.url)
        first = Process(own, time)
        given = {"X-API-Key": token(database, "read", now=time.now)}
        assert first.client.get(url("/health"), headers=given).status_code == 200
    time.pass_by(100)
    [reason] = first.client.get(url("/health"), headers=given).json["reasons"]
    assert "DATABASE_URL" in reason
    for headers in ({}, {"X-API-Key": "vayu_" + "x" * 43}, {"Authorization": "Bearer "}):
        message = first.client.get(url("/health"), headers=headers)
        assert message.status_code == 503
        assert message.json["reasons"] == ["the database does not answer; a token allows to read why"]
    first.close()
    own.close()


def test_a_database_without_tables_is_told(server: str, now: datetime) -> None:
    bare = Database(server.format(name="postgres"))
    context = context_of(bare, now)
    response = create_app(context).test_client().get(url("/health"))
    context.probe.close()
    assert response.status_code == 503
    assert "vayu migrate" in response.json["reasons"][0]


@pytest.fixture
def silent_port() -> Iterator[int]:
    """A port that takes connections and never says a word."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        yield listening.getsockname()[1]


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_a_server_that_hangs_does_not_hold_it_up(silent_port: int, now: datetime) -> None:
    hanging = Database(f"postgresql+pg8000://nobody:secret@127.0.0.1:{silent_port}/nowhere")
    client = create_app(context_of(hanging, now)).test_client()
    begun = monotonic()
    assert client.get(url("/health")).status_code == 503
    assert monotonic() - begun < 5
    gc.collect()  # the driver leaves the socket that it gave up to the collector, which warns


def test_it_recovers_when_the_database_does(client: Client, database: Database, context: object) -> None:
    assert client.get(url("/health")).status_code == 200
    with database.transaction() as connection:
        run(
            connection,
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
            "WHERE datname = current_database() AND pid <> pg_backend_pid()",
        )
    assert client.get(url("/health")).status_code == 200
