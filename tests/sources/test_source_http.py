"""The client against a real server: what failures become, what is tried again, what is never told."""

from __future__ import annotations

import logging
import time
import traceback
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import pytest
from stubs import Answer, Stub, refusing

from common import __version__
from common.domain.errors import OutOfTime, Permanent, QuotaExhausted, SourceError, Transient
from common.sources import REGISTRY
from common.sources.http import MAX_BYTES, Http, Timing

if TYPE_CHECKING:
    from common.sources.interface import Source

KEY = "s3cret/key+value"


def test_gives_the_json_and_says_who_asks(stub: Stub, http: Http) -> None:
    stub.answer("/a", Answer(body={"value": [1, None]}))
    assert http.get_json(stub.url + "/a?kept=1", {"q": "x,y"}, headers={"X-Extra": "e"}) == {
        "value": [1, None]
    }
    (seen,) = stub.seen
    assert seen.query == {"kept": "1", "q": "x,y"}
    assert seen.headers["X-Extra"] == "e"
    assert seen.headers["User-Agent"] == f"vayu/{__version__}"


def test_text_is_decoded_as_the_answer_says(stub: Stub, http: Http) -> None:
    latin = Answer(body="µg".encode("latin-1"), headers={"Content-Type": "text/plain; charset=latin-1"})
    stub.answer("/a", latin, Answer(body="µg"), Answer(body=b"\xff?"))
    assert [http.get(stub.url + "/a", str) for _ in range(3)] == ["µg", "µg", "\N{REPLACEMENT CHARACTER}?"]


@pytest.mark.parametrize("charset", ["utf8mb4", "base64", "punycode", "none", ""])
def test_a_charset_that_nobody_knows_is_not_believed(stub: Stub, http: Http, charset: str) -> None:
    headers = {"Content-Type": f"application/json; charset={charset}"}
    stub.answer("/a", Answer(body='["µg", 1]'.encode(), headers=headers))
    assert http.get_json(stub.url + "/a") == ["µg", 1]


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-32"])
@pytest.mark.parametrize("charset", ["", "; charset=latin-1"])
def test_a_byte_order_mark_is_no_part_of_the_text(
    stub: Stub, http: Http, encoding: str, charset: str
) -> None:
    headers = {"Content-Type": f"application/json{charset}"}
    stub.answer("/a", Answer(body='["µg", 1]'.encode(encoding), headers=headers))
    assert http.get_json(stub.url + "/a") == ["µg", 1]
    assert http.get(stub.url + "/a", str) == '["µg", 1]'


@pytest.mark.parametrize(
    ("bad", "reason"),
    [
        (Answer(body="null"), "empty"),
        (Answer(status=500), "server_error"),
        (Answer(status=503, body="<html>down</html>"), "server_error"),
        (Answer(status=408), "timeout"),
        (Answer(body='{"value": [1, 2', cut=True), "broken"),
        (Answer(body="not gzip", headers={"Content-Encoding": "gzip"}), "broken"),
        (Answer(body='{"value": [1, 2'), "not_json"),
        (Answer(body='{"value": 1}Unexpected error while streaming data: x'), "not_json"),
        (Answer(body=""), "empty"),
        (Answer(body="[" * 100_000), "not_json"),
        (Answer(hang=True), "timeout"),
    ],
)
def test_what_may_pass_is_tried_three_times(
    stub: Stub, http: Http, impatient: Http, bad: Answer, reason: str
) -> None:
    http = impatient if bad.hang else http
    stub.answer("/a", bad, bad, Answer(body="1"))
    assert http.get_json(stub.url + "/a") == 1
    assert len(stub.seen) == 3

    stub.answer("/b", bad)
    with pytest.raises(Transient) as caught:
        http.get_json(stub.url + "/b")
    assert caught.value.reason == reason
    assert len(stub.seen) == 6


@pytest.mark.parametrize(
    ("status", "reason"), [(401, "key"), (403, "key"), (400, "refused"), (404, "refused"), (302, "refused")]
)
def test_what_will_not_pass_is_tried_once(stub: Stub, http: Http, status: int, reason: str) -> None:
    stub.answer("/a", Answer(status=status, body={"error": True, "reason": "Latitude   is odd"}))
    with pytest.raises(Permanent, match=f"answered {status}.*Latitude is odd") as caught:
        http.get_json(stub.url + "/a")
    assert caught.value.reason == reason
    assert len(stub.seen) == 1


