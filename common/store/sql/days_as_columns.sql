WITH rolled AS (
  SELECT day, basis, source, hours, ${aqi} AS aqi, ${aqi}_max AS aqi_max, ${pollutants}
  FROM city_day WHERE ${rolled_up} AND day NOT IN (SELECT day FROM city_day_stale WHERE city = :city)
), open AS (
  SELECT CAST(midnight AS date) AS day
  FROM generate_series(CAST(:first AS timestamp), :last, interval '1 day') AS midnight
  WHERE NOT EXISTS (SELECT FROM rolled WHERE rolled.day = CAST(midnight AS date))
), fresh AS (
  SELECT open.day, basis, source, hours, ${aqi} AS aqi, ${aqi}_max AS aqi_max, ${pollutants}
  FROM open, LATERAL (
    SELECT ${aggregates} FROM ${city_hour}
    WHERE city = :city AND ${with_air}
      AND time > CAST(open.day AS timestamp) AT TIME ZONE 'Asia/Kolkata'
      AND time <= CAST(open.day + 1 AS timestamp) AT TIME ZONE 'Asia/Kolkata'
      AND time > CAST(:open_from AS timestamp) AT TIME ZONE 'Asia/Kolkata'
      AND time <= CAST(:open_to AS timestamp) AT TIME ZONE 'Asia/Kolkata'
  ) AS hour
  WHERE hour.hours > 0
)
SELECT count(*), json_build_object(
  'date', json_agg(day), 'aqi', json_agg(aqi), 'aqi_max', json_agg(aqi_max), 'hours', json_agg(hours),
  'basis', json_agg(basis), 'source', json_agg(source), 'concentrations', json_build_object(${concentrations}))::text
FROM (SELECT * FROM rolled UNION ALL SELECT * FROM fresh ORDER BY day) AS days
