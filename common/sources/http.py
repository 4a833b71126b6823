"""The one HTTP client of all sources: one retry policy, one table from failures to errors, no secrets told.

======================================= ==================================================
what happened                           what is raised, with its reason
======================================= ==================================================
no connection                           `Transient` ``refused``, ``dns``, ``tls``
no answer in time                       `Transient` ``timeout``
not over when the run must be           `OutOfTime` ``timeout``
the connection broke, the body is short `Transient` ``broken``
5xx                                     `Transient` ``server_error``
2xx whose body is not JSON, or ``null`` `Transient` ``not_json``, ``empty``
2xx with a web page                     `Transient` ``html``: not asked for again in this run
429, or the quota would be overdrawn    `QuotaExhausted` ``quota``, with `retry_after`
401, 403                                `Permanent` ``key``
3xx and the rest of 4xx                 `Permanent` ``refused``
a body beyond `MAX_BYTES`               `Permanent` ``too_large``
an address or key that cannot be sent   `Permanent` ``request``
======================================= ==================================================
"""

from __future__ import annotations

import codecs
import email.utils
import json
import logging
import math
import re
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from copy import copy
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol, Self, TypeVar
from urllib.parse import quote, quote_plus

import httpx
import msgspec
import tenacity

from common import __version__
from common.domain.errors import OutOfTime, Permanent, QuotaExhausted, SourceError, Transient

if TYPE_CHECKING:
    from types import TracebackType

WEB_PAGE = "html"
_SHOWN = 160
MAX_BYTES = 32 * 1024 * 1024
_LOOPBACK = ("all://127.0.0.1", "all://localhost", "all://[::1]")

_MARKS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),  # begins with the mark of UTF-16
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
"""(byte order mark, encoding)"""

_T = TypeVar("_T")
Explain = Callable[[int, str], SourceError | None]
"""(status, body) of an answer that is not 2xx, or not JSON → the error it means; None: the table holds."""


@dataclass(frozen=True, slots=True)
class Quota:
    """Most calls that a provider allows, by its own weight; None: no such limit is known."""

    minute: float | None = None
    hour: float | None = None
    day: float | None = None
    month: float | None = None


class Metered(Protocol):
    """What calls are counted for: a source."""

    @property
    def name(self) -> str: ...

    @property
    def quota(self) -> Quota: ...


class Meter(Protocol):
    """Counts calls, so that quotas hold over all processes."""

    def take(self, source: Metered, calls: float) -> float:
        """Count a call of that weight: 0; or the seconds after which there is room for it.

        Raises:
            QuotaExhausted: when there is none for long.
        """
        ...


@dataclass(frozen=True, slots=True)
class Timing:
    """How long a call may take, in seconds, and how often it is tried."""

    attempts: int = 3
    """Most attempts of a call, the later ones only after a `Transient`."""
    connect_s: float = 5.0
    read_s: float = 15.0
    budget_s: float = 45.0
    """A call takes not much more than this, with all its attempts."""
    wait_s: float = 0.5
    """The first wait between two attempts; the others grow, with jitter."""
    minute_s: float = 61.0
    """What `per_minute` counts by: a second over, because neither this clock nor the provider's is exact."""


