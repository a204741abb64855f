"""A run names the version of the product that scored, beside the digest of its code."""

from alembic import op

from pipeline.project import SQL

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Add the column, and have fallbacks carry it."""
    statements = (SQL / "migrations" / "0002_pipeline_version.sql").read_text(encoding="utf-8")
    op.get_bind().exec_driver_sql(statements, execution_options={"no_parameters": True})


def downgrade() -> None:
    """Refuse: going back would lose which version scored."""
    raise NotImplementedError(
        "an older version of the product runs on this schema as it is; nothing is to be undone"
    )
