-- What fired, was repeated or ended: its event, its episode and its message, each once.
-- What quiet hours skip is decided here and nowhere else: it turns on which messages are still held, which a sender may
-- change until this very statement locks them; and one statement does it for all rules of some cities. When quiet hours
-- end is decided in Python (hold_until).
-- The numbers of the events are taken beforehand, so that nothing has to be joined by what the events say.
WITH new AS MATERIALIZED (
  SELECT *, nextval(pg_get_serial_sequence('event', 'id')) AS event_id FROM jsonb_to_recordset(CAST(:transitions AS jsonb)) AS new(
    number integer, delivery uuid, rule uuid, kind text, episode uuid, city text, "time" timestamptz,
    value double precision, peak double precision, since timestamptz, hold_until timestamptz)
  ORDER BY number
), hushed AS (
  -- What quiet hours still hold of an alert that is over, or that a later repeat has overtaken.
  UPDATE alert_delivery AS held
  SET status = 'skipped', next_attempt_at = NULL,
      error = CASE new.kind WHEN 'clear' THEN :over ELSE :overtaken END
  FROM new
  WHERE held.rule = new.rule AND held.status = 'held' AND held.attempts = 0
    AND (new.kind = 'clear' AND held.kind IN ('firing', 'repeat') OR new.kind = 'repeat' AND held.kind = 'repeat')
  RETURNING held.rule, held.kind
), events AS (
  INSERT INTO event (id, kind, cities, time, detail)
  OVERRIDING SYSTEM VALUE
  SELECT event_id, 'alert', ARRAY[city], :now, jsonb_build_object('alert', episode, 'change', kind) FROM new
), numbered AS MATERIALIZED (
  SELECT new.*,
    new.rule IN (
      SELECT rule.id FROM alert_owner AS owner JOIN alert_rule AS rule ON rule.owner = owner.id
      WHERE owner.public) AS published,
    new.kind = 'clear' AND new.rule IN (SELECT rule FROM hushed WHERE kind = 'firing') AS never_known,
    new.kind = 'repeat' AND EXISTS (
      SELECT FROM alert_delivery AS held
      WHERE held.rule = new.rule AND held.kind = 'firing' AND held.status = 'held') AS known_later
  FROM new
), begun AS (
  INSERT INTO alert_episode (
    id, rule, city, basis, target, above, clear_below, within_hours, probability, dwell,
    began_at, began_value, peak, last_at, last_value, simulated, recorded_at, event_id)
  SELECT numbered.episode, rule.id, rule.city, basis, target, above, clear_below, within_hours, probability, dwell,
    numbered.time, numbered.value, numbered.peak, numbered.time, numbered.value, :simulated, :now, numbered.event_id
  FROM numbered JOIN alert_rule AS rule ON rule.id = numbered.rule
  WHERE numbered.kind = 'firing'
  ON CONFLICT (id) DO NOTHING
)
INSERT INTO alert_delivery (
  id, rule, kind, episode, event_id, signal_time, value, since, status, error, next_attempt_at, created_at, delivered_at)
SELECT delivery, rule, kind, episode, event_id, "time", value, since,
  CASE WHEN never_known OR known_later THEN 'skipped' WHEN published THEN 'delivered'
    WHEN hold_until IS NULL THEN 'pending' ELSE 'held' END,
  CASE WHEN never_known THEN :over WHEN known_later THEN :overtaken END,
  CASE WHEN never_known OR known_later OR published THEN NULL ELSE COALESCE(hold_until, :now) END, :now,
  CASE WHEN published THEN CAST(:now AS timestamptz) END
FROM numbered ORDER BY number
