"""Which sources are asked, and the helpers that every source shares."""

from __future__ import annotations

import math
from collections import Counter
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from common.config import from_mapping
from common.domain.cities import City, all_cities, find_city
from common.domain.errors import (
    ConfigError,
    OutOfTime,
    Permanent,
    QuotaExhausted,
    SourceError,
    Transient,
)
from common.domain.observation import IST, Batch, Reading
from common.sources import KEYS, REGISTRY, enabled
from common.sources.http import provider_text
from common.sources.interface import (
    admit,
    admit_column,
    admit_us_index,
    admit_wind,
    ask_each,
    in_turn,
    issue_time,
    km_from,
    read_time,
    time_fault,
)

NOW = datetime(2025, 11, 5, 10, 30, tzinfo=UTC)


def names(**env: str) -> list[str]:
    return [source.name for source in enabled(from_mapping(env))]


def test_by_default_every_source_that_can_run_and_nothing_invented() -> None:
    assert names() == ["cpcb-feed", "open-meteo"]
    assert "simulated" in REGISTRY


def test_a_source_that_needs_a_key_is_asked_once_it_has_one() -> None:
    assert names(IQAIR_API_KEY="k") == ["cpcb-feed", "open-meteo", "iqair"]
    everything = names(**dict.fromkeys(KEYS.values(), "k"))
    assert sorted([*everything, "simulated"]) == sorted(REGISTRY)
    with pytest.raises(ConfigError, match="WAQI_TOKEN"):
        names(VAYU_SOURCES="waqi", IQAIR_API_KEY="k")


def test_named_sources_in_the_order_named_and_once() -> None:
    assert names(VAYU_SOURCES="simulated") == ["simulated"]
    assert names(VAYU_SOURCES="open-meteo, cpcb-feed,open-meteo") == ["open-meteo", "cpcb-feed"]


@pytest.mark.parametrize("name", ["nothing", "Open-Meteo", "open_meteo"])
def test_an_unknown_name_is_answered_with_the_known_ones(name: str) -> None:
    with pytest.raises(ConfigError) as caught:
        names(VAYU_SOURCES=f"open-meteo,{name}")
    assert name in str(caught.value)
    for known in REGISTRY:
        assert known in str(caught.value)


def test_the_registry_cannot_be_changed() -> None:
    with pytest.raises(TypeError):
        REGISTRY["x"] = REGISTRY["simulated"]  # type: ignore[index]


@pytest.mark.parametrize(
    ("raw", "unit", "value", "reason"),
    [
        (12, "µg/m³", 12.0, None),
        (12.5, "mg/m³", 12500.0, "implausible"),
        (None, "anything", None, None),
        ("12", "µg/m³", None, "not_a_number"),
        (True, "µg/m³", None, "not_a_number"),
        ([1], "µg/m³", None, "not_a_number"),
        (12, "ppb", None, "unit"),
        (-999, "µg/m³", None, "implausible"),
        (10**400, "µg/m³", None, "implausible"),
        (math.nan, "µg/m³", None, "implausible"),
        (math.inf, "µg/m³", None, "implausible"),
    ],
)
def test_admit(raw: object, unit: str, value: float | None, reason: str | None) -> None:
    rejected: Counter[str] = Counter()
    admitted = admit("pm25", raw, unit, rejected)
    assert admitted == (None if reason else value)
    assert rejected == ({reason: 1} if reason else {})


@pytest.mark.parametrize(
    ("raw", "value", "reason"),
    [
        (50, 9.0, None),
        (51.0, 9.1, None),
        (500, 325.4, None),
        (0, 0.0, None),
        (None, None, None),
        (501, 325.4, None),
        (1900, 325.4, None),
        (9999, None, "implausible"),
        (-1, None, "implausible"),
        (math.nan, None, "implausible"),
        (10**400, None, "implausible"),
        ("50", None, "not_a_number"),
        (True, None, "not_a_number"),
    ],
)
def test_admit_us_index(raw: object, value: float | None, reason: str | None) -> None:
    rejected: Counter[str] = Counter()
    assert admit_us_index("pm25", raw, rejected) == pytest.approx(value)
    assert rejected == ({reason: 1} if reason else {})


