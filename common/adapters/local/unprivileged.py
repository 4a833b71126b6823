"""PostgreSQL refuses to run as root; as root (in containers, mostly) it is run as a user without rights.

Nothing that is there already is opened to that user. What it cannot reach is put where it can: the programs are
copied, the data are made below `_REACHABLE`.
"""

from __future__ import annotations

import os
import pwd
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TypedDict

from common.domain.errors import StoreError

_USERS = ("postgres", "nobody")
"""Whose processes the server's may be: the first of these that the machine knows."""
_REACHABLE = Path("/var/lib/vayu")
"""For the data where VAYU_HOME lies in a closed folder, as /root is on most machines."""


class _Switch(TypedDict, total=False):
    user: int
    group: int
    extra_groups: list[int]


@dataclass(frozen=True, slots=True)
class Identity:
    """Who the server runs as; None: as ourselves."""

    uid: int | None = None
    gid: int | None = None

    @property
    def text(self) -> str:
        """``UID:GID``; ``:`` for ourselves."""
        return ":" if self.uid is None else f"{self.uid}:{self.gid}"

    def popen(self) -> _Switch:
        """Arguments of `subprocess.Popen` that start a process as this user."""
        if self.uid is None or self.gid is None:
            return {}
        return {"user": self.uid, "group": self.gid, "extra_groups": []}

    def own(self, path: Path) -> None:
        """Give the user a file or folder."""
        if self.uid is not None and self.gid is not None:
            os.chown(path, self.uid, self.gid)

    def let_through(self, folder: Path) -> None:
        """Let the user enter a folder of ours, but not list it."""
        if self.uid is not None:
            folder.chmod(folder.stat().st_mode | 0o001)

    def closed(self, path: Path) -> Path | None:
        """The first on the way to `path` that the user may not enter or run, `path` included; None: it may."""
        if self.uid is None:
            return None
        path = path.resolve()
        return next((each for each in (*reversed(path.parents), path) if not self._may_enter(each)), None)

    def _may_enter(self, path: Path) -> bool:
        status = path.stat()
        shift = 6 if status.st_uid == self.uid else 3 if status.st_gid == self.gid else 0
        return bool(status.st_mode >> shift & 0o001)


def server_identity(data: Path) -> Identity:
    """Ourselves, but for root: whoever owns `data`, or a user without rights where there is none yet.

    Raises:
        StoreError: when we are root and the machine has no such user.
    """
    if os.geteuid() != 0:
        return Identity()
    if data.exists() and (owner := data.stat()).st_uid != 0:
        return Identity(owner.st_uid, owner.st_gid)
    for name in _USERS:
        try:
            user = pwd.getpwnam(name)
        except KeyError:
            continue
        return Identity(user.pw_uid, user.pw_gid)
    raise StoreError("PostgreSQL cannot run as root: run vayu as another user, or set DATABASE_URL")


def make_reachable(identity: Identity, folder: Path) -> None:
    """Make an empty `folder` that the user owns; where the way to it is closed, a link to one elsewhere."""
    if identity.closed(folder.parent) is None:
        folder.mkdir(mode=0o700)
    else:
        if not _REACHABLE.exists():
            _REACHABLE.mkdir(parents=True)
            _REACHABLE.chmod(0o711)
        own = Path(tempfile.mkdtemp(prefix="server-", dir=_REACHABLE))
        own.chmod(0o711)
        (own / "data").mkdir(mode=0o700)
        folder.symlink_to(own / "data")
    identity.own(folder)


def remove_reachable(folder: Path) -> None:
    """Remove what `make_reachable` has made, or begun to."""
    if folder.is_symlink():
        own = folder.resolve().parent
        folder.unlink()
        if own.parent == _REACHABLE.resolve():
            shutil.rmtree(own, ignore_errors=True)
    shutil.rmtree(folder, ignore_errors=True)


def must_reach(identity: Identity, data: Path) -> None:
    """See that the user can reach the data of an earlier start.

    Raises:
        StoreError: when a folder on the way was closed, or the data are gone.
    """
    if not data.exists():
        raise StoreError(f"{data.resolve()} is gone; to start anew, remove what leads there: rm {data}")
    closed = identity.closed(data)
    if closed is not None:
        raise StoreError(
            f"the user that runs PostgreSQL for root ({identity.text}) may not enter {closed} on the way to its data; "
            f"let it (chmod o+x '{closed}'), or set VAYU_HOME to another folder"
        )


def reachable_programs(identity: Identity, installed: Path, folder: Path) -> Path:
    """The folder of PostgreSQL's programs that the user can run: `installed`, or a copy of it in `folder`.

    The programs find their files by relative paths, which go up to the parent of the package.
    """
    if identity.closed(installed / "postgres") is None:
        return installed
    package = installed.parents[1]
    copy, partial = folder / "postgres-programs", folder / "postgres-programs.partial"
    if not (copy / package.name).exists() or _changed(installed, copy / package.name / "pginstall" / "bin"):
        for old in (copy, partial):
            shutil.rmtree(old, ignore_errors=True)
        shutil.copytree(package / "pginstall", partial / package.name / "pginstall", symlinks=True)
        libraries = package.with_name(f"{package.name}.libs")
        if libraries.exists():
            shutil.copytree(libraries, partial / libraries.name, symlinks=True)
        _open_tree(partial)
        partial.rename(copy)
    return copy / package.name / "pginstall" / "bin"


def _changed(installed: Path, copy: Path) -> bool:
    return (installed / "postgres").stat().st_mtime != (copy / "postgres").stat().st_mtime


def _open_tree(top: Path) -> None:
    """Let everybody read `top`, as far as its owner may: a strict umask has taken it from the others."""
    for each in (top, *top.rglob("*")):
        mode = each.lstat().st_mode
        if not each.is_symlink():
            each.chmod(mode | (mode & 0o500) >> 3 | (mode & 0o500) >> 6)
