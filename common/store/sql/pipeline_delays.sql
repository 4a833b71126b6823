WITH delay AS (
  SELECT source, collected, committed, forecast, pushed, count(*) AS number,
         GROUPING(collected) AS g1, GROUPING(committed) AS g2, GROUPING(forecast) AS g3
  FROM pipeline_delay WHERE hour > :start AND hour <= :end
  GROUP BY GROUPING SETS ((source, collected), (source, committed), (source, forecast), (source, pushed))
), counted AS (
  SELECT source, number,
         CASE WHEN g1 = 0 THEN 'collected' WHEN g2 = 0 THEN 'committed' WHEN g3 = 0 THEN 'forecast' ELSE 'pushed' END AS stage,
         COALESCE(collected, committed, forecast, pushed) AS seconds
  FROM delay
), ranked AS (
  SELECT source, stage, seconds, sum(number) OVER (PARTITION BY source, stage ORDER BY seconds) AS upto,
         sum(number) OVER (PARTITION BY source, stage) AS total
  FROM counted WHERE seconds IS NOT NULL
)
SELECT source, stage, CAST(total AS bigint), min(seconds) FILTER (WHERE upto >= 0.5 * total),
       min(seconds) FILTER (WHERE upto >= 0.95 * total)
FROM ranked GROUP BY source, stage, total
