-- Of each city and target that is served: its newest hour with a value after a time, and the last hour that its latest
-- forecast knew.
SELECT city,
  (SELECT max(time) FROM city_hour
   WHERE city_hour.city = model.city AND time > :after AND time <= :now
     AND CASE WHEN model.target = 'aqi' THEN aqi ELSE pm25 END IS NOT NULL),
  (SELECT known_until FROM forecast
   WHERE forecast.city = model.city AND forecast.target = model.target AND forecast.mode = 'live'
   ORDER BY origin DESC LIMIT 1)
FROM model
WHERE status = 'champion' AND mode = 'live'
