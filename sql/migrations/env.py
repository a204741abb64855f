"""Alembic's entry: runs the revisions over the connection that `pipeline.provisioning.migrate` hands in."""

import sqlalchemy as sa
from alembic import context

connection: sa.Connection = context.config.attributes["connection"]
context.configure(connection=connection, version_table_schema="scoring", transaction_per_migration=False)
with context.begin_transaction():
    context.run_migrations()
