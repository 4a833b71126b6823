"""What every source must keep, walked over the registry and the template.

A source brings a folder ``payloads/NAME`` with recorded answers, ``case.json`` (what is asked, and which path
gives which file) and ``expected.json`` (the batch that must come of it). Nothing here names a source.
"""

from __future__ import annotations

import copy
import json
import re
import traceback
from collections import Counter
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import urlsplit

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from stubs import Answer, Stub, refusing

from common.config import from_mapping
from common.domain.cities import all_cities, find_city
from common.domain.errors import Permanent, QuotaExhausted, SourceError, Transient
from common.domain.observation import BASES, POLLUTANTS, VARIABLES, Batch, ProviderForecast, Reading
from common.domain.units import plausible
from common.sources import REGISTRY, base_urls, keys
from common.sources.interface import Request, Source
from common.sources.template import SOURCE as TEMPLATE

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from common.sources.http import Http

PAYLOADS = Path(__file__).parent / "payloads"
SOURCES = (*REGISTRY.values(), TEMPLATE)
OURS = {city.name for city in all_cities()}


@dataclass(frozen=True)
class Case:
    """A recorded question and its answers."""

    source: Source
    given: Mapping[str, Any]

    def request(self, base: str) -> Request:
        """The question, put to a server at `base`."""
        given = self.given
        return Request(
            cities=[find_city(name) for name in given["cities"]],
            start=datetime.fromisoformat(given["start"]),
            end=datetime.fromisoformat(given["end"]),
            now=datetime.fromisoformat(given["now"]),
            forecast_hours=given["forecast_hours"],
            base_urls={setting: base + path for setting, path in given["settings"].items()},
            key=given.get("key"),
        )

    def text(self, path: str) -> str:
        """The recorded answer of one path."""
        return (PAYLOADS / self.source.name / self.given["answers"][path]).read_text(encoding="utf-8")

    def fetch(self, stub: Stub, http: Http) -> Batch:
        """What comes of the recorded answers."""
        for path in self.given["answers"]:
            stub.answer(path, Answer(body=self.text(path)))
        return self.source.fetch(self.request(stub.url), http)


def _case(source: Source) -> Case:
    return Case(source, json.loads((PAYLOADS / source.name / "case.json").read_text(encoding="utf-8")))


CASES = [_case(source) for source in SOURCES]
ASKING = [case for case in CASES if case.given["answers"]]


def _named(cases: list[Case]) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("case", cases, ids=[case.source.name for case in cases])


every = _named(CASES)
every_asking = _named(ASKING)


def check_batch(batch: Batch, source: Source, request: Request) -> None:
    """Everything the next stage may rely on."""
    requested = {city.name for city in request.cities}
    latest = request.now + timedelta(minutes=5)
    for reading in batch.readings:
        assert reading.source == source.name
        assert reading.basis == source.basis
        assert reading.city in requested
        assert reading.station == reading.station.strip()
        assert reading.time.tzinfo is UTC
        assert reading.time <= latest
        if source.backfill_days:
            assert request.start < reading.time <= request.end
        assert reading.values or reading.published
        assert set(reading.published) <= {"aqi", *POLLUTANTS}
        for index in reading.published.values():
            assert type(index) is int
            assert 0 <= index <= 500
    for forecast in batch.forecasts:
        assert forecast.source == source.name
        assert forecast.city in requested
        assert forecast.time.tzinfo is UTC
        assert forecast.issued_at.tzinfo is UTC
        assert forecast.issued_at <= request.now < forecast.time
        assert forecast.time <= request.now + timedelta(hours=request.forecast_hours)
        assert forecast.values
    for statement in (*batch.readings, *batch.forecasts):
        assert set(statement.values) <= source.provides
        for variable, value in statement.values.items():
            assert type(value) is float
            assert plausible(variable, value)
    keys = Counter((r.city, r.station, r.time) for r in batch.readings)
    assert not [key for key, times in keys.items() if times > 1]
    for reason, times in batch.rejected.items():
        assert re.fullmatch(r"[a-z_]+(:[a-z_]+)?", reason)
        assert times > 0


