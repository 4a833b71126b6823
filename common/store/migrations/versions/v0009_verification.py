"""The public record: sums of the same hours at all lead times by the day of the hour, and the scores made of them."""

from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None

KEY = "city text NOT NULL, target text NOT NULL, mode text NOT NULL"

TABLES = f"""
CREATE TABLE verification_day_state (
  {KEY}, day date NOT NULL, rolled boolean NOT NULL,
  PRIMARY KEY (city, target, mode, day)
);
CREATE INDEX verification_day_due ON verification_day_state (mode, day) WHERE NOT rolled;
COMMENT ON TABLE verification_day_state IS 'days with hours whose truth is known, and whether verification_day says all that is known of them';

CREATE TABLE verification_day (
  {KEY}, day date NOT NULL, lead smallint NOT NULL,
  n smallint NOT NULL, within80 smallint NOT NULL, within95 smallint NOT NULL, weekly_n smallint NOT NULL,
  error float8 NOT NULL, squared float8 NOT NULL, bias float8 NOT NULL,
  width80 float8 NOT NULL, width95 float8 NOT NULL,
  persistence float8 NOT NULL, daily float8 NOT NULL, mean24 float8 NOT NULL, weekly float8,
  PRIMARY KEY (city, target, mode, day, lead)
);
COMMENT ON TABLE verification_day IS 'sums over the hours of an Indian day that have a truth and a forecast of every lead time of the record: see common.store.verification_days';
COMMENT ON COLUMN verification_day.weekly_n IS 'hours that have this naive forecast; where there are fewer than n, it is compared with nothing';

CREATE TABLE verification_day_provider (
  {KEY}, day date NOT NULL, lead smallint NOT NULL, provider text NOT NULL,
  n smallint NOT NULL, error float8 NOT NULL, ours float8 NOT NULL,
  PRIMARY KEY (city, target, mode, day, lead, provider)
);
COMMENT ON TABLE verification_day_provider IS 'absolute errors of providers'' own forecasts, and ours on the same hours, of those that count in verification_day';

CREATE TABLE verification_day_stated (
  {KEY}, day date NOT NULL, lead smallint NOT NULL, event text NOT NULL, bin smallint NOT NULL,
  n smallint NOT NULL, stated float8 NOT NULL, happened smallint NOT NULL,
  PRIMARY KEY (city, target, mode, day, lead, event, bin)
);
COMMENT ON TABLE verification_day_stated IS 'probabilities as stated, by tenths, and how often what they were of came true; of the hours that count in verification_day';
COMMENT ON COLUMN verification_day_stated.event IS 'category: the stated one is right; else an AQI above this';

CREATE TABLE verification_cell (
  {KEY}, season text NOT NULL, lead smallint NOT NULL,
  n integer NOT NULL, days integer NOT NULL, first_day date NOT NULL, last_day date NOT NULL,
  mae float8 NOT NULL, rmse float8 NOT NULL, bias float8 NOT NULL,
  coverage80 float8 NOT NULL, coverage95 float8 NOT NULL, width80 float8 NOT NULL, width95 float8 NOT NULL,
  persistence float8 NOT NULL, daily float8 NOT NULL, mean24 float8 NOT NULL, weekly float8,
  best_naive text NOT NULL, skill float8, skill_low float8, skill_high float8,
  PRIMARY KEY (city, target, mode, season, lead)
);
COMMENT ON TABLE verification_cell IS 'scores of a season and lead time, made of verification_day';
COMMENT ON COLUMN verification_cell.skill_low IS 'with skill_high a 95 % interval by a bootstrap of blocks of days; null where there are too few days';

CREATE TABLE verification_cell_provider (
  {KEY}, season text NOT NULL, lead smallint NOT NULL, provider text NOT NULL,
  n integer NOT NULL, days integer NOT NULL, mae float8 NOT NULL, our_mae float8 NOT NULL,
  our_skill float8, our_skill_low float8, our_skill_high float8,
  PRIMARY KEY (city, target, mode, season, lead, provider)
);
COMMENT ON TABLE verification_cell_provider IS 'a provider''s own forecasts against ours on the hours of verification_cell that both have';

CREATE TABLE verification_cell_stated (
  {KEY}, season text NOT NULL, lead smallint NOT NULL, event text NOT NULL, bin smallint NOT NULL,
  n integer NOT NULL, stated float8 NOT NULL, happened integer NOT NULL,
  PRIMARY KEY (city, target, mode, season, lead, event, bin)
);
COMMENT ON TABLE verification_cell_stated IS 'sums of verification_day_stated';
"""

