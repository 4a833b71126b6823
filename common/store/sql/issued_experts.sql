WITH before AS (
  SELECT origin, max(origin) OVER () - origin AS ago FROM forecast_expert
  WHERE city = :city AND target = :target AND mode = :mode AND origin > :after AND origin < :before
), chosen AS (
  SELECT max(origin) AS origin FROM before GROUP BY floor(extract(epoch FROM ago) / 3600 / CAST(:apart AS int))
)
SELECT array_to_string(names, ','), string_agg(
  int4send(CAST(extract(epoch FROM CAST(:before AS timestamptz) - origin) AS int) / 3600)
  || array_send(expert.y || ${naive} || forecast.y), '' ORDER BY origin)
FROM forecast_expert AS expert JOIN chosen USING (origin) JOIN forecast USING (city, target, mode, origin)
WHERE city = :city AND target = :target AND mode = :mode AND cardinality(weekly) = ${horizon}
GROUP BY names
