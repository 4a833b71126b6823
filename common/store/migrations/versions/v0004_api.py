"""What the API needs of its own: keys, the version of the data it shows, what became of jobs."""

from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

KEYS = """
CREATE TABLE api_key (
  prefix text PRIMARY KEY, hash bytea NOT NULL CHECK (octet_length(hash) = 32), name text NOT NULL,
  scopes text[] NOT NULL CHECK (scopes <@ ARRAY['read', 'retrain', 'admin'] AND cardinality(scopes) > 0),
  created_at timestamptz NOT NULL, expires_at timestamptz, revoked_at timestamptz, last_used_at timestamptz
);
CREATE UNIQUE INDEX api_key_name ON api_key (name) WHERE revoked_at IS NULL;
COMMENT ON TABLE api_key IS 'who may do what; a token itself is shown once and kept nowhere';
COMMENT ON COLUMN api_key.prefix IS 'how the token begins, by which people know it';
COMMENT ON COLUMN api_key.hash IS 'SHA-256 of the whole token, which is random enough for that: see common.store.keys';
"""

SHOWN = (
    "meta", "city_hour", "city_day_stale", "model", "forecast", "forecast_truth", "forecast_rival", "forecast_day_state",
)  # fmt: skip
"""Tables whose change can change an answer that is kept."""

VERSION = """
CREATE TABLE version (
  what text PRIMARY KEY, version bigint NOT NULL, seal uuid NOT NULL DEFAULT gen_random_uuid()
);
COMMENT ON TABLE version IS 'raised by every transaction that changes the data that are shown, or the keys';
COMMENT ON COLUMN version.version IS 'rises; microseconds of the server''s clock, so that no two databases, nor one and its restored backup, share one';
COMMENT ON COLUMN version.seal IS 'marks what was put aside elsewhere by somebody who can read this database';

CREATE TABLE version_due (
  what text NOT NULL, xact xid8 NOT NULL DEFAULT pg_current_xact_id(),
  PRIMARY KEY (what, xact)
);
COMMENT ON TABLE version_due IS 'what the transactions under way have changed; empty to everybody else';

CREATE FUNCTION version_is_due() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  INSERT INTO version_due (what) VALUES (TG_ARGV[0]) ON CONFLICT DO NOTHING;
  RETURN NULL;
END $$;
CREATE FUNCTION raise_version() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  DELETE FROM version_due WHERE what = NEW.what AND xact = NEW.xact;
  UPDATE version SET version = greatest(version + 1, CAST(extract(epoch FROM clock_timestamp()) * 1000000 AS bigint))
  WHERE what = NEW.what;
  RETURN NULL;
END $$;
CREATE CONSTRAINT TRIGGER raise_version AFTER INSERT ON version_due DEFERRABLE INITIALLY DEFERRED
  FOR EACH ROW EXECUTE FUNCTION raise_version();

INSERT INTO version (what, version)
SELECT what, CAST(extract(epoch FROM clock_timestamp()) * 1000000 AS bigint) FROM unnest(ARRAY['data', 'keys']) AS what;
CREATE TRIGGER changed AFTER INSERT OR DELETE OR UPDATE OF prefix, hash, scopes, expires_at, revoked_at ON api_key
  FOR EACH STATEMENT EXECUTE FUNCTION version_is_due('keys');
"""
# The row is changed at the very end of a transaction, so that it is locked for no longer than a commit takes: writers
# neither wait for each other's work nor, whatever else they lock, for each other in a circle.

JOBS = """
ALTER TABLE job ADD COLUMN started_at timestamptz, ADD COLUMN outcome jsonb;
COMMENT ON COLUMN job.started_at IS 'when the last attempt began';
COMMENT ON COLUMN job.outcome IS 'what came of it, as its handler tells; of a job that is done';
COMMENT ON COLUMN job.available_at IS 'infinity: a message elsewhere (SQS, Pub/Sub) stands for it, no worker of this table may take it';

CREATE TABLE job_asked (
  client text NOT NULL, key text NOT NULL, asked text NOT NULL, asked_at timestamptz NOT NULL,
  job bigint NOT NULL REFERENCES job (id) ON DELETE CASCADE,
  PRIMARY KEY (client, key)
);
CREATE INDEX job_asked_of ON job_asked (job);
COMMENT ON TABLE job_asked IS 'idempotency keys, for as long as their jobs are kept: the same request again means the same job';
COMMENT ON COLUMN job_asked.asked IS 'what was asked for with the key; another request must not come with it';
"""

FINISHED = """
CREATE TABLE finished_answer (
  name text PRIMARY KEY, version bigint NOT NULL, hour timestamptz NOT NULL, body text NOT NULL
);
COMMENT ON TABLE finished_answer IS 'answers of the API that are dear to make: each holds as long as its version of the data and its hour';
"""


def upgrade() -> None:
    """Add what is new; nothing that is kept changes."""
    op.execute(KEYS)
    op.execute(JOBS)
    op.execute(VERSION)
    op.execute(FINISHED)
    for table in SHOWN:
        op.execute(
            f"CREATE TRIGGER shown AFTER INSERT OR UPDATE OR DELETE ON {table} "
            "FOR EACH STATEMENT EXECUTE FUNCTION version_is_due('data')"
        )


def downgrade() -> None:
    """Drop what was added."""
    for table in SHOWN:
        op.execute(f"DROP TRIGGER shown ON {table}")
    op.execute("DROP TABLE version_due, version, api_key, job_asked, finished_answer")
    op.execute("ALTER TABLE job DROP COLUMN started_at, DROP COLUMN outcome")
    op.execute("DROP FUNCTION raise_version, version_is_due")
