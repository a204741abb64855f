"""Whoever finds a broken job file enters since when it is, so that one which breaks again is news."""

from alembic import op

from pipeline.project import SQL

revision = "0013"
down_revision = "0008"


def upgrade() -> None:
    """Grant what that takes."""
    statements = (SQL / "migrations" / "0013_broken_files.sql").read_text(encoding="utf-8")
    op.get_bind().exec_driver_sql(statements, execution_options={"no_parameters": True})


def downgrade() -> None:
    """Refuse: an older checkout reads this schema as it is."""
    raise NotImplementedError("this revision is not undone: it only adds")
