"""docs/reference/tables-and-views.md, from a database that was migrated a moment ago."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from docs.generators.markdown import page, sentence, table
from pipeline.databases import postgres

_INTRODUCTION = """Everything in schema `scoring` of the predictions database, as `COMMENT ON` says it there; \
psql's `\\d+` prints the same. Analysts read the views and tables of the first part. The others are for the \
roles named. [Query the scores](../how-to/analysts.md) has examples."""

# Partitions have what their table has; what extensions brought has its own documents.
_RELATIONS = """
SELECT c.relname AS name, c.relkind AS kind, coalesce(obj_description(c.oid, 'pg_class'), '') AS comment,
       ARRAY(SELECT role FROM unnest(ARRAY['scoring_job_analyst', 'scoring_writer', 'scoring_approver',
                                           'scoring_janitor', 'scoring_watcher', 'scoring_api']) AS role
             WHERE has_table_privilege(role, c.oid, 'SELECT')
                OR (role <> 'scoring_job_analyst' AND has_any_column_privilege(role, c.oid, 'SELECT'))) AS readers,
       has_any_column_privilege('scoring_job_analyst', c.oid, 'SELECT') AS for_analysts
FROM pg_class AS c
WHERE c.relnamespace = 'scoring'::regnamespace AND c.relkind IN ('r', 'p', 'v') AND NOT c.relispartition
ORDER BY c.relname
"""
_COLUMNS = """
SELECT c.relname AS relation, attname AS name, format_type(atttypid, atttypmod) AS type, attnotnull AS required,
       coalesce(col_description(c.oid, attnum), '') AS comment
FROM pg_attribute JOIN pg_class AS c ON c.oid = attrelid
WHERE c.relnamespace = 'scoring'::regnamespace AND attnum > 0 AND NOT attisdropped
ORDER BY attnum
"""
_READERS = {
    "scoring_job_analyst": "analysts",
    "scoring_writer": "the pipeline",
    "scoring_approver": "the approver",
    "scoring_janitor": "the janitor",
    "scoring_watcher": "the watch",
    "scoring_api": "the API",
}


@dataclass(frozen=True)
class Relation:
    """A table or view of schema `scoring`.

    Attributes:
        name: without the schema.
        view: whether it is one.
        comment: what it holds.
        readers: the roles that may read it.
        for_analysts: whether analysts may read it, or some of its columns.
        columns: name, type, whether never null, and comment.
    """

    name: str
    view: bool
    comment: str
    readers: Sequence[str]
    for_analysts: bool
    columns: Sequence[Mapping[str, Any]]


def relations(database_url: str) -> list[Relation]:
    """Every table and view of a predictions database."""
    with postgres.engine(database_url).connect() as connection:
        rows = connection.execute(sa.text(_RELATIONS)).mappings().all()
        columns = connection.execute(sa.text(_COLUMNS)).mappings().all()
    return [
        Relation(
            row["name"],
            row["kind"] == "v",
            row["comment"],
            row["readers"],
            row["for_analysts"],
            [dict(column) for column in columns if column["relation"] == row["name"]],
        )
        for row in rows
    ]


def render(database_url: str) -> str:
    """The page, of a migrated database."""
    listed = relations(database_url)
    return page("Tables and views", _INTRODUCTION, _sections(listed))


def _sections(listed: Sequence[Relation]) -> Iterator[str]:
    for title, chosen in (
        ("For analysts", [one for one in listed if one.for_analysts]),
        ("For the other roles", [one for one in listed if not one.for_analysts]),
    ):
        rows = [[f"[`{one.name}`](#{one.name})", sentence(one.comment)] for one in chosen]
        yield f"## {title}\n\n" + table(["Name", "What it holds"], rows)
        yield from map(_section, chosen)


def _section(one: Relation) -> str:
    readers = ", ".join(_READERS[role] for role in one.readers) or "the owner alone"
    if one.for_analysts and "scoring_job_analyst" not in one.readers:
        readers = f"analysts some columns; whole: {readers}"
    rows = [
        [f"`{column['name']}`", column["type"] + (", never null" if column["required"] else ""),
         sentence(column["comment"])]
        for column in one.columns
    ]  # fmt: skip
    head = f"### {one.name} {{ #{one.name} }}\n\n{'View' if one.view else 'Table'}. Read by: {readers}."
    return f"{head}\n\n{sentence(one.comment)}\n\n" + table(["Column", "Type", "Meaning"], rows)
