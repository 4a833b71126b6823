"""What is kept of answers: promised to clients, in a process, in Redis; and that it is never wrong."""

import gzip
import threading
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest
from api_rows import (
    hour,
    issued,
    mark_simulated,
    problem_of,
    put_forecasts,
    put_hours,
    put_models,
    trained,
    url,
)
from api_server import CITIES, CURRENT, HISTORY, ON, Counted, Make, Process, Time, token
from hypothesis import given
from hypothesis import strategies as st
from tcp_proxy import Wire
from werkzeug.test import TestResponse

from common.api.blueprint import BASE
from common.api.context import Policy
from common.api.middleware.cached_responses import matches
from common.api.middleware.replies import takes_gzip
from common.api.middleware.response_cache import entity_tag
from common.api.routes import ENDPOINTS
from common.domain.observation import HOUR
from common.store.engine import Database, run
from common.store.forecasts import score
from common.store.maintain import maintain
from common.store.models import promote

pytestmark = pytest.mark.usefixtures("delhi")


def seconds(answered: TestResponse) -> int:
    return answered.cache_control.max_age or 0


def test_a_second_question_costs_no_second_answer(process: Make) -> None:
    single = Counted(process(**ON))
    first, second = single.client.get(CURRENT), single.client.get(CURRENT)
    assert first.data == second.data
    assert first.headers["ETag"] == second.headers["ETag"]
    assert first.headers["X-Request-Id"] != second.headers["X-Request-Id"]
    assert {name for name, _ in first.headers} == {name for name, _ in second.headers}
    assert len(single.calls) == 1


def test_all_ways_to_ask_the_same_are_one(process: Make) -> None:
    first = Counted(process(**ON))
    ways = [
        "/aqi/history/Delhi?hours=5&standard=us-epa",
        "/aqi/history/delhi?standard=us-epa&hours=5",
        "/aqi/history/DELHI/?hours=5&standard=us-epa",
        "/aqi/history/new-delhi?hours=5&standard=us-epa",
        "/aqi/history/Delhi?hours=5&standard=us-epa&interval=hour",
        "/aqi/history/%44elhi?hours=%35&standard=us-epa",
    ]
    answers = {first.client.get(BASE + way).data for way in ways}
    assert len(answers) == len(first.calls) == 1
    for other in ("hours=6&standard=us-epa", "hours=5"):
        first.client.get(f"{HISTORY}?{other}")
    assert len(first.calls) == 3


def test_a_batch_that_was_asked_before_is_not_made_again(
    process: Make, database: Database, time: Time
) -> None:
    put_forecasts(database, issued("Delhi", time.now))
    first, batch = Counted(process(**ON)), url("/forecast/batch")
    options = {"content_type": "application/json; charset=utf-8"}
    same = [
        b'{"cities": ["Delhi"], "hours_ahead": 24}',
        b'{"hours_ahead":24,"cities":["Delhi"]}',
        b'{"cities": ["Delhi"]}',
    ]
    answers = [first.client.post(batch, data=body, **options) for body in same * 2]
    assert {answer.status_code for answer in answers} == {200}
    assert len({answer.data for answer in answers}) == len(first.calls) == 1
    for answer in answers:
        assert answer.headers["Cache-Control"] == "no-store"
        assert "ETag" not in answer.headers
    again = first.client.post(batch, data=same[0], headers={"If-None-Match": "*"}, **options)
    assert (again.status_code, again.data) == (200, answers[0].data)
    assert first.client.post(batch, json={"cities": ["Delhi"], "hours_ahead": 3}).json["hours_ahead"] == 3
    assert len(first.calls) == 2
    for wrong in (b'{"cities": []', b'{"cities": "Delhi"}', b""):
        problem_of(first.client.post(batch, data=wrong, **options), 400)
    problem_of(first.client.post(batch, data=same[0], content_type="text/plain"), 415)
    assert len(first.calls) == 6


def test_a_form_of_the_answer_is_another_answer(process: Make) -> None:
    client = process(**ON).client
    for _ in range(2):
        assert client.get(HISTORY).content_type == "application/json"
        assert client.get(HISTORY, headers={"Accept": "text/csv"}).content_type.startswith("text/csv")
        assert client.get(HISTORY + "?format=csv").content_type.startswith("text/csv")


