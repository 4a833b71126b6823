WITH ${days}, by_basis AS (
  SELECT city, basis, sum(hours) AS hours, sum(${column} * hours) AS total
  FROM days WHERE ${column} IS NOT NULL GROUP BY city, basis
)
SELECT city, CAST(sum(total) AS float8) / sum(hours), CAST(sum(hours) AS int), json_object_agg(basis, hours)
FROM by_basis GROUP BY city
