"""The whole schema `scoring`, from the files of sql/schema by kind.

Those files say what the newest revision leaves. A later revision brings a database there that was made by earlier ones,
and finds nothing to do in one that was made from them.
"""

from alembic import op

from pipeline.project import SQL

revision = "0001"
down_revision = None

# In the order in which one needs the other. Tables check texts with functions; other functions are of tables' rows.
FILES = (
    "schema",
    "roles",
    "functions/texts",
    "tables/runs",
    "tables/publications",
    "tables/rows",
    "tables/classes",
    "tables/metrics",
    "tables/retention",
    "tables/decisions",
    "tables/alerts",
    "tables/analysts",
    "tables/database",
    "tables/times",
    "functions/guards",
    "functions/writing",
    "functions/partitions",
    "functions/pointer",
    "functions/publishing",
    "functions/decisions",
    "functions/retention",
    "functions/erasure",
    "functions/outcomes",
    "functions/analysts",
    "functions/restore",
    "views/analysts",
    "views/scores",
    "views/classes",
    "views/runs",
    "views/monitoring",
    "policies",
    "triggers",
    "grants",
    "tables/promises",
    "views/punctuality",
    "tables/source_checks",
    "views/late_data",
    "tables/quality",
    "tables/estimation",
    "functions/parts",
    "tables/challenger",
    "views/challenger",
    "tables/api",
    "tables/candidates",
    "tables/online",
    "tables/reasons",
    "views/reasons",
    "settings",
)


def upgrade() -> None:
    """Make everything; an empty database has no step before this one."""
    for file in FILES:
        statements = (SQL / "schema" / f"{file}.sql").read_text(encoding="utf-8")
        # As they stand: no colon and no percent sign in them is a parameter's.
        op.get_bind().exec_driver_sql(statements, execution_options={"no_parameters": True})


def downgrade() -> None:
    """Refuse: going back would throw every published score away."""
    raise NotImplementedError("the baseline is not undone; drop the schema by hand if you mean it")
