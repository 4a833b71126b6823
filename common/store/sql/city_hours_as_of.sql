(
  SELECT city, time, ${revised}, ${weather}, detail FROM city_hour WHERE computed_at <= :as_of
  UNION ALL
  SELECT past.city, past.time, ${former_revised}, ${present_weather}, CAST('{}' AS jsonb)
  FROM city_hour_revision AS past
  CROSS JOIN LATERAL jsonb_to_record(past.was) AS former(${revised_types})
  JOIN city_hour AS present ON present.city = past.city AND present.time = past.time
  WHERE past.computed_at <= :as_of AND past.replaced_at > :as_of
) AS city_hour
