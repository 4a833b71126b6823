${parts}
SELECT json_agg(json_build_array(challenger, lead, family, version, season, ${names}))::text FROM (
  SELECT challenger, lead, family, version, season, ${sums}
  FROM (SELECT *, ${season} AS season FROM part WHERE ${filters}) AS filtered
  GROUP BY GROUPING SETS ((challenger, family, season, lead), (challenger, family, version))
  HAVING challenger = '' OR grouping(lead) = 0
) AS added
