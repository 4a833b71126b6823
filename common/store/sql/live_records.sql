SELECT city, count(*), avg((y[lead] - actual[lead]) ^ 2) / NULLIF(var_pop(actual[lead]), 0),
       avg(abs(y[lead] - actual[lead])), LEAST(${naive_maes})
FROM forecast JOIN forecast_truth USING (city, target, mode, origin), generate_series(1, 48) AS lead
WHERE mode = :mode AND origin > :since AND origin <= :now
  AND actual[lead] IS NOT NULL AND origin + lead * interval '1 hour' <= :now
GROUP BY city, target
