"""The Redis of this run, and one more that a test may kill."""

from __future__ import annotations

import os
import signal
import subprocess
from pathlib import Path
from urllib.parse import urlsplit

import pytest

REDIS = "VAYU_TEST_REDIS_URL"
_SCRIPT = Path(__file__).parents[1] / "scripts" / "redis"


def redis_url() -> str:
    """The Redis of this run, in a database of this worker; without one the test is skipped, and the end says so."""
    url = os.environ.get(REDIS)
    if not url:
        pytest.skip(f"needs a Redis: {REDIS} is not set; see scripts/redis")
    worker = os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw")
    return urlsplit(url)._replace(path=f"/{int(worker) % 16}").geturl()


class OwnRedis:
    """A server of the test's own, from the files that the run's Redis was unpacked to."""

    def __init__(self, folder: Path, *options: str) -> None:
        """`options` of the program redis-server."""
        from redis import Redis

        with Redis.from_url(redis_url()) as client:
            files = Path(str(client.config_get("dir")["dir"])) / "root"
        if not files.is_dir():
            pytest.skip(f"the Redis of {REDIS} was not started by scripts/redis: a test cannot have its own")
        self._folder = folder
        folder.mkdir()
        (folder / "root").symlink_to(files)
        self._options = options
        self.url = self._start()

    def kill(self) -> None:
        """End it as a crash does."""
        os.kill(int((self._folder / "pid").read_text()), signal.SIGKILL)

    def restart(self) -> None:
        """Have it back, empty, at the same address."""
        assert self._start() == self.url

    def stop(self) -> None:
        subprocess.run([_SCRIPT, "stop", self._folder], check=True)

    def client_folder(self) -> Path:
        """A folder with a redis-cli that asks this server."""
        program = self._folder / "bin" / "redis-cli"
        program.parent.mkdir()
        root = self._folder / "root"
        [loader] = [path for path in root.resolve().rglob("ld-linux-*.so.*") if not path.is_symlink()]
        libraries = next(root.resolve().rglob("libc.so.6")).parent
        port = urlsplit(self.url).port
        program.write_text(
            f'#!/bin/sh\nexec {loader} --library-path {libraries} {root}/usr/bin/redis-cli -p {port} "$@"\n'
        )
        program.chmod(0o755)
        return program.parent

    def _start(self) -> str:
        done = subprocess.run(
            [_SCRIPT, "start", self._folder, str(os.getpid()), *self._options],
            check=True,
            stdout=subprocess.PIPE,
            text=True,
        )
        return done.stdout.strip()
