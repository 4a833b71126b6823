"""Settings: defaults, what each may be, and that the page about them is complete."""

from __future__ import annotations

import re
from dataclasses import fields, replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from common.config import RATES, Settings, from_environment, from_mapping
from common.domain.errors import ConfigError
from common.sources import BASE_URLS, KEYS, REGISTRY, base_urls, keys
from common.store.dsn import parse

ROOT = Path(__file__).parents[1]
PAGE = (ROOT / "docs" / "settings.md").read_text(encoding="utf-8")
ROWS = {
    name: (default, meaning)
    for name, default, meaning in re.findall(r"^\| `([A-Z_]+)` \| ([^|]+) \| ([^|]+) \|$", PAGE, re.MULTILINE)
}


def understood() -> set[str]:
    """The names that stand in the code."""
    source = (ROOT / "common" / "config.py").read_text(encoding="utf-8")
    return set(re.findall(r'"([A-Z][A-Z]+(?:_[A-Z]+)*)"', source)) | {*KEYS.values(), *BASE_URLS}


def test_the_page_lists_exactly_what_is_understood() -> None:
    assert set(ROWS) == understood()


def test_every_name_on_the_page_has_an_effect() -> None:
    values = {
        "DATABASE_URL": "postgresql://a@b/c",
        "REDIS_URL": "redis://a",
        "PORT": "1234",
        "VAYU_DATABASE_CONNECTIONS": "3",
        "VAYU_CHUNK_INTERVAL": "3",
        "VAYU_COMPRESS_AFTER": "3",
        "VAYU_RETAIN_RAW": "3",
        "VAYU_SMTP_URL": "smtp://127.0.0.1",
        "VAYU_MAIL_TO": "a@b.in, c@d.in",
        "VAYU_MAIL_FROM": "e@f.in",
        "VAYU_NOTIFY": "failures",
        "VAYU_API_READS": "token",
        "VAYU_RATE_ANONYMOUS": "7/hour",
        "VAYU_RATE_TOKEN": "7/hour",
        "VAYU_RATE_WRITES": "7/hour",
        "VAYU_TRUSTED_PROXIES": "1",
        "VAYU_PROXY_TOKEN": "a",
        "VAYU_CORS_ORIGINS": "https://a.in",
        "VAYU_SMS_URL": "sns://ap-south-1",
        "VAYU_SMS_COUNTRIES": "91,977",
        "VAYU_SMS_DLT": "entity=1101000000000000001",
        "VAYU_ALERTS_KEY": "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=",
        "VAYU_PUBLIC_ALERTS": "off",
        "VAYU_CAP_STATUS": "Actual",
        "VAYU_CAP_SENDER": "a@b.in",
        "VAYU_ALERTS_ALLOW_ORIGINS": "https://a.in:9443",
        "VAYU_CACHE_MB": "0",
        "VAYU_DASHBOARD": "none",
        "VAYU_LIVE_URL": "wss://a.in/ws",
        "VAYU_LIVE_PORT": "1234",
        "VAYU_LIVE_CONNECTIONS": "7",
        "VAYU_LIVE_PER_ADDRESS": "7",
        "VAYU_LIVE_PING": "7",
        "DATABASE_LISTEN_URL": "none",
        "VAYU_ARCHIVE_URL": "s3://bucket/archive",
        "DATABASE_READ_URL": "postgresql://replica/vayu",
    }
    usual = from_mapping({})
    for name in ROWS.keys() - {"VAYU_SECRETS"}:  # its effect is that of what it leads to
        changed = from_mapping({name: values.get(name, "http://127.0.0.1:9/x")})
        if name in {*KEYS.values(), *BASE_URLS}:
            assert (keys(changed), base_urls(changed)) != (keys(usual), base_urls(usual)), name
        else:
            assert replace(changed, source_settings={}) != usual, name