@every
def test_says_what_it_is(case: Case) -> None:
    source = case.source
    assert re.fullmatch(r"[a-z]+(-[a-z]+)*", source.name)
    assert source.provides
    assert source.provides <= set(VARIABLES)
    assert source.basis in BASES
    assert source.attribution.strip()
    assert source.backfill_days >= 0
    assert source.cities_per_hour is None or 0 < source.cities_per_hour <= len(OURS)


@pytest.mark.parametrize("name", REGISTRY)
def test_is_registered_under_its_name_and_its_settings_are_read(name: str) -> None:
    source = REGISTRY[name]
    assert source.name == name
    addresses = dict.fromkeys(source.base_urls, "http://127.0.0.1:9/x")
    chosen = from_mapping({**addresses, **({source.key: "k"} if source.key else {})})
    assert keys(chosen) == ({name: "k"} if source.key else {})
    assert base_urls(chosen).items() >= addresses.items()
    assert base_urls(from_mapping({})).items() >= source.base_urls.items()


def test_no_two_sources_declare_the_same_setting() -> None:
    declared = [
        setting for source in REGISTRY.values() for setting in (source.key, *source.base_urls) if setting
    ]
    assert len(declared) == len(set(declared))


@every
def test_recorded_answers_give_the_expected_batch(case: Case, stub: Stub, http: Http) -> None:
    batch = case.fetch(stub, http)
    check_batch(batch, case.source, case.request(stub.url))
    expected = json.loads((PAYLOADS / case.source.name / "expected.json").read_text(encoding="utf-8"))
    for item, wanted in (
        ([_plain(reading) for reading in batch.readings], expected["readings"]),
        ([_plain(forecast) for forecast in batch.forecasts], expected["forecasts"]),
    ):
        assert len(item) == len(wanted)
        for entry, other in zip(_sorted(item), _sorted(wanted), strict=True):
            assert entry["values"] == pytest.approx(other["values"], rel=1e-9, abs=1e-9)
            assert {**entry, "values": None} == {**other, "values": None}
    assert dict(batch.rejected) == expected["rejected"]


def _plain(statement: Reading | ProviderForecast) -> dict[str, Any]:
    names = type(statement).__slots__
    values = {name: getattr(statement, name) for name in names}
    return {
        name: value.isoformat().replace("+00:00", "Z") if isinstance(value, datetime) else value
        for name, value in values.items()
    }


def _sorted(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return sorted(rows, key=lambda row: (row["city"], row["time"], row.get("station", "")))


@every
def test_the_same_question_has_the_same_answer(case: Case, stub: Stub, http: Http) -> None:
    first, second = case.fetch(stub, http), case.fetch(stub, http)
    assert (first.readings, first.forecasts) == (second.readings, second.forecasts)
    assert first.rejected == second.rejected


@every_asking
def test_the_key_is_sent_where_one_is_needed(case: Case, stub: Stub, http: Http) -> None:
    case.fetch(stub, http)
    assert stub.seen
    for seen in stub.seen:
        message = [*seen.query.values(), *seen.headers.values()]
        assert (
            any(case.given["key"] in value for value in message)
            if case.source.key
            else "key" not in case.given
        )


@every_asking
@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (Answer(status=500, body="down"), Transient),
        (Answer(status=502, body="<html>bad gateway</html>"), Transient),
        (Answer(status=429, body="too many requests", headers={"Retry-After": "60"}), QuotaExhausted),
        (Answer(status=403, body="forbidden"), Permanent),
        (Answer(status=400, body={"error": True, "reason": "no such variable"}), Permanent),
        (Answer(body="<!DOCTYPE html><html><body>Maintenance</body></html>"), Transient),
        (Answer(body=""), Transient),
        (Answer(body='{"hours": [{"time": "2025-1'), Transient),
        (Answer(body="{}", cut=True), Transient),
        (Answer(body="{}"), SourceError),
        (Answer(body="[]"), SourceError),
        (Answer(body="null"), SourceError),
        (Answer(body='"text"'), SourceError),
    ],
    ids=lambda value: value.__name__ if isinstance(value, type) else f"{value.status}-{str(value.body)[:12]}",
)
def test_failures_are_named(
    case: Case, stub: Stub, http: Http, answer: Answer, error: type[SourceError]
) -> None:
    for path in case.given["answers"]:
        stub.answer(path, answer)
    with pytest.raises(error) as caught:
        case.source.fetch(case.request(stub.url), http)
    assert re.fullmatch(r"[a-z_]+", caught.value.reason)
    if error is QuotaExhausted:
        assert caught.value.retry_after == 60


