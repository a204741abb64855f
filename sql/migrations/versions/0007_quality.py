"""Quality: what the measured days of a job say together, and since when it is worse than in training.

All of it stands in the files of sql/schema, which a new database got from the baseline. Here an older one gets it.
"""

import sqlalchemy as sa
from alembic import op

from pipeline.project import SQL

revision = "0007"
down_revision = "0006"

_COLUMN = """
SELECT EXISTS (SELECT FROM pg_attribute
               WHERE attrelid = 'scoring.model_quality'::regclass AND attname = 'quality_alarm')
"""
_TABLE = "SELECT to_regclass('scoring.quality_incidents') IS NOT NULL"


def upgrade() -> None:
    """Make what is missing: a later revision may have changed the rest since."""
    for there, file in ((_TABLE, "schema/tables/quality.sql"), (_COLUMN, "migrations/0007_quality.sql")):
        connection = op.get_bind()
        if not connection.execute(sa.text(there)).scalar_one():
            statements = (SQL / file).read_text(encoding="utf-8")
            # As they stand: no colon and no percent sign in them is a parameter's.
            connection.exec_driver_sql(statements, execution_options={"no_parameters": True})


def downgrade() -> None:
    """Refuse: an older checkout reads this schema as it is."""
    raise NotImplementedError("this revision is not undone: it only adds")
