WITH rolled AS MATERIALIZED (
  SELECT day FROM forecast_day_state
  WHERE city = :city AND target = :target AND mode = :mode AND rolled AND day BETWEEN :first AND :last
), scope AS MATERIALIZED (
  SELECT ${day_of} FROM forecast_day_state
  WHERE city = :city AND target = :target AND mode = :mode
    AND day BETWEEN :touched AND CAST(:last AS date) + 1 AND day NOT IN (SELECT day FROM rolled)
), chosen AS MATERIALIZED (
  SELECT * FROM (${chosen}) AS known WHERE origin > :start AND origin <= :end
), part AS (
  SELECT ${columns} FROM ${table}
  WHERE city = :city AND target = :target AND mode = :mode AND day IN (SELECT day FROM rolled)
  UNION ALL ${fresh}
)
