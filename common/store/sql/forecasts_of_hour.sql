-- Numbers are stored as float4 and given as float8, in which their sums are made: a score can be had from them exactly.
WITH issued AS MATERIALIZED (
  SELECT origin, issued_at, model_version, family, lead, y, lo80, hi80, lo95, hi95, ${naive}, actual[lead] AS truth,
         (SELECT json_agg(CAST(p AS float8)) FROM unnest(categories[lead:lead]) AS p) AS categories
  FROM generate_series(1, CAST(:horizon AS int)) AS lead
  JOIN forecast ON (city, target, mode) = (:city, :target, :mode)
    AND forecast.origin = CAST(:hour AS timestamptz) - lead * interval '1 hour'
  LEFT JOIN forecast_truth USING (city, target, mode, origin)
)
SELECT
  (SELECT CAST(json_agg(json_build_array(${columns}) ORDER BY lead) AS text) FROM issued),
  (SELECT CAST(json_agg(json_build_array(challenger, lead, CAST(beside.y[lead] AS float8))
                        ORDER BY challenger COLLATE "C", lead) AS text)
   FROM issued JOIN forecast_challenger AS beside USING (origin)
   WHERE (city, target, mode) = (:city, :target, :mode) AND beside.y[lead] IS NOT NULL
     AND NOT EXISTS (SELECT FROM model WHERE version = challenger)),
  (SELECT CAST(truth AS float8) FROM issued WHERE truth IS NOT NULL ORDER BY lead LIMIT 1)
