"""Settings: frozen, built once from a mapping. The only reader of the environment is `from_environment`."""

from __future__ import annotations

import os
import re
from base64 import b64decode
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from common.domain.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from common.ports import Secrets

_OF_SOURCES = re.compile(
    r"(?!VAYU_|DATABASE_URL|REDIS_URL|MODEL_STORE_URL|QUEUE_URL|TOPIC_URL)[A-Z][A-Z0-9_]*_(KEY|TOKEN|URL)"
)
"""Names that a source may declare for its key or its addresses; which do, `common.sources` knows."""

DASHBOARD = Path(__file__).parents[1] / "dashboard" / "dist"
"""Where ``make dashboard`` builds it."""

NOTICES = ("promotions", "failures", "switches")
"""What people can be told: every promotion; what fails; only promotions of another family."""

RATES = {
    "anonymous": ("VAYU_RATE_ANONYMOUS", "120/minute"),
    "token": ("VAYU_RATE_TOKEN", "1200/minute"),
    "writes": ("VAYU_RATE_WRITES", "30/minute"),
}
"""Who asks the API → the setting of how often he may, and its default."""


@dataclass(frozen=True, slots=True)
class Settings:
    """Everything the environment decides."""

    database_url: str | None = field(repr=False)
    """``postgresql://user:password@host:port/name``; unset: the embedded server in `home`."""
    database_read_url: str | None = field(repr=False)
    """A copy of the database that the API reads from; None: there is none"""
    database_connections: int | None
    """Most connections of one process; None: as many as the function needs."""
    redis_url: str | None = field(repr=False)
    model_store_url: str
    queue_url: str
    topic_url: str | None
    """Where messages for several functions go; None: to the queue"""
    live_table: str | None
    """On AWS, where live connections are stored: ``dynamodb://region/table``"""
    live_post_url: str | None
    """On AWS, where API Gateway takes messages for them"""
    home: Path
    sources: tuple[str, ...] | None
    """Names from VAYU_SOURCES; None: every source that needs no key or has one."""
    port: int
    source_settings: Mapping[str, str] = field(repr=False)
    """Name → text, as given, of what sources may have declared: `common.sources.keys`, `common.sources.base_urls`."""
    chunk_interval_days: int
    compress_after_days: int
    retain_raw_days: int
    slack_webhook: str | None = field(repr=False)
    smtp_url: str | None = field(repr=False)
    """``smtp://user:password@host:587`` or ``smtps://…:465``"""
    mail_from: str
    mail_to: tuple[str, ...]
    notify: tuple[str, ...]
    """What is told, of `NOTICES`."""
    sms_url: str | None = field(repr=False)
    """``sns://region``, ``twilio://sid:token@api.twilio.com/+from`` or ``file:///path``"""
    sms_countries: tuple[str, ...]
    """Calling codes of numbers that may be stated, such as ``91``; none: all"""
    sms_dlt: Mapping[str, str]
    """``entity`` and the names of texts → the numbers under which they are registered in India"""
    public_url: str
    """Where people reach the page and the API, without a last ``/``: for links in mails and feeds"""
    public_alerts: bool
    """Whether every city has public alerts"""
    cap_actual: bool
    """Whether the operator stands for the public alerts; else they are published as tests"""
    cap_sender: str
    """What the operator is known by in public alerts"""
    alerts_key: bytes | None = field(repr=False)
    """32 bytes that seal the addresses and secrets of alerts; None: there are no alerts"""
    alerts_allow_origins: tuple[str, ...]
    """Origins such as ``https://receiver.example:9443`` that alerts may be sent to though they are not public"""
    api_reads: str
    """``open``, or ``token``: reading needs one too"""
    rates: Mapping[str, tuple[int, int]]
    """Of `RATES`, who is limited: so many requests in so many seconds"""
    trusted_proxies: int
    proxy_token: str | None = field(repr=False)
    """What those proxies send as X-Vayu-Proxy; None: they need not"""
    cors_origins: tuple[str, ...]
    cache_mb: int
    live_url: str | None
    """Where clients connect by WebSocket, as `GET /live` says; None: there is none"""
    dashboard: Path | None
    """Folder of the built dashboard, which need not be there; None: the API serves alone"""
    live_port: int | None
    """Where `vayu live` listens; None: as its command decides"""
    live_connections: int
    live_per_address: int
    live_ping_s: int
    listen_url: str | None = field(repr=False)
    """The database by a way that lets notifications through; None: `database_url` may be; ``none``: there is none"""
    archive_url: str | None
    """Where the archive of open data is written every day; None: nowhere"""


