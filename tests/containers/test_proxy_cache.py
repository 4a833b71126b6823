"""What the real nginx, with the repository's nginx.conf, gives a second caller of what it stored for the first."""

from __future__ import annotations

import http.client
import os
import time
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from itertools import count
from typing import TYPE_CHECKING, NamedTuple

import pytest
from api_rows import hour, put_hours, token_for
from processes import temporary_folder, until

from benchmarks.update import serving
from common.domain.observation import HOUR, last_full_hour

if TYPE_CHECKING:
    from collections.abc import Iterator

    from benchmarks.update import Site
    from common.store.engine import Database

HISTORY = "/api/v1/aqi/history/Delhi"
OWN = ("X-Request-Id", "RateLimit-Limit", "RateLimit-Remaining", "RateLimit-Reset")
"""Headers that are one caller's."""


class Answer(NamedTuple):
    status: int
    headers: http.client.HTTPMessage
    body: bytes

    @property
    def own(self) -> set[str]:
        return {name for name in OWN if name in self.headers}


class Callers:
    """Clients of a site, each at an address of its own."""

    def __init__(self, site: Site) -> None:
        self._port = site.ports["proxy"]
        self.log = site.folder / "access.log"
        self._numbers = count(2)

    def get(self, path: str, **headers: str) -> Answer:
        """What the next caller gets."""
        source = (f"127.90.0.{next(self._numbers)}", 0)
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        with closing(
            http.client.HTTPConnection("127.0.0.1", self._port, timeout=30, source_address=source)
        ) as connection:
            connection.request("GET", path, headers=named)
            answer = connection.getresponse()
            return Answer(answer.status, answer.headers, answer.read())

    def is_stored(self, path: str, **headers: str) -> bool:
        """Whether a caller gets what was stored: that has nobody's request id."""
        return not self.get(path, **headers).own


@contextmanager
def site(database: Database, **settings: str) -> Iterator[Callers]:
    nginx = os.environ.get("VAYU_TEST_NGINX")
    if not nginx:
        pytest.skip("nginx (VAYU_TEST_NGINX is not set; see scripts/nginx)")
    now = datetime.now(UTC)
    put_hours(database, *(hour("Delhi", last_full_hour(now) - ago * HOUR) for ago in range(30)), at=now)
    with (
        temporary_folder("vayu-proxy-") as folder,
        serving(database.url, folder, nginx, VAYU_RATE_ANONYMOUS="100000/hour", **settings) as (running, _),
    ):
        yield Callers(running)


@pytest.mark.slow
def test_a_second_caller_gets_the_answer_and_nothing_of_the_first(database: Database) -> None:
    token = token_for(database, datetime.now(UTC), "read")
    with site(database) as callers:
        for path in ("confirm/a-secret", "unsubscribe/a-secret?x=a-secret"):
            callers.get(f"/api/v1/alerts/{path}")
        until(lambda: "/alerts/unsubscribe/..." in callers.log.read_text(), 20, "both are logged")
        assert "a-secret" not in callers.log.read_text()

        # To a token, nothing of the store: neither is it stored.
        for headers in ({"X_API_Key": token}, {"Authorization": f"Bearer {token}"}):
            holder = callers.get(HISTORY, **headers)
            assert holder.own == set(OWN)
            assert holder.headers["RateLimit-Limit"] == "1200"
            assert holder.headers["Cache-Control"].startswith("private, ")

        first = callers.get(HISTORY, X_Request_Id="of-the-first")
        assert first.headers["X-Request-Id"] == "of-the-first"
        assert first.headers["RateLimit-Limit"] == "100000"
        assert "s-maxage" in first.headers["Cache-Control"]
        until(lambda: time.time() >= parsedate_to_datetime(first.headers["Date"]).timestamp() + 2, 10)
        second = callers.get(HISTORY, X_Request_Id="of-the-second")
        assert (second.status, second.own, second.body) == (200, set(), first.body)
        assert second.headers["Date"] == first.headers["Date"], "or nobody knows how old it is"
        assert second.headers["ETag"] == first.headers["ETag"]
        known = callers.get(HISTORY, If_None_Match=first.headers["ETag"])
        assert (known.status, known.body) == (304, b"")

        # Another form of it is another answer.
        table = callers.get(HISTORY, Accept="text/csv")
        assert table.headers["Content-Type"].startswith("text/csv")
        assert callers.get(HISTORY).headers["Content-Type"] == "application/json"

        # Errors and what says how things are now are everybody's own.
        for path in (
            "/api/v1/aqi/current/Atlantis",
            f"{HISTORY}?hours=0",
            "/api/v1/health",
            "/api/v1/metrics",
        ):
            ids = {callers.get(path).headers["X-Request-Id"] for _ in range(2)}
            assert len(ids - {None}) == 2, path


@pytest.mark.slow
def test_what_needs_a_token_is_given_to_nobody_else(database: Database) -> None:
    token = token_for(database, datetime.now(UTC), "read")
    with site(database, VAYU_API_READS="token") as callers:
        for path in (HISTORY, "/api/v1/cities/", "/api/v1/aqi/current/Delhi"):
            for headers in ({"X_API_Key": token}, {"Authorization": f"Bearer {token}"}):
                assert callers.get(path, **headers).status == 200
            for _ in range(2):
                stranger = callers.get(path)
                assert stranger.status == 401
                assert b"token" in stranger.body
            assert not callers.is_stored(path, X_API_Key=token)
