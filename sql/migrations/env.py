"""Alembic's entry: runs the revisions over the connection that `pipeline.provisioning.migrate` hands in."""

import sqlalchemy as sa
from alembic import context

connection: sa.Connection = context.config.attributes["connection"]
# CREATE SCHEMA IF NOT EXISTS wants the right to create one, also where it is there.
if not connection.execute(sa.text("SELECT to_regnamespace('scoring') IS NOT NULL")).scalar_one():
    connection.execute(sa.text("CREATE SCHEMA scoring"))
context.configure(connection=connection, version_table_schema="scoring", transaction_per_migration=False)
with context.begin_transaction():
    context.run_migrations()