def from_environment(read_secrets: Secrets) -> Settings:
    """Settings of this process; what VAYU_SECRETS leads to counts where the environment itself says nothing.

    Raises:
        ConfigError: when a value cannot be understood, or the secrets cannot be read.
    """
    where = os.environ.get("VAYU_SECRETS", "").strip()
    given = {name: value for name, value in os.environ.items() if value.strip()}
    return from_mapping({**(read_secrets(where) if where else {}), **given})


def from_mapping(env: Mapping[str, str]) -> Settings:
    """Settings from names and texts; an empty text counts as unset.

    Raises:
        ConfigError: when a value cannot be understood; the message names the setting.
    """
    given = {name: value.strip() for name, value in env.items() if value.strip()}
    home = _folder("VAYU_HOME", given.get("VAYU_HOME", ".vayu"))
    dashboard = given.get("VAYU_DASHBOARD", str(DASHBOARD))
    sources = tuple(name.strip() for name in given.get("VAYU_SOURCES", "").split(",") if name.strip())
    database_url = _database_url(given.get("DATABASE_URL"))
    return Settings(
        database_url=database_url,
        database_read_url=_read_url(given.get("DATABASE_READ_URL"), database_url),
        database_connections=_optional(given, "VAYU_DATABASE_CONNECTIONS", low=2, high=100),
        redis_url=_redis_url(given.get("REDIS_URL")),
        model_store_url=given.get("MODEL_STORE_URL", (home / "models").as_uri()),
        queue_url=given.get("QUEUE_URL", "postgres:"),
        topic_url=given.get("TOPIC_URL"),
        live_table=given.get("VAYU_LIVE_TABLE"),
        live_post_url=given.get("VAYU_LIVE_POST_URL"),
        home=home,
        sources=sources or None,
        port=_integer(given, "PORT", 8080, low=1, high=65535),
        source_settings={name: text for name, text in given.items() if _OF_SOURCES.fullmatch(name)},
        chunk_interval_days=_days(given, "VAYU_CHUNK_INTERVAL", 7),
        compress_after_days=_days(given, "VAYU_COMPRESS_AFTER", 7),
        retain_raw_days=_days(given, "VAYU_RETAIN_RAW", 90),
        slack_webhook=_webhook(given.get("VAYU_SLACK_WEBHOOK")),
        smtp_url=_smtp_url(given.get("VAYU_SMTP_URL")),
        mail_from=_mail_addresses("VAYU_MAIL_FROM", given.get("VAYU_MAIL_FROM", "vayu@localhost"))[0],
        mail_to=_mail_addresses("VAYU_MAIL_TO", given.get("VAYU_MAIL_TO", "")),
        notify=_notices(given.get("VAYU_NOTIFY", ",".join(NOTICES[:2]))),
        sms_url=_sms_url(given.get("VAYU_SMS_URL")),
        sms_countries=_calling_codes(given.get("VAYU_SMS_COUNTRIES", "91")),
        sms_dlt=_dlt(given.get("VAYU_SMS_DLT", "")),
        public_url=_public_url(given),
        public_alerts=_one_of(given, "VAYU_PUBLIC_ALERTS", ("on", "off")) == "on",
        cap_actual=_one_of(given, "VAYU_CAP_STATUS", ("Test", "Actual")) == "Actual",
        cap_sender=_cap_sender(given),
        alerts_key=_alerts_key(given.get("VAYU_ALERTS_KEY")),
        alerts_allow_origins=_allowed_origins(given.get("VAYU_ALERTS_ALLOW_ORIGINS", "")),
        api_reads=_one_of(given, "VAYU_API_READS", ("open", "token")),
        rates={
            who: rate
            for who, (name, usual) in RATES.items()
            if (rate := _rate(name, given.get(name, usual))) is not None
        },
        trusted_proxies=_integer(given, "VAYU_TRUSTED_PROXIES", 0, low=0, high=10),
        proxy_token=given.get("VAYU_PROXY_TOKEN"),
        cors_origins=_origins(given.get("VAYU_CORS_ORIGINS", "*")),
        cache_mb=_integer(given, "VAYU_CACHE_MB", 32, low=0, high=4096),
        live_url=_live_url(given.get("VAYU_LIVE_URL")),
        dashboard=None if dashboard == "none" else _folder("VAYU_DASHBOARD", dashboard),
        live_port=_optional(given, "VAYU_LIVE_PORT", low=1, high=65535),
        live_connections=_integer(given, "VAYU_LIVE_CONNECTIONS", 2000, low=1, high=100_000),
        live_per_address=_integer(given, "VAYU_LIVE_PER_ADDRESS", 100, low=1, high=100_000),
        live_ping_s=_integer(given, "VAYU_LIVE_PING", 25, low=1, high=300),
        listen_url=_listen_url(given.get("DATABASE_LISTEN_URL")),
        archive_url=_archive_url(given.get("VAYU_ARCHIVE_URL")),
    )


