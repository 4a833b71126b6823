"""TLS with the database: who is trusted, and what is said where nobody should be.

Against PostgreSQL's own TLS where one is installed that has it, and against the same server behind a wire that
speaks TLS, everywhere.
"""

from __future__ import annotations

import ssl
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

import pytest
import trustme
from servers import PASSWORD, Server, system_programs
from tcp_proxy import Wire

from common.domain.errors import ConfigError, StoreError
from common.store.engine import Database, run
from common.store.errors import NO_TLS, UNREACHABLE

if TYPE_CHECKING:
    from pathlib import Path

Address = Callable[[str], str]
"""What stands behind the ``?`` → the address of a database whose server has a certificate for localhost."""


@pytest.fixture(scope="session")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture(scope="session")
def root(authority: trustme.CA, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("root") / "ca.pem"
    authority.cert_pem.write_to_path(str(path))
    return path


@pytest.fixture(scope="session")
def stranger(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The file of an authority that has signed nothing here."""
    path = tmp_path_factory.mktemp("stranger") / "ca.pem"
    trustme.CA().cert_pem.write_to_path(str(path))
    return path


@pytest.fixture(scope="session")
def wired(server: str, authority: trustme.CA) -> Iterator[Address]:
    """The tests' server behind a wire that speaks TLS."""
    tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert("localhost").configure_cert(tls)
    with Wire(server.format(name="postgres"), tls=tls) as wire:
        yield lambda query: wire.url.replace("127.0.0.1", "localhost") + query


@pytest.fixture(scope="session")
def own(authority: trustme.CA, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Address]:
    """A PostgreSQL with ssl=on that takes nobody without TLS, nor without the password."""
    programs = system_programs()
    if programs is None:
        pytest.skip("no PostgreSQL with TLS is installed in /usr/lib/postgresql")
    folder = tmp_path_factory.mktemp("tls")
    made = Server(folder, programs=programs, auth="scram-sha-256")
    certificate = authority.issue_cert("localhost")
    key, chain = made.data / "server.key", made.data / "server.crt"
    certificate.private_key_pem.write_to_path(str(key))
    certificate.cert_chain_pems[0].write_to_path(str(chain))
    made.settings |= {
        "ssl": "on",
        "ssl_key_file": str(made.give(key)),
        "ssl_cert_file": str(made.give(chain)),
    }
    (made.data / "pg_hba.conf").write_text("hostssl all all 127.0.0.1/32 scram-sha-256\n")
    with made:
        yield lambda query: made.url(host="localhost", query=query)


@pytest.fixture(params=["wired", "own"])
def address(request: pytest.FixtureRequest) -> Address:
    address: Address = request.getfixturevalue(request.param)
    return address


def answer(url: str, patience_s: int = 5) -> int:
    database = Database(url, pool_size=1, connect_timeout_s=patience_s)
    try:
        with database.transaction() as connection:
            return int(run(connection, "SELECT 41 + 1")[0][0])
    finally:
        database.close()


def complaint(url: str, patience_s: int = 5) -> str:
    """What is said instead of an answer: one sentence without secrets."""
    with pytest.raises(StoreError) as caught:
        answer(url, patience_s)
    text = str(caught.value)
    assert PASSWORD not in text
    assert "\n" not in text
    return text


@pytest.mark.parametrize("mode", ["prefer", "allow", "require"])
def test_encrypted_with_whoever_answers(address: Address, mode: str) -> None:
    assert answer(address(f"?sslmode={mode}")) == 42


def test_encrypted_without_being_asked(own: Address) -> None:
    assert answer(own("")) == 42


@pytest.mark.parametrize("mode", ["require", "verify-ca", "verify-full"])
def test_encrypted_with_a_server_that_is_known(address: Address, root: Path, mode: str) -> None:
    assert answer(address(f"?sslmode={mode}&sslrootcert={root}")) == 42


@pytest.mark.parametrize("mode", ["require", "verify-ca", "verify-full"])
def test_an_unknown_authority_is_refused(address: Address, stranger: Path, mode: str) -> None:
    text = complaint(address(f"?sslmode={mode}&sslrootcert={stranger}"))
    assert "not trusted" in text
    assert "sslrootcert" in text


def test_the_system_does_not_know_a_throw_away_authority(address: Address) -> None:
    assert "not trusted" in complaint(address("?sslmode=verify-full"))


def test_another_hosts_certificate_is_refused_only_where_names_matter(address: Address, root: Path) -> None:
    elsewhere = address(f"?sslmode=verify-full&sslrootcert={root}").replace("localhost", "127.0.0.1")
    assert "127.0.0.1" in complaint(elsewhere)
    assert answer(elsewhere.replace("verify-full", "verify-ca")) == 42


@pytest.mark.parametrize("mode", ["require", "verify-ca", "verify-full"])
def test_a_server_without_tls_is_refused(server: str, root: Path, mode: str) -> None:
    with Wire(server.format(name="postgres")) as plain:
        assert complaint(f"{plain.url}?sslmode={mode}&sslrootcert={root}") == NO_TLS
        assert answer(f"{plain.url}?sslmode=prefer") == 42
        assert answer(f"{plain.url}?sslmode=disable") == 42


def test_a_server_that_insists_on_tls_refuses_those_who_do_without(own: Address) -> None:
    assert "sslmode" in complaint(own("?sslmode=disable"))


def test_a_wrong_password_is_told_and_not_repeated(own: Address) -> None:
    text = complaint(own("?sslmode=require").replace(PASSWORD, "wr0ng"))
    assert "password" in text
    assert "wr0ng" not in text


def test_a_database_that_is_not_there_is_told(own: Address) -> None:
    assert "no database of the name" in complaint(own("?sslmode=require").replace("/postgres?", "/atlantis?"))


def test_unix_sockets_need_no_tls(server: str) -> None:
    url = server.format(name="postgres")
    if "host=" not in url:
        pytest.skip("the tests' server has no Unix socket")
    assert answer(f"{url}&sslmode=verify-full") == 42


def test_a_server_that_breaks_off_is_unreachable(server: str) -> None:
    with Wire(server.format(name="postgres")) as wire:
        wire.silence(new=True)
        assert complaint(wire.url, patience_s=1) == UNREACHABLE


@pytest.mark.parametrize(
    ("query", "named"),
    [
        ("sslmode=verify_full", "sslmode"),
        ("sslrootcert=/none.pem", "sslrootcert needs sslmode"),
        ("sslmode=prefer&sslrootcert=/none.pem", "sslrootcert needs sslmode"),
        ("sslmode=verify-full&sslrootcert=/none.pem", "sslrootcert names no file"),
        (f"sslmode=verify-full&sslrootcert={__file__}", "sslrootcert names no file"),
        (f"sslmode=require&sslcert={__file__}", "sslcert names no file"),
        ("sslmode=require&sslmode=disable", "more than once"),
        ("sslmod=require", "sslmod "),
    ],
)
def test_what_cannot_be_understood_is_refused_before_anything_is_sent(query: str, named: str) -> None:
    with pytest.raises(ConfigError, match=named) as caught:
        answer(f"postgresql+pg8000://u:{PASSWORD}@127.0.0.1:1/n?{query}")
    assert PASSWORD not in str(caught.value)
