"""The health checks of docker-compose.yml, by its own words, at real servers: well for whom their clients can use."""

from __future__ import annotations

import json
import os
import subprocess
import urllib.error
import urllib.request
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import yaml
from processes import free_port, listens, temporary_folder, until
from redis_server import OwnRedis
from servers import PASSWORD, Server, give

from benchmarks.update import serving
from common.adapters.local.embedded_server import installed_programs
from common.adapters.local.unprivileged import server_identity
from common.domain.errors import StoreError
from common.store.databases import create_database
from common.store.engine import Database, run

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parents[2]
SERVICES: dict[str, dict[str, Any]] = yaml.safe_load(
    (ROOT / "docker-compose.yml").read_text(encoding="utf-8")
)["services"]


def check_of(service: str, **replaced: str) -> list[str]:
    """The command of a service's health check, with other paths and ports than a container's."""
    kind, *words = SERVICES[service]["healthcheck"]["test"]
    command = ["sh", "-c", *words] if kind == "CMD-SHELL" else words
    command = [word.replace("$$", "$") for word in command]  # as compose does it
    for before, after in replaced.items():
        assert any(before in word for word in command), before
        command = [word.replace(before, after) for word in command]
    return command


def outcome(command: list[str], *, seconds: float = 60, **env: str) -> tuple[bool, str]:
    """Whether the check is passed within so many seconds, and what it prints."""
    try:
        done = subprocess.run(
            command, check=False, capture_output=True, text=True, timeout=seconds,
            env={"PATH": os.environ["PATH"], **env},
        )  # fmt: skip
    except subprocess.TimeoutExpired:
        return False, ""
    return done.returncode == 0, done.stdout + done.stderr


@pytest.fixture(scope="module")
def closed() -> Iterator[Server]:
    """With the role and the database that containers/database-init.sh makes."""
    with temporary_folder("vayu-checks-") as folder, Server(folder, auth="scram-sha-256") as running:
        with closing(Database(running.url())) as admin:
            create_database(admin, "vayu")
            with admin.statements() as connection:
                run(connection, f"CREATE ROLE vayu LOGIN PASSWORD '{PASSWORD}'")
        yield running


def test_the_database_is_well_where_it_takes_the_password(closed: Server, tmp_path: Path) -> None:
    secret = tmp_path / "password"
    check = check_of("database", **{"/run/secrets/database_password": str(secret)})
    env = {"PATH": f"{installed_programs()}{os.pathsep}{os.environ['PATH']}", "PGPORT": str(closed.port)}
    secret.write_text(PASSWORD + "\n")
    assert outcome(check, **env) == (True, "")
    secret.write_text("another\n")
    passed, printed = outcome(check, **env)
    assert not passed
    assert 'password authentication failed for user "vayu"' in printed
    assert "another" not in printed


class Bouncer:
    """containers/pgbouncer.sh, run by another user than root."""

    def __init__(self, installed: Path, folder: Path, server: Server) -> None:
        self.secret = folder / "database_password"
        self.script = ROOT / "containers/pgbouncer.sh"
        self._identity = server_identity(folder)
        (folder / "root").symlink_to(installed / "root")
        program = folder / "pgbouncer"
        program.write_text(
            f"#!/bin/sh\nroot={folder}/root\n"
            'exec "$(find "$root/" -name "ld-linux-*.so.*" -print -quit)" '
            '--library-path "$(dirname "$(find "$root/" -name libc.so.6 -print -quit)")" '
            '"$root/usr/sbin/pgbouncer" "$@"\n'
        )
        program.chmod(0o755)
        self.address = folder / "address"
        self.address.write_text("127.0.0.1")
        resolver = folder / "getent"
        resolver.write_text(f'#!/bin/sh\necho "$(cat {self.address}) STREAM"\n')
        resolver.chmod(0o755)
        self._state = folder / "state"
        self._state.mkdir()
        give(self._identity, self._state)
        self._log = folder / "log"
        self.port = free_port()
        self.env = {
            "PATH": f"{folder}{os.pathsep}{installed_programs()}{os.pathsep}{os.environ['PATH']}",
            "SECRETS": str(folder), "STATE": str(self._state), "LISTEN_ADDRESS": "127.0.0.1",
            "LISTEN_PORT": str(self.port), "PGHOST": "database.invalid", "PGPORT": str(server.port),
        }  # fmt: skip

    @contextmanager
    def running(self, password: str) -> Iterator[None]:
        self.secret.write_text(password + "\n")
        with self._log.open("wb") as log, self.script.open("rb") as script:
            process = subprocess.Popen(
                ["sh", "-s"], stdin=script, stdout=log, stderr=log, cwd="/",
                env=self.env, **self._identity.popen(),
            )  # fmt: skip
        try:
            until(lambda: listens(self.port) or process.poll() is not None, 30)
            assert process.poll() is None, self._log.read_text()
            yield
        finally:
            process.kill()
            process.wait(30)

    def outcome(self, seconds: float = 60, **more: str) -> tuple[bool, str]:
        check = check_of("pgbouncer", **{"pgbouncer.sh": str(self.script)})
        return outcome(check, seconds=seconds, **(self.env | more))