def test_a_web_page_is_not_asked_for_again(stub: Stub, http: Http) -> None:
    stub.answer("/a", Answer(body=" <!DOCTYPE html><html></html>"))
    with pytest.raises(Transient) as caught:
        http.get_json(stub.url + "/a")
    assert caught.value.reason == "html"
    assert len(stub.seen) == 1


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"Retry-After": "120"}, 120.0),
        ({"Retry-After": "Wed, 05 Nov 2025 10:40:00 GMT", "Date": "Wed, 05 Nov 2025 10:30:00 GMT"}, 600.0),
        ({"Retry-After": "Wed, 05 Nov 2025 10:00:00 GMT", "Date": "Wed, 05 Nov 2025 10:30:00 GMT"}, 0.0),
        ({"Retry-After": "soon"}, None),
        ({"Retry-After": "²"}, None),
        ({"X-RateLimit-Reset": "37"}, 37.0),
        ({"X-RateLimit-Reset": "37", "Retry-After": "60"}, 60.0),
        ({"X-RateLimit-Reset": "1762335000"}, None),
        ({"X-RateLimit-Reset": "²"}, None),
        ({}, None),
    ],
)
def test_quota_says_how_long(stub: Stub, http: Http, headers: dict[str, str], seconds: float | None) -> None:
    stub.answer("/a", Answer(status=429, body="slow down", headers=headers))
    with pytest.raises(QuotaExhausted, match="slow down") as caught:
        http.get_json(stub.url + "/a")
    assert caught.value.retry_after == seconds
    assert caught.value.reason == "quota"
    assert len(stub.seen) == 1


def test_nobody_listening(http: Http) -> None:
    with refusing() as url, pytest.raises(Transient) as caught:
        http.get(url, str)
    assert caught.value.reason == "refused"


def test_a_server_without_tls(stub: Stub, http: Http) -> None:
    with pytest.raises(Transient) as caught:
        http.get(stub.url.replace("http:", "https:"), str)
    assert caught.value.reason == "tls"


def test_dripping_is_cut_off_at_the_budget(stub: Stub) -> None:
    stub.answer("/a", Answer(body="x" * 1000, drip_s=0.05))
    began = time.monotonic()
    with Http(Timing(read_s=1.0, budget_s=0.3, wait_s=0.001)) as http, pytest.raises(Transient) as caught:
        http.get(stub.url + "/a", str)
    assert caught.value.reason == "timeout"
    assert time.monotonic() - began < 5


def test_endless_bodies_are_refused(stub: Stub) -> None:
    stub.answer("/a", Answer(body=b"0" * (MAX_BYTES + 1)))
    with Http() as http, pytest.raises(Permanent) as caught:
        http.get(stub.url + "/a", str)
    assert caught.value.reason == "too_large"


@pytest.mark.parametrize("url", ["", "no address", "http://127.0.0.1:notaport/", "ftp://127.0.0.1/"])
def test_an_address_that_is_none(http: Http, url: str) -> None:
    with pytest.raises(Permanent) as caught:
        http.get(url, str)
    assert caught.value.reason == "request"


def test_explain_has_the_first_word_and_is_tried_again_where_it_says_so(stub: Stub, http: Http) -> None:
    stub.answer("/a", Answer(status=403, body="limit_reached"), Answer(status=404, body="x"))

    def explain(status: int, body: str) -> SourceError | None:
        return Transient("busy", reason="busy") if body == "limit_reached" else None

    with pytest.raises(Permanent) as caught:
        http.get(stub.url + "/a", str, explain=explain)
    assert caught.value.reason == "refused"
    assert len(stub.seen) == 2


def test_explain_is_asked_about_what_is_not_json(stub: Stub, http: Http) -> None:
    stub.answer("/a", Answer(body="limit_reached"))

    def explain(status: int, body: str) -> SourceError | None:
        return QuotaExhausted("spent") if (status, body) == (200, "limit_reached") else None

    with pytest.raises(QuotaExhausted):
        http.get_json(stub.url + "/a", explain=explain)
    assert len(stub.seen) == 1


