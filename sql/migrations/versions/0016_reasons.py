"""Reasons: why each entity got its score, under the pointer that shows the score.

All of it stands in the files of sql/schema, which a new database got from the baseline. Here an older one gets it.
"""

import sqlalchemy as sa
from alembic import op

from pipeline.project import SQL

revision = "0016"
down_revision = "0015"


def upgrade() -> None:
    """Make what is missing: a database that the baseline has just made has all of it."""
    connection = op.get_bind()
    if connection.execute(sa.text("SELECT to_regclass('scoring.reasons') IS NOT NULL")).scalar_one():
        return
    for name in ("tables/reasons", "views/reasons"):
        statements = (SQL / "schema" / f"{name}.sql").read_text(encoding="utf-8")
        # As they stand: no colon and no percent sign in them is a parameter's.
        connection.exec_driver_sql(statements, execution_options={"no_parameters": True})


def downgrade() -> None:
    """Refuse: an older checkout reads this schema as it is."""
    raise NotImplementedError("this revision is not undone: it only adds")
