"""What `benchmarks.scale.places` measures, each in a fresh process; prints JSON.

python -m benchmarks.scale.registry PLACES benchmarks.scale.stages STAGE DATABASE_URL FOLDER NOW [STANDIN_URL]
"""

from __future__ import annotations

import gzip
import json
import os
import resource
import sys
import time
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Any

sys.path.insert(0, str(Path(__file__).parents[2] / "tests"))

from benchmarks.collect.hours import peak_mb
from common.bootstrap.container import assemble
from common.config import from_mapping
from common.domain.cities import all_cities
from common.domain.observation import last_full_hour
from common.store.engine import run

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from common.services.resources import Resources

FORECAST_AT_MOST, ARCHIVED_AT_MOST = 168, 56
"""Places with a history and models of their own, of which forecasts are measured; and those of which the archive is"""
HISTORY_DAYS = 30
ORIGINS = 3
"""Hours before the present of which every place has forecasts, for their truth"""
STATIONS = 2
"""Of a place in CPCB's feed"""
TAKEN_AT_MOST = 300
"""Messages that are taken from a queue with one of every place in it"""
REQUESTS = ("/cities/", "/overview", "/cities/rankings", "/aqi/current/Delhi", "/aqi/current/Dehlli")
ROUNDS = 5


@dataclass(frozen=True)
class Setting:
    """What a stage has to work with."""

    resources: Resources
    folder: Path
    now: datetime
    before_mb: float
    """Memory of the process before the stage"""

    @property
    def modelled(self) -> list[str]:
        """The places with models."""
        return [city.name for city in all_cities()[:FORECAST_AT_MOST]]


class Taken(dict[str, float]):
    """Wall seconds, and seconds of user CPU of this process."""


@contextmanager
def taking() -> Iterator[Taken]:
    """Time of the block."""
    taken = Taken()
    wall, user = time.perf_counter(), _user_s()
    yield taken
    taken |= {"wall_s": time.perf_counter() - wall, "user_s": _user_s() - user}


def _user_s() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_utime


def collect(setting: Setting) -> dict[str, Any]:
    """One hourly run of the keyless sources, whose quotas are left out of account."""
    from common.services.collect import collector
    from common.sources.http import Http

    ready = replace(collector(setting.resources), http=Http())
    with taking() as taken:
        report = ready.collect(all_cities())
    failures = {name: source.failure for name, source in report.sources.items() if source.failure}
    out_of_time = sum(source.rejected.get("out_of_time", 0) for source in report.sources.values())
    return {**taken, "hours": report.hours, "failures": failures, "out_of_time": out_of_time}


def models(setting: Setting) -> dict[str, Any]:
    """A linear model of Delhi, and its history and models for each place that has models; nothing is measured."""
    from synthetic import hours, put_hours

    from common.domain.model_files import card_key, hindcast_key, model_key
    from common.inference.onnx_session import ModelCache
    from common.training.service import train_city

    resources, database = setting.resources, setting.resources.database
    files = resources.open_object_store()
    put_hours(database, "Delhi", hours(HISTORY_DAYS), end=last_full_hour(setting.now))
    train_city(database, ModelCache(files), "Delhi", now=setting.now, families=("linear",))
    with database.transaction() as connection:
        versions = [row[0] for row in run(connection, "SELECT version FROM model WHERE status = 'champion'")]
        others = setting.modelled[1:]
        run(connection, "DELETE FROM city_hour WHERE city = ANY(:others)", others=others)
        terms = {"city": "place", "version": "version || '-' || place"}
        for table, chosen in (("city_hour", "city = 'Delhi'"), ("model", "status = 'champion'")):
            names = _columns(connection, table)
            run(
                connection,
                f"INSERT INTO {table} ({', '.join(names)}) "
                f"SELECT {', '.join(terms.get(name, name) for name in names)} "
                f"FROM {table}, unnest(CAST(:others AS text[])) AS place WHERE {chosen}",
                others=others,
            )
    for version in versions:
        for key in (model_key, card_key, hindcast_key):
            data = files.get(key(version))
            for place in others:
                files.put(key(f"{version}-{place}"), data)
    return {"models": len(versions) * (1 + len(others)), "bytes": len(files.get(model_key(versions[0])))}


