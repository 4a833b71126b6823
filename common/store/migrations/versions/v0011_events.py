"""What has changed, numbered in the order of the commits, for those who wait for changes."""

from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None

UP = """
CREATE TABLE event (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  seq bigint UNIQUE,
  kind text NOT NULL CHECK (kind IN ('hours', 'forecast', 'model', 'source', 'alert')),
  cities text[] NOT NULL DEFAULT '{}', data_version bigint,
  time timestamptz NOT NULL, detail jsonb NOT NULL DEFAULT '{}'
);
COMMENT ON TABLE event IS 'what has changed, in the order of the commits; kept for 48 hours';
COMMENT ON COLUMN event.id IS 'known within the transaction';
COMMENT ON COLUMN event.seq IS 'rises with the commits; null until the transaction ends, so that nobody else sees it so';
COMMENT ON COLUMN event.cities IS 'empty: concerns all';
COMMENT ON COLUMN event.data_version IS 'the version of the data that this transaction made; null where it changed nothing that is shown';

CREATE SEQUENCE event_seq AS bigint OWNED BY event.seq;

CREATE TABLE event_due (xact xid8 PRIMARY KEY DEFAULT pg_current_xact_id());
COMMENT ON TABLE event_due IS 'transactions that end with events to be numbered; empty to everybody else';

CREATE FUNCTION events_are_due() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  INSERT INTO event_due DEFAULT VALUES ON CONFLICT DO NOTHING;
  RETURN NULL;
END $$;
CREATE CONSTRAINT TRIGGER due AFTER INSERT ON event DEFERRABLE INITIALLY DEFERRED
  FOR EACH ROW WHEN (NEW.seq IS NULL) EXECUTE FUNCTION events_are_due();

CREATE FUNCTION number_events() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
  shown bigint;
  due bigint;
  newest bigint;
BEGIN
  DELETE FROM event_due WHERE xact = NEW.xact;
  SELECT version INTO shown FROM version WHERE what = 'data' AND xmin = CAST(pg_current_xact_id() AS xid);
  PERFORM pg_advisory_xact_lock(435778055796);
  FOR due IN SELECT id FROM event WHERE seq IS NULL ORDER BY id LOOP
    UPDATE event SET seq = nextval('event_seq'), data_version = shown WHERE id = due RETURNING seq INTO newest;
  END LOOP;
  PERFORM pg_notify('vayu_event', CAST(newest AS text));
  RETURN NULL;
END $$;
CREATE CONSTRAINT TRIGGER number_events AFTER INSERT ON event_due DEFERRABLE INITIALLY DEFERRED
  FOR EACH ROW EXECUTE FUNCTION number_events();

CREATE TABLE event_cursor (consumer text PRIMARY KEY, seq bigint NOT NULL);
COMMENT ON TABLE event_cursor IS 'how far each consumer of events has come';

CREATE TABLE event_push (
  seq bigint PRIMARY KEY, kind text NOT NULL, cities text[] NOT NULL, hour timestamptz, pushed_at timestamptz NOT NULL
);
CREATE INDEX event_push_age ON event_push (pushed_at);
COMMENT ON TABLE event_push IS 'when an event was first pushed to those who listen; kept longer than the events, for the SLO';
COMMENT ON COLUMN event_push.hour IS 'the newest hour that the event tells of: of a forecast, its origin';
"""
# A number is given at the very end of a transaction, and the lock under which it is given is held until the commit is
# seen by all: so a reader who has seen a number has seen, or will never see, every smaller one.
#
# In two rounds: deferred triggers run in the order in which they were caused, and those that they cause run after them.
# The first round of an event causes the second, so the row of `version`, which `raise_version` locks in the first
# round, is always locked before the events are. In one round, two transactions that change data and add events in
# different orders would wait for each other.


def upgrade() -> None:
    """Add what is new; nothing that is kept changes."""
    op.execute(UP)


def downgrade() -> None:
    """Drop what was added."""
    op.execute("DROP TABLE event_push, event_cursor, event_due, event")
    op.execute("DROP FUNCTION events_are_due, number_events")
