"""CPCB through data.gov.in: pages, spellings, the rule of the index, refusals; the real dumps where they are."""

from __future__ import annotations

import csv
import gzip
import json
import os
from collections import Counter, defaultdict
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from stubs import Answer, Seen, Stub

from common.domain.cities import all_cities, cpcb_places
from common.domain.errors import Permanent, QuotaExhausted, SourceError, Transient
from common.domain.observation import IST
from common.sources.cpcb import SOURCE
from common.sources.interface import Request

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from common.domain.observation import Batch
    from common.sources.http import Http

NOW = datetime(2025, 11, 5, 10, 32, tzinfo=UTC)
IDS = {"PM2.5": "pm25", "PM10": "pm10", "NO2": "no2", "NH3": "nh3", "SO2": "so2", "CO": "co", "OZONE": "o3"}
DATA = Path(os.environ.get("VAYU_TEST_DATA", "no-such-folder")) / "cpcb_feed"


def request(base: str, now: datetime = NOW) -> Request:
    return Request(
        all_cities(), now - timedelta(hours=1), now, now, 0, {"CPCB_BASE_URL": base + "/r"}, "s3cret-key"
    )


def row(pollutant: str = "PM2.5", avg: object = "50", **fields: Any) -> dict[str, Any]:
    return {
        "country": "India",
        "state": "Delhi",
        "city": "Delhi",
        "station": "ITO, Delhi - CPCB",
        "last_update": "05-11-2025 16:00:00",
        "latitude": "28.6286",
        "longitude": "77.2411",
        "pollutant_id": pollutant,
        "min_value": "1",
        "max_value": "500",
        "avg_value": avg,
    } | fields


def portal(rows: Sequence[Any], cap: int = 10**6) -> Callable[[Seen], Answer]:
    """A portal that holds these rows, gives at most `cap` a page, and nothing to who does not say from where."""

    def answer(seen: Seen) -> Answer:
        limit, offset = int(seen.query["limit"]), int(seen.query.get("offset", len(rows)))
        page = rows[offset : offset + min(limit, cap)]
        message = {"total": len(rows), "count": len(page), "limit": str(limit), "offset": str(offset)}
        headers = {"X-RateLimit-Limit": "-1", "X-RateLimit-Remaining": "0", "X-RateLimit-Reset": "1762335000"}
        return Answer(body={"status": "ok", **message, "records": page}, headers=headers)

    return answer


def fetch(stub: Stub, http: Http, *rows: Any) -> Batch:
    stub.answer("/r", portal(rows))
    return SOURCE.fetch(request(stub.url), http)


class Portal:
    """Gives rows without a network, for tests that ask hundreds of times."""

    def __init__(self, *rows: Any, total: int | None = None, cap: int = 10**6) -> None:
        self.rows, self.total, self.cap, self.calls = rows, total or len(rows), cap, 0

    def get_json(self, _: str, params: dict[str, str], **__: object) -> Any:
        self.calls += 1
        offset, limit = int(params["offset"]), min(int(params["limit"]), self.cap)
        return {"total": self.total, "records": list(self.rows[offset : offset + limit] or self.rows[:limit])}

    def batch(self) -> Batch:
        return SOURCE.fetch(request("http://portal"), self)  # type: ignore[arg-type]


COUNTRY = [row(pollutant, "40", station=f"{i}, Delhi - CPCB") for i in range(400) for pollutant in IDS]


def test_the_country_in_one_page(stub: Stub, http: Http) -> None:
    batch = fetch(stub, http, *COUNTRY)
    (seen,) = stub.seen
    assert seen.query == {"api-key": "s3cret-key", "format": "json", "offset": "0", "limit": "10000"}
    assert "python" not in seen.headers["User-Agent"].lower()
    assert len(batch.readings) == 400


@pytest.mark.parametrize(
    "failure", [Answer(status=502), Answer(status=503), Answer(body='{"recor', cut=True)]
)
def test_small_pages_where_a_big_one_does_not_come(stub: Stub, http: Http, failure: Answer) -> None:
    serve = portal(COUNTRY)
    stub.answer("/r", lambda seen: failure if int(seen.query["limit"]) > 500 else serve(seen))
    assert len(SOURCE.fetch(request(stub.url), http).readings) == 400
    offsets = [int(seen.query["offset"]) for seen in stub.seen if seen.query["limit"] == "500"]
    assert offsets == [0, 500, 1000, 1500, 2000, 2500]


def test_small_pages_where_a_big_one_takes_too_long(stub: Stub, impatient: Http) -> None:
    serve = portal(COUNTRY[:700])
    stub.answer("/r", lambda seen: Answer(hang=True) if int(seen.query["limit"]) > 500 else serve(seen))
    assert len(SOURCE.fetch(request(stub.url), impatient).readings) == 100


