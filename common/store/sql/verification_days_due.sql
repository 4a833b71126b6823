WITH due AS (
  SELECT ${day_of} FROM verification_day_state AS state
  WHERE NOT rolled AND mode = :mode
    AND (day < :today OR EXISTS (
      SELECT FROM verification_day AS old
      WHERE (old.city, old.target, old.mode, old.day) = (state.city, state.target, state.mode, state.day)))
  ORDER BY day LIMIT :most FOR UPDATE
), scope AS (
  UPDATE verification_day_state AS state SET rolled = true FROM due
  WHERE (state.city, state.target, state.mode, state.day) = (due.city, due.target, due.mode, due.day)
  RETURNING due.*
)
SELECT CAST(json_agg(scope) AS text) FROM scope
