"""The view `model_quality` says which figures are of a date on which the model was trained."""

import sqlalchemy as sa
from alembic import op

from pipeline.project import SQL

revision = "0005"
down_revision = "0004"

_THERE = """
SELECT EXISTS (SELECT FROM pg_attribute WHERE attrelid = 'scoring.model_quality'::regclass AND attname = 'in_sample')
"""


def upgrade() -> None:
    """Add the column, unless the baseline has made the view with it: a later revision may have added others since."""
    connection = op.get_bind()
    if not connection.execute(sa.text(_THERE)).scalar_one():
        statements = (SQL / "migrations" / "0005_in_sample.sql").read_text(encoding="utf-8")
        connection.exec_driver_sql(statements, execution_options={"no_parameters": True})


def downgrade() -> None:
    """Refuse: an older checkout reads this schema as it is."""
    raise NotImplementedError("this revision is not undone: it only adds")
