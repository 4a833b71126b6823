WITH new AS MATERIALIZED (
  SELECT * FROM jsonb_to_recordset(CAST(:rows AS jsonb))
    AS given(city text, source text, station text, time timestamptz, basis text, ${types}, published jsonb)
), due AS MATERIALIZED (
  SELECT new.*, reading.received_at, to_jsonb(reading) AS was, reading.city IS NOT NULL AND (
           -- An index that was published is another one now; not so for one that is merely added or missing.
           ${differs} OR NOT (reading.published || new.published) @> reading.published) AS corrected
  FROM new LEFT JOIN reading ON reading.time BETWEEN :first AND :last
    AND reading.city = new.city AND reading.source = new.source AND reading.station = new.station
    AND reading.time = new.time
  WHERE reading.city IS NULL OR ${differs} OR ${fills} OR NOT reading.published @> new.published
), revision AS (
  INSERT INTO reading_revision (city, source, station, time, replaced_at, received_at, was)
  SELECT city, source, station, time, :now, received_at,
         jsonb_strip_nulls(was - 'city' - 'source' - 'station' - 'time' - 'received_at')
  FROM due WHERE corrected
  ON CONFLICT DO NOTHING
), written AS (
  INSERT INTO reading (city, source, station, time, basis, ${columns}, published, received_at)
  SELECT city, source, station, time, basis, ${columns}, published, :now FROM due
  ORDER BY city, source, station, time
  ON CONFLICT (city, source, station, time) DO UPDATE
  SET basis = excluded.basis, ${merged},
      published = reading.published || excluded.published, received_at = excluded.received_at
  RETURNING (xmax = 0) AS fresh, city, source, time
)
SELECT city, source, count(*) FILTER (WHERE fresh), count(*) FILTER (WHERE NOT fresh), min(time), max(time)
FROM written GROUP BY city, source
