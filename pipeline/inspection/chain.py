"""Walks the chain of decisions, and holds what it says against the runs, their ledgers and the receipts.

The database seals each entry when it is made (`scoring.seal_decision`). Here the same hashes are computed again, apart
from it: whoever alters an entry, a run or a ledger afterwards, be it the owner, does not find them equal.
"""

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa

from pipeline.databases import postgres
from pipeline.errors import UsageError

Row = sa.Row[Any]

# The hash that the first entry follows.
_NOTHING = "0" * 64
# In the order in which `scoring.seal_decision`, `scoring.digest_of_run` and `scoring.digest_of_erasure` take them.
_ENTRY = (
    "entry", "recorded_at", "kind", "job", "score_date", "run_id", "replaced_run_id", "erasure_id", "by", "login",
    "reason", "subject_sha256", "previous_sha256",
)  # fmt: skip
_RUN = (
    "run_id", "job", "score_date", "trigger", "triggered_by", "triggered_as", "attempt", "dry_run", "served_by",
    "source_run_id", "staleness_days", "interval_start", "interval_end", "idempotency_key", "model_name",
    "model_version", "model_sha256", "model_named", "code_version", "query_sha256", "job_sha256", "input_sha256",
    "library_versions", "parts", "rows_extracted", "rows_rejected", "rows_scored", "findings", "started_at",
    "extracted_at", "scored_at", "published_at", "decided_by", "decided_as", "decision_reason",
)  # fmt: skip
_PART = (
    "part", "rows_extracted", "rows_rejected", "rows_scored", "input_sha256", "scored_sha256", "written_at",
)  # fmt: skip
_ERASURE = (
    "erasure_id", "erased_at", "job", "erased_by", "erased_as", "reason", "runs", "prediction_rows", "rejected_rows",
    "parts",
)  # fmt: skip
_REWRITE = ("rewrite_id", "run_id", "part", "kind", "sha256", "sha256_next")
_STATUS = ("run_id", "job", "score_date", "status", "expired_at")
_DAYS = ("job", "predictions_days", "superseded_days", "entered_at")
# No transaction that publishes takes longer.
_PUBLISHING = timedelta(hours=1)
_MOVES = ("publish", "approval", "rollback")
_MOVE = ("job", "score_date", "run_id", "replaced_run_id", "published_at", "kind", "by", "login", "reason")


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
    chain = list(_rows(connection, "decisions", (*_ENTRY, "sha256", "restored_as"), "entry"))
    whole, violation = _follow(chain)
    last = chain[whole - 1].sha256 if whole else _NOTHING
    violations = [violation] if violation else list(_cut(connection, whole, last))
    if not violation and head not in (None, _NOTHING, *(row.sha256 for row in chain)):
        violations.append(
            f"no entry has the hash {head}: the chain was cut before it, or written anew. Compare with a backup."
        )
    for check in (
        _altered_runs,
        _wrong_statuses,
        _early_expiries,
        _altered_rewrites,
        _unexplained_erasures,
        _altered_receipts,
        _altered_moves,
        _wrong_pointers,
    ):
        violations += check(connection, chain)
    return Verification(whole, last, tuple(violations))


def _follow(chain: Sequence[Row]) -> tuple[int, str | None]:
    """How many entries are as they were sealed, and what is wrong with the next one."""
    before: Row | None = None
    for number, row in enumerate(chain, start=1):
        if row.entry != str(number):
            return number - 1, f"entry {number} of the chain is missing: {_name(row)} comes in its place"
        # Only what a rebuild has entered says as whom.
        restored = () if row.restored_as is None else (row.restored_as,)
        if _sha256(_netstrings([*row[: len(_ENTRY)], *restored])) != row.sha256:
            return number - 1, f"{_name(row)} was altered: its hash is not that of its columns"
        if row.previous_sha256 != (_NOTHING if before is None else before.sha256):
            if before is None:
                return 0, f"{_name(row)} was altered: it follows an entry that is not there"
            return number - 2, f"{_name(before)} was altered: {_name(row)} was sealed on another hash of it"
        before = row
    return len(chain), None


