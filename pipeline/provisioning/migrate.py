"""Bring the predictions database to the schema of this checkout, by Alembic."""

import sqlalchemy as sa
from alembic import command
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory

from pipeline.databases import waiting
from pipeline.databases.waiting import Turns
from pipeline.errors import UsageError
from pipeline.project import SQL
from pipeline.provisioning import prerequisites

MIGRATIONS = SQL / "migrations"
_SCHEMA = SQL / "schema" / "schema.sql"

# A reader who keeps a transaction open holds a migration up, and all who come after the migration wait behind it: for
# one turn at most, and between two turns they go on.
TURNS = Turns(lock_timeout="1s", pause=1.0, patience=300.0)


class RevisionError(UsageError):
    """A database whose schema no revision of this checkout leads on from."""


def migrate(database_url: str) -> str:
    """Apply every revision that the database does not have yet, in one transaction; returns the newest one.

    Args:
        database_url: of the predictions database, as its schema's owner, who may make what is missing of schema and
            roles.

    Raises:
        PrerequisiteError: the server is too old, or that login lacks a right.
        RevisionError: the database has a schema that this checkout did not make, and cannot change.
        Busy: a session holds locks on the schema's tables all the while.
    """
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    script = ScriptDirectory.from_config(config)

    def upgrade(connection: sa.Connection) -> None:
        prerequisites.require(connection)
        # Of two migrations at once, the second waits here.
        connection.exec_driver_sql(_SCHEMA.read_text(encoding="utf-8"))
        _require_revision(connection, script)
        config.attributes["connection"] = connection
        command.upgrade(config, "head")

    waiting.patiently(database_url, "migrating the predictions database", upgrade, TURNS)
    return script.get_current_head() or ""


def _require_revision(connection: sa.Connection, script: ScriptDirectory) -> None:
    context = MigrationContext.configure(connection, opts={"version_table_schema": "scoring"})
    revision = context.get_current_revision()
    if revision is None:
        return
    # Before there was a baseline, another revision had its number: without this table.
    has_baseline = connection.execute(sa.text("SELECT to_regclass('scoring.identity')")).scalar_one()
    if has_baseline and revision in {step.revision for step in script.walk_revisions()}:
        return
    raise RevisionError(
        f"the predictions database is at revision {revision}, which this checkout does not have. A newer checkout made "
        "it: migrate with that one. Or it is older than the baseline, which was never released: make a new database, "
        "migrate it, and run `scoring rebuild`, which publishes again what the store has "
        "(docs/how-to/back-up-and-restore.md)."
    )
