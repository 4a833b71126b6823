"""The record, whole: what others forecast at the same moment, and what providers said of the hours to come."""

from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

UP = """
CREATE TABLE forecast_rival (
  city text NOT NULL, target text NOT NULL, mode text NOT NULL, origin timestamptz NOT NULL, rival text NOT NULL,
  y real[] NOT NULL,
  PRIMARY KEY (city, target, mode, origin, rival),
  FOREIGN KEY (city, target, mode, origin) REFERENCES forecast ON DELETE CASCADE
);
COMMENT ON TABLE forecast_rival IS 'what others forecast for the same hours, as known when ours was issued; never changed';
COMMENT ON COLUMN forecast_rival.rival IS 'a source whose own forecast it is, or the version of a challenging model';

ALTER TABLE model ADD COLUMN shadow_until timestamptz, ADD COLUMN held_until timestamptz;
COMMENT ON COLUMN model.shadow_until IS 'until then its forecasts are kept beside the champion''s, in forecast_rival';
COMMENT ON COLUMN model.held_until IS 'chosen by hand: until then another takes its place on evidence only, not for being fresher';

CREATE TABLE training_plan (
  city text NOT NULL, mode text NOT NULL, day date NOT NULL, reason text NOT NULL, planned_at timestamptz NOT NULL,
  PRIMARY KEY (city, mode, day)
);
COMMENT ON TABLE training_plan IS 'trainings the planner asked for, at most one a city and UTC day';

CREATE TABLE notice (
  kind text NOT NULL, about text NOT NULL, said text NOT NULL, since timestamptz NOT NULL, told_at timestamptz,
  PRIMARY KEY (kind, about)
);
COMMENT ON TABLE notice IS 'troubles that last: each is told once, and again only after it was over';
"""

COUNTED = ("200", "300", "400")
SCORES = f"""
CREATE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  RAISE EXCEPTION 'a row of % is kept as it was issued', TG_TABLE_NAME USING ERRCODE = 'restrict_violation';
END $$;
CREATE TRIGGER as_issued BEFORE UPDATE ON forecast FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER as_issued BEFORE UPDATE ON forecast_rival FOR EACH ROW EXECUTE FUNCTION refuse_change();

CREATE TABLE forecast_day_state (
  city text NOT NULL, target text NOT NULL, mode text NOT NULL, day date NOT NULL, rolled boolean NOT NULL,
  PRIMARY KEY (city, target, mode, day)
);
CREATE INDEX forecast_day_due ON forecast_day_state (mode, day) WHERE NOT rolled;
COMMENT ON TABLE forecast_day_state IS 'days of origins with known truth, and whether forecast_day says all that is known of them';

CREATE FUNCTION unroll_forecast_day() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  INSERT INTO forecast_day_state (city, target, mode, day, rolled)
  SELECT DISTINCT city, target, mode,
    CAST((origin - interval '1 minute') AT TIME ZONE 'Asia/Kolkata' AS date) AS day, false
  FROM changed ORDER BY city, target, mode, day
  ON CONFLICT (city, target, mode, day) DO UPDATE SET rolled = false WHERE forecast_day_state.rolled;
  RETURN NULL;
END $$;
CREATE TRIGGER set_right AFTER INSERT ON forecast_truth
  REFERENCING NEW TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION unroll_forecast_day();
CREATE TRIGGER set_right_again AFTER UPDATE ON forecast_truth
  REFERENCING NEW TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION unroll_forecast_day();
CREATE TRIGGER taken_back AFTER DELETE ON forecast_truth
  REFERENCING OLD TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION unroll_forecast_day();
INSERT INTO forecast_day_state (city, target, mode, day, rolled)
SELECT DISTINCT city, target, mode, CAST((origin - interval '1 minute') AT TIME ZONE 'Asia/Kolkata' AS date), false
FROM forecast_truth;

CREATE TABLE forecast_day (
  city text NOT NULL, target text NOT NULL, mode text NOT NULL, day date NOT NULL,
  rival text NOT NULL, version text NOT NULL, family text NOT NULL, lead smallint NOT NULL,
  n smallint NOT NULL, large smallint NOT NULL, within80 smallint NOT NULL, within95 smallint NOT NULL,
  {", ".join(f"{name}_{level} smallint NOT NULL" for level in COUNTED for name in ("seen", "said", "both", "kept", "kept_both"))},
  error float8 NOT NULL, squared float8 NOT NULL, bias float8 NOT NULL, share float8,
  actual float8 NOT NULL, actual_squared float8 NOT NULL,
  persistence float8, daily float8, mean24 float8, ours float8, width80 float8, width95 float8, loss float8
);
CREATE INDEX forecast_day_of ON forecast_day (city, target, mode, day);
COMMENT ON TABLE forecast_day IS 'sums over the pairs of forecast and truth by the Indian day of the origin: see common.store.record';
COMMENT ON COLUMN forecast_day.rival IS 'empty: our own forecasts; else as in forecast_rival, version and family being of ours';

CREATE TABLE forecast_day_stated (
  city text NOT NULL, target text NOT NULL, mode text NOT NULL, day date NOT NULL,
  version text NOT NULL, family text NOT NULL, event text NOT NULL, bin smallint NOT NULL,
  n integer NOT NULL, stated float8 NOT NULL, happened integer NOT NULL
);
CREATE INDEX forecast_day_stated_of ON forecast_day_stated (city, target, mode, day);
COMMENT ON TABLE forecast_day_stated IS 'probabilities as stated, by tenths, and how often what they were of came true';
COMMENT ON COLUMN forecast_day_stated.event IS 'category: the stated one is right; else an AQI above this';
"""

