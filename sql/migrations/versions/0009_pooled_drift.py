"""The view `drift_history` says how unusual the last 7 and 28 published runs are, taken together."""

import sqlalchemy as sa
from alembic import op

from pipeline.project import SQL

revision = "0009"
down_revision = "0008"

_THERE = """
SELECT EXISTS (SELECT FROM pg_attribute
               WHERE attrelid = 'scoring.drift_history'::regclass AND attname = 'unusualness_7_runs')
"""


def upgrade() -> None:
    """Add the columns, unless the baseline has made the view with them: a later revision may have added others."""
    connection = op.get_bind()
    if not connection.execute(sa.text(_THERE)).scalar_one():
        statements = (SQL / "migrations" / "0009_pooled_drift.sql").read_text(encoding="utf-8")
        connection.exec_driver_sql(statements, execution_options={"no_parameters": True})


def downgrade() -> None:
    """Refuse: an older checkout reads this schema as it is."""
    raise NotImplementedError("this revision is not undone: it only adds")
