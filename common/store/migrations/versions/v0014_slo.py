"""How long each hour took on its way: from its end until it was collected, committed, forecast from, pushed."""

from alembic import op

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None

UP = """
CREATE TABLE pipeline_delay (
  hour timestamptz NOT NULL, source text NOT NULL, city text NOT NULL,
  collected integer NOT NULL, committed integer, forecast integer, pushed integer,
  PRIMARY KEY (hour, source, city)
);
COMMENT ON TABLE pipeline_delay IS 'seconds from the end of an hour until what a source said of it had come so far; for the SLO, kept for 40 days';
COMMENT ON COLUMN pipeline_delay.collected IS 'the start of the run that first had it';
COMMENT ON COLUMN pipeline_delay.committed IS 'the end of that run; null where it came by a backfill or an import';
COMMENT ON COLUMN pipeline_delay.forecast IS 'the first forecast that starts from it; null where another source speaks for the city';
COMMENT ON COLUMN pipeline_delay.pushed IS 'when that forecast was first pushed to those who listen; null where nobody did';
"""


def upgrade() -> None:
    """Add what is new; nothing that is kept changes."""
    op.execute(UP)


def downgrade() -> None:
    """Drop what was added."""
    op.execute("DROP TABLE pipeline_delay")