def _cut(connection: sa.Connection, entries: int, last: str) -> Iterator[str]:
    heads = list(_rows(connection, "decisions_head", ("entry", "sha256"), "entry"))
    if not heads:
        yield f"decisions_head is empty: the chain ends with entry {entries}, and nobody can publish. Restore a backup."
    for head in heads:
        if (head.entry, head.sha256) != (str(entries), last):
            yield f"the chain ends with entry {entries}, and decisions_head notes entry {head.entry}: one was altered"


def _altered_runs(connection: sa.Connection, chain: Sequence[Row]) -> Iterator[str]:
    """Runs that are not as they were when they were published or decided on, or of which the chain knows nothing."""
    ledgers: dict[str, str] = {}
    first = _first_digests(connection)
    for part in _rows(connection, "run_parts", ("run_id", *_PART), "run_id", "part"):
        values: list[str | None] = list(part[1:-1])
        for place, kind in ((-2, "input"), (-1, "scored")):
            values[place] = first.get((part.run_id, part.part, kind), values[place])
        ledgers[part.run_id] = ledgers.get(part.run_id, "") + "\n" + _netstrings([*values, part.written_at])
    runs = {run.run_id: run for run in _rows(connection, "scoring_runs", (*_RUN, "status"), "run_id")}
    digests = {
        run_id: _sha256(_netstrings(run[: len(_RUN)]) + ledgers.get(run_id, ""))
        for run_id, run in runs.items()
    }
    altered = set()
    for entry in chain:
        run = runs.get(entry.run_id)
        if entry.run_id in altered or entry.run_id is None:
            continue
        if run is None:
            yield f"run {entry.run_id} is gone, of which {_name(entry)} speaks"
        elif digests[entry.run_id] != entry.subject_sha256:
            yield f"run {entry.run_id} of {run.job} {run.score_date} or its ledger was altered since {_name(entry)}"
        elif entry.kind in ("approval", "rejection") and _decision(run) != (
            entry.by,
            entry.login,
            entry.reason,
        ):
            yield f"{_name(entry)} was inserted: the run says that {run.decided_by or 'nobody'} decided on it"
        else:
            continue
        altered.add(entry.run_id)
    sealed = {entry.run_id for entry in chain}
    for run in runs.values():
        if run.run_id not in sealed and (run.published_at is not None or run.decided_by):
            yield (
                f"run {run.run_id} of {run.job} {run.score_date} is {run.status}, and no entry of the chain says who "
                "published it or decided on it"
            )


def _wrong_statuses(connection: sa.Connection, chain: Sequence[Row]) -> Iterator[str]:
    """Runs whose status is not the one to which the chain leads."""
    moves = [entry for entry in chain if entry.kind in _MOVES]
    moved = {entry.run_id: entry for entry in moves}
    shown = {entry.run_id for entry in {(entry.job, entry.score_date): entry for entry in moves}.values()}
    rejected = {entry.run_id: entry for entry in chain if entry.kind == "rejection"}
    for run in _rows(connection, "scoring_runs", _STATUS, "run_id"):
        name = f"run {run.run_id} of {run.job} {run.score_date}"
        expected = "abandoned" if run.run_id in rejected else None
        if run.run_id in shown:
            expected = "superseded" if run.expired_at else "published"
        elif run.run_id in moved:
            expected = "superseded"
        elif expected is None and run.status in ("published", "superseded"):
            yield f"{name} is {run.status}, and no entry of the chain published it"
        if expected not in (None, run.status):
            entry = moved.get(run.run_id) or rejected[run.run_id]
            yield f"{name} is {run.status}, and not {expected} as {_name(entry)} has it"


