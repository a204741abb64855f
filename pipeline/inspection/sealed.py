"""Rows that the chain of decisions seals, as Postgres writes them, and the hashes of them."""

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import sqlalchemy as sa

Row = sa.Row[Any]
# The hash that the first entry follows.
NO_ENTRY = "0" * 64
# In the order in which `scoring.seal_decision`, `scoring.digest_of_run` and `scoring.digest_of_erasure` take them.
ENTRY = (
    "entry", "recorded_at", "kind", "job", "score_date", "run_id", "replaced_run_id", "erasure_id", "by", "login",
    "reason", "subject_sha256", "previous_sha256",
)  # fmt: skip
RUN = (
    "run_id", "job", "score_date", "trigger", "triggered_by", "triggered_as", "attempt", "dry_run", "served_by",
    "source_run_id", "staleness_days", "interval_start", "interval_end", "idempotency_key", "model_name",
    "model_version", "model_sha256", "model_named", "code_version", "query_sha256", "job_sha256", "input_sha256",
    "library_versions", "parts", "rows_extracted", "rows_rejected", "rows_scored", "findings", "started_at",
    "extracted_at", "scored_at", "published_at", "decided_by", "decided_as", "decision_reason",
)  # fmt: skip
PART = (
    "part", "rows_extracted", "rows_rejected", "rows_scored", "input_sha256", "scored_sha256", "written_at",
)  # fmt: skip
ERASURE = (
    "erasure_id", "erased_at", "job", "erased_by", "erased_as", "reason", "runs", "prediction_rows", "rejected_rows",
    "parts",
)  # fmt: skip
MOVES = ("publish", "approval", "rollback")


def rows(connection: sa.Connection, name: str, columns: Sequence[str], *order: str) -> Iterator[Row]:
    """Rows of a table, every value as Postgres writes it."""
    table = sa.table(name, *map(sa.column, columns), schema="scoring")
    texts = [sa.cast(table.c[column], sa.Text).label(column) for column in columns]
    query = sa.select(*texts).order_by(*(table.c[column] for column in order))
    result: sa.Result[Any] = connection.execute(query, execution_options={"yield_per": 10_000})
    yield from result


def name_of(row: Row) -> str:
    """An entry of the chain in words."""
    what = f"erasure {row.erasure_id} in {row.job}"
    if row.kind != "erasure":
        what = f"{row.kind} of run {row.run_id}, {row.job} {row.score_date}"
    return f"entry {row.entry} ({what})"


def netstrings(values: Iterable[str | None]) -> str:
    """Values as one text that no other values give, as `scoring.netstrings` writes them."""
    return ",".join("-" if value is None else f"{len(value.encode())}:{value}" for value in values)


def sha256(text: str) -> str:
    """The SHA-256 of a text, in hexadecimal digits."""
    return hashlib.sha256(text.encode()).hexdigest()