def test_the_page_tells_the_defaults() -> None:
    usual = from_mapping({})
    assert ROWS["PORT"][0] == f"`{usual.port}`"
    assert ROWS["QUEUE_URL"][0] == f"`{usual.queue_url}`"
    assert ROWS["VAYU_HOME"][0] == f"`{usual.home.name}`"
    assert ROWS["VAYU_CHUNK_INTERVAL"][0] == f"`{usual.chunk_interval_days} days`"
    assert ROWS["VAYU_COMPRESS_AFTER"][0] == f"`{usual.compress_after_days} days`"
    assert ROWS["VAYU_RETAIN_RAW"][0] == f"`{usual.retain_raw_days} days`"
    assert ROWS["VAYU_API_READS"][0] == f"`{usual.api_reads}`"
    assert ROWS["VAYU_TRUSTED_PROXIES"][0] == f"`{usual.trusted_proxies}`"
    assert ROWS["VAYU_CORS_ORIGINS"][0] == f"`{','.join(usual.cors_origins)}`"
    assert ROWS["VAYU_SMS_COUNTRIES"][0] == f"`{','.join(usual.sms_countries)}`"
    assert ROWS["VAYU_LIVE_CONNECTIONS"][0] == f"`{usual.live_connections}`"
    assert ROWS["VAYU_LIVE_PER_ADDRESS"][0] == f"`{usual.live_per_address}`"
    assert ROWS["VAYU_LIVE_PING"][0] == f"`{usual.live_ping_s}`"
    assert ROWS["VAYU_CACHE_MB"][0] == f"`{usual.cache_mb}`"
    assert usual.dashboard == ROOT / "dashboard" / "dist"
    assert ROWS["VAYU_DASHBOARD"][0].startswith("`dashboard/dist` beside `common/`")
    for name, rate in RATES.values():
        assert ROWS[name][0] == f"`{rate}`"
    for name, url in BASE_URLS.items():
        assert ROWS[name][0] == f"`{url}`"
    for name in KEYS.values():
        assert ROWS[name][0] == "none"
    assert set(re.findall(r"`([a-z-]+)`", ROWS["VAYU_SOURCES"][1])) == set(REGISTRY)


def test_nothing_set_and_everything_empty_are_the_same() -> None:
    assert from_mapping({}) == from_mapping(dict.fromkeys(ROWS, " "))
    usual = from_mapping({})
    assert (usual.database_url, usual.redis_url, usual.sources, keys(usual)) == (None, None, None, {})
    assert usual.home == Path.cwd() / ".vayu"
    assert usual.model_store_url == (Path.cwd() / ".vayu" / "models").as_uri()


def test_the_environment_is_read_when_asked_not_before(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ROWS:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("PORT", "4321")
    assert from_environment(unasked).port == 4321
    monkeypatch.setenv("PORT", "4322")
    assert from_environment(unasked).port == 4322


def unasked(where: str) -> dict[str, str]:
    raise AssertionError(f"{where} was asked for secrets")


def test_what_the_environment_does_not_say_the_secret_may(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ROWS:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("VAYU_SECRETS", "file:///s.json")
    monkeypatch.setenv("PORT", "4321")
    secrets = {"file:///s.json": {"PORT": "1", "IQAIR_API_KEY": "k"}}
    settings = from_environment(secrets.__getitem__)
    assert (settings.port, keys(settings)) == (4321, {"iqair": "k"})


def test_an_empty_setting_leaves_that_of_the_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VAYU_SECRETS", "file:///s.json")
    monkeypatch.setenv("DATABASE_READ_URL", " ")
    settings = from_environment(lambda _: {"DATABASE_READ_URL": "postgresql://u:p@replica/n"})
    assert settings.database_read_url == "postgresql+pg8000://u:p@replica/n"


@pytest.mark.parametrize(
    ("database", "replica", "result"),
    [
        (
            "postgresql://u:p@db/n",
            "postgresql://far:5433/n?sslmode=require",
            "u:p@far:5433/n?sslmode=require",
        ),
        ("postgresql://u:p@db/n", "postgresql://other@far/n", "other@far/n"),
        ("postgresql://u:p@db/n", "postgresql:///n?host=/run/far", "u:p@/n?host=/run/far"),
        ("postgresql://db/n", "postgresql://far/n", "far/n"),
        (None, "postgresql://far/n", "far/n"),
    ],
)
def test_a_replica_is_read_as_the_user_of_the_database(
    database: str | None, replica: str, result: str
) -> None:
    env = {"DATABASE_READ_URL": replica} | ({} if database is None else {"DATABASE_URL": database})
    assert from_mapping(env).database_read_url == "postgresql+pg8000://" + result


def test_home_and_the_models_in_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    settings = from_mapping({"VAYU_HOME": "~/air quality"})
    assert settings.home == tmp_path / "air quality"
    assert settings.model_store_url == (tmp_path / "air quality" / "models").as_uri()
    assert from_mapping({"MODEL_STORE_URL": "s3://bucket/x"}).model_store_url == "s3://bucket/x"


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("cpcb-feed", ("cpcb-feed",)),
        (" cpcb-feed , open-meteo,, ", ("cpcb-feed", "open-meteo")),
        (",", None),
    ],
)
def test_sources(text: str, names: tuple[str, ...] | None) -> None:
    assert from_mapping({"VAYU_SOURCES": text}).sources == names


