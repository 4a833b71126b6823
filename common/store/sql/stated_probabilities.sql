SELECT ${day_of}, version, family, event, ${tenth} AS bin,
       CAST(count(*) AS int) AS n, sum(stated) AS stated, CAST(count(*) FILTER (WHERE happened) AS int) AS happened
FROM (SELECT * FROM chosen WHERE target = 'aqi') AS chosen,
     LATERAL (
       SELECT ${predicted_place} AS predicted, ${observed_place} AS observed, pair.actual, p
       FROM unnest(chosen.y, chosen.actual) WITH ORDINALITY AS pair (y, actual, lead)
       JOIN (SELECT (place - 1) / ${categories} + 1 AS lead, array_agg(CAST(p AS float8) ORDER BY place) AS p
             FROM unnest(chosen.categories) WITH ORDINALITY AS each (p, place) GROUP BY 1) AS chances USING (lead)
       WHERE pair.actual IS NOT NULL
     ) AS pair,
     LATERAL (VALUES ('category', p[predicted], predicted = observed), ${exceedances}) AS claim (event, stated, happened)
GROUP BY ${day_of}, version, family, event, bin
