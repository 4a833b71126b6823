SELECT COALESCE(min(day), :first), COALESCE(max(day) + 1, :first) FROM (
  SELECT CAST(midnight AS date) AS day
  FROM generate_series(CAST(:first AS timestamp), :last, interval '1 day') AS midnight) AS wanted
WHERE day NOT IN (SELECT day FROM city_day WHERE ${rolled_up})
   OR day IN (SELECT day FROM city_day_stale WHERE city = :city)
