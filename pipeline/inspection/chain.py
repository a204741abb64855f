"""Walks the chain of decisions, and compares what it says with the runs, their ledgers and the receipts.

The database seals each entry when it is made (`scoring.seal_decision`). Here the same hashes are computed again, apart
from it: whoever alters an entry, a run or a ledger afterwards, be it the owner, does not find them equal.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import sqlalchemy as sa

from pipeline.databases import postgres
from pipeline.errors import UsageError
from pipeline.inspection import chain_erasures, chain_publications, chain_runs
from pipeline.inspection.sealed import ENTRY, NO_ENTRY, Row, name_of, netstrings, rows, sha256

# What is compared with the chain; gives violations.
Check = Callable[[sa.Connection, Sequence[Row]], Iterator[str]]


@dataclass(frozen=True)
class Verification:
    """What a walk over the chain came to.

    Attributes:
        entries: how many there are, up to the first that was altered.
        head: the hash of the last one; an auditor keeps it outside of the database.
        violations: what was altered, the first first.
    """

    entries: int
    head: str
    violations: tuple[str, ...]


def verify(database_url: str, head: str | None = None) -> Verification:
    """Compute every hash of the chain again, and compare runs, ledgers, receipts and the pointer with it.

    Not covered, for whoever owns the database: scores and rejected rows themselves (`reproduce` computes them again),
    metrics, profiles and outcomes; runs on which nobody decided (open, held, dry or overtaken ones); why a run has its
    status, what clean-up notes of it, and the definitions of views and functions. A run that expired by days which
    have been changed since, and further rewrites and erased rows of a job that has erased something, are taken for what
    they say they are.

    Args:
        database_url: the predictions database.
        head: the hash of an entry, as an earlier walk printed it; that entry must still be there.

    Raises:
        UsageError: `head` is no hash.
    """
    if head is not None and (len(head) != 64 or set(head) - set("0123456789abcdef")):
        raise UsageError("--head takes the 64 hexadecimal digits that `verify` printed. Copy the whole hash.")
    with postgres.engine(database_url).connect() as connection:
        # One snapshot for all that is compared.
        connection.execution_options(isolation_level="REPEATABLE READ")
        return walk(connection, head)


def walk(connection: sa.Connection, head: str | None = None) -> Verification:
    """Verify what one transaction sees; see `verify`."""
    connection.execute(sa.text("SET LOCAL TimeZone = 'UTC'"))
    connection.execute(sa.text("SET LOCAL DateStyle = 'ISO, YMD'"))
    chain = list(rows(connection, "decisions", (*ENTRY, "sha256", "restored_as"), "entry"))
    whole, violation = _follow(chain)
    last = chain[whole - 1].sha256 if whole else NO_ENTRY
    violations = [violation] if violation else list(_cut(connection, whole, last))
    if not violation and head not in (None, NO_ENTRY, *(row.sha256 for row in chain)):
        violations.append(
            f"no entry has the hash {head}: the chain was cut before it, or written anew. Compare with a backup."
        )
    for check in _CHECKS:
        violations += check(connection, chain)
    return Verification(whole, last, tuple(violations))


def _follow(chain: Sequence[Row]) -> tuple[int, str | None]:
    """How many entries are as they were sealed, and what is wrong with the next one."""
    before: Row | None = None
    for number, row in enumerate(chain, start=1):
        if row.entry != str(number):
            return number - 1, f"entry {number} of the chain is missing: {name_of(row)} comes in its place"
        # Only what a rebuild has entered says as whom.
        restored = () if row.restored_as is None else (row.restored_as,)
        if sha256(netstrings([*row[: len(ENTRY)], *restored])) != row.sha256:
            return number - 1, f"{name_of(row)} was altered: its hash is not that of its columns"
        if row.previous_sha256 != (NO_ENTRY if before is None else before.sha256):
            if before is None:
                return 0, f"{name_of(row)} was altered: it follows an entry that is not there"
            return (
                number - 2,
                f"{name_of(before)} was altered: {name_of(row)} was sealed on another hash of it",
            )
        before = row
    return len(chain), None


def _cut(connection: sa.Connection, entries: int, last: str) -> Iterator[str]:
    heads = list(rows(connection, "decisions_head", ("entry", "sha256"), "entry"))
    if not heads:
        yield f"decisions_head is empty: the chain ends with entry {entries}, and nobody can publish. Restore a backup."
    for head in heads:
        if (head.entry, head.sha256) != (str(entries), last):
            yield f"the chain ends with entry {entries}, and decisions_head notes entry {head.entry}: one was altered"


_CHECKS: tuple[Check, ...] = (
    chain_runs.altered,
    chain_runs.wrong_statuses,
    chain_runs.early_expiries,
    chain_erasures.altered_rewrites,
    chain_erasures.unexplained,
    chain_erasures.altered_receipts,
    chain_publications.altered,
    chain_publications.wrong_pointers,
)
