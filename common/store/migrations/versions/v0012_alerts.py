"""Alerts: who wants to be told of what, where each rule stands, what happened, and what was sent."""

from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None

UP = """
ALTER TABLE api_key DROP CONSTRAINT api_key_scopes_check,
  ADD CONSTRAINT api_key_scopes_check CHECK (
    scopes <@ ARRAY['read', 'retrain', 'alerts', 'admin'] AND cardinality(scopes) > 0);

CREATE TABLE alert_owner (
  id uuid PRIMARY KEY,
  key_name text UNIQUE, email_digest bytea UNIQUE, email bytea, token_hash bytea UNIQUE,
  confirmed_at timestamptz, created_at timestamptz NOT NULL,
  CHECK (num_nonnulls(key_name, email_digest) = 1)
);
COMMENT ON TABLE alert_owner IS 'holders of alerts: by the name of a key of the API, or by an e-mail address';
COMMENT ON COLUMN alert_owner.email_digest IS 'keyed hash of the address, by which it is found';
COMMENT ON COLUMN alert_owner.email IS 'the address, encrypted';
COMMENT ON COLUMN alert_owner.token_hash IS 'SHA-256 of the token by which it manages its alerts';

CREATE TABLE alert_rule (
  id uuid PRIMARY KEY, owner uuid NOT NULL REFERENCES alert_owner ON DELETE CASCADE,
  city text NOT NULL, basis text NOT NULL CHECK (basis IN ('measured', 'forecast')),
  target text NOT NULL CHECK (target IN ('aqi', 'pm25')),
  above double precision NOT NULL, clear_below double precision NOT NULL CHECK (clear_below <= above),
  within_hours smallint CHECK (within_hours BETWEEN 1 AND 48),
  probability double precision CHECK (probability > 0 AND probability <= 1),
  dwell smallint NOT NULL CHECK (dwell BETWEEN 1 AND 24),
  channel text NOT NULL CHECK (channel IN ('webhook', 'email', 'slack', 'sms')),
  address bytea NOT NULL, address_digest bytea NOT NULL, secrets bytea, secret_until timestamptz,
  language text NOT NULL CHECK (language IN ('en', 'hi')),
  quiet_from time, quiet_to time, quiet_zone text,
  repeat_after_hours smallint CHECK (repeat_after_hours BETWEEN 1 AND 168),
  state text NOT NULL CHECK (state IN ('unconfirmed', 'active', 'disabled')), disabled_because text,
  confirmed_at timestamptz, created_at timestamptz NOT NULL,
  CHECK ((basis = 'forecast') = (within_hours IS NOT NULL AND probability IS NOT NULL)),
  CHECK (num_nonnulls(quiet_from, quiet_to, quiet_zone) IN (0, 3))
);
CREATE INDEX alert_rule_of ON alert_rule (owner, created_at);
CREATE INDEX alert_rule_active ON alert_rule (city) WHERE state = 'active';
CREATE INDEX alert_rule_unconfirmed ON alert_rule (created_at) WHERE state = 'unconfirmed';
COMMENT ON TABLE alert_rule IS 'when somebody wants to be told, and where';
COMMENT ON COLUMN alert_rule.address IS 'encrypted';
COMMENT ON COLUMN alert_rule.address_digest IS 'keyed hash of the address';
COMMENT ON COLUMN alert_rule.secrets IS 'of a webhook: a JSON list of the secrets that sign, encrypted; the newest first';
COMMENT ON COLUMN alert_rule.secret_until IS 'until then the older secret signs too';
COMMENT ON COLUMN alert_rule.confirmed_at IS 'when its e-mail address was confirmed';

CREATE TABLE alert_state (
  rule uuid PRIMARY KEY REFERENCES alert_rule ON DELETE CASCADE,
  phase text NOT NULL CHECK (phase IN ('clear', 'pending', 'firing', 'clearing')), since timestamptz NOT NULL,
  streak integer NOT NULL, signal_time timestamptz, episode uuid, notified_at timestamptz, held boolean NOT NULL
);
COMMENT ON TABLE alert_state IS 'where each rule stands; see common/alerts/state.py';

CREATE TABLE alert_episode (
  id uuid PRIMARY KEY, rule uuid REFERENCES alert_rule ON DELETE SET NULL,
  city text NOT NULL, basis text NOT NULL, target text NOT NULL,
  above double precision NOT NULL, clear_below double precision NOT NULL,
  within_hours smallint, probability double precision, dwell smallint NOT NULL,
  began_at timestamptz NOT NULL, began_value double precision NOT NULL, peak double precision NOT NULL,
  last_at timestamptz NOT NULL, last_value double precision NOT NULL,
  ended_at timestamptz, ended_because text CHECK (ended_because IN ('clear', 'changed', 'disabled', 'deleted')),
  simulated boolean NOT NULL, recorded_at timestamptz NOT NULL, event_id bigint
);
CREATE INDEX alert_episode_time ON alert_episode (began_at);
CREATE INDEX alert_episode_of ON alert_episode (rule) WHERE rule IS NOT NULL;
COMMENT ON TABLE alert_episode IS 'what fired, from when to when; it outlives its rule, names nobody, and is judged publicly';
COMMENT ON COLUMN alert_episode.began_value IS 'the value that made it fire: of the hour, or the issued probability';
COMMENT ON COLUMN alert_episode.last_at IS 'time of the last signal within it that changed anything, or was repeated';

CREATE TABLE alert_delivery (
  id uuid PRIMARY KEY, number bigint GENERATED ALWAYS AS IDENTITY UNIQUE,
  rule uuid NOT NULL REFERENCES alert_rule ON DELETE CASCADE,
  kind text NOT NULL CHECK (kind IN ('firing', 'repeat', 'clear', 'test', 'confirm', 'disabled')),
  episode uuid, event_id bigint, message_id text,
  signal_time timestamptz NOT NULL, value double precision, since timestamptz,
  status text NOT NULL CHECK (status IN ('held', 'pending', 'sending', 'delivered', 'failed', 'skipped')),
  attempts smallint NOT NULL DEFAULT 0, next_attempt_at timestamptz, claimed_until timestamptz, claim uuid,
  response_status smallint, error text, created_at timestamptz NOT NULL, delivered_at timestamptz
);
CREATE INDEX alert_delivery_of ON alert_delivery (rule, number DESC);
CREATE INDEX alert_delivery_due ON alert_delivery (next_attempt_at) WHERE status IN ('held', 'pending');
CREATE INDEX alert_delivery_open ON alert_delivery (rule, number) WHERE status IN ('held', 'pending', 'sending');
CREATE INDEX alert_delivery_claimed ON alert_delivery (claimed_until) WHERE status = 'sending';
CREATE INDEX alert_delivery_age ON alert_delivery (created_at);
COMMENT ON TABLE alert_delivery IS 'messages, the waiting and the sent; kept for 90 days; no address stands here';
COMMENT ON COLUMN alert_delivery.message_id IS 'the webhook-id, the same at every attempt: the number of its event';
COMMENT ON COLUMN alert_delivery.claim IS 'of the process that is sending it, until claimed_until';

CREATE TABLE alert_mail (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  address_digest bytea NOT NULL, client_digest bytea NOT NULL, sent_at timestamptz NOT NULL
);
CREATE INDEX alert_mail_to ON alert_mail (address_digest, sent_at);
CREATE INDEX alert_mail_by ON alert_mail (client_digest, sent_at);
COMMENT ON TABLE alert_mail IS 'confirmations that were asked for in the last day, by keyed hashes; they bound how many are sent';
"""


DOWN = """
DROP TABLE alert_mail, alert_delivery, alert_episode, alert_state, alert_rule, alert_owner;
ALTER TABLE api_key DROP CONSTRAINT api_key_scopes_check;
DELETE FROM api_key WHERE scopes = ARRAY['alerts'];
UPDATE api_key SET scopes = array_remove(scopes, 'alerts') WHERE 'alerts' = ANY(scopes);
SET CONSTRAINTS ALL IMMEDIATE;
ALTER TABLE api_key ADD CONSTRAINT api_key_scopes_check CHECK (
  scopes <@ ARRAY['read', 'retrain', 'admin'] AND cardinality(scopes) > 0);
"""


def upgrade() -> None:
    """Add what is new; nothing that is kept changes."""
    op.execute(UP)


def downgrade() -> None:
    """Drop what was added."""
    op.execute(DOWN)