@pytest.mark.parametrize(
    ("speed", "direction", "expected"),
    [
        (2, 0, {"wind_speed": 2.0, "wind_u": 0.0, "wind_v": -2.0}),
        (2.0, 270, {"wind_speed": 2.0, "wind_u": 2.0, "wind_v": 0.0}),
        (2.0, 361, {"wind_speed": 2.0}),
        (2.0, None, {"wind_speed": 2.0}),
        (2.0, "N", {"wind_speed": 2.0}),
        (2.0, math.nan, {"wind_speed": 2.0}),
        (None, 90, {}),
        (-9999, 90, {}),
    ],
)
def test_admit_wind(speed: object, direction: object, expected: dict[str, float]) -> None:
    assert admit_wind(speed, direction, Counter()) == pytest.approx(expected)


@pytest.mark.parametrize(
    ("time", "fault"),
    [
        (None, "time"),
        (NOW, ""),
        (NOW + timedelta(minutes=5), ""),
        (NOW + timedelta(minutes=5, seconds=1), "future"),
        (NOW - timedelta(hours=6), ""),
        (NOW - timedelta(hours=6, seconds=1), "stale"),
    ],
)
def test_time_fault(time: datetime | None, fault: str) -> None:
    assert time_fault(time, NOW, timedelta(hours=6)) == fault


@pytest.mark.parametrize(
    ("latitude", "longitude", "km"),
    [
        (28.6139, 77.209, 0),
        (19.076, 72.8777, 1148),
        (28.6139 + 1, 77.209, 111.2),
        (-28.6139, 77.209 - 180, math.pi * 6371),
        (None, 77.209, math.inf),
        ("28.6139", 77.209, math.inf),
        (91, 77.209, math.inf),
        (math.nan, 77.209, math.inf),
        (10**400, 77.209, math.inf),
    ],
)
def test_km_from(latitude: object, longitude: object, km: float) -> None:
    assert km_from(find_city("Delhi"), latitude, longitude) == pytest.approx(km, rel=0.002, abs=1e-6)


@pytest.mark.parametrize(
    ("stamp", "zone", "expected"),
    [
        ("2025-11-05T10:30:00Z", UTC, NOW),
        ("2025-11-05T10:30:00.000Z", UTC, NOW),
        ("2025-11-05T16:00:00+05:30", UTC, NOW),
        ("2025-11-05T10:30", UTC, NOW),
        ("2025-11-05 16:00:00", IST, NOW),
        ("2025-11-05T10:30:00Z", IST, NOW),
        ("0001-01-01T00:00:00", timezone(timedelta(hours=5)), None),
        ("tomorrow", UTC, None),
        ("", UTC, None),
        (None, UTC, None),
        (1762338600, UTC, None),
    ],
)
def test_read_time(stamp: object, zone: timezone, expected: datetime | None) -> None:
    time = read_time(stamp, zone)
    assert time == expected
    assert time is None or time.tzinfo is UTC


@given(st.datetimes(NOW.replace(year=2000, tzinfo=None), timezones=st.sampled_from([UTC, IST])))
def test_forecasts_are_issued_four_times_a_day(now: datetime) -> None:
    issued = issue_time(now)
    assert issued <= now < issued + timedelta(hours=6)
    assert issued.hour in (0, 6, 12, 18)
    assert (issued.minute, issued.second, issued.microsecond) == (0, 0, 0)
    assert issued.tzinfo is UTC


class Provider:
    """Answers about one city after another as scripted: an error, or None for a reading."""

    def __init__(self, *script: SourceError | None) -> None:
        self.script = list(script)
        self.calls = 0

    def __call__(self, city: City, batch: Batch) -> None:
        failure = self.script[self.calls] if self.calls < len(self.script) else None
        self.calls += 1
        if failure is not None:
            raise failure
        batch.readings.append(Reading("x", city.name, NOW, "modelled", {"pm25": 1.0}))


def test_one_city_failing_costs_only_itself() -> None:
    provider = Provider(None, Permanent("unknown city", reason="refused"), Transient("x"), None)
    batch = ask_each(all_cities(), provider)
    assert len(batch.readings) == 54
    assert batch.rejected == {"city:refused": 1, "city:unavailable": 1}