def _early_expiries(connection: sa.Connection, chain: Sequence[Row]) -> Iterator[str]:
    """Runs on which somebody decided, and which expired before the job's retention lets them."""
    days = {row.job: row for row in _rows(connection, "retention", _DAYS, "job")}
    entries = _last_entries(chain)
    for run in _rows(connection, "scoring_runs", _STATUS, "run_id"):
        if (
            run.expired_at
            and run.run_id in entries
            and not _had_its_time(run, entries[run.run_id], days.get(run.job))
        ):
            yield (
                f"run {run.run_id} of {run.job} {run.score_date} expired on {run.expired_at}, and the job's retention "
                "does not say so"
            )


def _last_entries(chain: Sequence[Row]) -> dict[str, tuple[Row, ...]]:
    """For each run the last entry that published or rejected it, and the entry that replaced it afterwards."""
    last: dict[str, tuple[Row, ...]] = {}
    for entry in chain:
        if entry.kind in _MOVES or entry.kind == "rejection":
            if entry.replaced_run_id in last:
                last[entry.replaced_run_id] = (*last[entry.replaced_run_id], entry)
            last[entry.run_id] = (entry,)
    return last


def _had_its_time(run: Row, entries: Sequence[Row], kept: Row | None) -> bool:
    """Whether retention explains that a run expired.

    Args:
        run: which expired.
        entries: what published or rejected it last, and what replaced it then.
        kept: the days of its job.
    """
    if kept is None:
        return False
    expired = datetime.fromisoformat(run.expired_at)
    if expired < datetime.fromisoformat(kept.entered_at):  # by days that nobody knows any more
        return True
    entry = entries[-1]
    hidden = len(entries) > 1 or entry.kind == "rejection"
    # A hidden run whose files are gone expires without days where a rebuild makes it again.
    if hidden and entry.restored_as is not None:
        return True
    days = kept.superseded_days if hidden else kept.predictions_days
    if days is None:
        return False
    # From the beginning of the transaction that published or rejected, which is a little earlier than its entry.
    return datetime.fromisoformat(entry.recorded_at) - _PUBLISHING + timedelta(days=int(days)) <= expired


def _first_digests(connection: sa.Connection) -> dict[tuple[str, str, str], str]:
    """The digests that parts had before erasures rewrote them."""
    first: dict[tuple[str, str, str], str] = {}
    for rewrite in _rows(connection, "rewrites", _REWRITE, "rewrite_id"):
        first.setdefault((rewrite.run_id, rewrite.part, rewrite.kind), rewrite.sha256)
    return first


def _altered_rewrites(connection: sa.Connection, _: Sequence[Row]) -> Iterator[str]:
    """Parts whose digest in the ledger is not the one to which the erasures lead that rewrote them."""
    last: dict[tuple[str, str, str], str] = {}
    for rewrite in _rows(connection, "rewrites", _REWRITE, "rewrite_id"):
        part = (rewrite.run_id, rewrite.part, rewrite.kind)
        if last.get(part, rewrite.sha256) != rewrite.sha256:
            yield f"rewrite {rewrite.rewrite_id} of part {rewrite.part} of run {rewrite.run_id} follows from no other"
        last[part] = rewrite.sha256_next
    for row in _rows(connection, "run_parts", ("run_id", *_PART), "run_id", "part"):
        for kind, now in (("input", row.input_sha256), ("scored", row.scored_sha256)):
            if last.get((row.run_id, row.part, kind), now) != now:
                yield f"the {kind} digest of part {row.part} of run {row.run_id} is not what its erasures left"


def _unexplained_erasures(connection: sa.Connection, chain: Sequence[Row]) -> Iterator[str]:
    """Parts that were rewritten, or have lost rows, of a job that has erased nothing."""
    jobs = {run.run_id: run.job for run in _rows(connection, "scoring_runs", ("run_id", "job"), "run_id")}
    erased = {entry.job for entry in chain if entry.kind == "erasure"}
    for rewrite in _rows(connection, "rewrites", _REWRITE, "rewrite_id"):
        if jobs.get(rewrite.run_id) not in erased:
            yield (
                f"rewrite {rewrite.rewrite_id} of part {rewrite.part} of run {rewrite.run_id} belongs to no erasure. "
                "If one was interrupted, repeat it"
            )
    for part in _rows(connection, "run_parts", ("run_id", "part", "rows_erased"), "run_id", "part"):
        if part.rows_erased != "0" and jobs.get(part.run_id) not in erased:
            yield f"part {part.part} of run {part.run_id} lost {part.rows_erased} rows, and no entry is of an erasure"


