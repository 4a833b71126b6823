"""A lock over processes: one has it, and it is free when that process has died."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from processes import until

from common.domain.errors import StoreError
from common.store.advisory_lock import try_lock
from common.store.engine import run

if TYPE_CHECKING:
    from common.store.engine import Database

ROOT = Path(__file__).parents[2]
HOLDER = """
import sys
from common.store.advisory_lock import try_lock
from common.store.engine import Database

with try_lock(Database(sys.argv[1]), "test", lost="lost") as check_lock:
    print("free" if check_lock is None else "held", flush=True)
    sys.stdin.read()
"""


def is_free(database: Database) -> bool:
    with try_lock(database, "test", lost="lost") as check_lock:
        return check_lock is not None


def test_one_process_has_it_until_it_is_killed(database: Database) -> None:
    assert is_free(database)
    holder = subprocess.Popen(
        [sys.executable, "-c", HOLDER, database.url],
        cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    with holder:
        try:
            assert holder.stdout is not None
            assert holder.stdout.readline() == "held\n"
            assert not is_free(database)
        finally:
            holder.kill()
            holder.communicate()
    until(lambda: is_free(database), 10.0, "the lock of a process that was killed")


def test_who_lost_it_is_informed(database: Database) -> None:
    with pytest.raises(StoreError, match="it is another's now"):
        lose_it(database, "it is another's now")


def lose_it(database: Database, lost: str) -> None:
    """Take the lock, have the server end its session, and look whether it is still ours."""
    with try_lock(database, "test", lost=lost) as check_lock:
        assert check_lock is not None
        check_lock()
        with database.transaction() as connection:
            run(
                connection,
                "SELECT pg_terminate_backend(pid, 5000) FROM pg_locks WHERE locktype = 'advisory' "
                "AND database = (SELECT oid FROM pg_database WHERE datname = current_database())",
            )
        check_lock()
