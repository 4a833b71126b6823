WITH former AS (
  SELECT version, row_number() OVER (PARTITION BY city, target, mode ORDER BY promoted_at DESC, version) AS ago
  FROM model WHERE promoted_at IS NOT NULL AND status <> 'champion'
)
UPDATE model SET pruned_at = :now
WHERE pruned_at IS NULL AND status <> 'champion'
  AND (shadow_until IS NULL OR shadow_until <= CAST(:now AS timestamptz))
  AND trained_at < CAST(:now AS timestamptz) - interval '48 hours'
  AND version NOT IN (SELECT version FROM former WHERE ago <= :kept)
  AND NOT EXISTS (
    SELECT FROM forecast
    WHERE forecast.city = model.city AND forecast.target = model.target AND forecast.mode = model.mode
      AND forecast.model_version = model.version
      AND forecast.issued_at >= CAST(:now AS timestamptz) - interval '48 hours')
RETURNING 1
