SELECT CAST(json_build_object(
  'ours', (
    SELECT json_object_agg(lead, columns) FROM (
      SELECT lead, json_build_array(json_agg(day ORDER BY day), ${columns}) AS columns
      FROM verification_day
      WHERE (city, target, mode) = (:city, :target, :mode)
        AND (CAST(:season AS text) IS NULL OR ${season} = :season) AND (CAST(:lead AS int) IS NULL OR lead = :lead)
      GROUP BY lead ORDER BY lead) AS by_lead),
  'providers', (
    SELECT json_agg(json_build_array(lead, provider, days, n, error, ours)) FROM (
      SELECT lead, provider, json_agg(day ORDER BY day) AS days, json_agg(n ORDER BY day) AS n,
             json_agg(error ORDER BY day) AS error, json_agg(ours ORDER BY day) AS ours
      FROM verification_day_provider
      WHERE (city, target, mode) = (:city, :target, :mode)
        AND (CAST(:season AS text) IS NULL OR ${season} = :season) AND (CAST(:lead AS int) IS NULL OR lead = :lead)
      GROUP BY lead, provider ORDER BY provider COLLATE "C", lead) AS by_provider)
) AS text)
