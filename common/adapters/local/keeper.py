"""The keeper of the embedded server: its parent process, which stops it when nobody uses it any more.

Run as a script by `common.adapters.local.embedded_server`, with nothing but the standard library::

    keeper.py USE_LOCK SERVER_LOCK_FD UID:GID COMMAND…

The lock USE_LOCK is shared by all users of the server. When the keeper gets it alone, nobody is left: it stops
the server, then lets new users in. The server holds the lock behind SERVER_LOCK_FD as long as any process of it
is alive. UID:GID is who the server runs as; ``:`` is the user of this process.
"""

from __future__ import annotations

import fcntl
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

_POLL_S = 0.1
_WAYS_TO_END = (
    (signal.SIGINT, 30.0),  # a fast shutdown: transactions are undone, everything is written
    (signal.SIGQUIT, 10.0),  # at once: the next start recovers
    (signal.SIGKILL, 10.0),
)


def main() -> None:
    """Start the server and keep it until it ends or nobody uses it."""
    if os.fork():
        return  # it outlives whoever started it, and is no child of theirs
    use, server_lock, identity, *command = sys.argv[1:]
    uid, gid = ([int(part)] if part else [] for part in identity.split(":"))
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda *_: sys.exit())
    with Path(use).open("ab") as lock:
        server = subprocess.Popen(  # noqa: S603 — the command is ours
            command,
            pass_fds=[int(server_lock)],
            user=uid[0] if uid else None,
            group=gid[0] if gid else None,
            extra_groups=[] if gid else None,
        )
        try:
            while server.poll() is None and not _alone(lock.fileno()):
                time.sleep(_POLL_S)
        finally:
            _stop(server)


def _alone(lock: int) -> bool:
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _stop(server: subprocess.Popen[bytes]) -> None:
    for number, patience_s in _WAYS_TO_END:
        if server.poll() is not None:
            return
        server.send_signal(number)
        try:
            server.wait(patience_s)
        except subprocess.TimeoutExpired:
            continue


if __name__ == "__main__":
    main()
