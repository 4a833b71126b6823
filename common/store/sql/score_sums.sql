SELECT ${day_of}, ${of_whom}, ${sums}
FROM (
  SELECT ${day_of}, version, family, challenger,
         CAST(CASE WHEN challenger = '' THEN lead ELSE ${last_of_block} END AS smallint) AS lead,
         ${pair_values}
  FROM (
    SELECT ${day_of}, version, family, '' AS challenger, y AS predicted, y AS ours, actual, lo80, hi80, lo95, hi95,
           ${naive}
    FROM chosen
    UNION ALL
    SELECT ${day_of}, version, family, challenger, challenger_y, y, actual, NULL, NULL, NULL, NULL, ${naive}
    FROM (SELECT chosen.*, forecast_challenger.y AS challenger_y,
                 COALESCE('model:' || model.family, forecast_challenger.challenger) AS challenger
          FROM chosen JOIN forecast_challenger USING (city, target, mode, origin)
          LEFT JOIN model ON model.version = forecast_challenger.challenger) AS beside
  ) AS contender (${day_of}, version, family, challenger, ${parts}),
  unnest(${contender_parts}) WITH ORDINALITY AS pair (${parts}, lead)
  WHERE pair.actual IS NOT NULL AND pair.predicted IS NOT NULL
) AS pair
GROUP BY ${day_of}, ${of_whom}
