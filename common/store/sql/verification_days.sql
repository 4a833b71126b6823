WITH scope AS MATERIALIZED (
  SELECT * FROM json_to_recordset(CAST(:scope AS json)) AS due (city text, target text, mode text, day date)
), pair AS MATERIALIZED (
  SELECT * FROM (
    SELECT scope.city, scope.target, scope.mode, day, lead, origin, CAST(y[lead] AS float8) AS predicted, ${values},
           CASE WHEN cardinality(categories) > 0 THEN ${chances} END AS p,
           max(CASE WHEN lead = 1 THEN CAST(known[1] AS float8) END) OVER same_hour AS actual,
           count(*) OVER same_hour AS leads
    FROM (SELECT *, CAST(day AS timestamp) AT TIME ZONE 'Asia/Kolkata' AS midnight FROM scope) AS scope
    CROSS JOIN LATERAL ( -- OFFSET 0: a few days of origins by the index for each day, never the whole table
      SELECT forecast.*, truth.actual AS known
      FROM forecast LEFT JOIN forecast_truth AS truth USING (city, target, mode, origin)
      WHERE (forecast.city, forecast.target, forecast.mode) = (scope.city, scope.target, scope.mode)
        AND forecast.origin > midnight - CAST(:longest AS int) * interval '1 hour'
        AND forecast.origin < midnight + interval '24 hours'
      OFFSET 0
    ) AS forecast
    CROSS JOIN unnest(CAST(:leads AS smallint[])) AS lead
    CROSS JOIN LATERAL (SELECT origin + lead * interval '1 hour' AS hour) AS valid
    WHERE hour > midnight AND hour <= midnight + interval '24 hours'
    WINDOW same_hour AS (PARTITION BY scope.city, scope.target, scope.mode, hour)
  ) AS issued
  WHERE leads = cardinality(CAST(:leads AS smallint[])) AND actual IS NOT NULL
), added AS (
  INSERT INTO verification_day (${day_of}, lead, ${names})
  SELECT ${day_of}, lead, ${sums} FROM pair GROUP BY ${day_of}, lead
), provided AS (
  INSERT INTO verification_day_provider (${day_of}, lead, provider, n, error, ours)
  SELECT ${day_of}, lead, challenger, count(*), sum(abs(y[lead] - actual)), sum(abs(predicted - actual))
  FROM pair JOIN forecast_challenger USING (city, target, mode, origin)
  WHERE y[lead] IS NOT NULL AND NOT EXISTS (SELECT FROM model WHERE version = challenger)
  GROUP BY ${day_of}, lead, challenger
)
INSERT INTO verification_day_stated (${day_of}, lead, event, bin, n, stated, happened)
SELECT ${day_of}, lead, event, bin, count(*), sum(stated), count(*) FILTER (WHERE happened)
FROM (SELECT *, ${predicted_place} AS predicted_place, ${observed_place} AS observed_place
      FROM pair WHERE target = 'aqi' AND p IS NOT NULL) AS pair,
     LATERAL (VALUES ('category', p[predicted_place], predicted_place = observed_place), ${exceedances})
       AS claim (event, stated, happened),
     LATERAL (SELECT ${tenth} AS bin) AS tenth
GROUP BY ${day_of}, lead, event, bin
