"""What each forecast was computed from, so that anybody can compute it again."""

from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None

UP = """
CREATE TABLE forecast_inputs (
  city text NOT NULL, target text NOT NULL, mode text NOT NULL, origin timestamptz NOT NULL,
  matrix bytea NOT NULL, matrix_sha256 text NOT NULL, matrix_bytes integer NOT NULL,
  recipe bytea NOT NULL, recipe_sha256 text NOT NULL, recipe_bytes integer NOT NULL,
  model_bytes integer NOT NULL,
  PRIMARY KEY (city, target, mode, origin),
  FOREIGN KEY (city, target, mode, origin) REFERENCES forecast ON DELETE CASCADE
);
ALTER TABLE forecast_inputs ALTER matrix SET STORAGE EXTERNAL, ALTER recipe SET STORAGE EXTERNAL;
CREATE INDEX forecast_inputs_age ON forecast_inputs (origin);
COMMENT ON TABLE forecast_inputs IS 'what a forecast was computed from; kept for 3 days, never changed';
COMMENT ON COLUMN forecast_inputs.matrix IS 'the model''s features, float32, little-endian, 48 rows; compressed by zlib';
COMMENT ON COLUMN forecast_inputs.recipe IS 'weights and all other numbers, as JSON; compressed by zlib';
COMMENT ON COLUMN forecast_inputs.matrix_sha256 IS 'of the uncompressed bytes, in hexadecimal';
CREATE TRIGGER as_issued BEFORE UPDATE ON forecast_inputs FOR EACH ROW EXECUTE FUNCTION refuse_change();
"""


def upgrade() -> None:
    """Add what is new; nothing that is kept changes."""
    op.execute(UP)


def downgrade() -> None:
    """Drop what was added."""
    op.execute("DROP TABLE forecast_inputs")
