days AS (
  SELECT city, basis, 1 AS hours, ${columns} FROM city_hour
  WHERE city = ANY(CAST(:cities AS text[])) AND ${with_air}
    AND time > CAST(:start AS timestamptz) AND time <= CAST(:end AS timestamptz))
