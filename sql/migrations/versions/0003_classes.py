"""Class names of multiclass models, the number of a row's part in the views, and a comment on every object and column.

All of it stands in the files of sql/schema, which a new database got from the baseline. Here an older one gets it.
"""

import re

import sqlalchemy as sa
from alembic import op

from pipeline.project import SQL

revision = "0003"
down_revision = "0002"

_COMMENT = re.compile(
    r"^COMMENT ON (TABLE|VIEW|COLUMN|FUNCTION|SEQUENCE) (scoring\.\S+)\s+IS\b.*?;$", re.MULTILINE | re.DOTALL
)
_MISSING = """
SELECT NOT CASE :kind
    WHEN 'FUNCTION' THEN EXISTS (SELECT FROM pg_proc WHERE pronamespace = 'scoring'::regnamespace AND proname = :name)
    WHEN 'COLUMN' THEN EXISTS (SELECT FROM pg_attribute WHERE attrelid = to_regclass('scoring.' || :relation)
                               AND attname = :name AND NOT attisdropped)
    ELSE to_regclass('scoring.' || :name) IS NOT NULL END
"""


def upgrade() -> None:
    """Make what is missing, and enter the comments of all that is there."""
    connection = op.get_bind()
    if connection.execute(sa.text("SELECT to_regclass('scoring.model_classes') IS NULL")).scalar_one():
        for name in ("tables/classes", "views/scores", "views/classes"):
            _run(connection, (SQL / "schema" / f"{name}.sql").read_text(encoding="utf-8"))
    for file in sorted((SQL / "schema").rglob("*.sql")):
        for statement in _COMMENT.finditer(file.read_text(encoding="utf-8")):
            # A later revision makes what is not there yet, and enters its comment.
            if _is_there(connection, statement[1], statement[2]):
                _run(connection, statement[0])


def downgrade() -> None:
    """Refuse: an older checkout reads this schema as it is."""
    raise NotImplementedError("this revision is not undone: it only adds")


def _is_there(connection: sa.Connection, kind: str, target: str) -> bool:
    *_, relation, name = target.replace('"', "").split(".")
    values = {"kind": kind, "relation": relation, "name": name}
    return not connection.execute(sa.text(_MISSING), values).scalar_one()


def _run(connection: sa.Connection, statements: str) -> None:
    # As they stand: no colon and no percent sign in them is a parameter's.
    connection.exec_driver_sql(statements, execution_options={"no_parameters": True})
