WITH before AS (
  SELECT origin, max(origin) OVER () - origin AS ago FROM forecast
  WHERE city = :city AND target = :target AND mode = :mode AND origin > :after AND origin < :before
), chosen AS (
  SELECT max(origin) AS origin FROM before GROUP BY floor(extract(epoch FROM ago) / 3600 / CAST(:apart AS int))
)
SELECT string_agg(
  int4send(CAST(extract(epoch FROM CAST(:before AS timestamptz) - origin) AS int) / 3600)
  || int4send(CAST(extract(epoch FROM origin - known_until) AS int) / 3600)
  || array_send(y || lo95 || lo80 || hi80 || hi95), '' ORDER BY origin)
FROM forecast JOIN chosen USING (origin)
WHERE city = :city AND target = :target AND mode = :mode
