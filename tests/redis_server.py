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

    def __init__(self, folder: Path) -> None:
        from redis import Redis

        with Redis.from_url(redis_url()) as client:
            files = Path(str(client.config_get("dir")["dir"])) / "root"
        if not files.is_dir():
            pytest.skip(f"the Redis of {REDIS} was not started by scripts/redis: a test cannot have its own")
        self._folder = folder
        folder.mkdir()
        (folder / "root").symlink_to(files)
        self.url = self._start()

    def kill(self) -> None:
        """End it as a crash does."""
        os.kill(int((self._folder / "pid").read_text()), signal.SIGKILL)

    def restart(self) -> None:
        """Have it back, empty, at the same address."""
        assert self._start() == self.url

    def stop(self) -> None:
        subprocess.run([_SCRIPT, "stop", self._folder], check=True)

    def _start(self) -> str:
        done = subprocess.run(
            [_SCRIPT, "start", self._folder, str(os.getpid())],
            check=True,
            stdout=subprocess.PIPE,
            text=True,
        )
        return done.stdout.strip()
