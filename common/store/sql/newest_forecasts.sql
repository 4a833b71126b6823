SELECT f.*, pm25.arrays
FROM unnest(CAST(:cities AS text[])) AS wanted (name), LATERAL (
  SELECT city, issued_at, origin, known_until, model_version, family, basis, source, target,
         json_build_array(${arrays})::text AS arrays, array_to_json(categories[1:CAST(:hours AS int)][:])::text
  FROM forecast WHERE city = name AND target = :target AND mode = 'live' AND origin <= :now
  ORDER BY origin DESC LIMIT 1) AS f
LEFT JOIN LATERAL (
  SELECT json_build_array(${arrays})::text AS arrays FROM forecast
  WHERE (city, mode, origin) = (f.city, 'live', f.origin) AND target = 'pm25' AND f.target = 'aqi'
) AS pm25 ON true
