-- Cities whose rules have not seen the newest fresh hour, or issue of the forecast, that has a value.
WITH hour AS (
  SELECT city, max(time) FILTER (WHERE aqi IS NOT NULL) AS aqi, max(time) FILTER (WHERE pm25 IS NOT NULL) AS pm25
  FROM city_hour WHERE time > :after AND time <= :now GROUP BY city
), issue AS (
  SELECT city, target, max(origin) AS origin FROM forecast
  WHERE mode = :mode AND origin > :after AND origin <= :now GROUP BY city, target
)
SELECT DISTINCT rule.city
FROM alert_rule AS rule
JOIN alert_state AS state ON state.rule = rule.id
LEFT JOIN hour ON hour.city = rule.city
LEFT JOIN issue ON issue.city = rule.city AND issue.target = rule.target
WHERE rule.state = 'active'
  AND CASE WHEN rule.basis = 'forecast' THEN issue.origin WHEN rule.target = 'aqi' THEN hour.aqi ELSE hour.pm25 END
    > COALESCE(state.signal_time, '-infinity')
ORDER BY rule.city
