SELECT f.city, f.issued_at, f.origin, f.known_until, f.model_version, f.family, f.basis, f.source, f.target,
       f.arrays, f.categories, pm.arrays
FROM unnest(CAST(:cities AS text[])) AS wanted (city), LATERAL (
  SELECT city, target, issued_at, origin, known_until, model_version, family, basis, source,
         json_build_object(${arrays})::text AS arrays, array_to_json(categories)::text AS categories
  FROM forecast
  WHERE forecast.city = wanted.city AND target = :target AND mode = 'live' AND origin <= :now
  ORDER BY origin DESC LIMIT 1) AS f
LEFT JOIN LATERAL (
  SELECT json_build_object(${arrays})::text AS arrays FROM forecast
  WHERE (city, mode, origin) = (f.city, 'live', f.origin) AND target = 'pm25' AND f.target = 'aqi'
) AS pm ON true
