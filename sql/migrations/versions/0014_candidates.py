"""Candidates: models that were trained again, until a person adopts one."""

import sqlalchemy as sa
from alembic import op

from pipeline.project import SQL

revision = "0014"
down_revision = "0013"

_TABLE = "SELECT to_regclass('scoring.model_candidates') IS NOT NULL"


def upgrade() -> None:
    """Make what is missing: a database that the baseline has just made has all of it."""
    connection = op.get_bind()
    files = ["migrations/0014_candidates.sql"]
    if not connection.execute(sa.text(_TABLE)).scalar_one():
        files.insert(0, "schema/tables/candidates.sql")
    for file in files:
        statements = (SQL / file).read_text(encoding="utf-8")
        # As they stand: no colon and no percent sign in them is a parameter's.
        connection.exec_driver_sql(statements, execution_options={"no_parameters": True})


def downgrade() -> None:
    """Refuse: an older checkout reads this schema as it is."""
    raise NotImplementedError("this revision is not undone: it only adds")
