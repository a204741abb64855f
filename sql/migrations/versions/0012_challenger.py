"""Challengers: what each made of a run's rows, and how it compares with the version that is published.

All of it stands in the files of sql/schema, which a new database got from the baseline. Here an older one gets it.
"""

import re

import sqlalchemy as sa
from alembic import op

from pipeline.project import SQL

revision = "0012"
down_revision = "0011"

_EXPIRE = r"CREATE (FUNCTION scoring\.expire_metrics\(.*?\nEND \$\$;)"


def upgrade() -> None:
    """Make what is missing; clean-up takes what was measured of a challenger with a run's other metrics."""
    connection = op.get_bind()
    if connection.execute(sa.text("SELECT to_regclass('scoring.challenges') IS NOT NULL")).scalar_one():
        return
    text = (SQL / "schema" / "functions" / "retention.sql").read_text(encoding="utf-8")
    definition = re.search(_EXPIRE, text, re.DOTALL)
    statements = [(SQL / "schema" / f"{name}.sql").read_text("utf-8") for name in _FILES]
    for each in (*statements, f"CREATE OR REPLACE {definition[1]}" if definition else ""):
        # As they stand: no colon and no percent sign in them is a parameter's.
        connection.exec_driver_sql(each, execution_options={"no_parameters": True})


def downgrade() -> None:
    """Refuse: an older checkout reads this schema as it is."""
    raise NotImplementedError("this revision is not undone: it only adds")


_FILES = ("tables/challenger", "views/challenger")