class Http:
    """A client to fetch with; close it, or use it as a context.

    Calls of one server are spread evenly over the minute, those of all threads together. With a `meter`, each attempt
    for a source is counted before it is made. It waits, or fails, where the source's quota leaves no room. `clock`
    gives the seconds by which all of this is reckoned, and `sleep` is how it waits.
    """

    def __init__(
        self,
        timing: Timing = Timing(),
        *,
        meter: Meter | None = None,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        for name in ("httpx", "httpcore"):  # they log whole addresses, and keys travel in these
            logging.getLogger(name).setLevel(logging.WARNING)
        self._budget_s = timing.budget_s
        self._connect_s = timing.connect_s
        self._read_s = timing.read_s
        self._minute_s = timing.minute_s
        self._run_ends = math.inf
        self._meter = meter
        self.clock = clock
        self._sleep = sleep
        self._source: Metered | None = None
        self._turns: dict[bytes, float] = {}
        self._taking_turns = threading.Lock()
        self._attempts = timing.attempts
        self._wait = tenacity.wait_exponential(timing.wait_s, max=8 * timing.wait_s) + tenacity.wait_random(
            0, timing.wait_s
        )
        self._client = httpx.Client(
            headers={"User-Agent": f"vayu/{__version__}"},
            timeout=httpx.Timeout(timing.read_s, connect=timing.connect_s),
            mounts=dict.fromkeys(_LOOPBACK),  # a stand-in on this machine is never asked through a proxy
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close all connections."""
        self._client.close()

    def until(self, end: float) -> Self:
        """This client, connections and turns shared, for a run that ends at `end` by its `clock`."""
        bound = copy(self)
        bound._run_ends = end
        return bound

    def asking(self, source: Metered) -> Self:
        """This client, connections and turns shared, for calls that count against the quota of `source`."""
        bound = copy(self)
        bound._source = source
        return bound

    def get_json(
        self,
        url: str,
        params: Mapping[str, str] | None = None,
        *,
        headers: Mapping[str, str] | None = None,
        explain: Explain | None = None,
        per_minute: int | None = None,
        weight: float = 1.0,
    ) -> Any:
        """The decoded JSON of a GET; at most `per_minute` are sent to that server, repeated attempts included.

        `weight`: as how many calls the provider counts it.

        Raises:
            SourceError: as the table of this module says, unless `explain` knows better.
        """
        deadline = self.clock() + self._budget_s
        return self._retrying(deadline)(
            lambda: _json(
                url, self._get(url, params, headers, explain, deadline, per_minute, weight), explain
            )
        )

    def get(
        self,
        url: str,
        read: Callable[[str], _T],
        params: Mapping[str, str] | None = None,
        *,
        headers: Mapping[str, str] | None = None,
        explain: Explain | None = None,
    ) -> _T:
        """What `read` makes of the text of a GET; where it raises `Transient`, the text is asked for again.

        Raises:
            SourceError: as the table of this module says, unless `explain` knows better; what `read` raises.
        """
        deadline = self.clock() + self._budget_s
        return self._retrying(deadline)(lambda: read(self._get(url, params, headers, explain, deadline)))

    def _retrying(self, deadline: float) -> tenacity.Retrying:
        return tenacity.Retrying(
            retry=tenacity.retry_if_exception(_may_pass),
            stop=lambda state: state.attempt_number >= self._attempts or self.clock() >= deadline,
            wait=self._wait,
            sleep=self._sleep,
            reraise=True,
        )

    def _get(
        self,
        url: str,
        params: Mapping[str, str] | None,
        headers: Mapping[str, str] | None,
        explain: Explain | None,
        deadline: float,
        per_minute: int | None = None,
        weight: float = 1.0,
    ) -> str:
        with self._within_run(), _translated(url):
            target = httpx.URL(url).copy_merge_params(dict(params or {}))
            if per_minute is not None:
                self._wait_for_turn(target.netloc, self._minute_s / per_minute)
            deadline += self._wait_for_room(weight)
            with self._client.stream(
                "GET", target, headers=dict(headers or {}), timeout=self._timeout()
            ) as answer:
                body = _body(answer, min(deadline, self._run_ends), self.clock)
        if answer.is_success:
            return body
        explained = explain(answer.status_code, body) if explain else None
        secrets = (*(params or {}).values(), *(headers or {}).values())
        raise explained or _error(answer, body, secrets)

    @contextmanager
    def _within_run(self) -> Iterator[None]:
        """What comes too late for the run is out of time, and not asked for again."""
        try:
            if self.clock() >= self._run_ends:
                raise OutOfTime("out of time: the provider was not asked")
            yield
        except Transient as error:
            if isinstance(error, OutOfTime) or self.clock() < self._run_ends:
                raise
            raise OutOfTime(f"out of time: {error}") from error

    def _timeout(self) -> httpx.Timeout:
        left = max(0.001, self._run_ends - self.clock())
        return httpx.Timeout(min(self._read_s, left), connect=min(self._connect_s, left))

    def _wait_for_turn(self, server: bytes, apart_s: float) -> None:
        with self._taking_turns:
            now = self.clock()
            turn = max(now, self._turns.get(server, now))
            if turn >= self._run_ends:
                raise OutOfTime("out of time: the provider's own limit does not let it be asked sooner")
            self._turns[server] = turn + apart_s
        self._sleep(turn - now)

    def _wait_for_room(self, weight: float) -> float:
        """Count the call where the source's quota has room for it; the seconds that this took to come."""
        waited = 0.0
        if self._meter is None or self._source is None:
            return waited
        while wait_s := self._meter.take(self._source, weight):
            if self.clock() + wait_s >= self._run_ends:
                raise OutOfTime("out of time: the provider's quota does not let it be asked sooner")
            self._sleep(wait_s)
            waited += wait_s
        return waited


def _may_pass(error: BaseException) -> bool:
    """Whether asking again within seconds may do; a page for people (maintenance, a wall) stays for longer."""
    return isinstance(error, Transient) and not isinstance(error, OutOfTime) and error.reason != WEB_PAGE


def _host(url: str) -> str:
    """The only part of an address that may be told: no user, path or query."""
    return httpx.URL(url).host


def _json(url: str, body: str, explain: Explain | None) -> Any:
    try:
        try:
            payload = msgspec.json.decode(body)
        except msgspec.DecodeError:  # it is strict, and some write NaN
            payload = json.loads(body)
    except (ValueError, RecursionError) as error:
        explained = explain(200, body) if explain else None
        raise explained or _not_json(_host(url), body) from error
    if payload is None:
        raise Transient(f"{_host(url)} answered with null", reason="empty")
    return payload


def _not_json(host: str, body: str) -> Transient:
    start = body.lstrip()[:1]
    if start == "<":
        return Transient(f"{host} answered with a web page", reason=WEB_PAGE)
    if not start:
        return Transient(f"{host} answered with nothing", reason="empty")
    return Transient(f"{host} answered with something that is not JSON", reason="not_json")


def _body(answer: httpx.Response, deadline: float, clock: Callable[[], float]) -> str:
    """The whole body, unless it is endless or drips too slowly to be finished before `deadline`."""
    parts: list[bytes] = []
    size = 0
    for part in answer.iter_bytes():
        parts.append(part)
        size += len(part)
        if size > MAX_BYTES:
            raise Permanent(f"{answer.url.host} sent more than {MAX_BYTES} bytes", reason="too_large")
        if clock() > deadline:
            raise Transient(f"{answer.url.host} answers too slowly", reason="timeout")
    return _text(b"".join(parts), answer.charset_encoding)


def _text(body: bytes, charset: str | None) -> str:
    """The text of a body. Its byte order mark counts more than the charset of the headers; without either: UTF-8.

    What cannot be read is replaced, and a charset that nobody knows is not believed.
    """
    for mark, encoding in _MARKS:
        if body.startswith(mark):
            return body.removeprefix(mark).decode(encoding, errors="replace")
    try:
        return body.decode(charset or "utf-8", errors="replace")
    except (LookupError, UnicodeError):
        return body.decode(errors="replace")


@contextmanager
def _translated(url: str) -> Iterator[None]:
    """The client's exceptions as ours."""
    try:
        yield
    except (httpx.InvalidURL, httpx.UnsupportedProtocol, httpx.LocalProtocolError, UnicodeError):
        # Not chained: the text of these may hold the address or the header, and so the key.
        raise Permanent(
            "the request cannot be sent; see that the address and the key in the settings are right",
            reason="request",
        ) from None
    except httpx.TimeoutException as error:
        raise Transient(f"{_host(url)} did not answer in time", reason="timeout") from error
    except httpx.ConnectError as error:
        reason = _connect_reason(error)
        raise Transient(f"no connection to {_host(url)} ({reason})", reason=reason) from error
    except httpx.HTTPError as error:
        raise Transient(f"the connection to {_host(url)} broke", reason="broken") from error


def _connect_reason(error: BaseException) -> str:
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, ssl.SSLError):
            return "tls"
        if isinstance(cause, socket.gaierror):
            return "dns"
        cause = cause.__cause__ or cause.__context__
    return "refused"


def provider_text(body: str, secrets: tuple[str, ...] = ()) -> str:
    """What a provider says went wrong, as one short line without any of `secrets` or an address's query."""
    if body.lstrip()[:1] == "<":
        return ""
    for secret in sorted((s for s in secrets if len(s) > 3), key=len, reverse=True):
        for form in (secret, quote(secret, safe=""), quote_plus(secret), json.dumps(secret)[1:-1]):
            body = body.replace(form, "…")
    line = re.sub(r"\?\S+", "?…", " ".join(body[:2000].split()))
    return line if len(line) <= _SHOWN else line[: _SHOWN - 1] + "…"


def _error(answer: httpx.Response, body: str, secrets: tuple[str, ...]) -> SourceError:
    status = answer.status_code
    message = provider_text(body, secrets)
    text = f"{answer.url.host} answered {status}" + (f": {message}" if message else "")
    if status == 429:
        return QuotaExhausted(text, retry_after=_retry_after(answer.headers))
    if status >= 500 or status == 408:
        return Transient(text, reason="timeout" if status == 408 else "server_error")
    return Permanent(text, reason="key" if status in (401, 403) else "refused")


def _retry_after(headers: httpx.Headers) -> float | None:
    """Seconds to wait: the header's number, or its date less the server's own (RFC 9110 §10.2.3).

    Without it, what `X-RateLimit-Reset` says, unless that is a point in time, as some write it.
    """
    value = headers.get("Retry-After", "").strip()
    if not value:
        value = headers.get("X-RateLimit-Reset", "").strip()
        return float(value) if value.isascii() and value.isdigit() and len(value) < 6 else None
    if value.isascii() and value.isdigit():
        return float(value)
    try:
        until = email.utils.parsedate_to_datetime(value)
        since = email.utils.parsedate_to_datetime(headers.get("Date", ""))
        return max(0.0, (until - since).total_seconds())
    except (ValueError, TypeError):  # not dates, or only one of them has a zone
        return None
