"""Who may write what a schedule brings: the lease on collecting, with a fencing token."""

from alembic import op

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None

UP = """
CREATE TABLE writer_lease (
  name text PRIMARY KEY, token bigint NOT NULL, holder text NOT NULL, taken_at timestamptz NOT NULL
);
COMMENT ON TABLE writer_lease IS 'who took each lease last; whoever writes under it makes sure, in the same transaction, that the row is still his';
COMMENT ON COLUMN writer_lease.token IS 'rises by one each time that the lease is taken';
COMMENT ON COLUMN writer_lease.holder IS 'a random name: after a fail-over that lost the last takings, a token may be given twice';
COMMENT ON COLUMN writer_lease.taken_at IS 'by the clock of the database';
"""


def upgrade() -> None:
    """Add what is new; nothing that is kept changes."""
    op.execute(UP)


def downgrade() -> None:
    """Drop what was added: the release before takes no lease."""
    op.execute("DROP TABLE writer_lease")
