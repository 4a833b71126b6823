-- Messages of the public rules, newest first: what each is about, and of forecast rules the forecast that it is about.
SELECT CAST(delivery.message_id AS bigint), delivery.kind, delivery.rule, delivery.episode, rule.city,
       rule.basis, rule.target, rule.above, rule.clear_below, rule.within_hours, rule.probability, rule.dwell,
       delivery.value, delivery.signal_time, delivery.since, delivery.created_at, issued.arrays
FROM alert_owner AS owner
JOIN alert_rule AS rule ON rule.owner = owner.id
JOIN alert_delivery AS delivery ON delivery.rule = rule.id
LEFT JOIN LATERAL (
  SELECT CAST(json_build_array(y[1:rule.within_hours], lo80[1:rule.within_hours], hi80[1:rule.within_hours],
           lo95[1:rule.within_hours], hi95[1:rule.within_hours], categories[1:rule.within_hours]) AS text) AS arrays
  FROM forecast
  WHERE rule.basis = 'forecast' AND delivery.kind <> 'clear'
    AND (forecast.city, forecast.target, forecast.mode, forecast.origin)
      = (rule.city, rule.target, 'live', delivery.signal_time)
) AS issued ON true
WHERE owner.public AND delivery.status = 'delivered' AND delivery.message_id IS NOT NULL
  AND delivery.kind IN ('firing', 'repeat', 'clear')
  AND (CAST(:city AS text) IS NULL OR rule.city = :city)
  AND (CAST(:message AS text) IS NULL OR delivery.message_id = :message)
ORDER BY delivery.created_at DESC, delivery.number DESC
LIMIT :most
