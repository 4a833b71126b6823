"""Which receivers strangers may state, and that nothing else is ever reached: over real sockets and real TLS."""

from __future__ import annotations

import ipaddress
import logging
import socket
import threading
import time
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st
from ssrfguard import DEFAULT_DENIED
from tls_receiver import NAME, PORT, Receiver, answer, loopback, receiver

from common.adapters.channels.guard import Guard, IpAddress, is_public, resolved
from common.domain.errors import DataError
from common.ports import NotDelivered

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from tls_receiver import Behaviour

HERE = loopback(1)
"""Where the receiver is, in place of a public address"""
INSIDE = loopback(2)
"""In place of an address of our own network"""

addresses = st.one_of(st.ip_addresses(v=4), st.ip_addresses(v=6))


def public_here(address: IpAddress) -> bool:
    """As `is_public`, of a world in which `HERE` is public."""
    return address == ipaddress.ip_address(HERE) or is_public(address)


def guard(*texts: str, limit_s: float = 5.0) -> Guard:
    """A guard for which every name leads to these addresses, `HERE` unless stated."""
    return Guard(resolve=lambda *_: texts or (HERE,), public=public_here, limit_s=limit_s)


@pytest.fixture
def start(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[Behaviour], Receiver]]:
    """Starts a receiver whose certificate is trusted."""
    with receiver(HERE, tmp_path, answer(204)) as running:
        monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "ca.pem"))

        def behave(behaviour: Behaviour) -> Receiver:
            running.behave = behaviour
            return running

        yield behave


# What may be stated


@pytest.mark.parametrize(
    ("given_address", "stored"),
    [
        ("https://hooks.example.org/a?b=c", "https://hooks.example.org/a?b=c"),
        ("  https://hooks.example.org:8443/  ", "https://hooks.example.org:8443/"),
        ("https://hooks.example.org:443", "https://hooks.example.org"),
        ("https://Hooks.Example.ORG/A#part", "https://hooks.example.org/A"),
        ("https://वायु.भारत/x", "https://xn--s2bl1an.xn--h2brj9c/x"),
        ("https://8.8.8.8/x", "https://8.8.8.8/x"),
        ("https://[2606:4700::1111]/x", "https://[2606:4700::1111]/x"),
    ],
)
def test_public_addresses_are_stored_in_one_form(given_address: str, stored: str) -> None:
    assert Guard().check(given_address) == stored
    assert Guard().check(stored) == stored


PRIVATE = """
127.0.0.1 127.1.2.3 0.0.0.0 0.1.2.3 10.0.0.1 172.16.0.1 192.168.1.1 169.254.169.254 100.64.0.1 224.0.0.1 240.0.0.1
255.255.255.255 192.0.2.1 198.18.0.1 192.88.99.1 [::1] [::] [::ffff:127.0.0.1] [::ffff:10.0.0.1] [::127.0.0.1]
[64:ff9b::127.0.0.1] [64:ff9b::10.0.0.1] [64:ff9b:1::8.8.8.8] [fe80::1] [fc00::1] [fd00:ec2::254] [fec0::1] [ff02::1]
[2002:7f00:1::1] [2001::1] [2001:db8::1] [3fff::1] [5f00::1] [100::1]
"""
CODED = """
2130706433 0x7f000001 0x7f.1 0177.0.0.1 127.1 127.0.1 0x7f.0.0.0x1 017700000001 1.2.3.4.5 example.0x
"""
LOCAL = """
localhost localhost. a.localhost printer db.internal metadata.google.internal nas.local router.lan a..b .a.example
"""


@pytest.mark.parametrize("host", f"{PRIVATE} {CODED} {LOCAL}".split())
def test_what_is_not_public_is_refused_before_it_is_stored(host: str) -> None:
    for port in ("", ":443", ":8443"):
        with pytest.raises(DataError, match=r"public|IP address|no address"):
            Guard().check(f"https://{host}{port}/x")