def test_what_is_asked_wrongly_is_never_kept(process: Make) -> None:
    first = Counted(process(**ON))
    for wrong in ("hours=0", "hours=5&hours=5", "unknown=1", "hours=x"):
        for _ in range(2):
            problem_of(first.client.get(f"{HISTORY}?{wrong}"), 400)
    problem_of(first.client.get(url("/aqi/current/Atlantis")), 404)
    problem_of(first.client.get(url("/aqi/current/Mumbai")), 404)
    put = first.client.get(url("/aqi/current/Mumbai"))
    assert put.headers["Cache-Control"] == "no-store"
    assert "ETag" not in put.headers
    assert len(first.calls) == 11


def changes(database: Database, now: datetime) -> dict[str, Callable[[], object]]:
    """All that changes what is shown."""

    def promoted() -> None:
        put_models(database, trained("v1", now))
        with database.transaction() as connection:
            promote(connection, "v1", reason="better", now=now)

    def scored() -> None:
        put_forecasts(database, issued("Delhi", now - timedelta(hours=4)))
        with database.transaction() as connection:
            assert score(connection, mode="live", now=now)

    return {
        "a new hour": lambda: put_hours(database, hour("Delhi", now - timedelta(hours=1))),
        "a correction": lambda: put_hours(database, hour("Delhi", now, aqi=188, stations=4)),
        "a forecast": lambda: put_forecasts(database, issued("Delhi", now)),
        "a model": lambda: put_models(database, trained("v0", now)),
        "a promotion": promoted,
        "a score": scored,
        "the kind of data": lambda: mark_simulated(database),
        "upkeep": lambda: maintain(database, now=now, retain_raw_days=90),
    }


@pytest.mark.parametrize("change", sorted(changes(None, None)))  # type: ignore[arg-type]
def test_whatever_changes_the_data_makes_answers_void(
    process: Make, database: Database, time: Time, change: str
) -> None:
    ones = [Counted(process(**ON)) for _ in range(2)]
    for item in ones:
        item.client.get(HISTORY)
        item.client.get(HISTORY)
        assert len(item.calls) == 1
    changes(database, time.now)[change]()
    time.pass_by(1)
    for item in ones:
        item.client.get(HISTORY)
        assert len(item.calls) == 2, change


def test_what_changes_nothing_that_is_shown_leaves_them(
    process: Make, database: Database, time: Time
) -> None:
    first = Counted(process(**ON))
    first.client.get(HISTORY)
    token(database, "read", now=time.now)
    with database.transaction() as connection:
        run(connection, "INSERT INTO source_run VALUES ('x', now(), now(), 1, '{}')")
    time.pass_by(1)
    first.client.get(HISTORY)
    assert len(first.calls) == 1


def test_a_change_that_is_undone_is_none(process: Make, database: Database, time: Time) -> None:
    first = Counted(process(**ON))
    first.client.get(HISTORY)
    with database.transaction() as connection:
        run(connection, "DELETE FROM city_hour")
        connection.rollback()
    time.pass_by(1)
    first.client.get(HISTORY)
    assert len(first.calls) == 1


def test_an_answer_made_during_a_change_does_not_outlive_it(
    process: Make, database: Database, time: Time
) -> None:
    """What is read before a change is kept must not be kept under the version of after it."""
    client = process(**ON).client
    with database.transaction() as connection:
        run(connection, "UPDATE city_hour SET aqi = 300")
        time.pass_by(1)
        assert client.get(CURRENT).json["aqi"] == 187
        time.pass_by(1)
        assert client.get(CURRENT).json["aqi"] == 187
    time.pass_by(1)
    assert client.get(CURRENT).json["aqi"] == 300


def test_writers_do_not_wait_for_each_other(database: Database, now: datetime) -> None:
    with database.transaction() as first, database.transaction() as second:
        run(first, "UPDATE city_hour SET aqi = 200 WHERE city = 'Delhi'")
        run(second, "SET LOCAL lock_timeout = 500")
        run(second, "DELETE FROM model")
        run(second, "DELETE FROM city_hour WHERE city = 'Mumbai'")
        second.commit()
    with database.transaction() as connection:
        assert run(connection, "SELECT * FROM version_due") == []


def test_the_minute_and_the_hour_end_what_depends_on_them(process: Make, time: Time) -> None:
    first = Counted(process(**ON))
    ages = []
    for _ in range(3):
        ages.append(first.client.get(CURRENT).json["age_minutes"])
        first.client.get(HISTORY)
        time.pass_by(60)
    assert ages == [0, 1, 2]
    assert sum("history" in call for call in first.calls) == 1
    time.pass_by(3600)
    first.client.get(HISTORY)
    assert sum("history" in call for call in first.calls) == 2