def _decision(run: Row) -> tuple[str | None, ...]:
    # As the first revisions did, where somebody had decided without a reason.
    return run.decided_by, run.decided_as, run.decision_reason or "none given"


def _altered_receipts(connection: sa.Connection, chain: Sequence[Row]) -> Iterator[str]:
    sealed = {entry.erasure_id: entry for entry in chain if entry.erasure_id is not None}
    for receipt in _rows(connection, "erasures", _ERASURE, "erasure_id"):
        entry = sealed.pop(receipt.erasure_id, None)
        if entry is None:
            yield f"the receipt of erasure {receipt.erasure_id} is in no entry of the chain"
        elif _sha256(_netstrings(receipt)) != entry.subject_sha256:
            yield f"the receipt of erasure {receipt.erasure_id} was altered since {_name(entry)}"
    for erasure_id, entry in sealed.items():
        yield f"the receipt of erasure {erasure_id} is gone, of which {_name(entry)} speaks"


def _altered_moves(connection: sa.Connection, chain: Sequence[Row]) -> Iterator[str]:
    """Lines of `publications` that are not in the chain, and entries that are not in `publications`."""
    names = ["recorded_at" if column == "published_at" else column for column in _MOVE]
    sealed = {tuple(getattr(row, name) for name in names): row for row in chain if row.kind in _MOVES}
    for move in _rows(connection, "publications", _MOVE, "published_at"):
        if sealed.pop(tuple(move), None) is None:
            yield (
                f"publications: the {move.kind} of run {move.run_id} of {move.job} {move.score_date} was altered, "
                "inserted or doubled: no entry of the chain says the same"
            )
    for row in sealed.values():
        yield f"publications: the line of {_name(row)} was altered or is gone"


def _wrong_pointers(connection: sa.Connection, chain: Sequence[Row]) -> Iterator[str]:
    """Score dates of which analysts see another run than the last one that the chain says was published."""
    sealed = {(row.job, row.score_date): row for row in chain if row.kind in _MOVES}
    for pointer in _rows(connection, "current_runs", ("job", "score_date", "run_id"), "job", "score_date"):
        entry = sealed.pop((pointer.job, pointer.score_date), None)
        shown = f"{pointer.job} {pointer.score_date} shows run {pointer.run_id}"
        if entry is None:
            yield f"{shown}, and no entry of the chain published it"
        elif entry.run_id != pointer.run_id:
            yield f"{shown}, and not the run of {_name(entry)}"
    expired = {
        run.run_id
        for run in _rows(connection, "scoring_runs", ("run_id", "expired_at"), "run_id")
        if run.expired_at
    }
    for (job, score_date), entry in sealed.items():
        if entry.run_id not in expired:
            yield f"{job} {score_date} shows nothing, and not the run of {_name(entry)}"


def _rows(connection: sa.Connection, name: str, columns: Sequence[str], *order: str) -> Iterator[Row]:
    """Rows of a table, every value as Postgres writes it."""
    table = sa.table(name, *map(sa.column, columns), schema="scoring")
    texts = [sa.cast(table.c[column], sa.Text).label(column) for column in columns]
    query = sa.select(*texts).order_by(*(table.c[column] for column in order))
    result: sa.Result[Any] = connection.execute(query, execution_options={"yield_per": 10_000})
    yield from result


def _name(row: Row) -> str:
    what = f"erasure {row.erasure_id} in {row.job}"
    if row.kind != "erasure":
        what = f"{row.kind} of run {row.run_id}, {row.job} {row.score_date}"
    return f"entry {row.entry} ({what})"


def _netstrings(values: Iterable[str | None]) -> str:
    return ",".join("-" if value is None else f"{len(value.encode())}:{value}" for value in values)


def _sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
