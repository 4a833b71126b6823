-- All rules as their operator may see them: no address, and of an owner by e-mail only that he is one.
SELECT rule.id, rule.city, rule.basis, rule.target, rule.above, rule.clear_below, rule.within_hours, rule.probability,
       rule.dwell, rule.channel,
       CASE WHEN owner.public THEN 'public' WHEN owner.key_name IS NULL THEN 'e-mail' ELSE owner.key_name END,
       rule.state, rule.disabled_because, state.phase, state.since, rule.created_at, last.status, last.created_at
FROM alert_rule AS rule
JOIN alert_owner AS owner ON owner.id = rule.owner
JOIN alert_state AS state ON state.rule = rule.id
LEFT JOIN LATERAL (
  SELECT status, created_at FROM alert_delivery WHERE alert_delivery.rule = rule.id ORDER BY number DESC LIMIT 1
) AS last ON true
WHERE (CAST(:city AS text) IS NULL OR rule.city = :city) AND (:public OR NOT owner.public)
ORDER BY rule.city COLLATE "C", rule.created_at, rule.basis, rule.id
