"""Rows on which a model itself raised: the function that enters them in the ledger with a part's scores.

It stands in the files of sql/schema, which a new database got from the baseline. Here an older one gets it.
"""

from alembic import op

from pipeline.project import SQL

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    """Make it, and enter the comments that speak of such rows."""
    statements = (SQL / "migrations" / "0006_rejected_by_the_model.sql").read_text(encoding="utf-8")
    op.get_bind().exec_driver_sql(statements, execution_options={"no_parameters": True})


def downgrade() -> None:
    """Refuse: an older checkout reads this schema as it is."""
    raise NotImplementedError("this revision is not undone: it only adds")