@pytest.mark.parametrize(
    ("minutes", "data", "newest", "promised"),
    [
        (0, 0, 0, 60),
        (14, 14, 0, 60),
        (15, 15, 0, 55 * 60),
        (59, 59, 0, 11 * 60),
        (61, 61, 0, 60),
        (80, 80, 60, 50 * 60),
    ],
)
def test_clients_may_keep_data_until_the_next_hours_are_expected(
    process: Make, database: Database, time: Time, minutes: int, data: int, newest: int, promised: int
) -> None:
    put_hours(database, hour("Delhi", time.now + timedelta(minutes=newest)))
    time.pass_by(60 * minutes)
    answered = process(**ON).client.get(HISTORY)
    assert seconds(answered) == promised
    assert answered.headers["Cache-Control"].startswith("public, ")


def test_what_ages_by_the_minute_is_good_for_the_rest_of_it(process: Make, time: Time) -> None:
    client = process(**ON).client
    for passed in (0, 20, 39):
        time.pass_by(passed)
        for path in (CURRENT, CITIES):
            assert seconds(client.get(path)) == 60 - time.now.second


def test_writes_errors_and_what_is_not_kept_are_not_to_be_stored(process: Make) -> None:
    client = process(**ON).client
    for answered in (
        client.get(url("/health")),
        client.get("/nowhere"),
        client.post(url("/forecast/batch"), json={"cities": ["Delhi"]}),
        client.post(url("/cache/clear")),
    ):
        assert answered.headers["Cache-Control"] == "no-store"


@pytest.mark.parametrize("cache_bytes", [0, 1 << 20])
def test_what_the_client_has_is_not_sent_again(process: Make, cache_bytes: int) -> None:
    client = process(cache_bytes=cache_bytes).client
    first = client.get(CITIES)
    tag = first.headers["ETag"]
    assert tag.startswith('W/"')
    for held in (tag, tag.removeprefix("W/"), "*", f'"x", {tag}', f'W/"x",{tag}, "y"'):
        again = client.get(CITIES, headers={"If-None-Match": held})
        assert again.status_code == 304
        assert again.data == b""
        assert again.headers["ETag"] == tag
        assert again.headers["Cache-Control"] == first.headers["Cache-Control"]
        assert "Accept-Encoding" in again.headers["Vary"]
        assert "Content-Length" not in again.headers
        assert "Content-Type" not in again.headers
    for held in ('"x"', tag[2:-2] + '"', "", "nonsense"):
        assert client.get(CITIES, headers={"If-None-Match": held}).status_code == 200


def test_a_tag_holds_while_the_answer_says_the_same(process: Make, database: Database, time: Time) -> None:
    client = process(**ON).client
    held = {"If-None-Match": client.get(HISTORY + "?end=2025-11-05T10:30:00Z").headers["ETag"]}
    put_hours(database, hour("Mumbai", time.now))
    time.pass_by(2)
    assert client.get(HISTORY + "?end=2025-11-05T10:30:00Z", headers=held).status_code == 304
    put_hours(database, hour("Delhi", time.now - timedelta(seconds=2), aqi=190, stations=9))
    time.pass_by(2)
    assert client.get(HISTORY + "?end=2025-11-05T10:30:00Z", headers=held).status_code == 200


@pytest.mark.parametrize("cache_bytes", [0, 1 << 20])
def test_gzip_where_it_is_welcome_and_worth_it(process: Make, cache_bytes: int) -> None:
    client = process(cache_bytes=cache_bytes).client
    plain = client.get(CITIES)
    assert "Content-Encoding" not in plain.headers
    for _ in range(2):
        packed = client.get(CITIES, headers={"Accept-Encoding": "br, gzip"})
        assert packed.headers["Content-Encoding"] == "gzip"
        assert gzip.decompress(packed.data) == plain.data
        assert len(packed.data) == int(packed.headers["Content-Length"]) < len(plain.data) / 3
        assert packed.headers["ETag"] == plain.headers["ETag"]
        assert packed.headers["Vary"] == plain.headers["Vary"] == "Accept-Encoding"
    for refused in ("gzip;q=0", "identity", "br", "*;q=0", "gzip;q=0, *"):
        assert client.get(CITIES, headers={"Accept-Encoding": refused}).data == plain.data
    small = client.get(CURRENT, headers={"Accept-Encoding": "gzip"})
    assert len(small.data) <= 1024
    assert "Content-Encoding" not in small.headers