def test_keys_go_to_their_sources() -> None:
    given_keys = {name: f"secret of {source}" for source, name in KEYS.items()}
    assert keys(from_mapping(given_keys)) == {source: f"secret of {source}" for source in KEYS}
    assert set(KEYS) == {name for name, source in REGISTRY.items() if source.key}


def test_secrets_do_not_show() -> None:
    env = dict.fromkeys(KEYS.values(), "hidden")
    env |= {"DATABASE_URL": "postgresql://u:hidden@h/n", "REDIS_URL": "redis://:hidden@h"}
    env |= {"VAYU_SLACK_WEBHOOK": "https://h/hidden", "VAYU_SMTP_URL": "smtp://u:hidden@h"}
    env |= {"VAYU_PROXY_TOKEN": "hidden", "VAYU_SMS_URL": "twilio://AC1:hidden@api.twilio.com/+15005550006"}
    env |= dict.fromkeys(("DATABASE_LISTEN_URL", "DATABASE_READ_URL"), "postgresql://u:hidden@h/n")
    settings = from_mapping(env)
    assert "hidden" not in repr(settings)
    assert "hidden" not in str(settings)
    assert {field.name for field in fields(Settings) if not field.repr} == {
        "source_settings",
        "database_url",
        "database_read_url",
        "redis_url",
        "slack_webhook",
        "smtp_url",
        "sms_url",
        "proxy_token",
        "listen_url",
        "alerts_key",
    }


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("VAYU_SLACK_WEBHOOK", "hooks.slack.com/hidden"),
        ("VAYU_SLACK_WEBHOOK", "ftp://h/hidden"),
        ("VAYU_SMTP_URL", "http://u:hidden@h"),
        ("VAYU_SMTP_URL", "smtp://u:hidden@h:99999"),
        ("VAYU_SMTP_URL", "smtp://u:hidden@"),
        ("VAYU_MAIL_TO", "nobody"),
        ("VAYU_MAIL_TO", "a@b, c d@e"),
        ("VAYU_MAIL_FROM", "Vayu <a@b>"),
        ("VAYU_NOTIFY", "everything"),
        ("VAYU_SMS_URL", "sns://"),
        ("VAYU_SMS_URL", "twilio://AC1:hidden@/+15005550006"),
        ("VAYU_SMS_URL", "twilio://AC1:hidden@api.twilio.com"),
        ("VAYU_SMS_URL", "file://relative/hidden"),
        ("VAYU_SMS_URL", "https://hidden"),
        ("VAYU_SMS_COUNTRIES", "India"),
        ("VAYU_SMS_COUNTRIES", ","),
        ("VAYU_SMS_DLT", "measured=1107000000000000001"),
        ("VAYU_SMS_DLT", "measured-en=one"),
        ("VAYU_ALERTS_ALLOW_ORIGINS", "receiver.example:9443"),
        ("VAYU_ALERTS_ALLOW_ORIGINS", "https://u:hidden@receiver.example"),
        ("VAYU_ALERTS_ALLOW_ORIGINS", "https://receiver.example/path"),
    ],
)
def test_who_is_told_wants_addresses(name: str, text: str) -> None:
    with pytest.raises(ConfigError, match=name) as raised:
        from_mapping({name: text})
    assert "hidden" not in str(raised.value)


