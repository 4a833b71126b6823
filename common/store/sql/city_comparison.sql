WITH ${days}, by_basis AS (
  SELECT city, json_object_agg(basis, hours) AS basis
  FROM (SELECT city, basis, sum(hours) AS hours FROM days GROUP BY city, basis) AS summed GROUP BY city
)
SELECT city, CAST(sum(hours) AS int), CAST(count(*) AS int), ${mean_of_aqi},
       CAST(max(aqi) AS float8), (array_agg(day ORDER BY aqi DESC, day) FILTER (WHERE aqi IS NOT NULL))[1],
       CAST(min(aqi) AS float8), (array_agg(day ORDER BY aqi, day) FILTER (WHERE aqi IS NOT NULL))[1],
       max(highest), COALESCE(json_agg(aqi) FILTER (WHERE aqi IS NOT NULL), '[]'),
       json_build_object(${pollutants}), CAST(by_basis.basis AS text)
FROM days JOIN by_basis USING (city) GROUP BY city, CAST(by_basis.basis AS text)
