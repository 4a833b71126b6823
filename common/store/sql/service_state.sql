WITH runs AS (
  SELECT * FROM source_run
  WHERE (started_at > :week_ago OR rests_until > :now) AND started_at <= :now
), failure AS (
  SELECT source, json_object_agg(reason, number ORDER BY reason COLLATE "C") AS by_reason
  FROM (SELECT source, reason, count(*) AS number FROM runs
        WHERE reason IS NOT NULL AND started_at > :day_ago GROUP BY source, reason) AS counted
  GROUP BY source
), latest AS (
  SELECT DISTINCT ON (source) source, reason, CASE WHEN rests_until > :now THEN rests_until END AS rests_until
  FROM runs ORDER BY source, started_at DESC
), source AS (
  SELECT source, json_build_object(
      'rests_until', latest.rests_until, 'last_run', max(finished_at),
      'last_success', max(finished_at) FILTER (WHERE runs.reason IS NULL), 'latest', max(latest),
      'reason', latest.reason,
      'failures', COALESCE((SELECT by_reason FROM failure WHERE failure.source = runs.source), '{}')) AS state
  FROM runs JOIN latest USING (source) GROUP BY source, latest.reason, latest.rests_until)
SELECT
  (${newest_hour}),
  (SELECT count(DISTINCT city) FROM city_hour
   WHERE time >= :fresh_from AND time <= :now AND aqi IS NOT NULL),
  champion.number, champion.trained_at, job.*,
  COALESCE((SELECT numbackends FROM pg_stat_database WHERE datname = current_database()), 1),
  CAST(current_setting('max_connections') AS int),
  (SELECT value FROM meta WHERE key = 'dataset'),
  (SELECT COALESCE(json_object_agg(source, state), '{}')::text FROM source)
FROM (SELECT count(*) AS number, max(trained_at) AS trained_at FROM model
      WHERE status = 'champion' AND mode = 'live') AS champion,
     (SELECT count(*) FILTER (WHERE state = 'running' OR state = 'queued' AND available_at <= :now),
             min(available_at) FILTER (WHERE state = 'queued' AND available_at <= :now),
             count(*) FILTER (WHERE state = 'dead' AND finished_at > :day_ago)
      FROM job WHERE state IN ('queued', 'running', 'dead')) AS job
