"""What the database knows of its own backups: `scripts/backup` notes it in `meta`."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

import msgspec
from sqlalchemy import select

from common.store.engine import run
from common.store.schema import alert_owner, alert_rule, meta

if TYPE_CHECKING:
    from collections.abc import Mapping

    from common.store.engine import Connection

_SLOT = "vayu_backup"
"""Of `scripts/backup stream`."""


class BackupState(msgspec.Struct, frozen=True):
    """When backups were made and tried."""

    base_at: datetime | None
    """End of the newest base backup; None: none was ever noted"""
    streaming: bool | None
    """Whether the log is being kept now; None where it never was, as on managed databases"""
    drill_at: datetime | None
    """The newest restore that was tried and went well"""
    drill_rpo_s: float | None
    """What it would have lost"""
    drill_rto_s: float | None
    """How long it took"""


def backup_state(connection: Connection) -> BackupState:
    """What is known of the backups. A value that makes no sense counts as unknown: people may write it by hand."""
    noted = {row.key: row.value for row in run(connection, _NOTED)}
    slots = run(connection, "SELECT active FROM pg_replication_slots WHERE slot_name = :slot", slot=_SLOT)
    return BackupState(
        base_at=_time(noted, "backup_at"),
        streaming=slots[0][0] if slots else None,
        drill_at=_time(noted, "drill_at"),
        drill_rpo_s=_seconds(noted, "drill_rpo_s"),
        drill_rto_s=_seconds(noted, "drill_rto_s"),
    )


def sealed_sample(connection: Connection) -> bytes | None:
    """Something that was sealed under VAYU_ALERTS_KEY, by which to try a key; None where nothing was."""
    # Rules of the public feed are sent to nobody: they have no address.
    addresses = (
        select(alert_rule.c.address)
        .where(alert_rule.c.channel != "feed")
        .order_by(alert_rule.c.created_at.desc())
        .limit(1)
    )
    owners = select(alert_owner.c.email).where(alert_owner.c.email.is_not(None)).limit(1)
    rows = run(connection, addresses) or run(connection, owners)
    return bytes(rows[0][0]) if rows else None


_NOTED = select(meta.c.key, meta.c.value).where(
    meta.c.key.in_(("backup_at", "drill_at", "drill_rpo_s", "drill_rto_s"))
)


def _time(noted: Mapping[str, str], key: str) -> datetime | None:
    try:
        time = datetime.fromisoformat(noted[key])
    except (KeyError, ValueError):
        return None
    return time if time.tzinfo is not None else None


def _seconds(noted: Mapping[str, str], key: str) -> float | None:
    try:
        seconds = float(noted[key])
    except (KeyError, ValueError):
        return None
    return seconds if 0 <= seconds < 1e9 else None
