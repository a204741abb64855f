"""Bring the predictions database to the schema of this checkout, by Alembic."""

import sqlalchemy as sa
from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory

from pipeline.databases import postgres
from pipeline.databases.postgres import Turns
from pipeline.project import SQL
from pipeline.provisioning import prerequisites

_MIGRATIONS = SQL / "migrations"

# A reader who keeps a transaction open holds a migration up, and all who come after the migration wait behind it: for
# one turn at most, and between two turns they go on.
TURNS = Turns(lock_timeout="1s", pause=1.0, patience=300.0)


def migrate(uri: str) -> str:
    """Apply every revision that the database does not have yet, in one transaction; returns the newest one.

    Args:
        uri: the predictions database, as its schema's owner, who may make what is missing of schema and roles.

    Raises:
        PrerequisiteError: the server is too old, or that login lacks a right.
        Busy: a session holds locks on the schema's tables all the while.
    """
    config = Config()
    config.set_main_option("script_location", str(_MIGRATIONS))

    def upgrade(connection: sa.Connection) -> None:
        prerequisites.require(connection)
        connection.exec_driver_sql(_LOCK)
        config.attributes["connection"] = connection
        command.upgrade(config, "head")

    postgres.patiently(uri, "migrating the predictions database", upgrade, TURNS)
    return ScriptDirectory.from_config(config).get_current_head() or ""


# Of two migrations at once, the second waits here, and then has nothing to do: a comment locks its schema until the
# transaction ends, and only the schema's owner can take that lock.
_LOCK = """
DO $$ BEGIN
    IF to_regnamespace('scoring') IS NULL THEN
        BEGIN
            CREATE SCHEMA scoring;
        EXCEPTION WHEN unique_violation OR duplicate_schema THEN
            NULL;  -- another migration was first
        END;
    END IF;
    COMMENT ON SCHEMA scoring IS 'Nightly scores: predictions, the runs that made them, and their ledger.';
END $$
"""
