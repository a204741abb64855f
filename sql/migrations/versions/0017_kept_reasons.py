"""A try at a run's reasons that fails leaves those of the try before; one function says whether parts were rewritten.

All of it stands in the files of sql/schema, which a new database got from the baseline. Here an older one gets it.
"""

import re

import sqlalchemy as sa
from alembic import op

from pipeline.project import SQL

revision = "0017"
down_revision = "0016"

# The functions that were made otherwise, by the files of the schema that have them.
_FUNCTIONS = (
    ("challenger", "end_challenge"),
    ("reasons", "begin_reasons"),
    ("reasons", "open_reasons"),
    ("reasons", "end_reasons"),
)


def upgrade() -> None:
    """Make what is missing: a database that the baseline has just made has all of it."""
    connection = op.get_bind()
    if connection.execute(sa.text("SELECT to_regproc('scoring.parts_rewritten') IS NULL")).scalar_one():
        _run(connection, (SQL / "schema" / "functions" / "parts.sql").read_text(encoding="utf-8"))
    _run(connection, (SQL / "migrations" / "0017_kept_reasons.sql").read_text(encoding="utf-8"))
    for file, name in _FUNCTIONS:
        text = (SQL / "schema" / "tables" / f"{file}.sql").read_text(encoding="utf-8")
        if definition := re.search(rf"CREATE (FUNCTION scoring\.{name}\(.*?\nEND \$\$;)", text, re.DOTALL):
            _run(connection, f"CREATE OR REPLACE {definition[1]}")


def downgrade() -> None:
    """Refuse: an older checkout reads this schema as it is."""
    raise NotImplementedError("this revision is not undone: it only adds")


def _run(connection: sa.Connection, statements: str) -> None:
    # As they stand: no colon and no percent sign in them is a parameter's.
    connection.exec_driver_sql(statements, execution_options={"no_parameters": True})