# Only the lead times that count are looked at: each new hour of truth changes 48 rows of a city and target.
STATE = """
CREATE FUNCTION verification_days_due() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF TG_OP = 'UPDATE' THEN
    INSERT INTO verification_day_state (city, target, mode, day, rolled)
    SELECT DISTINCT changed.city, changed.target, changed.mode,
      CAST((changed.origin + lead * interval '1 hour' - interval '1 minute') AT TIME ZONE 'Asia/Kolkata' AS date) AS day, false
    FROM changed JOIN before USING (city, target, mode, origin), unnest(ARRAY[1, 3, 6, 12, 24, 48]) AS lead
    WHERE changed.actual[lead] IS DISTINCT FROM before.actual[lead] ORDER BY 1, 2, 3, 4
    ON CONFLICT (city, target, mode, day) DO UPDATE SET rolled = false WHERE verification_day_state.rolled;
  ELSE
    INSERT INTO verification_day_state (city, target, mode, day, rolled)
    SELECT DISTINCT city, target, mode,
      CAST((origin + lead * interval '1 hour' - interval '1 minute') AT TIME ZONE 'Asia/Kolkata' AS date) AS day, false
    FROM changed, unnest(ARRAY[1, 3, 6, 12, 24, 48]) AS lead
    WHERE changed.actual[lead] IS NOT NULL ORDER BY 1, 2, 3, 4
    ON CONFLICT (city, target, mode, day) DO UPDATE SET rolled = false WHERE verification_day_state.rolled;
  END IF;
  RETURN NULL;
END $$;
CREATE TRIGGER verified AFTER INSERT ON forecast_truth
  REFERENCING NEW TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION verification_days_due();
CREATE TRIGGER verified_again AFTER UPDATE ON forecast_truth
  REFERENCING OLD TABLE AS before NEW TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION verification_days_due();
CREATE TRIGGER verified_no_more AFTER DELETE ON forecast_truth
  REFERENCING OLD TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION verification_days_due();
CREATE TRIGGER shown AFTER INSERT OR UPDATE OR DELETE ON verification_cell
  FOR EACH STATEMENT EXECUTE FUNCTION version_is_due('data');

INSERT INTO verification_day_state (city, target, mode, day, rolled)
SELECT DISTINCT city, target, mode,
  CAST((origin + lead * interval '1 hour' - interval '1 minute') AT TIME ZONE 'Asia/Kolkata' AS date), false
FROM forecast_truth, unnest(ARRAY[1, 3, 6, 12, 24, 48]) AS lead WHERE actual[lead] IS NOT NULL;
"""

NAMES = (
    "verification_cell_stated", "verification_cell_provider", "verification_cell",
    "verification_day_stated", "verification_day_provider", "verification_day", "verification_day_state",
)  # fmt: skip


def upgrade() -> None:
    """Add what is new; nothing that is kept changes. The days of the record are due."""
    op.execute(TABLES)
    op.execute(STATE)


def downgrade() -> None:
    """Drop what was added."""
    for trigger in ("verified", "verified_again", "verified_no_more"):
        op.execute(f"DROP TRIGGER {trigger} ON forecast_truth")
    op.execute("DROP FUNCTION verification_days_due")
    op.execute(f"DROP TABLE {', '.join(NAMES)}")