def test_calls_of_one_server_are_spread_over_the_minute_for_all_threads(stub: Stub) -> None:
    stub.answer("/a", Answer(status=500), Answer(body="1"))
    with Http(Timing(wait_s=0.0001, minute_s=1.0)) as paced, ThreadPoolExecutor(4) as pool:
        began = time.monotonic()
        requested = [pool.submit(paced.get_json, stub.url + "/a", per_minute=50) for _ in range(7)]
        assert [each.result() for each in requested] == 7 * [1]
        assert len(stub.seen) == 8
        assert time.monotonic() - began >= 7 * 1.0 / 50


def test_other_servers_and_calls_without_a_limit_do_not_wait(stub: Stub) -> None:
    stub.answer("/a", Answer(body="1"))
    with Stub() as other, Http(Timing(minute_s=3600)) as paced:
        other.answer("/a", Answer(body="2"))
        assert paced.get_json(stub.url + "/a", per_minute=1) == 1
        assert paced.get_json(other.url + "/a", per_minute=1) == 2
        assert [paced.get_json(stub.url + "/a") for _ in range(3)] == [1, 1, 1]


def test_everything_is_reckoned_by_the_clock_that_is_handed_in(stub: Stub) -> None:
    """An hour of waiting for turns and between attempts, none of it in real time."""
    now, waited = [0.0], []

    def sleep(seconds: float) -> None:
        waited.append(seconds)
        now[0] += seconds

    stub.answer("/a", Answer(status=500), Answer(body="1"))
    began = time.monotonic()
    with Http(Timing(wait_s=600, budget_s=3000, minute_s=1200), clock=lambda: now[0], sleep=sleep) as http:
        assert http.get_json(stub.url + "/a", per_minute=1) == 1
        assert 1200 <= now[0] < 3000
        bound = http.until(now[0] + 900)
        with pytest.raises(OutOfTime, match="does not let it be asked sooner"):
            bound.get_json(stub.url + "/a", per_minute=1)
        now[0] += 900
        with pytest.raises(OutOfTime, match="was not asked"):
            bound.get_json(stub.url + "/a")
    stub.answer("/b", Answer(status=500))
    with (
        Http(Timing(wait_s=600, budget_s=300), clock=lambda: now[0], sleep=sleep) as http,
        pytest.raises(Transient),
    ):
        http.get_json(stub.url + "/b")
    assert len([seen for seen in stub.seen if seen.path == "/b"]) == 2
    assert time.monotonic() - began < 20


def test_a_run_that_is_over_asks_nothing(stub: Stub, http: Http) -> None:
    stub.answer("/a", Answer(body="1"))
    over = http.until(time.monotonic())
    with pytest.raises(OutOfTime, match="out of time") as caught:
        over.get_json(stub.url + "/a")
    assert caught.value.reason == "timeout"
    assert not stub.seen
    assert http.get_json(stub.url + "/a") == 1


@pytest.mark.parametrize("answer", [Answer(hang=True), Answer(body="x" * 1000, drip_s=0.05)])
def test_what_is_not_over_with_the_run_is_given_up_and_not_tried_again(stub: Stub, answer: Answer) -> None:
    stub.answer("/a", answer)
    began = time.monotonic()
    with Http(Timing(wait_s=0.001)) as usual, pytest.raises(OutOfTime, match="out of time"):
        usual.until(began + 0.3).get(stub.url + "/a", str)
    assert time.monotonic() - began < 5
    assert len(stub.seen) == 1


def test_a_turn_that_comes_after_the_run_is_not_waited_for_and_not_taken(stub: Stub) -> None:
    stub.answer("/a", Answer(body="1"))
    with Http(Timing(minute_s=60)) as paced:
        short = paced.until(time.monotonic() + 5)
        began = time.monotonic()
        assert short.get_json(stub.url + "/a", per_minute=1) == 1
        for _ in range(3):
            with pytest.raises(OutOfTime):
                short.get_json(stub.url + "/a", per_minute=1)
        assert time.monotonic() - began < 4
        assert len(stub.seen) == 1


def _everything_told(error: BaseException) -> str:
    return "".join(traceback.format_exception(error))


