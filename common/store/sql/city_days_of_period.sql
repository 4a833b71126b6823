wanted AS MATERIALIZED (
  SELECT city FROM unnest(CAST(:cities AS text[])) AS given (city)
), rolled AS MATERIALIZED (
  SELECT city, day, basis, hours, ${columns} FROM city_day
  WHERE city = ANY(CAST(:cities AS text[])) AND day BETWEEN CAST(:first AS date) AND CAST(:last AS date)
    AND NOT EXISTS (
      SELECT FROM city_day_stale WHERE city_day_stale.city = city_day.city AND city_day_stale.day = city_day.day)
), fresh AS (
  SELECT wanted.city, CAST(midnight AS date) AS day, basis, hours, ${columns}
  FROM wanted
  CROSS JOIN generate_series(CAST(:first AS timestamp), CAST(:last AS timestamp), interval '1 day') AS midnight
  CROSS JOIN LATERAL (
    SELECT ${aggregates} FROM city_hour
    WHERE city = wanted.city AND ${with_air}
      AND time > midnight AT TIME ZONE 'Asia/Kolkata'
      AND time <= (midnight + interval '1 day') AT TIME ZONE 'Asia/Kolkata'
      AND time > CAST(:start AS timestamptz) AND time <= CAST(:end AS timestamptz)
  ) AS hour
  WHERE hours > 0 AND NOT EXISTS (
    SELECT FROM rolled WHERE rolled.city = wanted.city AND rolled.day = CAST(midnight AS date))
), days AS (SELECT * FROM rolled UNION ALL SELECT * FROM fresh)
