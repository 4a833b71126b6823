WITH received AS (
  SELECT source, city, time, received_at FROM reading WHERE time > :start AND time <= :end
  UNION ALL
  SELECT source, city, time, received_at FROM reading_revision WHERE time > :start AND time <= :end
), given AS (
  SELECT source, city, min(received_at) AS received_at,
         to_timestamp(ceil((extract(epoch FROM time) - 1800) / 3600) * 3600 + 1800) AS hour
  FROM received GROUP BY source, city, hour
), issued AS (
  SELECT city, source, known_until AS hour, min(issued_at) AS issued_at, min(origin) AS origin
  FROM forecast WHERE mode = 'live' AND origin >= :start AND known_until > :start
  GROUP BY city, source, known_until
), pushed AS (
  SELECT city, hour AS origin, min(pushed_at) AS pushed_at
  FROM event_push, unnest(cities) AS city WHERE kind = 'forecast' AND pushed_at > :start
  GROUP BY city, hour
), delay AS (
  SELECT hour, source, city,
         CAST(extract(epoch FROM received_at - hour) AS integer) AS collected,
         CAST(extract(epoch FROM run.finished_at - hour) AS integer) AS committed,
         CAST(extract(epoch FROM issued.issued_at - hour) AS integer) AS forecast,
         CAST(extract(epoch FROM pushed.pushed_at - hour) AS integer) AS pushed
  FROM given
  LEFT JOIN (SELECT source, started_at AS received_at, finished_at FROM source_run) AS run USING (source, received_at)
  LEFT JOIN issued USING (city, hour, source)
  LEFT JOIN pushed USING (city, origin)
  WHERE hour <= :end
)
INSERT INTO pipeline_delay AS kept (hour, source, city, collected, committed, forecast, pushed)
SELECT hour, source, city, collected, committed, forecast, pushed FROM delay ORDER BY hour, source, city
ON CONFLICT (hour, source, city) DO UPDATE
SET committed = COALESCE(kept.committed, excluded.committed), forecast = COALESCE(kept.forecast, excluded.forecast),
    pushed = COALESCE(kept.pushed, excluded.pushed)
WHERE kept.committed IS NULL AND excluded.committed IS NOT NULL AND excluded.collected = kept.collected
   OR kept.forecast IS NULL AND excluded.forecast IS NOT NULL
   OR kept.pushed IS NULL AND excluded.pushed IS NOT NULL