@pytest.mark.parametrize(
    "answer",
    [
        Answer(status=403, body=f"key {KEY} is wrong, see http://x/?key={KEY}"),
        Answer(status=429, body="quota of s3cret%2Fkey%2Bvalue is spent"),
        Answer(status=500, body=KEY),
        Answer(body="not json " + KEY),
        Answer(hang=True),
        Answer(cut=True),
        lambda seen: Answer(status=400, body={"echo": dict(seen.query), "headers": dict(seen.headers)}),
    ],
)
@pytest.mark.parametrize("place", ["params", "headers"])
def test_keys_are_never_told(
    stub: Stub, impatient: Http, caplog: pytest.LogCaptureFixture, answer: Answer, place: str
) -> None:
    caplog.set_level(logging.DEBUG)
    stub.answer("/a", answer)
    with pytest.raises(SourceError) as caught:
        impatient.get_json(stub.url + "/a", **{place: {"api-key": KEY}})
    message = _everything_told(caught.value) + caplog.text + repr([vars(r) for r in caplog.records])
    assert stub.seen
    for form in (KEY, "s3cret%2Fkey", "s3cret"):
        assert form not in message


def test_keys_that_cannot_be_sent_are_not_told(stub: Stub, http: Http) -> None:
    for key in ("s3cret\n", "s3crét", "s3cret\x00"):
        with pytest.raises(Permanent) as caught:
            http.get(stub.url, str, headers={"X-API-Key": key})
        assert caught.value.reason == "request"
        assert "s3cr" not in _everything_told(caught.value)
    assert not stub.seen


def test_addresses_are_not_logged(stub: Stub, http: Http, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    stub.answer("/a", Answer(body="1"))
    http.get_json(stub.url + "/a", {"appid": KEY})
    assert stub.seen[0].query["appid"] == KEY
    assert "appid" not in caplog.text


def test_loopback_is_asked_directly_whatever_the_proxy(stub: Stub, monkeypatch: pytest.MonkeyPatch) -> None:
    stub.answer("/a", Answer(body="1"))
    with refusing() as dead:
        monkeypatch.setenv("HTTP_PROXY", dead)
        monkeypatch.setenv("http_proxy", dead)
        with Http(Timing(attempts=1)) as http:
            assert http.get_json(stub.url + "/a") == 1


class CountingMeter:
    """Lets calls pass as scripted: seconds to wait, an error, or 0; and notes what was asked of it."""

    def __init__(self, *script: float | QuotaExhausted) -> None:
        self.script = list(script)
        self.counted: list[tuple[str, float]] = []

    def take(self, source: Source, calls: float) -> float:
        self.counted.append((source.name, calls))
        statement = self.script.pop(0) if self.script else 0.0
        if isinstance(statement, QuotaExhausted):
            raise statement
        return statement


def test_each_attempt_is_counted_before_it_is_made(stub: Stub) -> None:
    stub.answer("/a", Answer(status=500), Answer(body="1"))
    meter = CountingMeter()
    with Http(Timing(wait_s=0.001), meter=meter) as http:
        assert http.get_json(stub.url + "/a", weight=9.0) == 1
        assert meter.counted == []  # nobody said whose quota it counts against
        stub.answer("/a", Answer(status=500), Answer(body="1"))
        assert http.asking(REGISTRY["waqi"]).get_json(stub.url + "/a", weight=9.0) == 1
        assert http.asking(REGISTRY["cpcb"]).get(stub.url + "/a", str) == "1"
    assert meter.counted == [("waqi", 9.0), ("waqi", 9.0), ("cpcb", 1.0)]


def test_a_call_waits_for_room_and_its_time_begins_then(stub: Stub) -> None:
    stub.answer("/a", Answer(body="1" * 40, drip_s=0.005))
    slept: list[float] = []

    def sleep(seconds: float) -> None:
        slept.append(seconds)
        stub.wait(seconds)

    meter = CountingMeter(0.3, 0.2)
    with Http(Timing(budget_s=0.45), meter=meter, sleep=sleep) as http:
        assert http.asking(REGISTRY["waqi"]).get_json(stub.url + "/a") == int("1" * 40)
    assert slept == [0.3, 0.2]
    assert len(meter.counted) == 3


def test_a_quota_without_room_costs_no_call(stub: Stub) -> None:
    spent = QuotaExhausted("used up", retry_after=1800.0, reason="spent")
    meter = CountingMeter(spent, 3600.0)
    with Http(meter=meter) as http, pytest.raises(QuotaExhausted) as caught:
        http.asking(REGISTRY["waqi"]).get_json(stub.url + "/a")
    assert caught.value is spent
    with Http(meter=meter) as http, pytest.raises(OutOfTime):
        http.until(time.monotonic() + 5).asking(REGISTRY["waqi"]).get_json(stub.url + "/a")
    assert not stub.seen
