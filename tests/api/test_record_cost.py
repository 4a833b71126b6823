"""What the public record costs: a year of 56 cities."""

from __future__ import annotations

import gzip
import json
import time
from typing import TYPE_CHECKING

import pytest
from api_rows import context_of, url

from common.api import create_app
from common.domain.cities import all_cities
from common.domain.forecast import NAIVE, SEASON_CODES
from common.services.verification import refresh_cells
from common.store.engine import Database, run

if TYPE_CHECKING:
    from datetime import datetime

BYTES = 60_000
"""Of the whole table as it is sent, gzipped: no more than a photograph on a page."""

# Errors as they are: more in winter, with the lead time and from city to city; each naive forecast's its own.
DAYS = f"""
INSERT INTO verification_day
  (city, target, mode, day, lead, n, within80, within95, weekly_n, error, squared, bias, width80, width95,
   {", ".join(NAIVE)})
SELECT city, 'aqi', 'live', day, lead, n, round(n * (0.7 + 0.2 * random())), round(n * (0.9 + 0.1 * random())), n,
  n * level * (0.5 + random()), n * level * level * (1 + random()), n * level * (random() - 0.5),
  n * level * 3 * (0.5 + random()), n * level * 5 * (0.5 + random()),
  {", ".join(f"n * level * {scale} * (0.5 + random())" for scale in (1.1, 1.6, 1.3, 1.5))}
FROM (
  SELECT city, CAST(day AS date) AS day, lead, 24 - CAST(random() * 4 AS int) AS n,
    (4 + 0.9 * power(lead, 0.7)) * (1 + 0.8 * cos(2 * pi() * (extract(doy FROM day) - 10) / 365)) * (1 + size / 30.0)
      AS level
  FROM unnest(CAST(:cities AS text[])) WITH ORDINALITY AS place (city, size),
    generate_series(timestamp '2024-12-01', timestamp '2025-11-30', interval '1 day') AS day,
    unnest(ARRAY[1, 3, 6, 12, 24, 48]) AS lead
) AS planned
"""  # noqa: S608 — no value from outside
PROVIDERS = """
INSERT INTO verification_day_provider (city, target, mode, day, lead, provider, n, error, ours)
SELECT city, target, mode, day, lead, 'open-meteo', n, error * 2 * (0.5 + random()), error FROM verification_day
"""


@pytest.fixture
def year(database: Database) -> Database:
    with database.transaction() as connection:
        run(connection, "SELECT setseed(0.5)")
        run(connection, DAYS, cities=[city.name for city in all_cities()])
        run(connection, PROVIDERS)
    return database


def test_a_year_of_all_cities(year: Database, now: datetime) -> None:
    seasons = [(city.name, "aqi", season) for city in all_cities() for season in SEASON_CODES]
    before = time.process_time()
    with year.transaction() as connection:
        refresh_cells(connection, seasons, mode="live")
    computed = time.process_time() - before
    context = context_of(year, now)
    client = create_app(context).test_client()
    spent = []
    for _ in range(3):  # each makes the answer anew: a filter that leaves nothing out is not stored
        before = time.process_time()
        answer = client.get(
            url("/record/scores", season="DJF", mode="live"), headers={"Accept-Encoding": "gzip"}
        )
        spent.append(time.process_time() - before)
    whole = client.get(url("/record/scores"), headers={"Accept-Encoding": "gzip"})
    context.probe.close()
    table = json.loads(gzip.decompress(whole.data))
    assert table["count"] == 56 * 6 * 4 == len(table["cells"]["skill"]) == len(table["providers"]["cell"])
    assert None not in table["cells"]["skill_low"]
    assert answer.status_code == 200
    assert len(whole.data) <= BYTES
    # 52,274 bytes, 9 ms a season and 23 ms an answer, measured on one core of a busy machine.
    assert computed / len(seasons) < 0.1
    assert min(spent) < 0.25