@pytest.mark.parametrize("cache_bytes", [0, 1 << 20])
def test_head_is_get_without_a_body(process: Make, cache_bytes: int) -> None:
    first = Counted(process(cache_bytes=cache_bytes))
    for path in (CITIES, CURRENT, HISTORY, url("/health"), url("/aqi/current/Atlantis"), "/nowhere"):
        for _ in range(2):
            head, got = first.client.head(path), first.client.get(path)
            assert head.data == b""
            assert head.status_code == got.status_code
            if got.status_code == 200:
                assert head.headers["Content-Length"] == str(len(got.data))
            assert head.headers.get("ETag") == got.headers.get("ETag")


@given(st.text(max_size=200))
def test_any_header_is_read(text: str) -> None:
    takes_gzip(text)
    matches(text, entity_tag(b"x"))


def test_one_computation_a_key(process: Make, time: Time) -> None:
    first = Counted(process(**ON))
    edge: Any = first.app.wsgi_app
    inner, begun, go_on = edge._inner, threading.Event(), threading.Event()

    def slow(environ: dict[str, Any], start: Any) -> Any:
        begun.set()
        assert go_on.wait(10)
        return inner(environ, start)

    edge._inner = slow
    statuses: list[int] = []

    def ask() -> None:
        statuses.append(first.app.test_client().get(HISTORY).status_code)

    threads = [threading.Thread(target=ask) for _ in range(8)]
    threads[0].start()
    assert begun.wait(10)
    for thread in threads[1:]:
        thread.start()
    go_on.set()
    for thread in threads:
        thread.join(20)
    assert statuses == [200] * 8
    assert len(first.calls) == 1


def test_the_memory_is_bounded(process: Make) -> None:
    first = process(cache_bytes=100_000)
    for hours in range(1, 200):
        assert first.client.get(f"{HISTORY}?hours={hours}").status_code == 200
    answers: Any = first.context.answers
    assert 50_000 < answers.bytes <= 100_000
    again = Counted(first)
    for hours in (199, 1):
        assert again.client.get(f"{HISTORY}?hours={hours}").status_code == 200
    assert len(again.calls) == 1


def test_off_means_off(process: Make) -> None:
    first = Counted(process(cache_bytes=0, redis_url="redis://127.0.0.1:1/0"))
    for _ in range(3):
        assert first.client.get(HISTORY).status_code == 200
    assert len(first.calls) == 3


def test_while_the_database_is_away_what_is_known_is_told_with_its_age(
    process: Make, database: Database, time: Time
) -> None:
    with Wire(database.url) as wire:  # at its end the database is away
        own = Database(wire.url)
        first = Process(own, time, Policy(cache_bytes=1 << 20))
        fresh = first.client.get(CURRENT)
        first.client.get(HISTORY)
    time.pass_by(100)
    stale = first.client.get(CURRENT)
    assert stale.status_code == 200
    assert stale.data == fresh.data
    assert stale.headers["Age"] == "100"
    assert stale.headers["Warning"].startswith("111 ")
    assert stale.headers["Cache-Control"] == "no-cache"
    problem_of(first.client.get(url("/aqi/pollutants/Delhi")), 503)
    assert first.client.get(CURRENT, headers={"If-None-Match": fresh.headers["ETag"]}).status_code == 304
    time.pass_by(500)
    assert first.client.get(CURRENT).status_code == 200
    time.pass_by(1)
    problem_of(first.client.get(CURRENT), 503)
    own.close()


def test_a_process_that_starts_without_a_database_says_so(time: Time) -> None:
    closed = Database("postgresql+pg8000://nobody:secret@127.0.0.1:1/nowhere")
    problem_of(Process(closed, time, Policy(cache_bytes=1 << 20)).client.get(CURRENT), 503)


def test_every_kept_endpoint_keeps_its_promise(process: Make, database: Database, time: Time) -> None:
    """Each endpoint that says it can be kept answers the same, kept or not, and has a tag."""
    put_forecasts(database, issued("Delhi", time.now))
    put_models(database, trained("v0", time.now))
    cached, plain = process(**ON).client, process().client
    for endpoint in ENDPOINTS:
        if not endpoint.cached_by_clients or "{seq}" in endpoint.path:  # nothing is published yet
            continue
        path = BASE + endpoint.path.replace("{city}", "Delhi")
        path += "?cities=Delhi,Mumbai" if endpoint.path.endswith("compare") else ""
        # No truth is known yet, so that the hour must be named.
        path += f"?time={time.now + HOUR:%Y-%m-%dT%H:%M:%SZ}" if "plume" in endpoint.path else ""
        cached.get(path)
        answered = cached.get(path)
        assert answered.status_code == 200, path
        assert answered.data == plain.get(path).data
        assert answered.headers["ETag"]
        assert seconds(answered) > 0
