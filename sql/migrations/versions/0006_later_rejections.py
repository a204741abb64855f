"""Rows that are rejected after extraction, and what a source gives when it is read again after its rows were scored.

All of it stands in the files of sql/schema, which a new database got from the baseline. Here an older one gets it.
"""

import re

import sqlalchemy as sa
from alembic import op

from pipeline.project import SQL

revision = "0006"
down_revision = "0005"

# The functions that a later file of the schema may say otherwise than the database was made with.
_FUNCTIONS = (("writing", "claim_part"), ("retention", "expire_metrics"))


def upgrade() -> None:
    """Make what is missing, and enter the comments that speak of it."""
    connection = op.get_bind()
    for file, name in _FUNCTIONS:
        text = (SQL / "schema" / "functions" / f"{file}.sql").read_text(encoding="utf-8")
        definition = re.search(
            rf"CREATE (FUNCTION scoring\.{name}\(.*?;\nCOMMENT ON FUNCTION .*?';)\n", text, re.DOTALL
        )
        if definition:
            _run(connection, f"CREATE OR REPLACE {definition[1]}")
    _run(connection, (SQL / "migrations" / "0006_later_rejections.sql").read_text(encoding="utf-8"))
    if connection.execute(sa.text("SELECT to_regclass('scoring.source_checks') IS NULL")).scalar_one():
        for name in ("tables/source_checks", "views/late_data"):
            _run(connection, (SQL / "schema" / f"{name}.sql").read_text(encoding="utf-8"))


def downgrade() -> None:
    """Refuse: an older checkout reads this schema as it is."""
    raise NotImplementedError("this revision is not undone: it only adds")


def _run(connection: sa.Connection, statements: str) -> None:
    # As they stand: no colon and no percent sign in them is a parameter's.
    connection.exec_driver_sql(statements, execution_options={"no_parameters": True})
