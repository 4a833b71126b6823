-- The active rules of some cities whose owners are in force, as holders of `keys` are, and where they stand.
SELECT ${columns}
FROM alert_rule AS rule
JOIN alert_state AS state ON state.rule = rule.id
JOIN alert_owner AS owner ON owner.id = rule.owner
WHERE rule.state = 'active' AND rule.city = ANY(CAST(:cities AS text[]))
  AND CASE WHEN owner.key_name IS NULL THEN owner.confirmed_at IS NOT NULL
    ELSE owner.key_name = ANY(CAST(:keys AS text[])) END
