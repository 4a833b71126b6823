"""Requests to addresses that strangers give: they reach the public network and nothing else.

Anybody with a token may state a webhook, so whoever can reach this module can make a function of ours send a request.
What keeps it out of our own networks: the name is resolved once, each of its addresses must be public, and the
connection goes to one of these very addresses; the name is only what TLS verifies and the header ``Host`` says. No
redirect is followed, no proxy is used, nothing of the answer but its status and one header is looked at, and all of it
together takes no longer than `LIMIT_S`.

Of libraries, advocate and requests-hardened need requests, and the former is not maintained; httpx-secure is for
asyncio only; ssrfguard is young, of one author, and has 6,000 lines, none of which limits the whole time of a
request (the tests compare our judgement of addresses with its table). So this is httpcore, httpx's own transport, with
a network backend as its documentation describes, and `ipaddress`.
"""

from __future__ import annotations

import ipaddress
import logging
import re
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import httpcore
import httpx

from common import __version__
from common.domain.errors import DataError
from common.ports import NotDelivered

if TYPE_CHECKING:
    from collections.abc import Mapping

LIMIT_S = 12.0
"""For everything: resolving, connecting, TLS, sending, and the head of the answer."""
CONNECT_S = 5.0
"""For resolving the name, and again for connecting to each of its addresses."""
PORTS = (443, 8443)
LONGEST = 2000
"""Characters of an address"""
_MOST_ADDRESSES = 3
"""Of a name that are tried, one after the other"""
_MOST_READ = 4096
"""Bytes that are taken from the connection at a time"""

IpAddress = ipaddress.IPv4Address | ipaddress.IPv6Address
Resolve = Callable[[str, int], Iterable[str]]
"""Name and port → IP addresses; raises OSError where there are none."""

_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")
_NOT_PUBLIC = tuple(
    ipaddress.ip_network(network)
    for network in (
        # Global to Python 3.11's tables, or not to all; none of them is where a receiver may be.
        "0.0.0.0/8",
        "192.0.0.0/24",
        "192.88.99.0/24",  # relays of 6to4
        "64:ff9b:1::/48",  # NAT64 within a network
        "100::/64",
        "2001::/23",  # Teredo and other protocols
        "2001:db8::/32",
        "2002::/16",  # 6to4, which carries an IPv4 address of anybody's choice
        "3fff::/20",
        "5f00::/16",
        "fec0::/10",
    )
)
_LOCAL_NAMES = ("localhost", "local", "internal", "intranet", "lan", "home", "corp", "private", "arpa")
"""Last labels of names that mean something else, or nothing, outside of a network"""
_NAME = re.compile(r"[a-z0-9_-]{1,63}(\.[a-z0-9_-]{1,63})+")
_NUMBER = re.compile(r"[0-9]+|0x[0-9a-f]*", re.IGNORECASE)


def is_public(address: IpAddress) -> bool:
    """Whether an address is one of the public network: global, no multicast, nothing reserved.

    An IPv4 address within an IPv6 one (mapped, NAT64) is judged as itself.
    """
    if isinstance(address, ipaddress.IPv6Address):
        if address.ipv4_mapped is not None:
            return is_public(address.ipv4_mapped)
        if address in _NAT64:
            return is_public(ipaddress.IPv4Address(int(address) & 0xFFFFFFFF))
    return (
        address.is_global
        and not address.is_multicast
        and not address.is_reserved
        and not any(address in network for network in _NOT_PUBLIC if network.version == address.version)
    )


@dataclass(frozen=True, slots=True)
class Answer:
    """What is looked at of an answer; of its body nothing, unless somebody of our own choice is asked."""

    status: int
    retry_after: str | None
    body: bytes = b""


