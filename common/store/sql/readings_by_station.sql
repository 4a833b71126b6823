SELECT city, source, station, basis, json_build_object(
  'times', json_agg(extract(epoch FROM time)::bigint ORDER BY time),
  'air', json_agg(published <> '{}' OR num_nonnulls(${pollutants}) > 0 ORDER BY time),
  'published', CASE WHEN bool_or(published <> '{}') THEN json_agg(published ORDER BY time) END,
  'values', json_strip_nulls(json_build_object(${series})))::text
FROM reading WHERE city = ANY(CAST(:cities AS text[])) AND time > :start AND time <= :end
GROUP BY city, source, station, basis ORDER BY city, source, station, basis
