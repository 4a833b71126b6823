"""How a run of collection went, source by source."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from datetime import datetime


@dataclass(slots=True)
class SourceReport:
    """How one source did in one run."""

    readings: int = 0
    new: int = 0
    changed: int = 0
    rejected: dict[str, int] = field(default_factory=dict)
    failure: str | None = None
    """What failed, in words; None where it went well."""
    resting_until: datetime | None = None
    """Set where it was not asked, because it has kept failing or wants to be left alone until then."""
    retry_after: float | None = None
    """Seconds in which it, or its quota, wants no further question."""


@dataclass(slots=True)
class CollectReport:
    """What came of one run."""

    sources: dict[str, SourceReport] = field(default_factory=dict)
    hours: int = 0
    """City-hours that are new or changed."""
    cities: list[str] = field(default_factory=list)
    """Cities that have new or changed hours."""
    skipped: str | None = None
    """Why no source was asked, in words; None where the run took place."""

    @property
    def failed(self) -> bool:
        """Whether no source gave anything and at least one failed, or was left alone because it had."""
        reports = self.sources.values()
        silent = any(report.failure or report.resting_until for report in reports)
        return silent and not any(report.readings for report in reports)

    def plus(self, other: CollectReport) -> CollectReport:
        """Both runs as one; a source that failed in either is shown with its latest failure."""
        sources = dict(self.sources)
        for name, new in other.sources.items():
            old = sources.get(name, SourceReport())
            sources[name] = SourceReport(
                old.readings + new.readings,
                old.new + new.new,
                old.changed + new.changed,
                dict(Counter(old.rejected) + Counter(new.rejected)),
                new.failure or old.failure,
                new.resting_until or old.resting_until,
            )
        return CollectReport(sources, self.hours + other.hours, sorted({*self.cities, *other.cities}))
