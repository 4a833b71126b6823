"""Run by Alembic, on the connection and in the transaction that `common.store.migrate` hands in."""

from alembic import context
from sqlalchemy.dialects.postgresql.base import ischema_names

from common.store.schema import Xid8, metadata

ischema_names["xid8"] = Xid8  # so that it is known when tables are read from the server
context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    transactional_ddl=True,
    compare_server_default=True,
    autogenerate_plugins=["alembic.autogenerate.*", "~alembic.autogenerate.comments"],
    # Of its columns' collation the server's catalogue says nothing that SQLAlchemy would read.
    include_object=lambda _object, name, *_: name != "model_newest",
)
with context.begin_transaction():
    context.run_migrations()
