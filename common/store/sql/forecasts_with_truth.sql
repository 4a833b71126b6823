SELECT scope.day, forecast.*, COALESCE(model_version, '') AS version, actual
FROM scope JOIN forecast ON (forecast.city, forecast.target, forecast.mode) = (scope.city, scope.target, scope.mode)
  AND forecast.origin > CAST(scope.day AS timestamp) AT TIME ZONE 'Asia/Kolkata'
  AND forecast.origin <= CAST(scope.day + 1 AS timestamp) AT TIME ZONE 'Asia/Kolkata'
JOIN forecast_truth AS truth ON (truth.city, truth.target, truth.mode, truth.origin)
  = (forecast.city, forecast.target, forecast.mode, forecast.origin)
