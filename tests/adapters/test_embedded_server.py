"""The embedded server: shared, kept, and never in need of repair, however its users end."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from processes import gone, of_folder, temporary_folder, until

from common.adapters.local.embedded_server import EmbeddedServer, installed_programs
from common.adapters.local.file_lock import FileLock
from common.domain.errors import StoreError
from common.store.engine import Database, run

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parents[2]
USE = (
    "import sys; from pathlib import Path; from common.adapters.local.embedded_server import EmbeddedServer\n"
    "server = EmbeddedServer(Path(sys.argv[1])); server.url('vayu'); print('up', flush=True)\n"
    "sys.stdin.read(); server.stop()"
)


@pytest.fixture
def home() -> Iterator[Path]:
    """A folder for a server."""
    with temporary_folder("vy") as folder:
        yield folder / "h"
        gone(folder)


@pytest.fixture(scope="module")
def made() -> Iterator[Path]:
    """A folder with the data of a server."""
    with temporary_folder("vy") as folder:
        EmbeddedServer(folder).stop()
        yield folder


@pytest.fixture
def server_home(made: Path) -> Iterator[Path]:
    """A folder that holds data already, so that the server starts quickly; nobody uses it yet."""
    gone(made)
    yield made
    gone(made)


@contextmanager
def user_of(home: Path, **env: str) -> Iterator[subprocess.Popen[str]]:
    """Another process that uses the server until its standard input closes."""
    process = subprocess.Popen(
        [sys.executable, "-c", USE, str(home)],
        cwd=ROOT,
        env=os.environ | env,
        stdin=-1,
        stdout=-1,
        stderr=-1,
        text=True,
    )
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def wait_up(process: subprocess.Popen[str]) -> None:
    assert process.stdout is not None
    assert process.stdout.readline() == "up\n"


def answers(server: EmbeddedServer) -> bool:
    return {"postgres", "template1"} <= server.databases()


def postmaster(home: Path) -> int:
    return int((home / "postgres" / "postmaster.pid").read_text().split()[0])


def keeper(home: Path) -> int:
    [line] = [line for line in of_folder(home) if "keeper.py" in line]
    return int(line.split()[0])


def test_data_are_kept_in_any_folder_and_nothing_stays_behind(home: Path) -> None:
    home /= 'it\'s "mine", 100 % \\ ünïcode; $HOME {x}'
    server = EmbeddedServer(home)
    with closing(Database(server.url("vayu"))) as database, database.transaction() as connection:
        run(connection, "CREATE TABLE told AS SELECT 'once' AS what")
    server.stop()
    gone(home)
    server = EmbeddedServer(home)
    with closing(Database(server.url("vayu"))) as database, database.transaction() as connection:
        assert run(connection, "SELECT what FROM told") == [("once",)]
    assert server.databases() == {"postgres", "template0", "template1", "vayu"}
    server.stop()
    gone(home)


def test_the_last_to_leave_stops_it(server_home: Path) -> None:
    first, second = EmbeddedServer(server_home), EmbeddedServer(server_home)
    first.stop()
    assert answers(second)
    with user_of(server_home) as other:
        wait_up(other)
        second.stop()
        third = EmbeddedServer(server_home)
        assert answers(third)
        other.communicate("")
        assert answers(third)
        third.stop()
    gone(server_home)


@pytest.mark.slow
def test_a_path_too_long_for_a_socket(home: Path) -> None:
    server = EmbeddedServer(home / ("d" * 120))
    with closing(Database(server.url("vayu"))) as database, database.transaction() as connection:
        assert run(connection, "SELECT current_database()") == [("vayu",)]
    server.stop()
    gone(home)


def test_whoever_is_killed_takes_the_server_along(server_home: Path) -> None:
    with user_of(server_home) as process:
        wait_up(process)
        process.kill()
        gone(server_home)
    server = EmbeddedServer(server_home)
    assert answers(server)
    server.stop()


@pytest.mark.slow
@pytest.mark.parametrize("sign", ["postgres.partial", "postgres", "postgres/postmaster.pid"])
def test_killed_in_the_middle_of_the_first_start(home: Path, sign: str) -> None:
    with user_of(home) as process:
        until((home / sign).exists, 20, sign)
        process.kill()
        server = EmbeddedServer(home)  # at once: what the killed one began may still be at work
        assert answers(server)
        assert not (home / "postgres.partial").exists()
        server.stop()
    gone(home)


@pytest.mark.slow
def test_two_first_starts_at_once(home: Path) -> None:
    with user_of(home) as first, user_of(home) as other:
        for process in (first, other):
            wait_up(process)
        assert len([line for line in of_folder(home) if "keeper.py" in line]) == 1


def test_a_server_without_its_keeper_is_ended_and_started_again(server_home: Path) -> None:
    with user_of(server_home) as process:
        wait_up(process)
        orphan = postmaster(server_home)
        os.kill(keeper(server_home), signal.SIGKILL)
        process.kill()
        process.communicate()
        assert [line for line in of_folder(server_home) if line.startswith(f"{orphan} ")]
    server = EmbeddedServer(server_home)
    assert postmaster(server_home) != orphan
    assert answers(server)
    server.stop()
    gone(server_home)


def test_a_server_that_crashed_is_started_by_the_next(server_home: Path) -> None:
    with user_of(server_home) as process:
        wait_up(process)
        os.kill(postmaster(server_home), signal.SIGKILL)
        until(lambda: not of_folder_but(server_home, process.pid), 60)
        server = EmbeddedServer(server_home)
        assert answers(server)
        server.stop()


def of_folder_but(home: Path, pid: int) -> list[str]:
    return [line for line in of_folder(home) if not line.startswith(f"{pid} ")]


def test_a_number_left_behind_that_is_another_process_by_now(server_home: Path) -> None:
    left = server_home / "postgres" / "postmaster.pid"
    left.write_text(f"{os.getpid()}\n{server_home / 'postgres'}\n1700000000\n5432\n/tmp\n\n0 0\nready\n")
    server = EmbeddedServer(server_home)
    assert answers(server)
    server.stop()


def test_a_folder_that_cannot_be_written(home: Path) -> None:
    home.parent.mkdir(exist_ok=True)
    home.write_text("a file")
    with pytest.raises(StoreError, match="VAYU_HOME"):
        EmbeddedServer(home)


as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only for root the server runs as somebody else")


def modes(*paths: Path) -> dict[Path, int]:
    """Of the paths, of all above them, and of all below them."""
    every = {each for path in paths for each in (path, *path.parents, *path.rglob("*"))}
    return {each: each.lstat().st_mode for each in every}


@as_root
@pytest.mark.slow
def test_for_root_nothing_outside_its_folder_changes_its_mode() -> None:
    with tempfile.TemporaryDirectory(prefix="vy") as closed:
        installed = installed_programs().parents[1]
        site = Path(closed) / "site"
        shutil.copytree(installed, site / installed.name)
        with suppress(FileNotFoundError):  # where its programs bring no libraries of their own
            libraries = f"{installed.name}.libs"
            shutil.copytree(installed.with_name(libraries), site / libraries)
        home = Path(closed) / "h"
        before = modes(site)
        numbers = []
        for _ in range(2):
            with user_of(home, PYTHONPATH=str(site)) as process:
                wait_up(process)
                numbers.append(postmaster(home))
                assert str(site) not in Path(f"/proc/{numbers[-1]}/exe").readlink().as_posix()
                assert modes(site) == before
                process.communicate("")
            gone(home)
        assert numbers[0] != numbers[1]
        shutil.rmtree((home / "postgres").resolve().parent)
        with pytest.raises(StoreError, match=f"is gone; to start anew, .* rm {home}/postgres"):
            EmbeddedServer(home)


@as_root
@pytest.mark.slow
def test_for_root_a_folder_that_was_closed_since(home: Path) -> None:
    EmbeddedServer(home).stop()
    home.chmod(0o700)
    EmbeddedServer(home).stop()
    home.parent.chmod(0o700)
    with pytest.raises(StoreError, match=f"may not enter {home.parent} .*chmod o.x '{home.parent}'"):
        EmbeddedServer(home)


def test_data_that_are_no_data(home: Path) -> None:
    (home / "postgres").mkdir(parents=True)
    (home / "postgres" / "PG_VERSION").write_text("18\n")
    with pytest.raises(StoreError, match=re.escape(str(home / "logs" / "postgres.log"))):
        EmbeddedServer(home)
    gone(home)


def test_locks_between_users(tmp_path: Path) -> None:
    path = tmp_path / "locks" / "one"
    with FileLock(path) as first, FileLock(path) as second:
        assert first.take(shared=True)
        assert second.take(shared=True)
        assert not first.take()
        second.release()
        assert first.take()
        assert not second.take(shared=True, patience_s=0.01)
        first.close()
        assert second.take(patience_s=None)


def test_a_child_keeps_the_lock_it_was_given(tmp_path: Path) -> None:
    path = tmp_path / "one"
    with FileLock(path) as mine:
        assert mine.take()
        child = subprocess.Popen(
            [sys.executable, "-c", "import sys; sys.stdin.read()"], stdin=-1, pass_fds=[mine.fileno()]
        )
    with FileLock(path) as other:
        assert not other.take()
        child.communicate(b"")
        assert other.take()
