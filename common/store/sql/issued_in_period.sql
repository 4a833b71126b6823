-- Forecasts of one target as they were issued, oldest first, cut to the lead times that matter; as text of JSON, which
-- is read quicker than rows of arrays.
SELECT CAST(json_agg(json_build_array(
         CAST(extract(epoch FROM origin) AS bigint), y[1:CAST(:within AS int)], lo80[1:CAST(:within AS int)],
         hi80[1:CAST(:within AS int)], lo95[1:CAST(:within AS int)], hi95[1:CAST(:within AS int)],
         categories[1:CAST(:within AS int)]) ORDER BY origin) AS text)
FROM forecast
WHERE city = :city AND target = :target AND mode = :mode AND origin >= :start AND origin < :until