@every_asking
def test_no_answer_in_time(case: Case, stub: Stub, impatient: Http) -> None:
    for path in case.given["answers"]:
        stub.answer(path, Answer(hang=True))
    with pytest.raises(Transient) as caught:
        case.source.fetch(case.request(stub.url), impatient)
    assert caught.value.reason == "timeout"


@every_asking
def test_nobody_there(case: Case, http: Http) -> None:
    with refusing() as url, pytest.raises(Transient) as caught:
        case.source.fetch(case.request(url), http)
    assert caught.value.reason == "refused"


@every_asking
@pytest.mark.parametrize("status", [400, 401, 403, 404, 429, 500])
def test_the_key_is_in_no_error(case: Case, stub: Stub, http: Http, status: int) -> None:
    key = "k3y-0f-the-test"
    for path in case.given["answers"]:
        stub.answer(
            path, lambda seen: Answer(status=status, body={"message": f"{seen.query} {seen.headers}"})
        )
    request = replace(case.request(stub.url), key=key)
    assert key not in repr(request)
    with pytest.raises(SourceError) as caught:
        case.source.fetch(request, http)
    assert key not in "".join(traceback.format_exception(caught.value))


@_named([case for case in CASES if case.source.backfill_days])
def test_a_window_without_hours_gives_no_readings(case: Case, stub: Stub, http: Http) -> None:
    request = case.request(stub.url)
    for path in case.given["answers"]:
        stub.answer(path, Answer(body=case.text(path)))
    batch = case.source.fetch(replace(request, start=request.now, end=request.now, forecast_hours=0), http)
    assert not batch.readings
    assert not batch.forecasts


@every
def test_nothing_from_the_future_is_a_reading(case: Case, stub: Stub, http: Http) -> None:
    request = case.request(stub.url)
    for path in case.given["answers"]:
        stub.answer(path, Answer(body=case.text(path)))
    earlier = replace(request, now=request.now - timedelta(hours=1), end=request.now + timedelta(hours=9))
    check_batch(case.source.fetch(earlier, http), case.source, earlier)


T = TypeVar("T")


class Canned:
    """Answers without a network, for tests that ask thousands of times."""

    def __init__(self, texts: Mapping[str, str]) -> None:
        self._texts = texts

    def get(self, url: str, read: Callable[[str], T], **_: object) -> T:
        text = self._texts.get(urlsplit(url).path)
        if text is None:  # a path that came out of a spoilt answer
            raise Permanent("nothing is there", reason="refused")
        return read(text)

    def get_json(self, url: str, *_: object, **__: object) -> Any:
        try:
            return self.get(url, json.loads)
        except ValueError as error:
            raise Transient("not JSON", reason="not_json") from error


ANYTHING = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(10**30), 10**30)
    | st.floats()
    | st.sampled_from(["", "NA", "-999", "1e999", "٣", "2025-11-05T10:00", "05-11-2025 15:00:00"])
    | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=5,
)


def _places(tree: Any) -> Iterator[Callable[[Any], None]]:
    """A setter for every place in a JSON tree."""
    for key in range(len(tree)) if isinstance(tree, list) else list(tree) if isinstance(tree, dict) else ():

        def put(value: Any, key: Any = key) -> None:
            tree[key] = value

        yield put
        yield from _places(tree[key])


@every_asking
@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_spoilt_answers_are_counted_or_named(case: Case, data: st.DataObject) -> None:
    texts = {}
    for path in case.given["answers"]:
        tree = copy.deepcopy(json.loads(case.text(path)))
        places = list(_places(tree))
        for _ in range(data.draw(st.integers(0, 4))):
            places[data.draw(st.integers(0, len(places) - 1))](data.draw(ANYTHING))
        texts[path] = json.dumps(tree)
    request = case.request("http://canned")
    try:
        batch = case.source.fetch(request, Canned(texts))  # type: ignore[arg-type]
    except SourceError:
        return
    check_batch(batch, case.source, request)
