WITH scope AS MATERIALIZED (
  SELECT * FROM json_to_recordset(CAST(:scope AS json)) AS due (city text, target text, mode text, day date)
), pair AS MATERIALIZED (
  SELECT * FROM (
    SELECT ${day_of}, hour, lead, forecast.origin, forecast.categories,
           CAST(forecast.y[lead] AS float8) AS predicted, CAST(truth.actual[1] AS float8) AS actual,
           ${values},
           count(*) OVER (PARTITION BY city, target, mode, hour) AS leads
    FROM scope
    CROSS JOIN generate_series(1, 24) AS hour_of_day
    CROSS JOIN LATERAL (
      SELECT (CAST(day AS timestamp) AT TIME ZONE 'Asia/Kolkata') + hour_of_day * interval '1 hour' AS hour
    ) AS valid
    JOIN forecast_truth AS truth USING (city, target, mode)
    CROSS JOIN unnest(CAST(:leads AS smallint[])) AS lead
    JOIN forecast USING (city, target, mode)
    WHERE truth.origin = hour - interval '1 hour' AND truth.actual[1] IS NOT NULL
      AND forecast.origin = hour - lead * interval '1 hour'
  ) AS issued
  WHERE leads = cardinality(CAST(:leads AS smallint[]))
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
FROM (SELECT *, ${predicted_place} AS predicted_place, ${observed_place} AS observed_place,
             ${chances} AS p
      FROM pair WHERE target = 'aqi' AND cardinality(categories) > 0) AS pair,
     LATERAL (VALUES ('category', p[predicted_place], predicted_place = observed_place), ${exceedances})
       AS claim (event, stated, happened),
     LATERAL (SELECT CAST(least(floor(stated * 10 + 1e-6), 9) AS smallint) AS bin) AS tenth
GROUP BY ${day_of}, lead, event, bin
