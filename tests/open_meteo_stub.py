"""Open-Meteo's stand-in for backfills: each place and hour has its own values, and what was asked is known."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from contextlib import contextmanager
from datetime import datetime
from typing import TYPE_CHECKING, Any

from providers import open_meteo_places
from stubs import Answer, Seen, Stub

from common.sources.open_meteo import weight
from common.store.engine import Database, run

if TYPE_CHECKING:
    from collections.abc import Iterator

Question = tuple[str, str, str, str]
"""Endpoint, latitudes, first and last day."""
Before = Callable[[Seen], Answer | None]
"""What comes before a question is answered: another answer, or None."""


class Past:
    """The running stand-in; `before` may be set to whatever is to happen before an answer."""

    def __init__(self, stub: Stub) -> None:
        self.before: Before = lambda _: None
        self._stub = stub
        self.urls = {"OPEN_METEO_AIR_URL": stub.url + "/air", "OPEN_METEO_WEATHER_URL": stub.url + "/weather"}
        for path in ("/air", "/weather"):
            stub.answer(path, self._answer)

    def _answer(self, seen: Seen) -> Answer:
        return self.before(seen) or Answer(body=varied(seen))

    @property
    def calls(self) -> int:
        return len(self._stub.seen)

    @property
    def questions(self) -> Counter[Question]:
        """How often each question came."""
        names = ("latitude", "start_date", "end_date")
        return Counter((seen.path, *(seen.query[name] for name in names)) for seen in list(self._stub.seen))  # type: ignore[misc]

    @property
    def weight(self) -> float:
        """As how many calls Open-Meteo counts all of it."""
        return sum(map(weight_of, self._stub.seen))


def weight_of(seen: Seen) -> float:
    """As how many calls Open-Meteo counts a question."""
    first, last = (datetime.fromisoformat(seen.query[name]) for name in ("start_date", "end_date"))
    places, variables = (seen.query[name].count(",") + 1 for name in ("latitude", "hourly"))
    return weight(places, variables, (last - first).days + 1)


def varied(seen: Seen) -> Any:
    """An answer in which no two places and hours are the same."""
    result = []
    for latitude, place in zip(seen.query["latitude"].split(","), open_meteo_places(seen), strict=True):
        table = place["hourly"]
        start = int(datetime.fromisoformat(table["time"][0] + "+00:00").timestamp()) // 3600
        for name in [name for name in table if name not in ("time", "surface_pressure")]:
            seed = int(float(latitude) * 1e4) + len(name)
            hours = range(start, start + len(table["time"]))
            table[name] = [1.0 + (seed * 31 + hour * 7) % 89 / 2 for hour in hours]
        result.append(place)
    return result if len(result) > 1 else result[0]


@contextmanager
def past() -> Iterator[Past]:
    """The stand-in on loopback."""
    with Stub() as stub:
        yield Past(stub)


def rows(database: Database, until: datetime) -> dict[str, list[Any]]:
    """All that is known of the time before `until`, without the moments in which it was written."""
    stored = {
        "reading": "to_jsonb(reading) - 'received_at'",
        "city_hour": "to_jsonb(city_hour) - 'computed_at'",
    }
    with database.transaction() as connection:
        return {
            table: [
                row
                for (row,) in run(
                    connection,
                    f"SELECT {columns} FROM {table} WHERE time < :until ORDER BY city, time",  # noqa: S608
                    until=until,
                )
            ]
            for table, columns in stored.items()
        }
