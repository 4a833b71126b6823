"""A standby by streaming replication."""

from __future__ import annotations

import shutil
import subprocess
from contextlib import contextmanager
from typing import TYPE_CHECKING

from processes import temporary_folder
from servers import Server

from common.adapters.local.embedded_server import installed_programs

if TYPE_CHECKING:
    from collections.abc import Iterator


@contextmanager
def standby(primary_port: int) -> Iterator[Server]:
    """A second server that follows the first by streaming replication, asynchronously."""
    with temporary_folder("vayu-standby-") as folder:
        server = Server(folder)
        owner = server.data.stat()
        shutil.rmtree(server.data)
        target = ["--host=127.0.0.1", f"--port={primary_port}", "--username=postgres"]
        program = installed_programs() / "pg_basebackup"
        subprocess.run(
            [program, *target, "--write-recovery-conf", "--checkpoint=fast", f"--pgdata={server.data}"],
            check=True,
        )
        subprocess.run(["chown", "-R", f"{owner.st_uid}:{owner.st_gid}", server.data], check=True)
        with server:
            yield server
