SELECT wanted.city, time, aqi, dominant, source, basis
FROM unnest(CAST(:cities AS text[])) AS wanted (city), LATERAL (
  SELECT time, ${aqi} AS aqi, ${dominant} AS dominant, source, basis FROM city_hour
  WHERE city_hour.city = wanted.city AND time > :start AND time <= :now AND ${aqi} IS NOT NULL
  ORDER BY time DESC LIMIT 1) AS latest
