WITH old AS (
  DELETE FROM source_usage
  WHERE source = :source AND until <= date_trunc('hour', CAST(:fine AS timestamptz), 'UTC')
    AND until <> date_trunc('hour', until, 'UTC')
  RETURNING date_trunc('hour', until, 'UTC') + interval '1 hour' AS until, calls
)
INSERT INTO source_usage (source, until, calls)
SELECT :source, until, sum(calls) FROM old GROUP BY until
ON CONFLICT (source, until) DO UPDATE SET calls = source_usage.calls + excluded.calls
