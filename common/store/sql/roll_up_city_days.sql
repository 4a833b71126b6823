WITH rolled AS (
  INSERT INTO city_day (city, day, rolled_at, ${columns})
  SELECT :city, ${day} AS day, :now, ${aggregates} FROM city_hour
  WHERE city = :city AND ${with_air} AND time > :start AND time <= :end
    AND ${day} IN (SELECT CAST(day AS date) FROM jsonb_array_elements_text(CAST(:days AS jsonb)) AS day)
  GROUP BY 2
  ON CONFLICT (city, day) DO UPDATE SET rolled_at = excluded.rolled_at, ${assignments}
  RETURNING 1
) SELECT count(*) FROM rolled
