WITH issued AS MATERIALIZED (
  SELECT forecast.*, lead, actual[lead] AS truth
  FROM generate_series(1, CAST(:horizon AS int)) AS lead
  JOIN forecast ON (city, target, mode) = (:city, :target, :mode)
    AND forecast.origin = CAST(:hour AS timestamptz) - lead * interval '1 hour'
  LEFT JOIN forecast_truth USING (city, target, mode, origin)
)
SELECT
  (SELECT CAST(json_agg(json_build_array(${columns}) ORDER BY lead) AS text) FROM issued),
  (SELECT CAST(json_agg(json_build_array(challenger, lead, challenger_y[lead]) ORDER BY challenger COLLATE "C", lead) AS text)
   FROM issued
   JOIN (SELECT city, target, mode, origin, challenger, y AS challenger_y FROM forecast_challenger) AS beside
     USING (city, target, mode, origin)
   WHERE challenger_y[lead] IS NOT NULL AND NOT EXISTS (SELECT FROM model WHERE version = challenger)),
  (SELECT truth FROM issued WHERE truth IS NOT NULL ORDER BY lead LIMIT 1)