@pytest.fixture
def bouncer(closed: Server) -> Iterator[Bouncer]:
    installed = os.environ.get("VAYU_TEST_PGBOUNCER")
    if not installed:
        pytest.skip("pgbouncer (VAYU_TEST_PGBOUNCER is not set)")
    with temporary_folder("vayu-checks-") as folder:
        yield Bouncer(Path(installed).absolute(), folder, closed)


def refuses(bouncer: Bouncer, password: str) -> None:
    """Its clients are told why."""
    with closing(Database(f"postgresql://vayu:{password}@127.0.0.1:{bouncer.port}/vayu")) as client:
        with pytest.raises(StoreError) as refused, client.reading() as connection:
            run(connection, "SELECT 1")
        assert str(refused.value) == "the database does not take the user and password of DATABASE_URL"


def test_pgbouncer_is_well_where_the_database_answers_through_it(bouncer: Bouncer, closed: Server) -> None:
    with bouncer.running(PASSWORD):
        assert bouncer.outcome() == (True, "")
        # While it runs, the password of its clients is changed.
        bouncer.secret.write_text("another\n")
        passed, printed = bouncer.outcome()
        assert (passed, "another" in printed) == (False, False)
        assert "SASL authentication failed" in printed
        refuses(bouncer, "another")
    with bouncer.running("another"):
        passed, printed = bouncer.outcome()
        assert (passed, "another" in printed) == (False, False)
        assert 'password authentication failed for user "vayu"' in printed
        refuses(bouncer, "another")  # which PgBouncer takes, and the database does not
    with bouncer.running(PASSWORD):
        assert bouncer.outcome() == (True, "")
        closed.kill()
        try:
            assert not bouncer.outcome(seconds=3)[0]
        finally:
            closed.start()
        until(lambda: bouncer.outcome()[0], 30)
    assert not bouncer.outcome()[0]


def test_redis_is_well_where_it_asks_for_its_password(tmp_path: Path) -> None:
    configuration = tmp_path / "redis.conf"
    configuration.write_text("requirepass of-the-tests\nmaxmemory 96mb\n")
    check = check_of("redis", **{"/run/secrets/redis_configuration": str(configuration)})
    for options, well in (
        (["--requirepass", "of-the-tests"], True),
        (["--requirepass", "another"], False),
        ([], False),
    ):
        redis = OwnRedis(tmp_path / f"redis-{len(list(tmp_path.iterdir()))}", *options)
        try:
            passed, printed = outcome(check, PATH=f"{redis.client_folder()}{os.pathsep}{os.environ['PATH']}")
        finally:
            redis.stop()
        assert passed is well, printed
        assert "of-the-tests" not in printed


@pytest.mark.slow
def test_the_proxy_is_well_where_the_api_answers_through_it(database: Database) -> None:
    nginx = os.environ.get("VAYU_TEST_NGINX")
    if not nginx:
        pytest.skip("nginx (VAYU_TEST_NGINX is not set; see scripts/nginx)")
    with (
        temporary_folder("vayu-checks-") as folder,
        serving(database.url, folder, nginx) as (site, copies),
    ):
        check = check_of("proxy", **{":8080": f":{site.ports['proxy']}"})
        passed, printed = outcome(check)
        assert passed, printed
        assert "/proxy/health" not in (folder / "access.log").read_text()
        for copy in copies:
            if copy.service == "api":
                copy.end()
        passed, printed = outcome(check)
        assert not passed
        assert "503" in printed
        # And so are its clients told.
        address = f"http://127.0.0.1:{site.ports['proxy']}/api/v1/cities/"
        with pytest.raises(urllib.error.HTTPError) as refused:
            urllib.request.urlopen(address, timeout=30)
        with refused.value as answer:
            assert (answer.status, answer.headers["Retry-After"]) == (503, "10")
            assert json.load(answer)["status"] == 503


def test_of_a_former_image_without_a_client_the_port_is_looked_at(bouncer: Bouncer, tmp_path: Path) -> None:
    psql = tmp_path / "psql"
    psql.write_text("#!/bin/sh\necho You must install at least one postgresql-client package >&2\nexit 1\n")
    psql.chmod(0o755)
    path = f"{tmp_path}{os.pathsep}{os.environ['PATH']}"
    with bouncer.running(PASSWORD):
        assert bouncer.outcome(PATH=path) == (True, "")
    assert not bouncer.outcome(PATH=path)[0]


def test_a_database_that_comes_back_at_another_address_is_found(bouncer: Bouncer) -> None:
    bouncer.address.write_text("127.0.0.9")  # nobody is there
    with bouncer.running(PASSWORD):
        assert not bouncer.outcome(seconds=3)[0]
        bouncer.address.write_text("127.0.0.1")
        until(lambda: bouncer.outcome()[0], 30, "it follows the database")
        bouncer.address.write_text("")  # while the database is away, its name is, too
        assert bouncer.outcome()[0]
