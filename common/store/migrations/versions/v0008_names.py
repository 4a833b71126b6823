"""Tables and columns by the field's own names; nothing that is kept changes, and no table is written anew."""

from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

TABLES = {
    "forecast_rival": "forecast_challenger",
    "outlook": "provider_forecast",
    "notice": "notification",
    "job_asked": "idempotency_key",
    "finished_answer": "stored_response",
}
COLUMNS = {
    "forecast_challenger": {"rival": "challenger"},
    "forecast_day": {
        "rival": "challenger",
        **{
            f"{old}_{level}": f"{new}_{level}"
            for level in ("200", "300", "400")
            for old, new in {
                "seen": "observed",
                "said": "predicted",
                "both": "hit",
                "kept": "persisted",
                "kept_both": "persisted_hit",
            }.items()
        },
    },
    "idempotency_key": {"asked": "request", "asked_at": "requested_at"},
    "model": {"shadow_until": "challenger_until"},
    "notification": {"about": "subject", "said": "message", "told_at": "sent_at"},
    "version": {"seal": "secret"},
}
INDEXES = {
    "job_asked_of": "idempotency_key_job",
    **{f"{old}_pkey": f"{new}_pkey" for old, new in TABLES.items()},
}
CONSTRAINTS = {
    "forecast_challenger": {
        "forecast_rival_city_target_mode_origin_fkey": "forecast_challenger_city_target_mode_origin_fkey"
    },
    "idempotency_key": {"job_asked_job_fkey": "idempotency_key_job_fkey"},
    "provider_forecast": {"outlook_kind_check": "provider_forecast_kind_check"},
}

COMMENTS = """
COMMENT ON TABLE forecast_challenger IS 'what providers and former champions forecast for the same hours, as known when ours was issued; never changed';
COMMENT ON COLUMN forecast_challenger.challenger IS 'a provider, or the version of a model';
COMMENT ON COLUMN model.challenger_until IS 'until then its forecasts are kept beside the champion''s, in forecast_challenger';
COMMENT ON TABLE provider_forecast IS 'what providers forecast, as received, never changed; element h of each array is for first + h - 1 hours';
COMMENT ON TABLE notification IS 'troubles that last: each is sent once, and again only after it has ended';
COMMENT ON COLUMN idempotency_key.request IS 'the request that came with the key; another request must not come with it';
COMMENT ON TABLE stored_response IS 'answers of the API that take long to make: each holds as long as its version of the data and its hour';
COMMENT ON TABLE forecast_day IS 'sums over the pairs of forecast and truth by the Indian day of the origin: see common.store.score_aggregates';
COMMENT ON COLUMN forecast_day.challenger IS 'empty: our own forecasts; else as in forecast_challenger, version and family being of ours';
COMMENT ON COLUMN api_key.hash IS 'SHA-256 of the whole token, which is random enough for that: see common.store.api_keys';
COMMENT ON COLUMN version.secret IS 'signs what is kept elsewhere, in Redis: known to whoever can read this database';
"""
"""Of what was renamed, and of what names a module that was."""

COMMENTS_BEFORE = """
COMMENT ON TABLE forecast_rival IS 'what others forecast for the same hours, as known when ours was issued; never changed';
COMMENT ON COLUMN forecast_rival.rival IS 'a source whose own forecast it is, or the version of a challenging model';
COMMENT ON COLUMN model.shadow_until IS 'until then its forecasts are kept beside the champion''s, in forecast_rival';
COMMENT ON TABLE outlook IS 'what providers said of the hours to come, as received, never changed; element h of each array is for first + h - 1 hours';
COMMENT ON TABLE notice IS 'troubles that last: each is told once, and again only after it was over';
COMMENT ON COLUMN job_asked.asked IS 'what was asked for with the key; another request must not come with it';
COMMENT ON TABLE finished_answer IS 'answers of the API that are dear to make: each holds as long as its version of the data and its hour';
COMMENT ON TABLE forecast_day IS 'sums over the pairs of forecast and truth by the Indian day of the origin: see common.store.verification';
COMMENT ON COLUMN forecast_day.rival IS 'empty: our own forecasts; else as in forecast_rival, version and family being of ours';
COMMENT ON COLUMN api_key.hash IS 'SHA-256 of the whole token, which is random enough for that: see common.store.api_keys';
COMMENT ON COLUMN version.seal IS 'marks what was put aside elsewhere by somebody who can read this database';
"""


def upgrade() -> None:
    """Rename; indexes and constraints follow their tables."""
    for old, new in TABLES.items():
        op.rename_table(old, new)
    for table, columns in COLUMNS.items():
        for old, new in columns.items():
            op.alter_column(table, old, new_column_name=new)
    for old, new in INDEXES.items():
        op.execute(f"ALTER INDEX {old} RENAME TO {new}")
    for table, constraints in CONSTRAINTS.items():
        for old, new in constraints.items():
            op.execute(f"ALTER TABLE {table} RENAME CONSTRAINT {old} TO {new}")
    op.execute(COMMENTS)


def downgrade() -> None:
    """Give everything its former name."""
    for table, constraints in CONSTRAINTS.items():
        for old, new in constraints.items():
            op.execute(f"ALTER TABLE {table} RENAME CONSTRAINT {new} TO {old}")
    for old, new in INDEXES.items():
        op.execute(f"ALTER INDEX {new} RENAME TO {old}")
    for table, columns in COLUMNS.items():
        for old, new in columns.items():
            op.alter_column(table, new, new_column_name=old)
    for old, new in TABLES.items():
        op.rename_table(new, old)
    op.execute(COMMENTS_BEFORE)