def test_a_key_that_gives_ten_rows_a_page_still_gives_all(stub: Stub, http: Http) -> None:
    stub.answer("/r", portal(COUNTRY[:77], cap=10))
    batch = SOURCE.fetch(request(stub.url), http)
    assert [seen.query["offset"] for seen in stub.seen] == [str(10 * i) for i in range(8)]
    assert len(batch.readings) == 11
    assert {len(reading.published) for reading in batch.readings} == {8}


def test_pages_come_to_an_end() -> None:
    endless = Portal(row(), total=10**8, cap=1)
    with pytest.raises(Permanent) as caught:
        endless.batch()
    assert caught.value.reason == "capped"
    assert endless.calls == 400


@pytest.mark.parametrize(
    ("answer", "error", "reason"),
    [
        (Answer(status=503), Transient, "server_error"),
        (Answer(status=429, body={"error": "API rate limit exceeded"}), QuotaExhausted, "quota"),
        (Answer(body={"status": "ok", "total": 0, "count": 0, "records": []}), Transient, "empty"),
    ],
)
def test_part_of_the_country_is_no_use(
    stub: Stub, http: Http, answer: Answer, error: type[SourceError], reason: str
) -> None:
    serve = portal(COUNTRY, cap=1000)
    stub.answer("/r", lambda seen: answer if int(seen.query["offset"]) >= 2000 else serve(seen))
    with pytest.raises(error) as caught:
        SOURCE.fetch(request(stub.url), http)
    assert caught.value.reason == reason


@pytest.mark.parametrize(
    ("answer", "error", "reason", "calls"),
    [
        (Answer(status=400, body={"error": "Authorization field missing"}), Permanent, "key", 1),
        (Answer(status=400, body={"error": "Authorisation field missing"}), Permanent, "key", 1),
        (Answer(status=403, body={"error": "Key not authorised"}), Permanent, "key", 1),
        (Answer(body={"error": "Key not authorised"}), Permanent, "key", 1),
        (Answer(status=429, body={"error": "API rate limit exceeded"}), QuotaExhausted, "quota", 1),
        (Answer(status=403, body={"error": "API rate limit exceeded"}), QuotaExhausted, "quota", 1),
        (Answer(body={"status": "error", "message": "Meta not found"}), Permanent, "refused", 1),
        (Answer(body={"status": "ok", "message": "Resource detail"}), Permanent, "shape", 1),
        (Answer(body={"status": "ok", "total": 0, "count": 0, "records": []}), Transient, "empty", 1),
        (Answer(status=504), Transient, "server_error", 6),
    ],
)
def test_refusals(
    stub: Stub, http: Http, answer: Answer, error: type[SourceError], reason: str, calls: int
) -> None:
    stub.answer("/r", answer)
    with pytest.raises(error) as caught:
        SOURCE.fetch(request(stub.url), http)
    assert caught.value.reason == reason
    assert len(stub.seen) == calls


def test_a_spent_quota_says_until_when_but_not_as_a_point_in_time(stub: Stub, http: Http) -> None:
    body = {"error": "API rate limit exceeded"}
    stub.answer("/r", Answer(status=429, body=body, headers={"Retry-After": "30"}))
    with pytest.raises(QuotaExhausted) as caught:
        SOURCE.fetch(request(stub.url), http)
    assert caught.value.retry_after == 30
    stub.answer("/r", Answer(status=429, body=body, headers={"X-RateLimit-Reset": "1762335000"}))
    with pytest.raises(QuotaExhausted) as caught:
        SOURCE.fetch(request(stub.url), http)
    assert caught.value.retry_after is None


@pytest.mark.parametrize(
    "average",
    [
        {"avg_value": "73"},
        {"avg_value": 73},
        {"avg_value": None, "pollutant_avg": "73"},
        {"pollutant_avg": "73"},
        {"pollutant_avg": " 73 "},
    ],
)
def test_the_average_under_either_name(stub: Stub, http: Http, average: dict[str, Any]) -> None:
    given = row()
    del given["avg_value"]
    (reading,) = fetch(stub, http, given | average).readings
    assert reading.published == {"pm25": 73}
    assert reading.values == {}


@pytest.mark.parametrize(
    ("place", "ours"), [(place, city.name) for place, city in cpcb_places().items()], ids=str
)
def test_every_city_under_its_spelling(place: tuple[str, str], ours: str) -> None:
    (reading,) = Portal(row(state=place[0], city=place[1])).batch().readings
    assert reading.city == ours


