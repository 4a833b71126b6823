"""What each forecast was made of: the experts' own forecasts and their weights."""

from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

UP = """
CREATE TABLE forecast_expert (
  city text NOT NULL, target text NOT NULL, mode text NOT NULL, origin timestamptz NOT NULL,
  names text[] NOT NULL, y real[] NOT NULL, weights real[] NOT NULL,
  PRIMARY KEY (city, target, mode, origin),
  FOREIGN KEY (city, target, mode, origin) REFERENCES forecast ON DELETE CASCADE
);
CREATE INDEX forecast_expert_age ON forecast_expert (origin);
COMMENT ON TABLE forecast_expert IS 'what a forecast was made of; kept for 60 days, never changed';
COMMENT ON COLUMN forecast_expert.names IS 'of the experts; the last four are the naive forecasts, which stand in the forecast itself';
COMMENT ON COLUMN forecast_expert.y IS '48 values of each expert but the naive ones, NaN where it says nothing';
COMMENT ON COLUMN forecast_expert.weights IS 'of each expert, for each block of lead times after the other';
CREATE TRIGGER as_issued BEFORE UPDATE ON forecast_expert FOR EACH ROW EXECUTE FUNCTION refuse_change();
"""


def upgrade() -> None:
    """Add what is new; nothing that is kept changes."""
    op.execute(UP)


def downgrade() -> None:
    """Drop what was added."""
    op.execute("DROP TABLE forecast_expert")