class Guard:
    """Checks addresses of receivers, and posts to them.

    `allowed`: origins such as ``https://receiver.example:9443`` that the operator lets be reached wherever they are.
    """

    def __init__(
        self,
        allowed: Iterable[str] = (),
        *,
        resolve: Resolve | None = None,
        public: Callable[[IpAddress], bool] = is_public,
        limit_s: float = LIMIT_S,
    ) -> None:
        for name in ("httpx", "httpcore"):  # they log addresses, and these are secrets
            logging.getLogger(name).setLevel(logging.WARNING)
        self._allowed = frozenset(_origin(httpx.URL(origin)) for origin in allowed)
        self._resolve = resolve or resolved
        self._public = public
        self._limit_s = limit_s

    def check(self, address: str) -> str:
        """The address as it is stored: of normal form, without a fragment. No name is resolved here.

        Raises:
            DataError: when nothing may be sent there; the sentence is for whoever gave it, and repeats nothing of it.
        """
        if len(address) > LONGEST:
            raise DataError(f"the address may have at most {LONGEST} characters")
        try:
            url = httpx.URL(address.strip())
        except (httpx.InvalidURL, UnicodeError, ValueError):
            raise DataError("this is no address; it must look like https://example.org/path") from None
        if url.userinfo:
            raise DataError("the address must not contain a user name or password")
        if not url.host:
            raise DataError("this is no address; it must look like https://example.org/path")
        if _origin(url) not in self._allowed:
            self._check_public(url)
        return str(url.copy_with(fragment=None))

    def _check_public(self, url: httpx.URL) -> None:
        if url.scheme != "https":
            raise DataError("the address must begin with https://")
        if (url.port or 443) not in PORTS:
            raise DataError(f"the address must have port {' or '.join(map(str, PORTS))}")
        host = url.raw_host.decode("ascii").rstrip(".").lower()
        literal = _literal(host)
        if literal is not None:
            if not self._public(literal):
                raise DataError("the address is on a private or reserved network; it must be a public one")
            return
        last = host.rpartition(".")[2]
        if _NUMBER.fullmatch(last):  # 2130706433, 0x7f.1 and 0177.0.0.1 are loopback to many resolvers
            raise DataError("an IP address must be written as four numbers from 0 to 255, or as IPv6")
        if last in _LOCAL_NAMES or not _NAME.fullmatch(host) or len(host) > 253:
            raise DataError("the name of the server must be a public one, such as example.org")

    def post(self, address: str, body: bytes, headers: Mapping[str, str], *, most: int = 0) -> Answer:
        """Post once to an address that `check` let pass; at most so many bytes of the answer's body are returned.

        Raises:
            NotDelivered: when there is no answer, or the address may not be reached.
        """
        url = httpx.URL(self._checked(address))
        deadline = time.monotonic() + self._limit_s
        backend = _Backend(
            self._resolve,
            (lambda _: True) if _origin(url) in self._allowed else self._public,
            deadline,
        )
        try:
            return _post(url, body, headers, self._pool(url, backend), most)
        except httpcore.TimeoutException as error:
            raise NotDelivered("the receiver did not answer in time") from error
        except httpcore.ConnectError as error:
            reason = (
                "TLS could not be agreed on, or its certificate is not valid"
                if _is_tls(error)
                else "no connection"
            )
            raise NotDelivered(f"{reason} to the receiver") from error
        except (httpcore.NetworkError, httpcore.ProtocolError, OSError) as error:
            raise NotDelivered("the connection to the receiver broke") from error

    @cached_property
    def _tls(self) -> ssl.SSLContext:
        """The authorities of certifi, or those of SSL_CERT_FILE; loading them takes 20 ms."""
        return httpx.create_ssl_context()

    def _pool(self, url: httpx.URL, backend: _Backend) -> httpcore.ConnectionPool:
        """For one connection; httpcore alone, unlike httpx, has no proxies of the environment."""
        return httpcore.ConnectionPool(
            ssl_context=self._tls if url.scheme == "https" else None,
            max_connections=1,
            max_keepalive_connections=0,
            network_backend=backend,
        )

    def _checked(self, address: str) -> str:
        """The address again, judged by the settings of now."""
        try:
            return self.check(address)
        except DataError as error:
            raise NotDelivered(str(error)) from error


def _post(
    url: httpx.URL, body: bytes, headers: Mapping[str, str], connections: httpcore.ConnectionPool, most: int
) -> Answer:
    target = httpcore.URL(
        scheme=url.raw_scheme, host=url.raw_host, port=url.port or None, target=url.raw_path
    )
    sent = {
        "Host": url.netloc.decode("ascii"),
        "User-Agent": f"vayu/{__version__}",
        "Content-Length": str(len(body)),
        "Connection": "close",
        **headers,
    }
    limits = dict.fromkeys(("connect", "read", "write", "pool"), LIMIT_S)
    with (
        connections as pool,
        pool.stream(
            "POST", target, headers=list(sent.items()), content=body, extensions={"timeout": limits}
        ) as answer,
    ):
        retry_after = next((value for name, value in answer.headers if name.lower() == b"retry-after"), b"")
        return Answer(
            answer.status, retry_after.decode("latin-1")[:64] or None, _beginning(answer.iter_stream(), most)
        )