@pytest.mark.parametrize(
    ("state", "city"), [("Bihar", "Aurangabad"), ("Tripura", "Chandigarh"), ("Delhi", "")]
)
def test_towns_that_are_not_ours(state: str, city: str) -> None:
    batch = Portal(row(state=state, city=city)).batch()
    assert not batch.readings
    assert not batch.rejected


@settings(max_examples=100, deadline=None)
@given(
    st.dictionaries(st.sampled_from(sorted(IDS)), st.none() | st.integers(0, 500), min_size=1), st.randoms()
)
def test_the_index_of_a_station_needs_three_pollutants_and_dust(
    given: dict[str, int | None], order: Any
) -> None:
    rows = [row(name, "NA" if index is None else str(index)) for name, index in given.items()]
    order.shuffle(rows)
    batch = Portal(*rows).batch()
    known = {IDS[name]: index for name, index in given.items() if index is not None}
    if not known:
        assert batch.rejected == {"no_values": 1}
        return
    (reading,) = batch.readings
    if len(known) >= 3 and ("pm25" in known or "pm10" in known):
        known["aqi"] = max(known.values())
    assert reading.published == known


def test_an_hour_that_changed_between_two_pages_is_no_hour() -> None:
    batch = Portal(row("PM2.5"), row("PM10", last_update="05-11-2025 15:00:00")).batch()
    assert not batch.readings
    assert batch.rejected == {"time": 1}


@pytest.mark.parametrize(
    ("stamp", "outcome"),
    [
        ("05-11-2025 07:00:00", "2025-11-05T01:30:00+00:00"),
        ("05-11-2025 07:00", "2025-11-05T01:30:00+00:00"),
        ("04-11-2025 16:01:00", "stale"),
        ("05-11-2025 17:00:00", "future"),
        ("2025-11-05T16:00:00", "time"),
        (None, "time"),
    ],
)
def test_stamps_are_indian_time(stamp: str | None, outcome: str) -> None:
    batch = Portal(row(last_update=stamp)).batch()
    assert [*(reading.time.isoformat() for reading in batch.readings), *batch.rejected] == [outcome]


@pytest.mark.skipif(not DATA.is_dir(), reason="VAYU_TEST_DATA does not name the folder with the real dumps")
@pytest.mark.parametrize("page", [10_000, 700])
def test_the_real_dumps(stub: Stub, http: Http, page: int) -> None:
    dumps = sorted(DATA.glob("datagovin_*.csv.gz"))
    assert dumps
    for dump in dumps:
        with gzip.open(dump, "rt", encoding="utf-8-sig", newline="") as lines:
            rows = list(csv.DictReader(lines))
        stamp = rows[0]["last_update"]
        form = "%d-%m-%Y %H:%M:%S" if stamp.count(":") == 2 else "%d-%m-%Y %H:%M"
        time = datetime.strptime(stamp, form).replace(tzinfo=IST).astimezone(UTC)
        stub.answer("/r", portal(rows, cap=page))
        batch = SOURCE.fetch(request(stub.url, time + timedelta(hours=5)), http)

        averages: dict[tuple[str, str], dict[str, int]] = defaultdict(dict)
        for each in rows:
            if each["pollutant_avg"] not in ("", "NA"):
                averages[each["state"], each["station"].strip()][each["pollutant_id"]] = int(
                    each["pollutant_avg"]
                )
        ours = {place: city.name for place, city in cpcb_places().items()}
        towns = {(r["state"], r["station"].strip()): ours.get((r["state"], r["city"])) for r in rows}
        wanted = {key: average for key, average in averages.items() if towns[key]}
        assert len(batch.readings) == len(wanted) > 200
        assert {reading.time for reading in batch.readings} == {time}
        assert Counter(r.city for r in batch.readings) == Counter(towns[key] for key in wanted)
        assert 47 <= len({r.city for r in batch.readings if "aqi" in r.published}) <= 51
        by_name = {" ".join(station.split()): item for (_, station), item in wanted.items()}
        for reading in batch.readings:
            result = by_name[reading.station]
            assert {IDS[name]: value for name, value in result.items()}.items() <= reading.published.items()
            valid = len(result) >= 3 and not result.keys().isdisjoint({"PM2.5", "PM10"})
            assert reading.published.get("aqi") == (max(result.values()) if valid else None)
        assert set(batch.rejected) <= {"no_values"}


@settings(max_examples=50, deadline=None)
@given(st.text())
def test_any_message_is_a_source_error(statement: str) -> None:
    class Saying:
        def get_json(self, *_: object, **__: object) -> Any:
            return json.loads(json.dumps({"status": "error", "message": statement}))

    with pytest.raises(SourceError):
        SOURCE.fetch(request("http://portal"), Saying())  # type: ignore[arg-type]
