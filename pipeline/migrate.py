"""Bring the predictions database to the schema of this checkout, by Alembic."""

from pathlib import Path

import sqlalchemy as sa
from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory

from pipeline import postgres, prerequisites

_MIGRATIONS = Path(__file__).resolve().parents[1] / "sql" / "migrations"


def migrate(uri: str) -> str:
    """Apply every revision that the database does not have yet, in one transaction; returns the newest one.

    Args:
        uri: the predictions database, as its schema's owner, who may make what is missing of schema and roles.

    Raises:
        PrerequisiteError: the server is too old, or that login lacks a right.
    """
    config = Config()
    config.set_main_option("script_location", str(_MIGRATIONS))
    with postgres.engine(uri).begin() as connection:
        # Two migrations at once: the second waits for the first, and then has nothing to do.
        connection.execute(sa.text("SELECT pg_advisory_xact_lock(hashtextextended('scoring.migrate', 0))"))
        prerequisites.require(connection)
        config.attributes["connection"] = connection
        command.upgrade(config, "head")
    return ScriptDirectory.from_config(config).get_current_head() or ""
