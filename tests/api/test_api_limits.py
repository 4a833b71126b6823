"""How often one may ask, and what is too large to be asked."""

from datetime import datetime
from typing import Any

import pytest
from api_rows import problem_of, url
from api_server import Make, Time, token
from hypothesis import given as generated
from hypothesis import strategies as st
from redis_server import redis_url

from common.adapters.redis_memory import SharedMemory
from common.api.middleware.access_control import behind_proxies, client_ip
from common.api.middleware.rate_limit import Limiter, Rate
from common.store.engine import Database

READ = url("/aqi/current/Delhi")
THREE = {"anonymous": Rate(3, 60), "token": Rate(5, 60), "writes": Rate(2, 60)}


pytestmark = pytest.mark.usefixtures("delhi")


@pytest.mark.parametrize("cached", [0, 1 << 20])
def test_an_address_may_ask_so_often(process: Make, time: Time, cached: int) -> None:
    client = process(rates=THREE, cache_bytes=cached).client
    for left in (2, 1, 0):
        headers = client.get(READ).headers
        assert headers["RateLimit-Limit"] == "3"
        assert headers["RateLimit-Remaining"] == str(left)
        assert headers["RateLimit-Reset"] == "60"
    time.pass_by(20)
    refused = client.get(READ)
    assert "try again in 40 s" in problem_of(refused, 429)["detail"]
    assert refused.headers["Retry-After"] == refused.headers["RateLimit-Reset"] == "40"
    assert refused.headers["RateLimit-Remaining"] == "0"
    assert client.get(READ, environ_overrides={"REMOTE_ADDR": "203.0.113.9"}).status_code == 200
    time.pass_by(40)
    assert client.get(READ).headers["RateLimit-Remaining"] == "2"


def test_health_is_always_answered(process: Make) -> None:
    client = process(rates=THREE).client
    for _ in range(10):
        answered = client.get(url("/health"))
        assert answered.status_code == 200
        assert "RateLimit-Limit" not in answered.headers


def test_unlimited_says_nothing_of_limits(process: Make) -> None:
    assert "RateLimit-Limit" not in process().client.get(READ).headers


def test_unknown_addresses_and_wrong_tokens_count_too(process: Make) -> None:
    client = process(rates=THREE).client
    problem_of(client.get("/nowhere"), 404)
    problem_of(client.get(READ, headers={"X-API-Key": "vayu_wrong"}), 401)
    problem_of(client.get(url("/forecast/Atlantis")), 404)
    problem_of(client.get(READ, headers={"X-API-Key": "vayu_wrong"}), 429)


def test_a_token_has_an_allowance_of_its_own(process: Make, database: Database, now: datetime) -> None:
    client = process(rates=THREE).client
    headers = {"X-API-Key": token(database, "retrain", "read", now=now)}
    for _ in range(3):
        client.get(READ)
    problem_of(client.get(READ), 429)
    for _ in range(5):
        assert client.get(READ, headers=headers).headers["RateLimit-Limit"] == "5"
    assert "from this token" in problem_of(client.get(READ, headers=headers), 429)["detail"]
    for _ in range(2):
        assert client.post(url("/models/retrain/Delhi"), headers=headers).status_code == 202
    problem_of(client.post(url("/models/retrain/Delhi"), headers=headers), 429)


def seen(environ: dict[str, Any], trusted: int) -> str:
    """The client's address as the application behind so many proxies sees it."""
    result: list[str] = []

    def application(given: dict[str, Any], _: Any) -> list[bytes]:
        result.append(client_ip(given))
        return []

    behind_proxies(application, trusted)(environ, None)  # type: ignore[arg-type]
    return result[0]


@pytest.mark.parametrize(
    ("forwarded", "trusted", "result"),
    [
        ("203.0.113.1", 0, "127.0.0.1"),
        ("203.0.113.1", 1, "203.0.113.1"),
        ("6.6.6.6, 203.0.113.1", 1, "203.0.113.1"),
        ("6.6.6.6, 203.0.113.1, 10.0.0.1", 2, "203.0.113.1"),
        ("203.0.113.1", 2, "127.0.0.1"),
        ("nonsense", 1, "127.0.0.1"),
        ("", 1, "127.0.0.1"),
        ("203.0.113.1:4711", 1, "203.0.113.1"),
        ("[2001:db8:1:2:3::4]:4711", 1, "2001:db8:1:2::/64"),
        ("2001:db8:1:2:ffff::1", 1, "2001:db8:1:2::/64"),
        ("::ffff:203.0.113.1", 1, "203.0.113.1"),
        ("fe80::1%eth0", 1, "fe80::/64"),
        ("x," * 50_000 + "203.0.113.1", 1, "203.0.113.1"),
    ],
)
def test_only_our_own_proxies_are_believed(forwarded: str, trusted: int, result: str) -> None:
    environ = {"REMOTE_ADDR": "127.0.0.1", "HTTP_X_FORWARDED_FOR": forwarded}
    assert seen(environ, trusted) == result


