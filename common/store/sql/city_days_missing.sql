SELECT city, json_agg(day)::text FROM (
  SELECT city, ${day} AS day FROM city_hour WHERE ${with_air} GROUP BY 1, 2
  EXCEPT SELECT city, day FROM city_day) AS missing
GROUP BY city