POLLUTANTS = ("pm25", "pm10", "no2", "so2", "nh3", "co", "o3")
WEATHER = (
    "temperature", "humidity", "wind_speed", "wind_u", "wind_v", "rain", "solar_radiation", "pressure", "dew_point",
    "boundary_layer_height",
)  # fmt: skip
ARRAYS = ", ".join(f"{name} real[]" for name in (*POLLUTANTS, *WEATHER))

OUTLOOK = f"""
CREATE TABLE outlook (
  city text NOT NULL, source text NOT NULL, kind text NOT NULL CHECK (kind IN ('air', 'weather')),
  received_at timestamptz NOT NULL, issued_at timestamptz NOT NULL, first timestamptz NOT NULL,
  known smallint NOT NULL, {ARRAYS},
  PRIMARY KEY (city, source, kind, received_at)
);
COMMENT ON TABLE outlook IS 'what providers said of the hours to come, as received, never changed; element h of each array is for first + h - 1 hours';
COMMENT ON COLUMN outlook.known IS 'how many values are known';

INSERT INTO outlook (city, source, kind, received_at, issued_at, first, known, {", ".join(WEATHER)})
SELECT city, source, 'weather', issued_at + interval '6 hours', issued_at, first, known, {", ".join(WEATHER)}
FROM (
  SELECT city, source, issued_at, min(time) AS first, max(time) AS last, sum(num_nonnulls({", ".join(WEATHER)})) AS known
  FROM weather_forecast GROUP BY city, source, issued_at
) AS issue CROSS JOIN LATERAL (
  SELECT {", ".join(f"CASE WHEN count({name}) > 0 THEN array_agg({name} ORDER BY hour) END AS {name}" for name in WEATHER)}
  FROM generate_series(first, last, interval '1 hour') AS hour
  LEFT JOIN weather_forecast AS one ON one.city = issue.city AND one.source = issue.source
    AND one.issued_at = issue.issued_at AND one.time = hour AND one.time BETWEEN first AND last
) AS expected;

DROP TABLE weather_forecast;
"""
# Of what was archived before it is not known when it was received, but it was within the six hours of its issue.

WITHOUT_OUTLOOK = f"""
CREATE TABLE weather_forecast (
  city text NOT NULL, source text NOT NULL, issued_at timestamptz NOT NULL, time timestamptz NOT NULL,
  {", ".join(f"{name} real" for name in WEATHER)},
  PRIMARY KEY (city, source, issued_at, time)
);
INSERT INTO weather_forecast (city, source, issued_at, time, {", ".join(WEATHER)})
SELECT city, source, issued_at, first + (lead - 1) * interval '1 hour', {", ".join(f"{name}[lead]" for name in WEATHER)}
FROM outlook, generate_series(1, greatest({", ".join(f"cardinality({name})" for name in WEATHER)})) AS lead
WHERE kind = 'weather' AND num_nonnulls({", ".join(f"{name}[lead]" for name in WEATHER)}) > 0
ORDER BY received_at
ON CONFLICT DO NOTHING;
DROP TABLE outlook;
"""


def upgrade() -> None:
    """Add what is new; nothing that is kept changes."""
    op.execute(UP)
    op.execute(SCORES)
    op.execute(OUTLOOK)


def downgrade() -> None:
    """Drop what was added."""
    op.execute("DROP TABLE forecast_day_stated, forecast_day, forecast_day_state")
    for trigger in ("set_right", "set_right_again", "taken_back"):
        op.execute(f"DROP TRIGGER {trigger} ON forecast_truth")
    op.execute("DROP TRIGGER as_issued ON forecast_rival")
    op.execute("DROP TRIGGER as_issued ON forecast")
    op.execute("DROP FUNCTION refuse_change, unroll_forecast_day")
    op.execute(WITHOUT_OUTLOOK)
    op.execute("DROP TABLE forecast_rival")
    op.execute("DROP TABLE training_plan")
    op.execute("DROP TABLE notice")
    op.execute("ALTER TABLE model DROP COLUMN shadow_until, DROP COLUMN held_until")
