"""What happens in a month: who is called how often, how much that computes, and how long it waits."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[2] / "tests" / "deploy"))

from templates import read, sam_function

HOURS, DAYS, WEEKS = 730.0, 730 / 24, 730 / 168
"""In a month"""
TEMPLATE = read("template.yaml")
UNITS = ("api", "collect", "forecast", "train", "retention")
TARGETS, CANDIDATES, FILES = 2, 4, 3
"""Of a training: AQI and PM2.5; three families and their blend; the model, its card as JSON and as text"""
OPENED = 3
"""Models of a city and target that forecast: the champion, and at most two beside it"""

# Assumed, for nobody has measured them in an account.
ROUND_TRIP_S = 0.002
"""To the database, in the same region"""
STATEMENTS = 12
"""Round trips of a city's forecast"""
READ_S = 0.02
"""Of one object"""
ASKING_S = 5.0
"""Until the slowest provider has answered a collection"""
ROLLING_S = 60.0
"""In which the database rolls up, drops and vacuums, once a week"""
COLD = 0.01
"""Share of the API's requests that meet a new instance; the others' schedules always do"""
PLATFORM_BYTES = 600
"""What the platform itself logs of each call"""


@dataclass(frozen=True)
class Calls:
    """Calls of a function, alike: `cpu_s` each at a whole processor, and seconds in which it only waits."""

    unit: str
    number: float
    cpu_s: float
    waiting_s: float = 0.0
    cold: float = 1.0
    """Share of them that starts an instance"""


@dataclass(frozen=True)
class Month:
    """A month of so many cities and requests."""

    calls: list[Calls]
    requests: float
    messages: float
    schedules: float
    files_put: float
    files_read: float
    files_gb: float
    log_gb: float
    out_gb: float

    def of(self, unit: str) -> list[Calls]:
        """The calls of one function."""
        return [call for call in self.calls if call.unit == unit]

    @property
    def starts(self) -> float:
        """How often an instance starts and reads the secret."""
        return sum(call.number * call.cold for call in self.calls)


def runs(cron: str) -> float:
    """How often a month a schedule as ``cron(37 * * * ? *)`` comes, where it is hourly, daily or weekly."""
    _, hour, day, month, weekday, _ = cron.removeprefix("cron(").removesuffix(")").split()
    if day not in "*?" or month != "*" or (hour == "*" and weekday not in "*?"):
        raise ValueError(f"not hourly, daily or weekly: {cron}")
    return HOURS if hour == "*" else DAYS if weekday in "*?" else WEEKS


def schedules(unit: str) -> float:
    """How often a month the schedules of a function call it; without that of the archive, which is not in the bill."""
    events = sam_function(unit, TEMPLATE)["events"]
    return sum(runs(event["schedule"]) for event in events if "schedule" in event and event["input"] is None)


def month(measured: dict[str, Any], *, cities: int, requests: float) -> Month:
    """What a month needs; each city is trained each day, both targets, which is the most that the planner does."""
    cpu, cold = measured["cpu_s"], measured["cold_cpu_s"]
    hourly, trainings = schedules("collect"), cities * DAYS
    reads = TARGETS * 2  # a model and its card
    waits_db = STATEMENTS * ROUND_TRIP_S
    city_s = waits_db + reads * OPENED * READ_S
    again_s = waits_db + reads * READ_S
    calls = [
        Calls("collect", hourly, cold["collect"] + cities * cpu["collect_city"], ASKING_S + cities * waits_db),
        # By the message of a collection; by schedule, which finds it done; for the city whose model is new.
        Calls("forecast", hourly, cold["forecast"] + cities * cpu["forecast_city"], cities * city_s),
        Calls("forecast", schedules("forecast"), cold["forecast"] + cities * cpu["forecast_again"], cities * again_s),
        Calls("forecast", trainings, cold["forecast"] + cpu["forecast_again"], again_s),
        Calls("train", schedules("train"), cold["train"] + cpu["plan"], waits_db),
        Calls("train", trainings, cold["train"] + cpu["train_city"], TARGETS * CANDIDATES * FILES * READ_S),
        Calls("retention", schedules("retention"), cold["retention"] + cpu["retention"], ROLLING_S),
        Calls("api", requests * (1 - COLD), cpu["api"], ROUND_TRIP_S, cold=0.0),
        Calls("api", requests * COLD, cold["api"] + cpu["api"], 10 * ROUND_TRIP_S),
    ]  # fmt: skip
    files_put = trainings * TARGETS * CANDIDATES * FILES
    log = measured["log_bytes"]
    return Month(
        calls=calls,
        requests=requests,
        messages=2 * hourly + 3 * trainings,  # ready, issued; to be trained, ready, issued
        schedules=sum(map(schedules, UNITS)),
        files_put=files_put,
        files_read=reads * cities * (OPENED * hourly + schedules("forecast") + DAYS),
        # Weekly those that nobody needs are deleted, and kept for 30 days more; five champions stay.
        files_gb=cities * TARGETS * (CANDIDATES * (7 + 30) + 5) * measured["model_mb"] / 1000,
        log_gb=sum(call.number * (log[call.unit] + PLATFORM_BYTES) for call in calls) / 1e9,
        out_gb=requests * measured["answer_bytes"] / 1e9,
    )