def _archive_url(url: str | None) -> str | None:
    if url is not None and not re.fullmatch(r"(file:///|s3://|gs://)[^?#]+", url):
        raise ConfigError(
            "VAYU_ARCHIVE_URL must look like s3://bucket/archive, gs://bucket/archive or file:///folder, "
            f"not {url[:40]!r}"
        )
    return url


def _public_url(given: Mapping[str, str]) -> str:
    url = given.get("VAYU_PUBLIC_URL", f"http://127.0.0.1:{given.get('PORT', '8080')}").rstrip("/")
    if not re.fullmatch(r"https?://[^/?#@\s]+(/[^?#\s]*)?", url):
        raise ConfigError(f"VAYU_PUBLIC_URL must look like https://air.example.org, not {url[:40]!r}")
    return url


def _cap_sender(given: Mapping[str, str]) -> str:
    sender = given.get("VAYU_CAP_SENDER", given.get("VAYU_MAIL_FROM", "vayu@localhost"))
    # CAP 1.2 separates references by blanks and commas; the rest would have to be escaped.
    if not re.fullmatch(r"[^\s,<>&]{1,200}", sender) or not sender.isprintable():
        raise ConfigError(
            "VAYU_CAP_SENDER must be what the operator is known by, such as alerts@example.org, without blanks, "
            f"commas, <, > and &; not {sender[:40]!r}"
        )
    return sender


def _alerts_key(text: str | None) -> bytes | None:
    if text is None:
        return None
    try:
        key = b64decode(text, validate=True)
    except ValueError:
        key = b""
    # It is a secret: the text is not repeated.
    if len(key) != 32:
        raise ConfigError(
            "VAYU_ALERTS_KEY must be 32 random bytes in base64, as openssl rand -base64 32 makes them"
        )
    return key


def _folder(name: str, path: str) -> Path:
    try:
        return Path(path).expanduser().absolute()
    except RuntimeError as error:
        raise ConfigError(f"{name} names a home folder that there is not: {path!r}") from error


_DATABASE_URL = re.compile(
    r"(postgresql|postgres|postgresql\+pg8000)://"
    r"(?P<rest>(?P<user>[^@\s]*@)?(?P<host>\[[0-9A-Fa-f:.]+\]|[^@:/?#\[\]]*)(?::(?P<port>\d{1,5}))?/[^/?#]+(\?[^#]*)?)"
)


def _database_url(url: str | None) -> str | None:
    if url is None:
        return None
    match = _DATABASE_URL.fullmatch(url)
    # The text may hold a password: it is not repeated.
    if match is None or int(match["port"] or 1) > 65535 or not _can_be_host(match["host"]):
        raise ConfigError("DATABASE_URL must look like postgresql://user:password@host:5432/name")
    return "postgresql+pg8000://" + match["rest"]


