"""A fourth naive forecast, the mean of the same hour over seven days, beside the three that are stored as issued."""

from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

# Neither rewrites its table: the new columns are null, or have a constant default, which PostgreSQL keeps once.
UP = """
ALTER TABLE forecast ADD COLUMN weekly real[];
COMMENT ON COLUMN forecast.weekly IS 'null: issued before this naive forecast was introduced';

ALTER TABLE forecast_day ADD COLUMN weekly float8, ADD COLUMN weekly_n smallint NOT NULL DEFAULT 0;
COMMENT ON COLUMN forecast_day.weekly_n IS 'pairs that have it; where there are fewer than n, it is compared with nothing';
"""


def upgrade() -> None:
    """Add what is new; nothing that is kept changes."""
    op.execute(UP)


def downgrade() -> None:
    """Drop what was added."""
    op.execute("ALTER TABLE forecast_day DROP COLUMN weekly, DROP COLUMN weekly_n")
    op.execute("ALTER TABLE forecast DROP COLUMN weekly")
