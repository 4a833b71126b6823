"""What makes the data trustworthy: quality flags, what was known when, what was filled, what was asked."""

from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

UP = """
ALTER TABLE city_hour ADD COLUMN flags text[] NOT NULL DEFAULT '{}';
COMMENT ON COLUMN city_hour.flags IS 'what is doubtful in this hour: see common.quality.rules';

CREATE TABLE city_hour_revision (
  city text NOT NULL, time timestamptz NOT NULL, replaced_at timestamptz NOT NULL,
  computed_at timestamptz NOT NULL, was jsonb NOT NULL,
  PRIMARY KEY (city, time, replaced_at)
);
COMMENT ON TABLE city_hour_revision IS 'what a city-hour said from computed_at until replaced_at';

CREATE TABLE city_day_stale (
  city text NOT NULL, day date NOT NULL, changed_by xid8 NOT NULL DEFAULT pg_current_xact_id(),
  PRIMARY KEY (city, day)
);
COMMENT ON TABLE city_day_stale IS 'days of city_day whose hours have changed since they were rolled up';
INSERT INTO city_day_stale (city, day) SELECT city, day FROM city_day;

CREATE TABLE source_usage (
  source text NOT NULL, until timestamptz NOT NULL, calls double precision NOT NULL,
  PRIMARY KEY (source, until)
);
COMMENT ON TABLE source_usage IS 'calls by the weight of the provider, so that quotas hold over all processes';
COMMENT ON COLUMN source_usage.until IS 'end of the second, for calls long gone of the hour, they were made in';

CREATE TABLE backfilled (
  source text NOT NULL, city text NOT NULL, day date NOT NULL, filled_at timestamptz NOT NULL,
  PRIMARY KEY (source, city, day)
);
COMMENT ON TABLE backfilled IS 'UTC days that a source was asked for whole and answered, with readings or without';
COMMENT ON COLUMN backfilled.filled_at IS 'while the day could still change: good for some hours only';

ALTER TABLE source_run ADD COLUMN rests_until timestamptz;
COMMENT ON COLUMN source_run.rests_until IS 'until when the schedule leaves the source alone after this run; null: it does not';

ALTER TABLE model ADD COLUMN pruned_at timestamptz;
COMMENT ON COLUMN model.pruned_at IS 'when its file was given up; null: it is there, and the model can be promoted';

CREATE INDEX forecast_by_origin ON forecast (origin);
CREATE INDEX model_newest ON model (trained_at DESC, version COLLATE "C");
"""


def upgrade() -> None:
    """Add what is new; nothing that is kept changes."""
    op.execute(UP)


def downgrade() -> None:
    """Drop what was added."""
    op.execute("DROP INDEX forecast_by_origin")
    op.execute("DROP INDEX model_newest")
    for table in ("backfilled", "source_usage", "city_day_stale", "city_hour_revision"):
        op.execute(f"DROP TABLE {table}")
    op.execute("ALTER TABLE model DROP COLUMN pruned_at")
    op.execute("ALTER TABLE source_run DROP COLUMN rests_until")
    op.execute("ALTER TABLE city_hour DROP COLUMN flags")
