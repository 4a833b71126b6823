"""Open-Meteo and CPCB's feed on loopback, each answer after a fixed time: in a process of its own.

Prints its address, then for each line read from standard input how many were asked at once at most since the last
line, and how many questions there were, as JSON. Ends with its input.
"""

from __future__ import annotations

import json
import sys
import threading
import time
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[2] / "tests"))

from providers import cpcb_feed, open_meteo_places
from stubs import Answer, Seen, Stub

from common.domain.cities import all_cities

LATENCY_S = 0.2
STATIONS = 9
"""A city; 504 in all. CPCB has some 480."""


class Standin(Stub):
    """Answers everything, `LATENCY_S` after it was asked, and counts how many wait at once."""

    def __init__(self) -> None:
        super().__init__()
        self.now = datetime.now(UTC)
        self._counting = threading.Lock()
        self._waiting: dict[str, int] = {}
        self.most: dict[str, int] = {}

    def play(self, seen: Seen) -> Answer:
        began = time.monotonic()
        name = seen.path.strip("/")
        with self._counting:
            self.seen.append(seen)
            self._waiting[name] = self._waiting.get(name, 0) + 1
            self._waiting["all"] = self._waiting.get("all", 0) + 1
            for each in (name, "all"):
                self.most[each] = max(self.most.get(each, 0), self._waiting[each])
        body = _feed(self.now) if name == "feed" else _model(seen.path, tuple(sorted(seen.query.items())))
        time.sleep(max(0.0, LATENCY_S - (time.monotonic() - began)))
        with self._counting:
            self._waiting[name] -= 1
            self._waiting["all"] -= 1
        return Answer(body=body)

    def counts(self) -> dict[str, Any]:
        """What was asked since this was last called."""
        with self._counting:
            counts = {"most": self.most, "questions": len(self.seen)}
            self.most, self.seen = {}, []
        return counts


@cache
def _feed(now: datetime) -> bytes:
    """Values that go up and down, for constant ones are what broken instruments show."""
    feed = cpcb_feed(all_cities(), now, STATIONS)
    stations = [
        station
        for state in feed["country"]
        for city in state["citiesInState"]
        for station in city["stationsInCity"]
    ]
    for number, station in enumerate(stations):
        for pollutant in station["pollutants"]:
            index = int(pollutant["Hourly_sub_index"]) + (now.hour * 5 + number) % 9
            pollutant["Hourly_sub_index"] = str(index)
    return json.dumps(feed).encode()


@cache
def _model(path: str, query: tuple[tuple[str, str], ...]) -> bytes:
    places = open_meteo_places(Seen(path, dict(query), {}))
    for number, place in enumerate(places):
        hourly = place["hourly"]
        for name, column in hourly.items():
            if name != "time":
                hourly[name] = [
                    round(value * (1 + 0.02 * ((row * 7 + number) % 11)), 2)
                    for row, value in enumerate(column)
                ]
    return json.dumps(places).encode()


def main() -> None:
    """Serve until the input ends; a line of it may set the present, as ISO 8601."""
    with Standin() as standin:
        print(standin.url, flush=True)
        for line in sys.stdin:
            counts = standin.counts()
            if line.strip():
                standin.now = datetime.fromisoformat(line.strip())
                _feed(standin.now)
            print(json.dumps(counts), flush=True)


if __name__ == "__main__":
    main()