def _columns(connection: Any, table: str) -> list[str]:
    rows = run(
        connection,
        "SELECT column_name FROM information_schema.columns WHERE table_schema = 'public' "
        "AND table_name = :table AND is_generated = 'NEVER' ORDER BY ordinal_position",
        table=table,
    )
    return [name for (name,) in rows]


class _Counting:
    """Files, and how many were read."""

    def __init__(self, files: Any) -> None:
        self._files = files
        self.read = 0

    def get(self, key: str) -> bytes:
        self.read += 1
        return bytes(self._files.get(key))

    def put(self, key: str, data: bytes) -> None:
        self._files.put(key, data)


def forecast(setting: Setting) -> dict[str, Any]:
    """The forecasts of the places with models, by a new process, and of an hour later by the same, whose models are
    open."""
    from common.domain.observation import HOUR
    from common.inference.issue import issue_forecasts
    from common.inference.onnx_session import ModelCache

    files = _Counting(setting.resources.open_object_store())
    cache = ModelCache(files, size=2 * len(setting.modelled))  # as if one message named all
    result: dict[str, Any] = {"places": len(setting.modelled)}
    for name, now in (("cold", setting.now), ("warm", setting.now + HOUR)):
        files.read = 0
        with taking() as taken:
            report = issue_forecasts(setting.resources.database, cache, setting.modelled, now=now)
        assert report.issued == 2 * len(setting.modelled), report
        result[name] = {**taken, "files_read": files.read}
    return result | {"before_mb": setting.before_mb}


def forecast_parts(setting: Setting) -> dict[str, Any]:
    """The round after that by messages as they are sent now, truths included, in a new process: the longest of them."""
    from common.domain.messages import CITIES_AT_ONCE
    from common.domain.observation import HOUR
    from common.inference.issue import issue_forecasts
    from common.inference.onnx_session import ModelCache
    from common.services.verification import update_record

    database, now = setting.resources.database, setting.now + 2 * HOUR
    cache = ModelCache(setting.resources.open_object_store())
    parts = []
    for first in range(0, len(setting.modelled), CITIES_AT_ONCE):
        cities = setting.modelled[first : first + CITIES_AT_ONCE]
        with taking() as issuing:
            report = issue_forecasts(database, cache, cities, now=now)
        assert report.issued == 2 * len(cities), report
        with taking() as looking, database.transaction() as connection:
            update_record(connection, mode="live", now=now, cities=cities)
        parts.append({"places": len(cities), "issue": issuing, "truth": looking})
    return {"messages": parts, "origins": ORIGINS + 2, "before_mb": setting.before_mb}


def truth(setting: Setting) -> dict[str, Any]:
    """The truth beside the forecasts of every place, some hours old."""
    from common.services.verification import update_record

    database = setting.resources.database
    with database.patient().transaction() as connection:
        names = _columns(connection, "forecast")
        terms = {"city": "place"}
        terms |= {
            name: f"{name} - ago * interval '1 hour'" for name in ("issued_at", "origin", "known_until")
        }
        run(
            connection,
            f"INSERT INTO forecast ({', '.join(names)}) "
            f"SELECT {', '.join(terms.get(name, name) for name in names)} FROM forecast, "
            "unnest(CAST(:places AS text[])) AS place, generate_series(1, CAST(:origins AS int)) AS ago "
            "WHERE city = 'Delhi' AND origin = :origin ON CONFLICT DO NOTHING",
            places=[city.name for city in all_cities()],
            origins=ORIGINS,
            origin=last_full_hour(setting.now),
        )
    with taking() as taken, database.patient().transaction() as connection:
        scored = update_record(connection, mode="live", now=setting.now)
    return {**taken, "scored": scored, "origins": ORIGINS}


