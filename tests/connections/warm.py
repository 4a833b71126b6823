"""Functions as clouds run them: a process that is kept between calls, and may be frozen."""

from __future__ import annotations

import json
import os
import select
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import psutil
from processes import until

from common.store.engine import Database, run

ROOT = Path(__file__).parents[2]
COLLECT = {"type": "vayu.collect", "subject": "Delhi", "data": {"cities": ["Delhi"]}}


class Instance:
    """A warm instance over one database."""

    def __init__(self, database_url: str, folder: Path, **settings: str) -> None:
        environment = {
            "PATH": os.environ["PATH"],
            "PYTHONPATH": str(ROOT),
            "DATABASE_URL": database_url.replace("+pg8000", ""),
            "VAYU_SOURCES": "simulated",
            "VAYU_HOME": str(folder),
            **settings,
        }
        self._process = subprocess.Popen(
            [sys.executable, str(Path(__file__).with_name("instance.py"))],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            env=environment,
            cwd=folder,
        )

    def call(self, name: str, event: dict[str, Any]) -> dict[str, Any]:
        """What the handler of function `name` answers."""
        assert self._process.stdin
        assert self._process.stdout
        self._process.stdin.write(json.dumps([name, event]) + "\n")
        self._process.stdin.flush()
        ready, _, _ = select.select([self._process.stdout], [], [], 60)
        assert ready, "no answer within a minute"
        answer: dict[str, Any] = json.loads(self._process.stdout.readline())
        return answer

    def freeze(self) -> None:
        """Let no time pass for it, as between calls."""
        self._process.send_signal(signal.SIGSTOP)
        process = psutil.Process(self._process.pid)
        until(lambda: process.status() == psutil.STATUS_STOPPED, 60)

    def thaw(self) -> None:
        self._process.send_signal(signal.SIGCONT)

    def close(self) -> None:
        self._process.kill()
        self._process.communicate()


class Watcher:
    """The server's view of one database, from a connection that is not counted."""

    def __init__(self, url: str) -> None:
        self._database = Database(
            url + ("&" if "?" in url else "?") + "application_name=watcher", pool_size=1
        )
        self.close = self._database.close

    def sessions(self) -> set[int]:
        """Numbers of the server processes that serve others in this database."""
        with self._database.transaction() as connection:
            rows = run(
                connection,
                "SELECT pid FROM pg_stat_activity WHERE datname = current_database() "
                "AND application_name = 'vayu' AND backend_type = 'client backend'",
            )
        return {pid for (pid,) in rows}

    def end_sessions(self) -> int:
        """End them all; how many there were."""
        pids = self.sessions()
        with self._database.transaction() as connection:
            for pid in pids:
                run(connection, "SELECT pg_terminate_backend(:pid, 10000)", pid=pid)
        return len(pids)

    def count(self, table: str) -> int:
        with self._database.transaction() as connection:
            return int(run(connection, f"SELECT count(*) FROM {table}")[0][0])  # noqa: S608 — tables of ours
