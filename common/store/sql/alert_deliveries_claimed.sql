-- Messages that are due, and those whose sender has died: see `claim_deliveries`.
WITH due AS (
  SELECT waiting.id, waiting.next_attempt_at, rule.owner
  FROM alert_delivery AS waiting JOIN alert_rule AS rule ON rule.id = waiting.rule
  WHERE (
      waiting.status IN ('held', 'pending') AND waiting.next_attempt_at <= :now
      OR waiting.status = 'sending' AND waiting.claimed_until <= clock_timestamp()
    )
    AND (waiting.kind NOT IN ('firing', 'repeat', 'clear') OR NOT EXISTS (
      SELECT FROM alert_delivery AS earlier
      WHERE earlier.rule = waiting.rule AND earlier.number < waiting.number
        AND earlier.episode = waiting.episode AND earlier.status IN ('held', 'pending', 'sending') AND earlier.kind IN ('firing', 'repeat', 'clear')
    ))
), ranked AS (
  SELECT id, next_attempt_at, row_number() OVER (PARTITION BY owner ORDER BY next_attempt_at, id) AS place FROM due
), chosen AS (
  SELECT delivery.id
  FROM alert_delivery AS delivery JOIN ranked USING (id)
  WHERE ranked.place <= :an_owner
    AND (delivery.status IN ('held', 'pending')
      OR delivery.status = 'sending' AND delivery.claimed_until <= clock_timestamp())
  ORDER BY ranked.next_attempt_at NULLS FIRST, delivery.number
  LIMIT :limit
  FOR UPDATE OF delivery SKIP LOCKED
)
UPDATE alert_delivery AS delivery
SET status = 'sending', attempts = delivery.attempts + 1, claim = :claim,
    claimed_until = clock_timestamp() + CAST(:seconds AS interval),
    message_id = COALESCE(
      delivery.message_id, (SELECT seq::text FROM event WHERE event.id = delivery.event_id),
      'alert-' || delivery.id)
FROM chosen
WHERE delivery.id = chosen.id
RETURNING delivery.id, delivery.rule, delivery.kind, delivery.episode, delivery.message_id, delivery.signal_time,
  delivery.value, delivery.since, delivery.attempts, delivery.claim