def _beginning(parts: Iterable[bytes], most: int) -> bytes:
    """So many bytes of a body, and no more read than needed for them."""
    beginning = b""
    for part in parts if most else ():
        beginning += part
        if len(beginning) >= most:
            break
    return beginning[:most]


def _origin(url: httpx.URL) -> tuple[str, str, int]:
    usual = {"https": 443, "http": 80}
    return url.scheme, url.raw_host.decode("ascii").rstrip(".").lower(), url.port or usual.get(url.scheme, 0)


def _literal(host: str) -> IpAddress | None:
    try:
        return ipaddress.ip_address(host.strip("[]"))
    except ValueError:
        return None


def _is_tls(error: BaseException) -> bool:
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, ssl.SSLError):
            return True
        cause = cause.__cause__ or cause.__context__
    return False


def resolved(host: str, port: int) -> list[str]:
    """The IP addresses of a name, as the system resolves it; raises OSError when that takes longer than `CONNECT_S`.

    getaddrinfo has no limit of its own, so it runs in a thread, which is left behind where it hangs.
    """
    outcome: list[list[str] | OSError] = []

    def attempt() -> None:
        try:
            rows = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
            outcome.append([str(row[4][0]) for row in rows])
        except (OSError, UnicodeError) as error:
            outcome.append(error if isinstance(error, OSError) else OSError(str(error)))

    thread = threading.Thread(target=attempt, name="resolve", daemon=True)
    thread.start()
    thread.join(CONNECT_S)
    if not outcome:
        raise TimeoutError("the name was not resolved in time")
    if isinstance(outcome[0], OSError):
        raise outcome[0]
    return outcome[0]


class _Backend(httpcore.NetworkBackend):
    """Connects to a public address of the name and to nothing else, and is over at `deadline`."""

    def __init__(self, resolve: Resolve, public: Callable[[IpAddress], bool], deadline: float) -> None:
        self._resolve = resolve
        self._public = public
        self._deadline = deadline
        self._network = httpcore.SyncBackend()

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # noqa: ARG002 — the deadline is what counts, here and below
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.NetworkStream:
        failure: Exception = httpcore.ConnectError("the name has no address")
        for address in self._addresses(host, port)[:_MOST_ADDRESSES]:
            try:
                stream = self._network.connect_tcp(
                    address, port, min(CONNECT_S, _left(self._deadline)), local_address, socket_options
                )
            except (httpcore.ConnectError, httpcore.ConnectTimeout) as error:
                failure = error
                continue
            return _Stream(stream, self._deadline)
        raise failure

    def _addresses(self, host: str, port: int) -> list[str]:
        """All of them, each judged: of a name that leads to both kinds, none is used."""
        literal = _literal(host)
        try:
            texts = [host.strip("[]")] if literal is not None else list(self._resolve(host, port))
        except TimeoutError as error:
            raise httpcore.ConnectTimeout("the name was not resolved in time") from error
        except OSError as error:
            raise httpcore.ConnectError("the name could not be resolved") from error
        addresses = list(dict.fromkeys(texts))
        if not all(self._public(ipaddress.ip_address(address.partition("%")[0])) for address in addresses):
            raise NotDelivered("the name of the receiver leads to a private or reserved network")
        return addresses

    def sleep(self, seconds: float) -> None:
        self._network.sleep(seconds)


class _Stream(httpcore.NetworkStream):
    """A connection of which nothing lasts beyond `deadline`, however slowly its bytes come."""

    def __init__(self, stream: httpcore.NetworkStream, deadline: float) -> None:
        self._stream = stream
        self._deadline = deadline

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:  # noqa: ARG002
        return self._stream.read(min(max_bytes, _MOST_READ), _left(self._deadline))

    def write(self, buffer: bytes, timeout: float | None = None) -> None:  # noqa: ARG002
        self._stream.write(buffer, _left(self._deadline))

    def close(self) -> None:
        self._stream.close()

    def start_tls(
        self,
        ssl_context: ssl.SSLContext,
        server_hostname: str | None = None,
        timeout: float | None = None,  # noqa: ARG002
    ) -> httpcore.NetworkStream:
        left = min(CONNECT_S, _left(self._deadline))
        return _Stream(self._stream.start_tls(ssl_context, server_hostname, left), self._deadline)

    def get_extra_info(self, info: str) -> Any:
        return self._stream.get_extra_info(info)


def _left(deadline: float) -> float:
    """Seconds until then, at least a moment: 0 would mean not to wait at all, and None for ever."""
    left = deadline - time.monotonic()
    if left <= 0:
        raise httpcore.ReadTimeout("the time of the request is over")
    return left
