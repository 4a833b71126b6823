-- compression of reading
ALTER TABLE reading SET (timescaledb.compress, timescaledb.compress_segmentby = 'city', timescaledb.compress_orderby = 'source, station, time DESC');
SELECT remove_compression_policy('reading', if_exists => true) FROM timescaledb_information.jobs WHERE proc_name = 'policy_compression' AND hypertable_name = 'reading' AND CAST(config ->> 'compress_after' AS interval) <> interval '7 days';
SELECT add_compression_policy('reading', interval '7 days', if_not_exists => true, initial_start => now() + interval '1 hour');

-- compression of reading_revision
ALTER TABLE reading_revision SET (timescaledb.compress, timescaledb.compress_segmentby = 'city', timescaledb.compress_orderby = 'source, station, time DESC, replaced_at DESC');
SELECT remove_compression_policy('reading_revision', if_exists => true) FROM timescaledb_information.jobs WHERE proc_name = 'policy_compression' AND hypertable_name = 'reading_revision' AND CAST(config ->> 'compress_after' AS interval) <> interval '7 days';
SELECT add_compression_policy('reading_revision', interval '7 days', if_not_exists => true, initial_start => now() + interval '1 hour');

-- compression of city_hour
ALTER TABLE city_hour SET (timescaledb.compress, timescaledb.compress_segmentby = 'city', timescaledb.compress_orderby = 'time DESC');
SELECT remove_compression_policy('city_hour', if_exists => true) FROM timescaledb_information.jobs WHERE proc_name = 'policy_compression' AND hypertable_name = 'city_hour' AND CAST(config ->> 'compress_after' AS interval) <> interval '7 days';
SELECT add_compression_policy('city_hour', interval '7 days', if_not_exists => true, initial_start => now() + interval '1 hour');

-- compression of city_hour_revision
ALTER TABLE city_hour_revision SET (timescaledb.compress, timescaledb.compress_segmentby = 'city', timescaledb.compress_orderby = 'time DESC, replaced_at DESC');
SELECT remove_compression_policy('city_hour_revision', if_exists => true) FROM timescaledb_information.jobs WHERE proc_name = 'policy_compression' AND hypertable_name = 'city_hour_revision' AND CAST(config ->> 'compress_after' AS interval) <> interval '7 days';
SELECT add_compression_policy('city_hour_revision', interval '7 days', if_not_exists => true, initial_start => now() + interval '1 hour');

-- retention of reading
SELECT remove_retention_policy('reading', if_exists => true) FROM timescaledb_information.jobs WHERE proc_name = 'policy_retention' AND hypertable_name = 'reading' AND CAST(config ->> 'drop_after' AS interval) <> interval '90 days';
SELECT add_retention_policy('reading', interval '90 days', if_not_exists => true, initial_start => now() + interval '30 minutes');

-- retention of reading_revision
SELECT remove_retention_policy('reading_revision', if_exists => true) FROM timescaledb_information.jobs WHERE proc_name = 'policy_retention' AND hypertable_name = 'reading_revision' AND CAST(config ->> 'drop_after' AS interval) <> interval '90 days';
SELECT add_retention_policy('reading_revision', interval '90 days', if_not_exists => true, initial_start => now() + interval '30 minutes');

-- daily means
CREATE MATERIALIZED VIEW city_daily
WITH (timescaledb.continuous, timescaledb.materialized_only = true, timescaledb.create_group_indexes = false) AS
SELECT city, time_bucket(interval '1 day', time, "offset" => interval '18 hours 31 minutes') AS began, mode() WITHIN GROUP (ORDER BY basis COLLATE "C") AS basis, mode() WITHIN GROUP (ORDER BY source COLLATE "C") AS source, count(*)::smallint AS hours, avg(pm25)::real AS pm25, avg(pm10)::real AS pm10, avg(no2)::real AS no2, avg(so2)::real AS so2, avg(nh3)::real AS nh3, avg(co)::real AS co, avg(o3)::real AS o3, avg(aqi)::real AS aqi, avg(aqi_us)::real AS aqi_us, max(aqi) AS aqi_max, max(aqi_us) AS aqi_us_max
FROM city_hour WHERE basis IS NOT NULL GROUP BY 1, 2 WITH NO DATA;
SELECT set_chunk_time_interval(
  CAST(format('%I.%I', materialization_hypertable_schema, materialization_hypertable_name) AS regclass),
  interval '3650 days')
FROM timescaledb_information.continuous_aggregates WHERE view_name = 'city_daily';
CREATE INDEX city_daily_day ON city_daily (city, (CAST(began AT TIME ZONE 'Asia/Kolkata' AS date)));
SELECT add_continuous_aggregate_policy('city_daily', start_offset => NULL,
  end_offset => interval '2 days', schedule_interval => interval '1 hour', initial_start => now() + interval '1 hour');
DROP TABLE city_day;
CREATE VIEW city_day AS
SELECT city, CAST(began AT TIME ZONE 'Asia/Kolkata' AS date) AS day, CAST(NULL AS timestamptz) AS rolled_at,
  basis, source, hours, pm25, pm10, no2, so2, nh3, co, o3, aqi, aqi_us, aqi_max, aqi_us_max FROM city_daily;
COMMENT ON VIEW city_day IS 'means over the hours that end within an Indian day; the server keeps them';
