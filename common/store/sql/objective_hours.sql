WITH began AS (
  SELECT source, greatest(min(started_at), :start) AS since FROM source_run GROUP BY source
), by_hour AS (
  SELECT source, hour, count(*) AS cities, count(*) FILTER (WHERE collected <= :within_s) AS in_time
  FROM pipeline_delay WHERE hour > :start AND hour <= :due GROUP BY source, hour
), usual AS (
  SELECT source, percentile_disc(0.5) WITHIN GROUP (ORDER BY cities) AS cities FROM by_hour GROUP BY source
), expected AS (
  SELECT source, hour, COALESCE(2 * by_hour.in_time >= usual.cities, false) AS met
  FROM began CROSS JOIN generate_series(CAST(:start AS timestamptz) + interval '1 hour', :due, interval '1 hour') AS hour
  LEFT JOIN by_hour USING (source, hour) LEFT JOIN usual USING (source)
  WHERE hour > began.since
), judged AS (
  SELECT source, hour, met, NOT met AND EXISTS (
    SELECT FROM source_run AS run
    WHERE run.source = expected.source
      AND run.started_at <= hour + make_interval(secs => :within_s)
      AND (run.started_at > hour OR run.rests_until >= hour + make_interval(secs => :within_s))
      AND (run.reason IS NULL AND run.started_at > hour OR run.reason <> ALL(CAST(:ours AS text[])) AND NOT (
        run.reason = ANY(CAST(:network AS text[])) AND EXISTS (
          SELECT FROM source_run AS other WHERE other.started_at = run.started_at AND other.source <> run.source)
        AND NOT EXISTS (
          SELECT FROM source_run AS other WHERE other.started_at = run.started_at AND other.source <> run.source
            AND (other.reason IS NULL OR other.reason <> ALL(CAST(:network AS text[]))))))
  ) AS by_source
  FROM expected
)
SELECT source, count(*), count(*) FILTER (WHERE met), count(*) FILTER (WHERE by_source),
       count(*) FILTER (WHERE NOT met AND NOT by_source)
FROM judged GROUP BY source
