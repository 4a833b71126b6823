WITH trained AS (
  SELECT city, max(window_end) AS until FROM model
  WHERE mode = :mode AND trained_at <= :now GROUP BY city
), served AS (
  SELECT city, min(window_end) AS until FROM model
  WHERE mode = :mode AND status = 'champion' AND trained_at <= :now GROUP BY city
), fresh AS (
  SELECT city, count(*) AS hours FROM city_hour
  WHERE time > :lately AND time <= :now AND COALESCE(aqi, pm25) IS NOT NULL AND basis IS NOT NULL
  GROUP BY city
)
SELECT city, fresh.hours, trained.until, served.until
FROM fresh LEFT JOIN trained USING (city) LEFT JOIN served USING (city) ORDER BY city
