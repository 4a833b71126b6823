"""Who may ask: tokens, their scopes, and how they end."""

from datetime import datetime, timedelta

import pytest
from api_rows import problem_of, url
from api_server import Make, Process, Time, token

from common.store.api_keys import revoke_key
from common.store.engine import Database, run

READ = url("/aqi/current/Delhi")
RETRAIN = url("/models/retrain/Delhi")
CLEAR = url("/cache/clear")


def bearer(given: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {given}"}


pytestmark = pytest.mark.usefixtures("delhi")


def test_reads_are_open_unless_closed(process: Make, database: Database, now: datetime) -> None:
    assert process().client.get(READ).status_code == 200
    closed = process(reads_need_token=True).client
    refused = closed.get(READ)
    assert "needs a token that allows read" in problem_of(refused, 401)["detail"]
    assert refused.headers["WWW-Authenticate"] == 'Bearer realm="vayu"'
    assert refused.headers["Cache-Control"] == "no-store"
    assert closed.get(url("/health")).status_code == 200
    given = token(database, "read", now=now)
    answered = closed.get(READ, headers=bearer(given))
    assert answered.status_code == 200
    assert answered.headers["Cache-Control"] == "private, no-cache"
    assert closed.get(READ, headers={"X-API-Key": given}).status_code == 200


@pytest.mark.parametrize("cached", [0, 1 << 20])
def test_a_closed_read_is_closed_when_its_answer_is_known(
    process: Make, database: Database, now: datetime, cached: int
) -> None:
    client = process(reads_need_token=True, cache_bytes=cached).client
    given = token(database, "read", now=now)
    assert client.get(READ, headers=bearer(given)).status_code == 200
    problem_of(client.get(READ), 401)
    problem_of(client.get(READ, headers=bearer("vayu_" + "x" * 43)), 401)
    problem_of(client.get(READ + "/"), 401)


@pytest.mark.parametrize("path", [RETRAIN, RETRAIN + "/", CLEAR])
@pytest.mark.parametrize("closed", [True, False])
def test_a_write_needs_a_scope_always(
    process: Make, database: Database, now: datetime, path: str, closed: bool
) -> None:
    reader = bearer(token(database, "read", now=now))
    admin = bearer(token(database, "admin", now=now, name="admin"))
    client = process(reads_need_token=closed).client
    assert problem_of(client.post(path), 401)["detail"].startswith("this needs a token")
    refused = client.post(path, headers=reader)
    assert problem_of(refused, 403)["detail"].startswith("the token allows read; this needs ")
    assert 'error="insufficient_scope"' in refused.headers["WWW-Authenticate"]
    assert client.post(path, headers=admin).status_code in {200, 202}


def test_a_scope_gives_nothing_but_itself(process: Make, database: Database, now: datetime) -> None:
    client = process(reads_need_token=True).client
    given = bearer(token(database, "retrain", now=now))
    both = bearer(token(database, "read", "retrain", now=now, name="both"))
    problem_of(client.get(READ, headers=given), 403)
    problem_of(client.post(CLEAR, headers=given), 403)
    assert client.post(RETRAIN, headers=given).status_code == 202
    assert client.get(READ, headers=both).status_code == 200


@pytest.mark.parametrize(
    "wrong", ["", "vayu_", "x", "vayu_" + "A" * 43, "é" * 30, "'; DROP TABLE api_key; --", "a" * 5000, "\t"]
)
def test_a_wrong_token_is_told_even_where_none_is_needed(process: Make, wrong: str) -> None:
    client = process().client
    for headers in (bearer(wrong), {"X-API-Key": wrong}):
        refused = client.get(READ, headers=headers)
        problem_of(refused, 401)
        assert refused.headers["WWW-Authenticate"] == 'Bearer realm="vayu", error="invalid_token"'
        if len(wrong) > 5:
            assert wrong[:20] not in refused.text
    assert client.get(url("/health"), headers=bearer(wrong)).status_code == 200


def test_one_character_off_is_as_wrong_as_all(process: Make, database: Database, now: datetime) -> None:
    client = process().client
    given = token(database, "read", now=now)
    for place in (5, 12, 13, 30, 47):
        other = "B" if given[place] == "A" else "A"
        problem_of(client.get(READ, headers=bearer(given[:place] + other + given[place + 1 :])), 401)
    problem_of(client.get(READ, headers=bearer(given + "A")), 401)
    problem_of(client.get(READ, headers=bearer(given[:-1])), 401)
    assert client.get(READ, headers=bearer(given)).status_code == 200


def test_both_headers_must_agree(process: Make, database: Database, now: datetime) -> None:
    client = process().client
    given = token(database, "read", now=now)
    other = token(database, "read", now=now, name="other")
    assert client.get(READ, headers=bearer(given) | {"X-API-Key": given}).status_code == 200
    refused = client.get(READ, headers=bearer(given) | {"X-API-Key": other})
    assert "different tokens" in problem_of(refused, 400)["detail"]


@pytest.mark.parametrize("scheme", ["bearer", "BEARER", "Bearer  "])
def test_the_scheme_is_read_kindly(process: Make, database: Database, now: datetime, scheme: str) -> None:
    given = token(database, "read", now=now)
    client = process(reads_need_token=True).client
    assert client.get(READ, headers={"Authorization": f"{scheme} {given}"}).status_code == 200


def test_another_scheme_is_for_somebody_else(process: Make) -> None:
    headers = {"Authorization": "Basic dXNlcjpwYXNz"}
    assert process().client.get(READ, headers=headers).status_code == 200
    problem_of(process(reads_need_token=True).client.get(READ, headers=headers), 401)


def test_an_expired_token_is_over_at_once(process: Make, database: Database, time: Time) -> None:
    client = process(cache_bytes=1 << 20).client
    given = bearer(token(database, "read", now=time.now, expires_at=time.now + timedelta(seconds=30)))
    assert client.get(READ, headers=given).status_code == 200
    time.pass_by(29)
    assert client.get(READ, headers=given).status_code == 200
    time.pass_by(1)
    problem_of(client.get(READ, headers=given), 401)


def test_a_revoked_token_is_over_within_seconds_in_every_process(
    process: Make, database: Database, time: Time
) -> None:
    clients = [process(cache_bytes=1 << 20).client for _ in range(2)]
    given = bearer(token(database, "read", now=time.now))
    for client in clients:
        assert client.get(READ, headers=given).status_code == 200
    with database.transaction() as connection:
        revoke_key(connection, "one", now=time.now)
    time.pass_by(2)
    for client in clients:
        problem_of(client.get(READ, headers=given), 401)


def test_a_new_token_is_known_within_seconds(process: Make, database: Database, time: Time) -> None:
    client = process().client
    problem_of(client.get(READ, headers=bearer("vayu_" + "x" * 43)), 401)
    given = bearer(token(database, "read", now=time.now))
    time.pass_by(2)
    assert client.get(READ, headers=given).status_code == 200


def test_wrong_tokens_do_not_reach_the_database(
    process: Make, database: Database, now: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = process()
    problem_of(first.client.get(READ, headers=bearer("vayu_" + "x" * 43)), 401)
    requests = 0

    def counted(_: Database) -> None:
        nonlocal requests
        requests += 1
        raise AssertionError

    monkeypatch.setattr(Database, "reading", counted)
    monkeypatch.setattr(Database, "transaction", counted)
    for number in range(50):
        problem_of(first.client.get(READ, headers=bearer(f"vayu_{number:043d}")), 401)
    assert requests == 0


def test_when_a_key_was_used_is_kept_now_and_then(process: Make, database: Database, time: Time) -> None:
    client = process().client
    given = bearer(token(database, "read", now=time.now))
    for _ in range(3):
        assert client.get(READ, headers=given).status_code == 200
        time.pass_by(40)
    with database.transaction() as connection:
        [(used,)] = run(connection, "SELECT last_used_at FROM api_key")
    assert used is not None
    assert time.now - timedelta(seconds=60) <= used <= time.now


def test_tokens_that_cannot_be_checked(database: Database, time: Time) -> None:
    closed = Database("postgresql+pg8000://nobody:secret@127.0.0.1:1/nowhere")
    client = Process(closed, time).client
    given = bearer("vayu_" + "x" * 43)
    refused = client.post(RETRAIN, headers=given)
    problem_of(refused, 503)
    assert refused.headers["Retry-After"] == "5"
    problem_of(client.get(READ, headers=given), 503)
    assert client.get(url("/health"), headers=given).status_code == 503
