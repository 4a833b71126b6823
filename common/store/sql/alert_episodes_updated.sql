-- How episodes go on: their highest value, their last, and their end.
UPDATE alert_episode AS episode
SET peak = GREATEST(episode.peak, new.peak), last_at = new.time, last_value = new.value,
    ended_at = CASE WHEN new.over THEN new.time END, ended_because = CASE WHEN new.over THEN 'clear' END
FROM jsonb_to_recordset(CAST(:episodes AS jsonb)) AS new(
  id uuid, "time" timestamptz, value double precision, peak double precision, over boolean)
WHERE episode.id = new.id AND episode.ended_at IS NULL