@pytest.mark.parametrize(
    ("address", "reason"),
    [
        ("http://hooks.example.org/", "begin with https"),
        ("ftp://hooks.example.org/", "begin with https"),
        ("file:///etc/passwd", "no address"),
        ("gopher://hooks.example.org:443/", "begin with https"),
        ("hooks.example.org", "no address"),
        ("", "no address"),
        ("https://", "no address"),
        ("https://hooks.example.org:22/", "port 443 or 8443"),
        ("https://hooks.example.org:99999/", "port 443 or 8443"),
        ("https://asha@hooks.example.org/", "user name"),
        ("https://asha:secret@hooks.example.org/", "user name"),
        ("https://hooks.example.org@127.0.0.1/", "user name"),
        ("https://hooks.example.org\\@127.0.0.1/", "user name|no address"),
        ("https://hooks.example.org/\r\nHost: x", "no address"),
        ("https://hooks.example.org/\x00", "no address"),
        ("https://hooks example.org/", "public one"),
        ("https://127\u3002" + "0.0.1/", "private"),
        ("https://\uff11\uff12\uff17.0.0.1/", "no address|private|IP address"),
        ("https://\u2460\u2461\u2466.0.0.1/", "no address|private|IP address"),
        ("https://hooks.example.org/" + "a" * 2000, "2000 characters"),
        ("https://[::1/", "no address"),
        ("https://[fe80::1%25eth0]/", "no address|private"),
    ],
)
def test_what_cannot_be_an_address_is_refused_and_not_repeated(address: str, reason: str) -> None:
    with pytest.raises(DataError, match=reason) as caught:
        Guard().check(address)
    assert "secret" not in str(caught.value)
    assert len(str(caught.value)) < 120


@given(st.text(max_size=60), st.sampled_from(["", "https://", "https://hooks.example.org/", "https://a@"]))
def test_any_text_is_stored_or_refused(text: str, before: str) -> None:
    try:
        stored = Guard().check(before + text)
    except DataError:
        return
    assert stored.startswith("https://")
    assert stored.isprintable()
    assert Guard().check(stored) == stored


@given(addresses)
def test_no_address_that_an_independent_table_blocks_is_public(address: IpAddress) -> None:
    assert not (is_public(address) and DEFAULT_DENIED.classify(address).blocked)


@pytest.mark.parametrize("block", DEFAULT_DENIED.blocks, ids=lambda block: str(block.network))
def test_the_edges_of_that_tables_blocks_are_judged_alike(block: object) -> None:
    network = block.network  # type: ignore[attr-defined]
    kind = type(network[0])
    edges = {int(network[0]) - 1, int(network[0]), int(network[-1]), int(network[-1]) + 1}
    for number in edges:
        if 0 <= number < 2 ** network[0].max_prefixlen:
            address = kind(number)
            assert not (is_public(address) and DEFAULT_DENIED.classify(address).blocked), address


@given(st.ip_addresses(v=4))
def test_an_address_within_another_is_judged_as_itself(address: ipaddress.IPv4Address) -> None:
    for prefix in ("::ffff:", "64:ff9b::"):
        assert is_public(ipaddress.ip_address(f"{prefix}{address}")) is is_public(address)


def test_the_public_network_is_public() -> None:
    for text in ("1.1.1.1", "8.8.8.8", "52.95.110.1", "2606:4700::1111", "2a00:1450::1", "2406:da1a::1"):
        assert is_public(ipaddress.ip_address(text))


# What is reached


def test_the_name_is_what_tls_and_the_header_say_and_the_address_is_the_resolved_one(
    start: Callable[[Behaviour], Receiver],
) -> None:
    running = start(answer(202, "X-Other: 1"))
    result = guard().post(running.url, b'{"a":1}', {"webhook-id": "7"})
    assert (result.status, result.retry_after) == (202, None)
    [request] = running.requests
    assert request.line == "POST /hook?key=1 HTTP/1.1"
    assert request.body == b'{"a":1}'
    assert request.headers["host"] == f"{NAME}:{PORT}"
    assert request.headers["webhook-id"] == "7"
    assert request.headers["user-agent"].startswith("vayu/")
    assert running.server_names == [NAME]


def test_a_name_that_changes_its_address_after_it_was_judged_is_not_followed(
    start: Callable[[Behaviour], Receiver], tmp_path: Path
) -> None:
    running = start(answer(200))
    lookups = []

    def resolve(host: str, port: int) -> list[str]:
        lookups.append(host)
        return [HERE] if len(lookups) == 1 else [INSIDE]

    checked = Guard(resolve=resolve, public=public_here)
    with socket.create_server((INSIDE, PORT)) as inside:
        inside.settimeout(0)
        assert checked.post(checked.check(running.url), b"{}", {}).status == 200
        assert len(lookups) == 1
        with pytest.raises(NotDelivered, match="private or reserved network"):
            checked.post(running.url, b"{}", {})
        with pytest.raises(BlockingIOError):
            inside.accept()
    assert len(running.requests) == 1