@pytest.mark.parametrize(
    ("script", "requested"),
    [
        ([None, QuotaExhausted("spent")], 2),
        ([None, Permanent("wrong key", reason="key")], 2),
        ([None, Transient("down"), Transient("down"), Transient("down")], 4),
        ([None, Transient("down"), Transient("down"), None, Transient("down")], 56),
    ],
)
def test_asking_on_stops_where_it_is_useless(script: list[SourceError | None], requested: int) -> None:
    provider = Provider(*script)
    batch = ask_each(all_cities(), provider)
    assert provider.calls == requested
    assert batch.readings
    assert batch.rejected.total() == sum(failure is not None for failure in script)


@pytest.mark.parametrize(
    ("script", "error"),
    [
        ([Transient("down")] * 3, Transient),
        ([Permanent("gone")] * 56, Permanent),
        ([Permanent("gone"), Transient("down"), QuotaExhausted("spent")], QuotaExhausted),
        ([Permanent("gone"), Transient("down"), *[Permanent("gone")] * 54], Transient),
    ],
)
def test_nothing_from_any_city_is_an_error(script: list[SourceError], error: type[SourceError]) -> None:
    with pytest.raises(error):
        ask_each(all_cities(), Provider(*script))


@given(
    st.sampled_from([("pm25", "µg/m³"), ("co", "ppb"), ("temperature", "K"), ("pm25", "furlong")]),
    st.lists(
        st.floats() | st.integers(-(10**400), 10**400) | st.none() | st.booleans() | st.text(max_size=3)
    ),
)
def test_a_column_is_admitted_as_its_values_are(of: tuple[str, str], raws: list[object]) -> None:
    together: Counter[str] = Counter()
    alone: Counter[str] = Counter()
    assert admit_column(of[0], raws, of[1], together) == [admit(of[0], raw, of[1], alone) for raw in raws]
    assert together == alone


@pytest.mark.parametrize(("first", "stored"), [(0, 0), (1, 1), (40, 40)])
def test_a_run_that_is_over_keeps_what_came(first: int, stored: int) -> None:
    provider = Provider(*[None] * first, OutOfTime("over"))
    if not stored:
        with pytest.raises(OutOfTime):
            ask_each(all_cities(), provider)
        return
    batch = ask_each(all_cities(), provider)
    assert len(batch.readings) == stored
    assert batch.rejected == {"out_of_time": 56 - stored}
    assert provider.calls == stored + 1


@pytest.mark.parametrize(
    ("error", "seconds"),
    [
        (QuotaExhausted("enough", retry_after=30.0), 30.0),
        (QuotaExhausted("enough"), None),
        (QuotaExhausted("by our own count", retry_after=30.0, reason="spent"), None),
        (Permanent("no", reason="key"), None),
    ],
)
def test_what_the_provider_asks_for_after_a_part_is_told(error: SourceError, seconds: float | None) -> None:
    batch = ask_each(all_cities(), Provider(None, error))
    assert (len(batch.readings) > 0, batch.retry_after) == (True, seconds)


@pytest.mark.parametrize("requested", [1, 3, 5, 13, 20, 28, 40, 55])
def test_no_city_waits_long_where_not_all_are_asked_in_time(requested: int) -> None:
    waited = dict.fromkeys(all_cities(), 0)
    longest = 0
    for hour in range(24 * 30):
        order = in_turn(all_cities(), NOW + timedelta(hours=hour))
        assert sorted(order, key=lambda city: city.name) == sorted(all_cities(), key=lambda city: city.name)
        for city in order[requested:]:
            waited[city] += 1
        for city in order[:requested]:
            longest = max(longest, waited[city])
            waited[city] = 0
    assert longest <= 3 * 56 / requested
    assert max(waited.values()) <= 3 * 56 / requested


def test_no_cities_is_no_error() -> None:
    assert ask_each([], Provider()) == Batch()


@given(st.text(), st.lists(st.text(min_size=4), max_size=3))
def test_what_a_provider_says_is_short_and_without_secrets(body: str, secrets: list[str]) -> None:
    line = provider_text(body + secrets[0] if secrets else body, tuple(secrets))
    assert len(line) <= 160
    assert "\n" not in line
    if secrets and not set(secrets[0]) <= set("…?"):
        assert secrets[0] not in line


def test_a_secret_that_holds_another_is_hidden_whole() -> None:
    assert provider_text("bad key abcdefgh here", ("abcd", "abcdefgh")) == "bad key … here"
