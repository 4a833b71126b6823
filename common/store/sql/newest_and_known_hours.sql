SELECT DISTINCT city FROM model
WHERE status = 'champion' AND mode = 'live' AND
  (SELECT max(time) FROM city_hour
   WHERE city_hour.city = model.city AND time > CAST(:now AS timestamptz) - interval '1 day' AND time <= :now
     AND CASE WHEN model.target = 'aqi' THEN aqi ELSE pm25 END IS NOT NULL)
  > COALESCE((SELECT known_until FROM forecast
              WHERE forecast.city = model.city AND forecast.target = model.target AND forecast.mode = 'live'
              ORDER BY origin DESC LIMIT 1), '-infinity')
ORDER BY city