def test_by_what_alerts_leave() -> None:
    usual = from_mapping({})
    assert (usual.sms_url, usual.sms_countries, usual.sms_dlt, usual.alerts_allow_origins) == (
        None,
        ("91",),
        {},
        (),
    )
    assert from_mapping({"VAYU_SMS_COUNTRIES": " +91, 977 "}).sms_countries == ("91", "977")
    assert from_mapping({"VAYU_SMS_COUNTRIES": "all"}).sms_countries == ()
    for url in ("sns://ap-south-1", "sns://us-east-1?sender=VAYUAQ", "file:///var/lib/sms.jsonl"):
        assert from_mapping({"VAYU_SMS_URL": url}).sms_url == url
    dlt = from_mapping(
        {"VAYU_SMS_DLT": "entity=1101000000000000001, over-forecast-hi=1107000000000000001"}
    ).sms_dlt
    assert dlt == {"entity": "1101000000000000001", "over-forecast-hi": "1107000000000000001"}
    origins = from_mapping({"VAYU_ALERTS_ALLOW_ORIGINS": "https://a.example:9443/ , http://[::1]:9000"})
    assert origins.alerts_allow_origins == ("https://a.example:9443", "http://[::1]:9000")


def test_what_is_told() -> None:
    assert from_mapping({}).notify == ("promotions", "failures")
    assert from_mapping({"VAYU_NOTIFY": "switches , failures"}).notify == ("switches", "failures")
    assert from_mapping({"VAYU_NOTIFY": "nothing"}).notify == ()
    assert from_mapping({"VAYU_MAIL_TO": "a@b.in, c@d.in"}).mail_to == ("a@b.in", "c@d.in")


@pytest.mark.parametrize(
    ("text", "rate"),
    [
        ("5/second", (5, 1)),
        ("60/minute", (60, 60)),
        ("9 per hour", (9, 3600)),
        ("1000 / day", (1000, 86400)),
        ("unlimited", None),
    ],
)
def test_how_often(text: str, rate: tuple[int, int] | None) -> None:
    assert from_mapping({"VAYU_RATE_TOKEN": text}).rates.get("token") == rate


def test_whose_pages() -> None:
    assert from_mapping({}).cors_origins == ("*",)
    assert from_mapping({"VAYU_CORS_ORIGINS": "none"}).cors_origins == ()
    named = from_mapping({"VAYU_CORS_ORIGINS": "https://a.in/, http://localhost:3000"}).cors_origins
    assert named == ("https://a.in", "http://localhost:3000")


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://user:password@host:5432/name",
        "postgres://user:p%40ss@10.0.0.1/name?sslmode=require",
        "postgresql+pg8000://postgres@/vayu?host=/tmp/a%20b",
        "postgresql://u:p/w:x@ep-cool-1.ap-southeast-1.aws.neon.tech/db?sslmode=require&channel_binding=require",
        "postgresql://[::1]:5433/name",
        "postgresql://localhost/name",
    ],
)
def test_database_addresses(url: str) -> None:
    result = from_mapping({"DATABASE_URL": url}).database_url
    assert result == "postgresql+pg8000" + url[url.index("://") :]
    assert parse(result).login["database"] in ("name", "vayu", "db")