@pytest.mark.parametrize("others", [[INSIDE], ["10.0.0.1"], ["::1"], ["::ffff:10.0.0.1"], ["fe80::1%eth0"]])
def test_a_name_with_any_private_address_is_not_reached(
    others: list[str], start: Callable[[Behaviour], Receiver]
) -> None:
    running = start(answer(200))
    for texts in ([HERE, *others], [*others, HERE], others):
        with pytest.raises(NotDelivered, match="private or reserved network") as caught:
            guard(*texts).post(running.url, b"{}", {})
        assert not caught.value.final
        assert not any(text in str(caught.value) for text in (*texts, NAME))
    assert running.connections == 0


def test_the_next_address_is_tried_where_nobody_listens_at_the_first(
    start: Callable[[Behaviour], Receiver],
) -> None:
    running = start(answer(200))
    both = Guard(
        resolve=lambda *_: [loopback(3), HERE],
        public=lambda address: str(address) in {loopback(3), HERE},
    )
    assert both.post(running.url, b"{}", {}).status == 200


def test_an_address_stored_before_is_judged_again(start: Callable[[Behaviour], Receiver]) -> None:
    running = start(answer(200))
    for address in (f"https://{INSIDE}:{PORT}/", "https://localhost/", f"http://{NAME}:{PORT}/"):
        with pytest.raises(NotDelivered):
            guard().post(address, b"{}", {})
    assert running.connections == 0


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_redirects_are_not_followed(status: int, start: Callable[[Behaviour], Receiver]) -> None:
    running = start(answer(status, f"Location: https://{NAME}:{PORT}/elsewhere"))
    assert guard().post(running.url, b"{}", {}).status == status
    assert len(running.requests) == 1


def test_proxies_of_the_environment_are_not_used(
    start: Callable[[Behaviour], Receiver], monkeypatch: pytest.MonkeyPatch
) -> None:
    running = start(answer(200))
    for name in ("HTTPS_PROXY", "https_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    assert guard().post(running.url, b"{}", {}).status == 200


# How long it takes


def endless_body(running: Receiver) -> Behaviour:
    def behave(connection: socket.socket, _: object) -> None:
        connection.sendall(b"HTTP/1.1 200 X\r\nContent-Length: 1073741824\r\n\r\n")
        part = b"x" * 65536
        while True:  # until the connection is closed
            connection.sendall(part)
            running.sent += len(part)

    return behave


def test_a_gigabyte_is_not_read(start: Callable[[Behaviour], Receiver]) -> None:
    running = start(answer(200))
    running.behave = endless_body(running)
    began = time.monotonic()
    assert guard().post(running.url, b"{}", {}).status == 200
    assert time.monotonic() - began < 3
    assert running.sent < 16 * 1024 * 1024  # what the buffers of the loopback take


def slowly(part: bytes) -> Behaviour:
    def behave(connection: socket.socket, _: object) -> None:
        pause = threading.Event()
        while True:
            connection.sendall(part)
            pause.wait(0.1)

    return behave


def silent(connection: socket.socket, _: object) -> None:
    connection.recv(1)


@pytest.mark.parametrize(
    "behaviour",
    [
        pytest.param(silent, id="nothing"),
        pytest.param(slowly(b"H"), id="a byte at a time"),
        pytest.param(slowly(b"HTTP/1.1 100 Continue\r\n\r\n"), id="go on, go on"),
    ],
)
def test_the_whole_takes_no_longer_than_the_limit(
    behaviour: Behaviour, start: Callable[[Behaviour], Receiver]
) -> None:
    running = start(behaviour)
    began = time.monotonic()
    with pytest.raises(NotDelivered, match=r"in time|broke"):
        guard(limit_s=0.8).post(running.url, b"{}", {})
    assert time.monotonic() - began < 3


def test_a_server_that_never_begins_with_tls_costs_no_more_either() -> None:
    with socket.create_server((HERE, PORT)):
        began = time.monotonic()
        with pytest.raises(NotDelivered, match="in time"):
            guard(limit_s=0.8).post(f"https://{NAME}:{PORT}/", b"{}", {})
        assert time.monotonic() - began < 3


def test_a_body_that_nobody_reads_is_given_up(start: Callable[[Behaviour], Receiver]) -> None:
    with socket.create_server((HERE, PORT + 1)) as listener:
        port = listener.getsockname()[1]
        allowed = Guard([f"http://{HERE}:{port}"], limit_s=0.8)
        with pytest.raises(NotDelivered, match="in time"):
            allowed.post(f"http://{HERE}:{port}/", b"x" * 64 * 1024 * 1024, {})


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (b"", "broke"),
        (b"SSH-2.0-OpenSSH\r\n\r\n", "broke"),
        (b"HTTP/1.1 200 X\r\n" + b"A: " + b"b" * 200_000, "broke"),
        (b"HTTP/1.1 99999 X\r\n\r\n", "broke"),
    ],
)
def test_what_is_no_answer_is_a_failure(
    text: bytes, reason: str, start: Callable[[Behaviour], Receiver]
) -> None:
    running = start(lambda connection, _: connection.sendall(text))
    with pytest.raises(NotDelivered, match=reason) as caught:
        guard().post(running.url, b"{}", {})
    assert caught.value.status is None


