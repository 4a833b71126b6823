"""The API with access, limits and cache as an operator may set them, and a clock that tests move."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from api_rows import IdleQueue, url

from common.api import ApiContext, create_app
from common.api.context import Policy
from common.store.api_keys import create_key
from common.store.engine import Database

ON = {"cache_bytes": 1 << 20}
CURRENT = url("/aqi/current/Delhi")
HISTORY = url("/aqi/history/Delhi")
CITIES = url("/cities/")


@dataclass
class Time:
    """The clock on the wall and the one that never goes back, together."""

    now: datetime
    ticks: float = 0.0

    def __call__(self) -> datetime:
        return self.now

    def tick(self) -> float:
        return self.ticks

    def pass_by(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)
        self.ticks += seconds


@dataclass
class Process:
    """One process of the API."""

    database: Database
    time: Time
    policy: Policy = field(default_factory=Policy)

    def __post_init__(self) -> None:
        self.context = ApiContext(
            database=self.database,
            clock=self.time,
            queue=IdleQueue(),
            policy=self.policy,
            tick=self.time.tick,
        )
        self.app = create_app(self.context)
        self.client = self.app.test_client()

    def close(self) -> None:
        self.context.probe.close()
        if self.context.shared is not None:
            self.context.shared.close()


Make = Callable[..., Process]


class Counted:
    """A process whose application behind the layer counts how often it is called."""

    def __init__(self, process: Process) -> None:
        self.calls: list[str] = []
        self.app = process.app
        edge: Any = self.app.wsgi_app
        inner = edge._inner

        def counted(environ: dict[str, Any], start: Any) -> Any:
            self.calls.append(environ["PATH_INFO"] + "?" + environ["QUERY_STRING"])
            return inner(environ, start)

        edge._inner = counted
        self.client = self.app.test_client()


def token(database: Database, *scopes: str, now: datetime, name: str = "one", **given: Any) -> str:
    with database.transaction() as connection:
        return create_key(connection, name, scopes, now=now, **given)[0]
