WITH scope AS MATERIALIZED (
  UPDATE forecast_day_state AS state SET rolled = true
  FROM (SELECT ${day_of} FROM forecast_day_state WHERE NOT rolled AND mode = :mode AND day < :settled
        ORDER BY day LIMIT :most FOR UPDATE) AS due
  WHERE (state.city, state.target, state.mode, state.day) = (due.city, due.target, due.mode, due.day)
  RETURNING due.*
)
SELECT json_agg(scope)::text FROM scope
