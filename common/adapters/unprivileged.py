"""PostgreSQL refuses to run as root; as root (in containers, mostly) it is run as somebody else."""

from __future__ import annotations

import os
import pwd
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypedDict

from common.domain.errors import StoreError

if TYPE_CHECKING:
    from pathlib import Path

_USERS = ("postgres", "nobody")
"""Whose processes the server's may be: the first of these that the machine knows."""


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
            found = pwd.getpwnam(name)
        except KeyError:
            continue
        return Identity(found.pw_uid, found.pw_gid)
    raise StoreError("PostgreSQL cannot run as root: run vayu as another user, or set DATABASE_URL")


def let_in(identity: Identity, folder: Path, programs: Path | None = None) -> None:
    """Where the server is not us: give it `folder`, and the way to it and to its programs.

    The folders on the way may be passed through by everybody afterwards, but not listed.
    """
    if identity.uid is None or identity.gid is None:
        return
    os.chown(folder, identity.uid, identity.gid)
    _open_way(folder.parent)
    if programs is not None:
        _open_way(programs.parent)
        if (
            programs.stat().st_mode & 0o005 != 0o005
            or (programs / "postgres").stat().st_mode & 0o005 != 0o005
        ):
            _open_tree(programs.parent)


def _open_way(folder: Path) -> None:
    for each in (folder, *folder.parents):
        mode = each.stat().st_mode
        if not mode & 0o001:
            each.chmod(mode | 0o001)


def _open_tree(top: Path) -> None:
    """Let everybody read `top`, as far as its owner may: a strict umask has taken it from the others."""
    for each in (top, *top.rglob("*")):
        mode = each.lstat().st_mode
        if not each.is_symlink():
            each.chmod(mode | (mode & 0o500) >> 3 | (mode & 0o500) >> 6)