@pytest.mark.parametrize(
    "url",
    [
        "mysql://u:hidden@h/n",
        "sqlite:///hidden",
        "postgresql://",
        "postgresql://u:hidden@h",
        "postgresql://u:hidden@h/",
        "postgresql://u:hidden@h:port/n",
        "postgresql://u:hidden@h:99999/n",
        "postgresql://u:hidden@./n",
        f"postgresql://u:hidden@{'h' * 70}/n",
        "postgresql://[::1/n",
        "hidden",
    ],
)
def test_wrong_database_addresses(url: str) -> None:
    with pytest.raises(ConfigError, match="DATABASE_URL") as caught:
        from_mapping({"DATABASE_URL": url})
    assert "hidden" not in str(caught.value)


def test_what_stands_behind_a_database_address_must_be_understood() -> None:
    url = from_mapping({"DATABASE_URL": "postgresql://h/n?sslmode=require&sslrotcert=x"}).database_url
    with pytest.raises(ConfigError, match="DATABASE_URL: sslrotcert"):
        parse(url or "")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("PORT", "0"),
        ("PORT", "65536"),
        ("PORT", "80.5"),
        ("PORT", "http"),
        ("PORT", "-1"),
        ("PORT", "٨٠"),
        ("PORT", "1" * 5000),
        ("DATABASE_READ_URL", "replica:5432"),
        ("VAYU_DATABASE_CONNECTIONS", "1"),
        ("VAYU_DATABASE_CONNECTIONS", "all"),
        ("VAYU_RETAIN_RAW", "0"),
        ("VAYU_RETAIN_RAW", "3 weeks"),
        ("VAYU_RETAIN_RAW", "36501 days"),
        ("VAYU_CHUNK_INTERVAL", "a day"),
        ("VAYU_COMPRESS_AFTER", "7daysd"),
        ("VAYU_HOME", "~nobody-has-this-name/x"),
        ("VAYU_DASHBOARD", "~nobody-has-this-name/x"),
        ("REDIS_URL", "localhost:6379"),
        ("VAYU_API_READS", "closed"),
        ("VAYU_RATE_ANONYMOUS", "60"),
        ("VAYU_RATE_ANONYMOUS", "0/minute"),
        ("VAYU_RATE_TOKEN", "-1/minute"),
        ("VAYU_RATE_WRITES", "5/fortnight"),
        ("VAYU_TRUSTED_PROXIES", "11"),
        ("VAYU_TRUSTED_PROXIES", "all"),
        ("VAYU_CORS_ORIGINS", "example.org"),
        ("VAYU_LIVE_URL", "https://example.org/ws"),
        ("VAYU_LIVE_URL", "wss://user:secret@example.org/ws"),
        ("VAYU_LIVE_URL", "wss://example.org:99999/ws"),
        ("VAYU_LIVE_URL", "wss://example.org; script-src *"),
        ("VAYU_CORS_ORIGINS", "https://example.org/page"),
        ("VAYU_CORS_ORIGINS", "*, https://example.org"),
        ("VAYU_CACHE_MB", "a lot"),
        *(
            (name, value)
            for name in BASE_URLS
            for value in ("api.example.org", "ftp://x/y", "http://x/?key=1")
        ),
    ],
)
def test_a_wrong_value_names_its_setting(name: str, value: str) -> None:
    with pytest.raises(ConfigError, match=name) as caught:
        base_urls(from_mapping({name: value}))
    assert len(str(caught.value)) < 200


@pytest.mark.parametrize("form", ["{}", "{}d", "{} days", "{}day", "{} DAYS", " {} d "])
@given(days=st.integers(1, 36500))
def test_days_in_every_form(form: str, days: int) -> None:
    assert from_mapping({"VAYU_RETAIN_RAW": form.format(days)}).retain_raw_days == days


@given(st.text(max_size=12))
def test_any_text_is_a_number_of_days_or_refused(text: str) -> None:
    try:
        days = from_mapping({"VAYU_RETAIN_RAW": text}).retain_raw_days
    except ConfigError:
        return
    assert 1 <= days <= 36500
