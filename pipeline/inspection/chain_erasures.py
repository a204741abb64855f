"""Erasures' receipts, and the parts that erasures rewrote, beside what the chain of decisions says of them."""

from collections.abc import Iterator, Sequence

import sqlalchemy as sa

from pipeline.inspection.sealed import ERASURE, PART, Row, name_of, netstrings, rows, sha256

_REWRITE = ("rewrite_id", "run_id", "part", "kind", "sha256", "sha256_next")


def first_digests(connection: sa.Connection) -> dict[tuple[str, str, str], str]:
    """The digests that parts had before erasures rewrote them."""
    first: dict[tuple[str, str, str], str] = {}
    for rewrite in rows(connection, "rewrites", _REWRITE, "rewrite_id"):
        first.setdefault((rewrite.run_id, rewrite.part, rewrite.kind), rewrite.sha256)
    return first


def altered_rewrites(connection: sa.Connection, _: Sequence[Row]) -> Iterator[str]:
    """Parts whose digest in the ledger is not the one to which the erasures lead that rewrote them."""
    last: dict[tuple[str, str, str], str] = {}
    for rewrite in rows(connection, "rewrites", _REWRITE, "rewrite_id"):
        part = (rewrite.run_id, rewrite.part, rewrite.kind)
        if last.get(part, rewrite.sha256) != rewrite.sha256:
            yield f"rewrite {rewrite.rewrite_id} of part {rewrite.part} of run {rewrite.run_id} follows from no other"
        last[part] = rewrite.sha256_next
    for row in rows(connection, "run_parts", ("run_id", *PART), "run_id", "part"):
        for kind, now in (("input", row.input_sha256), ("scored", row.scored_sha256)):
            if last.get((row.run_id, row.part, kind), now) != now:
                yield f"the {kind} digest of part {row.part} of run {row.run_id} is not what its erasures left"


def unexplained(connection: sa.Connection, chain: Sequence[Row]) -> Iterator[str]:
    """Parts that were rewritten, or have lost rows, of a job that has erased nothing."""
    jobs = {run.run_id: run.job for run in rows(connection, "scoring_runs", ("run_id", "job"), "run_id")}
    erased = {entry.job for entry in chain if entry.kind == "erasure"}
    for rewrite in rows(connection, "rewrites", _REWRITE, "rewrite_id"):
        if jobs.get(rewrite.run_id) not in erased:
            yield (
                f"rewrite {rewrite.rewrite_id} of part {rewrite.part} of run {rewrite.run_id} belongs to no erasure. "
                "If one was interrupted, repeat it"
            )
    for part in rows(connection, "run_parts", ("run_id", "part", "rows_erased"), "run_id", "part"):
        if part.rows_erased != "0" and jobs.get(part.run_id) not in erased:
            yield f"part {part.part} of run {part.run_id} lost {part.rows_erased} rows, and no entry is of an erasure"


def altered_receipts(connection: sa.Connection, chain: Sequence[Row]) -> Iterator[str]:
    """Receipts of erasures that were altered or removed, or of which the chain knows nothing."""
    sealed = {entry.erasure_id: entry for entry in chain if entry.erasure_id is not None}
    for receipt in rows(connection, "erasures", ERASURE, "erasure_id"):
        entry = sealed.pop(receipt.erasure_id, None)
        if entry is None:
            yield f"the receipt of erasure {receipt.erasure_id} is in no entry of the chain"
        elif sha256(netstrings(receipt)) != entry.subject_sha256:
            yield f"the receipt of erasure {receipt.erasure_id} was altered since {name_of(entry)}"
    for erasure_id, entry in sealed.items():
        yield f"the receipt of erasure {erasure_id} is gone, and {name_of(entry)} names it"
