WITH due AS (
  SELECT forecast.city, forecast.target, forecast.mode, forecast.origin
  FROM forecast LEFT JOIN forecast_truth USING (city, target, mode, origin)
  WHERE forecast.mode = :mode AND origin < :now
    AND (CAST(:cities AS text[]) IS NULL OR forecast.city = ANY(CAST(:cities AS text[])))
    AND origin >= CAST(:now AS timestamptz) - CAST(:reach AS interval)
    AND (scored IS NULL OR scored < 48 OR origin >= CAST(:now AS timestamptz) - interval '3 days')
), truth AS (
  SELECT due.*, array_agg(CASE WHEN target = 'aqi' THEN aqi ELSE pm25 END ORDER BY hour)::real[] AS actual,
         count(CASE WHEN target = 'aqi' THEN aqi ELSE pm25 END) AS known
  FROM due
  CROSS JOIN generate_series(origin + interval '1 hour', origin + interval '48 hours', interval '1 hour') AS hour
  LEFT JOIN city_hour ON city_hour.city = due.city AND city_hour.time = hour AND hour <= :now
  GROUP BY due.city, due.target, due.mode, due.origin
)
INSERT INTO forecast_truth (city, target, mode, origin, actual, scored, scored_at)
SELECT city, target, mode, origin, actual, known, :now FROM truth WHERE known > 0
ON CONFLICT (city, target, mode, origin) DO UPDATE
SET actual = excluded.actual, scored = excluded.scored, scored_at = excluded.scored_at
WHERE forecast_truth.actual IS DISTINCT FROM excluded.actual
RETURNING 1