def _listen_url(url: str | None) -> str | None:
    if url == "none":
        return url
    try:
        return _database_url(url)
    except ConfigError:
        raise ConfigError(
            "DATABASE_LISTEN_URL must look like postgresql://user:password@host:5432/name, or be none"
        ) from None


def _read_url(url: str | None, database_url: str | None) -> str | None:
    """The replica's address; who has no user in it goes by those of the database, which a replica has too."""
    try:
        url = _database_url(url)
    except ConfigError:
        raise ConfigError(
            "DATABASE_READ_URL must look like postgresql://user:password@host:5432/name, or "
            "postgresql://host:5432/name with the user and password of DATABASE_URL"
        ) from None
    if url is None or database_url is None:
        return url
    own, database = _DATABASE_URL.fullmatch(url), _DATABASE_URL.fullmatch(database_url)
    if own is None or database is None or own["user"] is not None:
        return url
    return f"postgresql+pg8000://{database['user'] or ''}{own['rest']}"


def _can_be_host(name: str) -> bool:
    try:
        name.encode("idna")
    except UnicodeError:
        return False
    return True


def _redis_url(url: str | None) -> str | None:
    if url is not None and not re.match(r"(redis|rediss|unix)://.", url):
        raise ConfigError("REDIS_URL must look like redis://:password@host:6379/0")
    return url


def _webhook(url: str | None) -> str | None:
    # Whoever has the address can write there: it is not repeated.
    if url is not None and not re.fullmatch(r"https?://[^/?#\s]+(/\S*)?", url):
        raise ConfigError("VAYU_SLACK_WEBHOOK must look like https://hooks.slack.com/services/…")
    return url


_LIVE_URL = re.compile(r"wss?://([A-Za-z0-9.-]+|\[[0-9A-Fa-f:.]+\])(:(?P<port>[0-9]{1,5}))?(/[!-~]*)?")


def _live_url(url: str | None) -> str | None:
    match = url and _LIVE_URL.fullmatch(url)
    if url is not None and (not match or not 1 <= int(match["port"] or 443) <= 65535):
        raise ConfigError(
            "VAYU_LIVE_URL must look like wss://live.example.org/live/ws; everybody is told it, so it holds no password"
        )
    return url


def _smtp_url(url: str | None) -> str | None:
    match = url and re.fullmatch(r"smtps?://([^@/\s]*@)?[^@:/?#\s]+(:(?P<port>\d{1,5}))?/?", url)
    if url is not None and (not match or not 1 <= int(match["port"] or 587) <= 65535):
        raise ConfigError("VAYU_SMTP_URL must look like smtp://user:password@host:587 or smtps://…:465")
    return url


def _mail_addresses(name: str, text: str) -> tuple[str, ...]:
    addresses = tuple(address.strip() for address in text.split(",") if address.strip())
    if not all(re.fullmatch(r"[^\s@,<>]+@[^\s@,<>]+", address) for address in addresses):
        raise ConfigError(f"{name} must be e-mail addresses, separated by commas")
    return addresses


def _notices(text: str) -> tuple[str, ...]:
    topics = tuple(topic.strip() for topic in text.split(",") if topic.strip())
    if not set(topics) <= {*NOTICES, "nothing"}:
        raise ConfigError(f"VAYU_NOTIFY must be some of {', '.join(NOTICES)}, or nothing, not {text[:40]!r}")
    return tuple(topic for topic in topics if topic != "nothing")


def _one_of(given: Mapping[str, str], name: str, values: tuple[str, ...]) -> str:
    """One of the values; the first where nothing is given."""
    text = given.get(name, values[0])
    if text not in values:
        raise ConfigError(f"{name} must be {' or '.join(values)}, not {text[:40]!r}")
    return text


_PERIODS = {"second": 1, "minute": 60, "hour": 3600, "day": 86400}


def _rate(name: str, text: str) -> tuple[int, int] | None:
    """So many in so many seconds, such as ``120/minute``; None for ``unlimited``."""
    if text == "unlimited":
        return None
    match = re.fullmatch(r"([1-9][0-9]{0,8})\s*(?:/|per)\s*(second|minute|hour|day)", text)
    if match is None:
        raise ConfigError(f"{name} must be a rate such as 120/minute, or unlimited, not {text[:40]!r}")
    return int(match[1]), _PERIODS[match[2]]


