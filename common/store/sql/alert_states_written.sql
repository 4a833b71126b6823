-- Where rules stand now; a rule that is gone is left out.
UPDATE alert_state AS state
SET phase = new.phase, since = new.since, streak = new.streak, signal_time = new.signal_time,
    episode = new.episode, notified_at = new.notified_at, held = new.held
FROM jsonb_to_recordset(CAST(:states AS jsonb)) AS new(
  rule uuid, phase text, since timestamptz, streak integer, signal_time timestamptz, episode uuid,
  notified_at timestamptz, held boolean)
WHERE state.rule = new.rule
