-- The active rules of some cities whose owners are in force, and where they stand.
SELECT ${columns}
FROM alert_rule AS rule
JOIN alert_state AS state ON state.rule = rule.id
JOIN alert_owner AS owner ON owner.id = rule.owner
WHERE rule.state = 'active' AND rule.city = ANY(CAST(:cities AS text[]))
  AND CASE WHEN owner.key_name IS NULL THEN owner.confirmed_at IS NOT NULL ELSE EXISTS (
    SELECT FROM api_key
    WHERE api_key.name = owner.key_name AND api_key.revoked_at IS NULL
      AND (api_key.expires_at IS NULL OR api_key.expires_at > :now)
  ) END
