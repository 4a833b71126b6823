"""All alerts as the operator of an installation sees them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from common.alerts.rule import Condition
from common.store import sql
from common.store.engine import run

if TYPE_CHECKING:
    from datetime import datetime
    from uuid import UUID

    from common.store.engine import Connection


@dataclass(frozen=True, slots=True)
class RuleOverview:
    """A rule without anything that its owner would not want to be seen."""

    id: UUID
    city: str
    when: Condition
    channel: str
    owner: str
    """Name of a key, ``e-mail``, or ``public``"""
    state: str
    disabled_because: str | None
    phase: str
    since: datetime
    created_at: datetime
    last_status: str | None
    """Of its newest message; None: it has had none"""
    last_at: datetime | None


def all_rules(connection: Connection, *, city: str | None = None, public: bool = False) -> list[RuleOverview]:
    """The rules of all owners by city; `public`: the standing rules of every city, too."""
    rows = run(connection, sql.load("alert_overview"), city=city, public=public)
    return [RuleOverview(id_, place, Condition(*others[:7]), *others[7:]) for id_, place, *others in rows]