def queue(setting: Setting) -> dict[str, Any]:
    """The planner, a training of every place into the queue, and some of them out of it by a handler that does
    nothing."""
    from common.domain.messages import TRAIN, Message
    from common.entry.worker import work_once
    from common.services.train import handler

    resources = setting.resources
    with taking() as planning:
        handler(resources)(Message(TRAIN))
    with taking() as sending:
        for city in all_cities():
            resources.queue.send(TRAIN, city.name, {"city": city.name})
    number = 0
    with taking() as working:
        while number < TAKEN_AT_MOST and work_once(
            resources.database, resources.clock, {TRAIN: lambda _: {}}, types={TRAIN}
        ):
            number += 1
    return {"plan": planning, "sent": len(all_cities()), "send": sending, "taken": number, "take": working}


def api(setting: Setting) -> dict[str, Any]:
    """CPU and bytes of responses that are computed anew."""
    from common.api import ApiContext, create_app
    from common.api.context import Policy

    resources = setting.resources
    context = ApiContext(
        database=resources.database,
        clock=resources.clock,
        queue=resources.queue,
        policy=Policy(cache_bytes=0),
    )
    client = create_app(context).test_client()
    answers = {}
    for path in REQUESTS:
        times = []
        for _ in range(1 + ROUNDS):  # the first one warms up
            with resources.database.transaction() as connection:
                run(connection, "DELETE FROM stored_response")
            began = time.process_time()
            answer = client.get(f"/api/v1{path}")
            body = answer.get_data()
            times.append(time.process_time() - began)
            assert answer.status_code == (404 if path.endswith("Dehlli") else 200), (path, body[:300])
        answers[path] = {
            "cpu_ms": 1000 * median(times[1:]),
            "bytes": len(body),
            "gzip": len(gzip.compress(body)),
        }
    return {"requests": answers}


def archive(setting: Setting) -> dict[str, Any]:
    """One day of some of the places with models, as Parquet."""
    from common.adapters.object_store import UrlObjectStore
    from common.services.archive import export_archive, selected

    folder = setting.folder / "archive"
    folder.mkdir(exist_ok=True)
    end = last_full_hour(setting.now)
    cities = tuple(setting.modelled[:ARCHIVED_AT_MOST])
    chosen = selected(cities=cities, start=end - timedelta(days=1), end=end)
    with taking() as taken:
        done = export_archive(
            setting.resources.database, UrlObjectStore(folder.as_uri()), chosen, now=setting.now
        )
    return {**taken, "files": done.files, "bytes": done.bytes, "places": len(cities)}


def standin() -> None:
    """The providers, for so many places."""
    from benchmarks.collect import standin as providers

    providers.STATIONS = STATIONS
    providers.main()


STAGES: dict[str, Callable[[Setting], dict[str, Any]]] = {
    stage.__name__: stage for stage in (collect, models, forecast, truth, forecast_parts, queue, api, archive)
}


def main() -> None:
    """One stage."""
    name, *options = sys.argv[1:]
    if name == "standin":
        standin()
        return
    url, folder, now, *address = options
    os.environ["POWERTOOLS_LOG_LEVEL"] = "ERROR"
    settings = {"DATABASE_URL": url, "MODEL_STORE_URL": (Path(folder) / "models").as_uri()}
    if address:
        parts = {"CPCB_FEED_URL": "feed", "OPEN_METEO_AIR_URL": "air", "OPEN_METEO_WEATHER_URL": "weather"}
        settings |= {setting: f"{address[0]}/{path}" for setting, path in parts.items()}
    present = datetime.fromisoformat(now)
    resources = assemble(from_mapping(settings), clock=lambda: present)
    result = STAGES[name](Setting(resources, Path(folder), present, peak_mb()))
    resources.database.close()
    print(json.dumps(result | {"memory_mb": peak_mb()}))


if __name__ == "__main__":
    main()
