SELECT format('job %s (%s): %s', job_id,
         concat_ws(' of ', jobs.proc_name, COALESCE(aggregates.view_name, jobs.hypertable_name)),
         COALESCE(error.err_message, CASE WHEN jobs.scheduled THEN 'no reason given' ELSE 'it is switched off' END))
FROM timescaledb_information.jobs JOIN timescaledb_information.job_stats AS stats USING (job_id)
LEFT JOIN timescaledb_information.continuous_aggregates AS aggregates
  ON aggregates.materialization_hypertable_name = jobs.hypertable_name
LEFT JOIN LATERAL (
  SELECT err_message FROM timescaledb_information.job_errors
  WHERE job_errors.job_id = jobs.job_id ORDER BY start_time DESC LIMIT 1) AS error ON true
WHERE (stats.last_run_status = 'Failed' OR jobs.scheduled IS FALSE)
  AND jobs.proc_name <> 'policy_telemetry'  -- it fails wherever the server does not reach its maker
ORDER BY job_id
