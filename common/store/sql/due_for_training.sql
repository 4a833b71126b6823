WITH trained AS (
  SELECT city, max(window_end) AS until FROM model
  WHERE mode = :mode AND trained_at <= :now GROUP BY city
), served AS (
  SELECT city, min(window_end) AS until FROM model
  WHERE mode = :mode AND status = 'champion' AND trained_at <= :now GROUP BY city
), fresh AS (
  SELECT city, count(*) AS hours FROM city_hour
  WHERE time > CAST(:now AS timestamptz) - interval '1 day' AND time <= :now AND COALESCE(aqi, pm25) IS NOT NULL AND basis IS NOT NULL
  GROUP BY city
), live AS (
  SELECT city, avg((y[lead] - actual[lead]) ^ 2) / NULLIF(var_pop(actual[lead]), 0) AS unexplained,
         avg(abs(y[lead] - actual[lead])) AS mae,
         -- Null, which LEAST passes over, where some of the forecasts were issued without that naive forecast.
         LEAST(
           CASE WHEN count(persistence[lead]) = count(*) THEN avg(abs(persistence[lead] - actual[lead])) END,
           CASE WHEN count(daily[lead]) = count(*) THEN avg(abs(daily[lead] - actual[lead])) END,
           CASE WHEN count(mean24[lead]) = count(*) THEN avg(abs(mean24[lead] - actual[lead])) END,
           CASE WHEN count(weekly[lead]) = count(*) THEN avg(abs(weekly[lead] - actual[lead])) END) AS naive
  FROM forecast JOIN forecast_truth USING (city, target, mode, origin), generate_series(1, 48) AS lead
  WHERE mode = :mode AND origin > CAST(:now AS timestamptz) - interval '7 days' AND origin <= :now AND actual[lead] IS NOT NULL
    AND origin + lead * interval '1 hour' <= :now
  GROUP BY city, target HAVING count(*) >= 24
), failing AS (
  SELECT city, bool_or(unexplained > 0.25) AS poor, bool_or(mae > naive) AS loses FROM live GROUP BY city
)
SELECT fresh.city, CASE
  WHEN trained.until IS NULL THEN 'never trained'
  WHEN poor THEN 'live R² below 0.75'
  WHEN loses THEN 'worse than the naive forecast'
  WHEN fresh.hours >= 20 AND trained.until <= CAST(:now AS timestamptz) - interval '20 hours' THEN '20 or more new hours'
  ELSE 'the champion is ' || extract(day FROM CAST(:now AS timestamptz) - served.until) || ' days old' END
FROM fresh LEFT JOIN trained USING (city) LEFT JOIN served USING (city) LEFT JOIN failing USING (city)
WHERE trained.until IS NULL
   OR ((poor OR loses) AND trained.until <= CAST(:now AS timestamptz) - interval '6 hours')
   OR (fresh.hours >= 20 AND trained.until <= CAST(:now AS timestamptz) - interval '20 hours')
   OR (served.until <= :old AND trained.until <= CAST(:now AS timestamptz) - interval '20 hours')
ORDER BY fresh.city
