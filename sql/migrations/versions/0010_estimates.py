"""Estimates: what later runs' metrics are estimated from, and the estimates beside what was measured.

All of it stands in the files of sql/schema, which a new database got from the baseline. Here an older one gets it.
"""

import sqlalchemy as sa
from alembic import op

from pipeline.project import SQL

revision = "0010"
down_revision = "0009"

_TABLE = "SELECT to_regclass('scoring.outcome_bins') IS NOT NULL"


def upgrade() -> None:
    """Make what is missing: a database that the baseline has just made has all of it."""
    connection = op.get_bind()
    if not connection.execute(sa.text(_TABLE)).scalar_one():
        for file in ("schema/tables/estimation.sql", "migrations/0010_estimates.sql"):
            statements = (SQL / file).read_text(encoding="utf-8")
            # As they stand: no colon and no percent sign in them is a parameter's.
            connection.exec_driver_sql(statements, execution_options={"no_parameters": True})


def downgrade() -> None:
    """Refuse: an older checkout reads this schema as it is."""
    raise NotImplementedError("this revision is not undone: it only adds")
