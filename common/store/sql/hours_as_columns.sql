SELECT count(*), json_build_object(
  'time', json_agg(extract(epoch FROM time)::bigint), 'aqi', json_agg(aqi), 'dominant', json_agg(dominant),
  'basis', json_agg(basis), 'source', json_agg(source), 'flags', json_agg(flags),
  'concentrations', json_build_object(${concentrations}))::text
FROM (
  SELECT time, ${aqi} AS aqi, ${dominant} AS dominant, basis, source, flags, ${pollutants} FROM ${city_hour}
  WHERE city = :city AND time > :start AND time <= :end AND ${with_air} ORDER BY time
) AS hours
