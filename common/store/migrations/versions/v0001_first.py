"""The first schema: readings, city-hours, weather forecasts, models, forecasts, the record, jobs."""

from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

POLLUTANTS = "pm25 real, pm10 real, no2 real, so2 real, nh3 real, co real, o3 real"
WEATHER = (
    "temperature real, humidity real, wind_speed real, wind_u real, wind_v real, rain real, "
    "solar_radiation real, pressure real, dew_point real, boundary_layer_height real"
)
BASIS = "basis text NOT NULL CHECK (basis IN ('measured', 'implied', 'modelled'))"
MODE = "mode text NOT NULL CHECK (mode IN ('live', 'replay'))"
TARGET = "target text NOT NULL CHECK (target IN ('aqi', 'pm25'))"

UP = f"""
CREATE TABLE meta (key text PRIMARY KEY, value text NOT NULL);
COMMENT ON TABLE meta IS 'dataset: real or simulated; tier: what the server offered at migration';

CREATE TABLE reading (
  city text NOT NULL, source text NOT NULL, station text NOT NULL, time timestamptz NOT NULL,
  {BASIS}, {POLLUTANTS}, {WEATHER},
  published jsonb NOT NULL DEFAULT '{{}}', received_at timestamptz NOT NULL,
  PRIMARY KEY (city, source, station, time)
);
COMMENT ON TABLE reading IS 'what a provider said of the time up to "time"; station empty: the whole city';
CREATE INDEX reading_time ON reading (time);

CREATE TABLE reading_revision (
  city text NOT NULL, source text NOT NULL, station text NOT NULL, time timestamptz NOT NULL,
  replaced_at timestamptz NOT NULL, received_at timestamptz NOT NULL, was jsonb NOT NULL,
  PRIMARY KEY (city, source, station, time, replaced_at)
);
COMMENT ON TABLE reading_revision IS 'what a reading said before a later correction';

CREATE TABLE weather_forecast (
  city text NOT NULL, source text NOT NULL, issued_at timestamptz NOT NULL, time timestamptz NOT NULL,
  {WEATHER},
  PRIMARY KEY (city, source, issued_at, time)
);

CREATE TABLE city_hour (
  city text NOT NULL, time timestamptz NOT NULL,
  source text, basis text, stations smallint NOT NULL DEFAULT 0, {POLLUTANTS}, {WEATHER},
  aqi smallint CHECK (aqi BETWEEN 0 AND 500), dominant text,
  aqi_us smallint CHECK (aqi_us BETWEEN 0 AND 500), dominant_us text,
  detail jsonb NOT NULL DEFAULT '{{}}', computed_at timestamptz NOT NULL,
  PRIMARY KEY (city, time)
);
CREATE INDEX city_hour_time ON city_hour (time);
COMMENT ON COLUMN city_hour.detail IS 'how the indices came about: see common.ingest.reconcile';

CREATE TABLE city_day (
  city text NOT NULL, day date NOT NULL, rolled_at timestamptz NOT NULL, basis text, source text, hours smallint NOT NULL, {POLLUTANTS},
  aqi real, aqi_max smallint, aqi_us real, aqi_us_max smallint,
  PRIMARY KEY (city, day)
);
COMMENT ON TABLE city_day IS 'means over the hours that end within an Indian day';

CREATE TABLE model (
  version text PRIMARY KEY, city text NOT NULL, {TARGET}, {MODE}, family text NOT NULL,
  status text NOT NULL CHECK (status IN ('candidate', 'champion', 'retired', 'rejected')),
  reason text NOT NULL, trained_at timestamptz NOT NULL,
  window_start timestamptz NOT NULL, window_end timestamptz NOT NULL, samples integer NOT NULL,
  features_hash text NOT NULL, checksum text NOT NULL, metrics jsonb NOT NULL, promoted_at timestamptz
);
CREATE UNIQUE INDEX model_champion ON model (city, target, mode) WHERE status = 'champion';
CREATE INDEX model_by_city ON model (city, target, mode, trained_at DESC);

CREATE TABLE forecast (
  city text NOT NULL, {TARGET}, {MODE}, issued_at timestamptz NOT NULL,
  origin timestamptz NOT NULL, known_until timestamptz NOT NULL,
  model_version text REFERENCES model (version) ON DELETE SET NULL, family text NOT NULL,
  inputs_hash text NOT NULL, basis text, source text,
  y real[] NOT NULL, lo80 real[] NOT NULL, hi80 real[] NOT NULL, lo95 real[] NOT NULL, hi95 real[] NOT NULL,
  categories real[] NOT NULL,
  persistence real[] NOT NULL, daily real[] NOT NULL, mean24 real[] NOT NULL,
  PRIMARY KEY (city, target, mode, origin)
);
COMMENT ON TABLE forecast IS 'as issued, never changed; element h of each array is for origin + h hours';
COMMENT ON COLUMN forecast.categories IS 'probability of each of the six categories, 48 rows of 6, for target aqi; else empty';

CREATE TABLE forecast_truth (
  city text NOT NULL, target text NOT NULL, mode text NOT NULL, origin timestamptz NOT NULL,
  actual real[] NOT NULL, scored smallint NOT NULL, scored_at timestamptz NOT NULL,
  PRIMARY KEY (city, target, mode, origin),
  FOREIGN KEY (city, target, mode, origin) REFERENCES forecast ON DELETE CASCADE
);

CREATE TABLE job (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  type text NOT NULL, key text NOT NULL, payload jsonb NOT NULL,
  state text NOT NULL DEFAULT 'queued' CHECK (state IN ('queued', 'running', 'done', 'dead')),
  attempts smallint NOT NULL DEFAULT 0, max_attempts smallint NOT NULL,
  available_at timestamptz NOT NULL, leased_until timestamptz,
  created_at timestamptz NOT NULL, finished_at timestamptz, error text
);
CREATE UNIQUE INDEX job_waiting ON job (type, key) WHERE state = 'queued';
CREATE INDEX job_due ON job (available_at) WHERE state IN ('queued', 'running');

CREATE TABLE source_run (
  source text NOT NULL, started_at timestamptz NOT NULL, finished_at timestamptz NOT NULL,
  readings integer NOT NULL, rejected jsonb NOT NULL, reason text, message text, latest timestamptz,
  PRIMARY KEY (source, started_at)
);
COMMENT ON COLUMN source_run.reason IS 'null: it went well; else a short word for what failed';
"""

TABLES = (
    "source_run", "job", "forecast_truth", "forecast", "model", "city_day", "city_hour",
    "weather_forecast", "reading_revision", "reading", "meta",
)  # fmt: skip


def upgrade() -> None:
    """Make every table."""
    op.execute(UP)


def downgrade() -> None:
    """Drop every table, and what a server that keeps the daily means by itself has made of city_day."""
    op.execute("DROP MATERIALIZED VIEW IF EXISTS city_daily CASCADE")
    for table in TABLES:
        op.execute(f"DROP TABLE IF EXISTS {table}")
