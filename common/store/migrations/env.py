"""Run by Alembic, on the connection and in the transaction that `common.store.migrate` hands in."""

from alembic import context
from sqlalchemy import create_engine
from sqlalchemy.pool import NullPool

transaction = context.config.attributes["connection"]
engine = create_engine("postgresql+pg8000://", creator=transaction.driver, poolclass=NullPool)
for ending in ("do_commit", "do_rollback", "do_close"):  # the ends are the caller's
    setattr(engine.dialect, ending, lambda _: None)
with engine.connect() as connection:
    context.configure(connection=connection, transactional_ddl=True)
    with context.begin_transaction():
        context.run_migrations()
