"""What is to be sent once the transaction that asks for it is kept."""

from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

UP = """
CREATE TABLE outbox (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  message_id uuid NOT NULL DEFAULT gen_random_uuid(),
  channel text NOT NULL, body jsonb NOT NULL, created_at timestamptz NOT NULL,
  attempts integer NOT NULL DEFAULT 0, claimed_until timestamptz, error text
);
COMMENT ON TABLE outbox IS 'messages that have not been sent yet; a row goes once its message was taken';
COMMENT ON COLUMN outbox.message_id IS 'the same at each attempt: receivers tell repeats by it';
COMMENT ON COLUMN outbox.claimed_until IS 'until then a process is sending it';
COMMENT ON COLUMN outbox.error IS 'why the last attempt failed';
"""


def upgrade() -> None:
    """Add what is new; nothing that is kept changes."""
    op.execute(UP)


def downgrade() -> None:
    """Drop what was added."""
    op.execute("DROP TABLE outbox")