def test_a_certificate_must_be_of_the_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with receiver(HERE, tmp_path, answer(200), name="other.example.org") as running:
        monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "ca.pem"))
        with pytest.raises(NotDelivered, match="certificate"):
            guard().post(running.url, b"{}", {})
        assert not running.requests


def test_a_certificate_of_an_unknown_authority_is_refused(start: Callable[[Behaviour], Receiver]) -> None:
    running = start(answer(200))
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("SSL_CERT_FILE")
        with pytest.raises(NotDelivered, match="certificate"):
            guard().post(running.url, b"{}", {})
    assert not running.requests


def test_nobody_listens_and_no_such_name() -> None:
    with pytest.raises(NotDelivered, match="no connection"):
        guard().post(f"https://{NAME}:{PORT}/", b"{}", {})

    def no_such_name(host: str, port: int) -> list[str]:
        raise socket.gaierror(socket.EAI_NONAME, "no such name")

    with pytest.raises(NotDelivered, match="no connection"):
        Guard(resolve=no_such_name).post(f"https://{NAME}/", b"{}", {})


def test_a_name_that_takes_too_long_to_resolve_is_given_up() -> None:
    def hang(host: str, port: int) -> list[str]:
        raise TimeoutError

    with pytest.raises(NotDelivered, match="in time"):
        Guard(resolve=hang).post(f"https://{NAME}/", b"{}", {})


def test_names_are_resolved_as_the_system_does() -> None:
    assert "127.0.0.1" in resolved("localhost", 443)
    with pytest.raises(socket.gaierror):
        resolved("no-such-name.invalid", 443)
    leads_inside = Guard(resolve=lambda _, port: resolved("localhost", port))
    with pytest.raises(NotDelivered, match="private or reserved"):
        leads_inside.post(f"https://{NAME}/", b"{}", {})


# What the operator allows


def test_an_allowed_receiver_may_be_anywhere_and_its_neighbours_not(tmp_path: Path) -> None:
    allowed = Guard(["http://127.0.0.1:9000", "https://Receiver.Intranet:9443"])
    assert allowed.check("http://127.0.0.1:9000/x") == "http://127.0.0.1:9000/x"
    assert allowed.check("https://receiver.intranet:9443/x") == "https://receiver.intranet:9443/x"
    for address in (
        "http://127.0.0.1:9001/",
        "https://127.0.0.1:9000/",
        "http://127.0.0.2:9000/",
        "http://receiver.intranet:9443/",
        "https://receiver.intranet/",
        "https://a:b@receiver.intranet:9443/",
    ):
        with pytest.raises(DataError):
            allowed.check(address)


def test_an_allowed_receiver_is_reached(start: Callable[[Behaviour], Receiver]) -> None:
    running = start(answer(200))
    allowed = Guard([f"https://{HERE}:{PORT}"])
    assert allowed.post(f"https://{HERE}:{PORT}/x", b"{}", {}).status == 200
    assert running.requests[0].headers["host"] == f"{HERE}:{PORT}"


def test_nothing_of_the_address_is_logged(
    start: Callable[[Behaviour], Receiver], caplog: pytest.LogCaptureFixture
) -> None:
    running = start(answer(200))
    checked = guard()
    with caplog.at_level(logging.DEBUG):
        checked.post(running.url, b"{}", {})
        with pytest.raises(NotDelivered):
            guard("10.0.0.1").post(running.url, b"{}", {})
    assert NAME not in caplog.text
    assert "key=1" not in caplog.text
