-- Rules that have not been judged lately, of whole cities together, and since when their condition is in force. One that
-- rests is noted, so that what happens meanwhile counts for nobody. `keys` are those in force.
SELECT rule.id, rule.owner, owner.public, rule.city, rule.basis, rule.target, rule.above, rule.clear_below,
       rule.within_hours, rule.probability, rule.dwell,
       rule.state = 'active' AND (owner.key_name IS NULL OR owner.key_name = ANY(CAST(:keys AS text[]))) AS active,
       rule.created_at, judged.condition, judged.since
FROM alert_rule AS rule
JOIN alert_owner AS owner ON owner.id = rule.owner
LEFT JOIN alert_judged AS judged ON judged.rule = rule.id
WHERE rule.state <> 'unconfirmed' AND (judged.judged_at IS NULL OR judged.judged_at <= :before)
ORDER BY judged.judged_at NULLS FIRST, rule.city, rule.id
LIMIT :most