def _origins(text: str) -> tuple[str, ...]:
    origins = tuple(origin.strip().rstrip("/") for origin in text.split(",") if origin.strip())
    if origins in (("*",), ("none",)):
        return () if origins == ("none",) else origins
    if not all(re.fullmatch(r"https?://[A-Za-z0-9.-]+(:[0-9]{1,5})?", origin) for origin in origins):
        raise ConfigError(
            "VAYU_CORS_ORIGINS must be *, none, or addresses such as https://example.org, separated by commas"
        )
    return origins


_SMS_URL = re.compile(
    r"sns://[a-z]{2}(-[a-z]+)+-[0-9](\?sender=[A-Za-z0-9-]{1,11})?"
    r"|twilio://[^@/:\s]+:[^@/\s]+@[A-Za-z0-9.-]+(:[0-9]{1,5})?/(\+[0-9]{5,15}|MG[0-9a-f]{32}|[A-Za-z0-9 %]{1,30})"
    r"|file:///\S+"
)


def _sms_url(url: str | None) -> str | None:
    # It may hold a token: it is not repeated.
    if url is not None and not _SMS_URL.fullmatch(url):
        raise ConfigError(
            "VAYU_SMS_URL must look like sns://ap-south-1, twilio://sid:token@api.twilio.com/+15005550006 or file:///path"
        )
    return url


def _calling_codes(text: str) -> tuple[str, ...]:
    codes = tuple(code.strip().removeprefix("+") for code in text.split(",") if code.strip())
    if codes == ("all",):
        return ()
    if not codes or not all(re.fullmatch(r"[1-9][0-9]{0,6}", code) for code in codes):
        raise ConfigError("VAYU_SMS_COUNTRIES must be calling codes such as 91,977, or all")
    return codes


def _dlt(text: str) -> dict[str, str]:
    """``entity=1101…,measured-en=1107…`` → numbers by name."""
    pairs = dict(part.strip().partition("=")[::2] for part in text.split(",") if part.strip())
    if not all(
        re.fullmatch(r"entity|(?:over-)?(?:measured|forecast)-(?:en|hi)|test-(?:en|hi)", name)
        and re.fullmatch(r"[0-9]{10,20}", number)
        for name, number in pairs.items()
    ):
        raise ConfigError(
            "VAYU_SMS_DLT must be numbers by name such as entity=1101000000000000001,measured-en=1107000000000000001"
        )
    return pairs


def _allowed_origins(text: str) -> tuple[str, ...]:
    origins = tuple(origin.strip().rstrip("/") for origin in text.split(",") if origin.strip())
    if not all(
        re.fullmatch(r"https?://([A-Za-z0-9.-]+|\[[0-9A-Fa-f:.]+\])(:[0-9]{1,5})?", each) for each in origins
    ):
        raise ConfigError(
            "VAYU_ALERTS_ALLOW_ORIGINS must be addresses such as https://receiver.example:9443, separated by commas"
        )
    return origins


def _integer(given: Mapping[str, str], name: str, default: int, *, low: int, high: int) -> int:
    text = given.get(name, str(default))
    if not re.fullmatch(r"[0-9]{1,9}", text) or not low <= int(text) <= high:
        raise ConfigError(f"{name} must be a whole number from {low} to {high}, not {text[:40]!r}")
    return int(text)


def _optional(given: Mapping[str, str], name: str, *, low: int, high: int) -> int | None:
    return _integer(given, name, low, low=low, high=high) if name in given else None


def _days(given: Mapping[str, str], name: str, default: int) -> int:
    """A number of days: ``90``, ``90d`` or ``90 days``."""
    text = given.get(name, str(default))
    match = re.fullmatch(r"([0-9]{1,5})\s*(d|days?)?", text.lower())
    if match is None or not 1 <= int(match[1]) <= 36500:
        raise ConfigError(f"{name} must be a number of days such as '90 days', not {text[:40]!r}")
    return int(match[1])
