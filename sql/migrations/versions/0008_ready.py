"""A run notes the digest of the query that said whether its source was ready."""

from alembic import op

from pipeline.project import SQL

revision = "0008"
down_revision = "0007"


def upgrade() -> None:
    """Add the column."""
    statements = (SQL / "migrations" / "0008_ready.sql").read_text(encoding="utf-8")
    op.get_bind().exec_driver_sql(statements, execution_options={"no_parameters": True})


def downgrade() -> None:
    """Refuse: an older checkout reads this schema as it is."""
    raise NotImplementedError("this revision is not undone: it only adds")
