"""What came of alerts, and the public alerts of every city."""

from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None

UP = """
ALTER TABLE alert_owner ADD COLUMN public boolean NOT NULL DEFAULT false;
ALTER TABLE alert_owner DROP CONSTRAINT alert_owner_check;
ALTER TABLE alert_owner ADD CONSTRAINT alert_owner_check
  CHECK (num_nonnulls(key_name, email_digest) = CASE WHEN public THEN 0 ELSE 1 END);
CREATE UNIQUE INDEX alert_owner_public ON alert_owner (public) WHERE public;
COMMENT ON COLUMN alert_owner.public IS 'the owner of the standing rules of every city, whose alerts are published';
ALTER TABLE alert_rule DROP CONSTRAINT alert_rule_channel_check;
ALTER TABLE alert_rule ADD CONSTRAINT alert_rule_channel_check
  CHECK (channel IN ('webhook', 'email', 'slack', 'sms', 'feed'));

CREATE INDEX alert_delivery_event ON alert_delivery (event_id) WHERE event_id IS NOT NULL;
CREATE INDEX alert_delivery_message ON alert_delivery (message_id) WHERE message_id IS NOT NULL;
CREATE FUNCTION number_published_alerts() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  UPDATE alert_delivery SET message_id = CAST(NEW.seq AS text)
  WHERE event_id = NEW.id AND status = 'delivered' AND message_id IS NULL;
  RETURN NULL;
END $$;
CREATE TRIGGER published AFTER UPDATE OF seq ON event FOR EACH ROW WHEN (NEW.kind = 'alert')
  EXECUTE FUNCTION number_published_alerts();

CREATE TABLE alert_judged (
  rule uuid PRIMARY KEY REFERENCES alert_rule ON DELETE CASCADE,
  condition text NOT NULL, since timestamptz NOT NULL, judged_at timestamptz NOT NULL
);
CREATE INDEX alert_judged_due ON alert_judged (judged_at);
COMMENT ON TABLE alert_judged IS 'how far each rule has been held against the hours that came';
COMMENT ON COLUMN alert_judged.condition IS 'the condition that was judged; empty while the rule rests';
COMMENT ON COLUMN alert_judged.since IS 'since when it is in force; what began earlier counts for nobody';

CREATE TABLE alert_outcome (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  rule uuid REFERENCES alert_rule ON DELETE SET NULL, owner uuid REFERENCES alert_owner ON DELETE SET NULL,
  public boolean NOT NULL, city text NOT NULL, basis text NOT NULL, target text NOT NULL,
  outcome text NOT NULL CHECK (outcome IN ('hit', 'miss', 'false alarm', 'late')),
  time timestamptz NOT NULL, until timestamptz, peak double precision,
  warned_at timestamptz, warning_hours double precision
);
CREATE INDEX alert_outcome_of ON alert_outcome (rule, time) WHERE rule IS NOT NULL;
CREATE INDEX alert_outcome_owner ON alert_outcome (owner) WHERE owner IS NOT NULL;
COMMENT ON TABLE alert_outcome IS 'what came of the alerts of each rule: see common/alerts/scoring.py';
COMMENT ON COLUMN alert_outcome.time IS 'beginning of the exceedance; of a false or late alert, when it fired';
COMMENT ON COLUMN alert_outcome.until IS 'end of the exceedance, so far';
"""


def upgrade() -> None:
    """Add what is new; nothing that is kept changes."""
    op.execute(UP)


def downgrade() -> None:
    """Drop what was added; public rules go, since there was no place for them."""
    op.execute("DROP TABLE alert_outcome, alert_judged")
    op.execute("DROP TRIGGER published ON event")
    op.execute("DROP FUNCTION number_published_alerts")
    op.execute("DROP INDEX alert_delivery_event, alert_delivery_message")
    op.execute("DELETE FROM alert_owner WHERE public")
    op.execute("ALTER TABLE alert_rule DROP CONSTRAINT alert_rule_channel_check")
    op.execute(
        "ALTER TABLE alert_rule ADD CONSTRAINT alert_rule_channel_check "
        "CHECK (channel IN ('webhook', 'email', 'slack', 'sms'))"
    )
    op.execute("ALTER TABLE alert_owner DROP CONSTRAINT alert_owner_check")
    op.execute("ALTER TABLE alert_owner DROP COLUMN public")
    op.execute(
        "ALTER TABLE alert_owner ADD CONSTRAINT alert_owner_check CHECK (num_nonnulls(key_name, email_digest) = 1)"
    )
