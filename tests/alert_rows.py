"""Owners and rules of alerts, hours that they look at, and a receiver of what they send."""

from __future__ import annotations

import json
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any
from uuid import UUID, uuid4

from webhook import served

from common.adapters.seal import Sealer
from common.alerts.rule import Condition, Rule
from common.bootstrap.container import assemble
from common.config import from_mapping
from common.store import alerts
from common.store.api_keys import create_key
from common.store.engine import Database, run
from common.store.forecasts import IssuedForecast

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from common.ports import Clock
    from common.services.resources import Resources
    from common.store.engine import Connection

KEY = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="
SEAL = Sealer(bytes(range(32)))
MEASURED = Condition("measured", "aqi", above=300, clear_below=280, dwell=2)
FORECAST = Condition("forecast", "aqi", above=300, clear_below=270, within_hours=24, probability=0.1, dwell=2)
SECRET = "whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="  # noqa: S105 - of tests alone


@dataclass(frozen=True)
class Post:
    """One message as it arrived."""

    id: str
    kind: str
    headers: Mapping[str, str]
    body: bytes


class Receiver:
    """A webhook that keeps what is posted to it, whatever `status` it answers with."""

    def __init__(self) -> None:
        self.status = 204
        self.headers: dict[str, str] = {}
        self.posts: list[Post] = []
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                kind = json.loads(body)["type"].removeprefix("alert.")
                receiver.posts.append(
                    Post(self.headers["webhook-id"], kind, dict(self.headers.items()), body)
                )
                self.send_response(receiver.status)
                for name, value in receiver.headers.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_: object) -> None:
                """Say nothing."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server.server_address[1]}/x"

    @property
    def kinds(self) -> list[str]:
        return [post.kind for post in self.posts]

    @property
    def ids(self) -> list[str]:
        return [post.id for post in self.posts]


@contextmanager
def receiving() -> Iterator[Receiver]:
    """A receiver while the block lasts."""
    receiver = Receiver()
    with served(receiver.server):
        yield receiver


def alert_resources(
    database: Database, clock: Clock, hook: Receiver | None = None, **settings: str
) -> Resources:
    """The function's resources, which may send to that receiver."""
    origin = "" if hook is None else hook.url.rpartition("/")[0]
    given = {
        "DATABASE_URL": database.url,
        "VAYU_ALERTS_KEY": KEY,
        "VAYU_ALERTS_ALLOW_ORIGINS": origin,
        "VAYU_PUBLIC_URL": "https://air.example.org",
        "VAYU_PUBLIC_ALERTS": "off",  # tests of a rule of theirs count what it does
        **settings,
    }
    return replace(assemble(from_mapping(given), clock=clock), database=database)


def put_owner(database: Database, now: datetime, name: str = "ngo") -> UUID:
    """The holder of a key."""
    with database.transaction() as connection:
        token, key = create_key(connection, name, ["alerts"], now=now)
        assert token
        return alerts.keep_key_owner(connection, key.prefix, uuid4(), now=now)


def put_rule(
    database: Database,
    owner: UUID,
    now: datetime,
    *,
    address: str = "https://example.org/hook",
    state: str = "active",
    id_: UUID | None = None,
    **parts: Any,
) -> Rule:
    """A rule as the API stores it."""
    fields: dict[str, Any] = {"city": "Delhi", "when": MEASURED, "channel": "webhook"}
    rule = Rule(id=id_ or uuid4(), owner=owner, **(fields | parts))
    more = {
        "state": state,
        "address": SEAL.seal(address.encode()),
        "address_digest": SEAL.digest("address", f"{rule.channel}:{address}".encode()),
        "secrets": SEAL.seal(f'["{SECRET}"]'.encode()) if rule.channel == "webhook" else None,
        "confirmed_at": now if rule.channel == "email" and state == "active" else None,
    }
    with database.transaction() as connection:
        alerts.insert_rule(connection, rule, more, now=now)
    return rule


def put_values(
    database: Database, end: datetime, values: Sequence[float | None], *, city: str = "Delhi"
) -> None:
    """Hours up to `end` with these indices, oldest first."""
    with database.transaction() as connection:
        for back, value in enumerate(reversed(values)):
            run(
                connection,
                "INSERT INTO city_hour (city, time, basis, aqi, pm25, computed_at) "
                "VALUES (:city, :time, 'measured', :aqi, :pm25, :time) "
                "ON CONFLICT (city, time) DO UPDATE SET aqi = excluded.aqi, pm25 = excluded.pm25",
                city=city,
                time=end - timedelta(hours=back),
                aqi=None if value is None else round(value),
                pm25=value,
            )


def deliveries(database: Database) -> list[tuple[str, str]]:
    """(kind, status) of every message, in order."""
    with database.transaction() as connection:
        rows = run(connection, "SELECT kind, status FROM alert_delivery ORDER BY number")
    return [(kind, status) for kind, status in rows]


def put_many(
    connection: Connection, owner: UUID, cities: Sequence[str], number: int, now: datetime, *, above: int
) -> None:
    """So many rules over these cities, every other one on forecasts with one of ten levels."""
    run(
        connection,
        """
        INSERT INTO alert_rule (id, owner, city, basis, target, above, clear_below, within_hours, probability, dwell,
          channel, address, address_digest, language, state, created_at)
        SELECT gen_random_uuid(), :owner, (CAST(:cities AS text[]))[1 + mod(n, :many)],
          CASE mod(n, 2) WHEN 0 THEN 'measured' ELSE 'forecast' END, 'aqi',
          :above - mod(n, 10) * CAST(:above < 400 AS integer), 100,
          CASE mod(n, 2) WHEN 1 THEN 1 + mod(n, 48) END, CASE mod(n, 2) WHEN 1 THEN 0.1 END, 2,
          'webhook', '', '', 'en', 'active', :now
        FROM generate_series(1, :number) AS n
        """,
        owner=owner, cities=list(cities), many=len(cities), number=number, now=now, above=above,
    )  # fmt: skip
    run(
        connection,
        "INSERT INTO alert_state (rule, phase, since, streak, held) SELECT id, 'clear', :now, 0, false FROM alert_rule",
        now=now,
    )


def issued(city: str, origin: datetime, **given: Any) -> IssuedForecast:
    """A forecast of an index around 180, or of as much PM2.5; P(AQI > 300) is 0.15."""
    target = given.get("target", "aqi")
    parts = {"y": 180.4, "lo80": 150.2, "hi80": 240.5, "lo95": 100.0, "hi95": 320.0}
    naive = dict.fromkeys(("persistence", "daily", "mean24", "weekly"), [100.0] * 48)
    shares = [[0.01, 0.09, 0.5, 0.25, 0.1, 0.05]] * 48 if target == "aqi" else []
    fields: dict[str, Any] = {
        "city": city, "target": target, "mode": "live", "issued_at": origin + timedelta(minutes=12),
        "origin": origin, "known_until": origin, "model_version": None, "family": "xgboost", "inputs_hash": "abc",
        "basis": "measured", "source": "cpcb", "categories": shares,
        **{name: [value] * 48 for name, value in parts.items()}, **naive,
    }  # fmt: skip
    return IssuedForecast(**(fields | given))
