"""What TimescaleDB's community edition is asked to do by itself: compress, drop raw chunks, keep daily means.

The statements are the same for every database, but for the intervals; a server that has one of them refused
goes without that feature, and `common.store.maintain` does the work instead, where there is any to do.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from common.store.daily_aggregates import AGGREGATES, VALUES, WITH_AIR

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

SETTLED_DAYS = 2
"""A day is kept once it has been over for so long: until then its readings still come in."""

_FIRST_RUN = "initial_start => now() + interval '1 hour'"
"""Not at once: what has just been set up may still be filled."""
_DROPPED_BEFORE = "initial_start => now() + interval '30 minutes'"
"""Not when the same chunks are compressed: each job would wait for the other, and one of them be ended."""


@dataclass(frozen=True, slots=True)
class Feature:
    """Statements that only make sense together; `name` is for the log."""

    name: str
    statements: tuple[str, ...]


def features(
    chunked: Mapping[str, tuple[str, str]], raw: Sequence[str], *, compress_after: int, retain_raw: int
) -> Iterator[Feature]:
    """Compression of `chunked` (table → segment by, order by), retention of `raw`, the daily means; in days."""
    for table, (segments, order) in chunked.items():
        settings = (
            f"timescaledb.compress, timescaledb.compress_segmentby = '{segments}', "
            f"timescaledb.compress_orderby = '{order}'"
        )
        yield Feature(
            f"compression of {table}",
            (
                f"ALTER TABLE {table} SET ({settings})",
                _forget_other("compression", table, "compress_after", compress_after),
                _add("compression", table, compress_after, _FIRST_RUN),
            ),
        )
    yield from retention(raw, retain_raw)
    yield DAILY


def retention(raw: Sequence[str], retain_raw: int) -> Iterator[Feature]:
    """Retention of the tables `raw`, in days."""
    for table in raw:
        yield Feature(
            f"retention of {table}",
            (
                _forget_other("retention", table, "drop_after", retain_raw),
                _add("retention", table, retain_raw, _DROPPED_BEFORE),
            ),
        )


def _forget_other(policy: str, table: str, setting: str, days: int) -> str:
    """Drop the policy if its interval is another one: adding it again would leave it as it is."""
    return (
        f"SELECT remove_{policy}_policy('{table}', if_exists => true) FROM timescaledb_information.jobs "
        f"WHERE proc_name = 'policy_{policy}' AND hypertable_name = '{table}' "
        f"AND CAST(config ->> '{setting}' AS interval) <> interval '{days} days'"
    )


def _add(policy: str, table: str, days: int, first_run: str) -> str:
    return (
        f"SELECT add_{policy}_policy('{table}', interval '{days} days', if_not_exists => true, {first_run})"
    )


# Hours are named by their ends, so that a day runs from after 00:00 to 24:00 in India (18:30 UTC).
_AGGREGATE = f"""
CREATE MATERIALIZED VIEW city_daily
WITH (timescaledb.continuous, timescaledb.materialized_only = true, timescaledb.create_group_indexes = false) AS
SELECT city, time_bucket(interval '1 day', time, "offset" => interval '18 hours 31 minutes') AS began, {AGGREGATES}
FROM city_hour WHERE {WITH_AIR} GROUP BY 1, 2 WITH NO DATA
"""
# A few rows a day: one chunk for years, which is found without planning over dozens.
_ONE_CHUNK = """
SELECT set_chunk_time_interval(
  CAST(format('%I.%I', materialization_hypertable_schema, materialization_hypertable_name) AS regclass),
  interval '3650 days')
FROM timescaledb_information.continuous_aggregates WHERE view_name = 'city_daily'
"""
_INDEX = "CREATE INDEX city_daily_day ON city_daily (city, (CAST(began AT TIME ZONE 'Asia/Kolkata' AS date)))"
_REFRESH = f"""
SELECT add_continuous_aggregate_policy('city_daily', start_offset => NULL,
  end_offset => interval '{SETTLED_DAYS} days', schedule_interval => interval '1 hour', {_FIRST_RUN})
"""
_VIEW = f"""
CREATE VIEW city_day AS
SELECT city, CAST(began AT TIME ZONE 'Asia/Kolkata' AS date) AS day, CAST(NULL AS timestamptz) AS rolled_at,
  {", ".join(VALUES)} FROM city_daily
"""
_SAY = (
    "COMMENT ON VIEW city_day IS 'means over the hours that end within an Indian day; the server keeps them'"
)

DAILY = Feature("daily means", (_AGGREGATE, _ONE_CHUNK, _INDEX, _REFRESH, "DROP TABLE city_day", _VIEW, _SAY))
"""The table city_day becomes a view of the same columns over a continuous aggregate.

Nothing is lost by dropping it: city-hours are kept for good, and a day that is not there is made from them.
"""
