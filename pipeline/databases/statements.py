"""Our own SQL: files below sql/ that hold named queries, each with a comment that says what it gives.

    -- name: begin
    -- Opens a run, and gives its number.
    INSERT INTO ...

A module reads its file once: `_SQL = statements.load("runs/ledger")`, and asks `_SQL["begin"]`.
"""

import re
from functools import cache

from pipeline.project import SQL

_NAME = re.compile(r"^-- name: (\w+)\n", re.MULTILINE)


@cache
def load(file: str) -> dict[str, str]:
    """The queries of a file below sql/, by their names.

    Args:
        file: its path below sql/, without `.sql`.
    """
    _, *pieces = _NAME.split((SQL / f"{file}.sql").read_text(encoding="utf-8"))
    return dict(zip(pieces[::2], (query.strip() for query in pieces[1::2]), strict=True))