@generated(st.text(max_size=60), st.text(max_size=40), st.integers(0, 3))
def test_any_address_is_somebody(forwarded: str, peer: str, trusted: int) -> None:
    seen({"REMOTE_ADDR": peer, "HTTP_X_FORWARDED_FOR": forwarded}, trusted)


def test_the_allowance_is_by_the_address_that_is_believed(process: Make) -> None:
    client = process(rates=THREE, trusted_proxies=1).client
    for number in range(5):
        forged = {"X-Forwarded-For": f"6.6.6.{number}, 203.0.113.1"}
        status = client.get(READ, headers=forged).status_code
        assert status == (200 if number < 3 else 429)


def test_with_a_token_only_those_who_show_it_are_believed(process: Make) -> None:
    client = process(rates=THREE, trusted_proxies=2, proxy_token="a stack").client  # noqa: S106 — known here
    for number in range(5):  # by another way: all from one address, whatever they say
        forged = {"X-Forwarded-For": f"6.6.6.{number}, 203.0.113.1", "X-Vayu-Proxy": "another stäck"}
        status = client.get(READ, headers=forged).status_code
        assert status == (200 if number < 3 else 429)
    for number in range(5):  # by the proxies: each from its own
        by_us = {"X-Forwarded-For": f"9.9.9.9, 8.8.8.{number}, 203.0.113.1", "X-Vayu-Proxy": "a stack"}
        assert client.get(READ, headers=by_us).status_code == 200


def test_addresses_beyond_number_are_forgotten_not_kept(time: Time) -> None:
    limiter = Limiter({"anonymous": Rate(5, 60)}, tick=time.tick)
    for number in range(30_000):
        limiter.take("anonymous", str(number))
    assert len(limiter._windows) <= 20_000
    allowance = limiter.take("anonymous", "29999")
    assert allowance is not None
    assert allowance.remaining == 3


def test_processes_count_together_through_redis(process: Make, time: Time) -> None:
    url = redis_url()
    rates = {"anonymous": Rate(10, 60)}
    first, second = (process(rates=rates, redis_url=url).client for _ in range(2))
    address = {"REMOTE_ADDR": f"192.0.2.{id(first) % 250}"}
    shared = SharedMemory(url)
    shared.forget("vayu:count")
    shared.close()
    seen = [
        client.get(READ, environ_overrides=address).status_code
        for _ in range(8)
        for client in (first, second)
    ]
    assert seen == [200] * 10 + [429] * 6
    assert time.ticks == 0


def test_a_busy_client_costs_few_round_trips(time: Time) -> None:
    url = redis_url()
    shared = SharedMemory(url)
    shared.forget("vayu:count")
    requests = 0

    class Counted(SharedMemory):
        def add(self, name: str, number: int, *, seconds: int) -> tuple[int, float] | None:
            nonlocal requests
            requests += 1
            return super().add(name, number, seconds=seconds)

    counted = Counted(url)
    limiter = Limiter({"token": Rate(1000, 60)}, counted, tick=time.tick)
    other = Limiter({"token": Rate(1000, 60)}, shared, tick=time.tick)
    granted = sum(item.granted for item in (limiter.take("token", "busy") for _ in range(1000)) if item)
    assert granted == 1000
    assert requests <= 52
    beyond = sum(item.granted for item in (other.take("token", "busy") for _ in range(100)) if item)
    assert beyond <= 2 * 1000 / 50
    counted.close()
    shared.close()


def test_without_redis_each_counts_for_itself(process: Make) -> None:
    down = "redis://:secret@127.0.0.1:1/0"
    first, second = (process(rates=THREE, redis_url=down).client for _ in range(2))
    for client in (first, second):
        assert [client.get(READ).status_code for _ in range(4)] == [200, 200, 200, 429]


def test_what_is_too_large_is_refused(process: Make) -> None:
    client = process().client
    problem_of(client.get(READ + "?x=" + "1" * 2048), 414)
    problem_of(client.get("/" + "a" * 1025), 414)
    problem_of(client.get(READ, headers={"X-Something": "x" * 33_000}), 431)
    body = b'{"cities": ["' + b"x" * 65_536 + b'"]}'
    problem_of(client.post(url("/forecast/batch"), data=body, content_type="application/json"), 413)
    many = client.post(url("/forecast/batch"), json={"cities": ["Delhi"] * 500})
    problem_of(many, 400)
