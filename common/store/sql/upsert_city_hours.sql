WITH new AS MATERIALIZED (
  SELECT ${given_columns} FROM jsonb_to_recordset(CAST(:rows AS jsonb)) AS given(${types})
), due AS MATERIALIZED (
  SELECT ${new_columns}, old.computed_at AS since,
         jsonb_strip_nulls(jsonb_build_object(${old_as_object})) AS was,
         (${old_revised}) IS DISTINCT FROM (${new_revised}) AS revised
  FROM new LEFT JOIN city_hour AS old
    ON old.city = new.city AND old.time = new.time AND old.time BETWEEN :first AND :last
  WHERE old.city IS NULL
     OR (${old_values}) IS DISTINCT FROM (${new_values})
), revision AS (
  INSERT INTO city_hour_revision (city, time, replaced_at, computed_at, was)
  SELECT city, time, :now, since, was FROM due WHERE revised AND since < :now
  ON CONFLICT DO NOTHING
)
INSERT INTO city_hour (${columns}, computed_at)
SELECT ${columns}, CASE WHEN revised THEN greatest(since, :now) ELSE since END FROM due
ORDER BY city, time
ON CONFLICT (city, time) DO UPDATE
SET ${assignments}, computed_at = excluded.computed_at
RETURNING city, ${day}, time
