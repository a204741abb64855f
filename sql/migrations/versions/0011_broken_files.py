"""Whoever finds a broken job file enters since when it is, so that one which breaks again is news.

A rejected run is no date without rows, whatever the reason of its rejection says.
"""

from alembic import op

from pipeline.project import SQL

revision = "0011"
down_revision = "0010"


def upgrade() -> None:
    """Grant what that takes, and replace the view."""
    view = (SQL / "schema" / "views" / "punctuality.sql").read_text(encoding="utf-8")
    for statements in (
        (SQL / "migrations" / "0011_broken_files.sql").read_text(encoding="utf-8"),
        view.replace("CREATE VIEW", "CREATE OR REPLACE VIEW", 1),
    ):
        op.get_bind().exec_driver_sql(statements, execution_options={"no_parameters": True})


def downgrade() -> None:
    """Refuse: an older checkout reads this schema as it is."""
    raise NotImplementedError("this revision is not undone: it only adds")
