"""What has had its time goes: scores that nobody reads any more, rejected rows, parts, and what killed tries left.

Each job's `[retention]` says how long. What is published and in date stays, and so does a run that is still open; the
database holds these rules itself, so that a prune cannot race a publish. A prune that was killed is taken up by the
next one.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import date

import sqlalchemy as sa

from pipeline import attic, janitor, receipts
from pipeline.job import Job

SCORES, REJECTED, PARTS, LEFTOVERS = "scores", "rejected rows", "parts", "leftover files"

# Blocks of 8 KB in one transaction: some 100,000 rows, a few tenths of a second.
_BLOCKS = 1000


@dataclass(frozen=True)
class Item:
    """Something that goes.

    Attributes:
        job: whose it is.
        score_date: the day that was scored.
        run_id: the run.
        what: scores, rejected rows, parts or leftover files.
        rows: how many rows in the database, None for files.
        size: how many bytes in the store, None for rows.
    """

    job: str
    score_date: date
    run_id: int
    what: str
    rows: int | None = None
    size: int | None = None

    @property
    def month(self) -> date:
        """The first day of the month whose partition holds the run's scores."""
        return self.score_date.replace(day=1)


@dataclass(frozen=True)
class Pruned:
    """What went, and why something could not yet."""

    gone: tuple[Item, ...]
    postponed: tuple[str, ...]


def prune(
    address: Callable[[str], str],
    store: str,
    jobs: Sequence[Job],
    *,
    dry_run: bool = False,
    after_restore: bool = False,
) -> Pruned:
    """Throw away what is due, in short transactions for which neither readers nor a night wait.

    Args:
        address: gives the address of a connection: of a job's predictions database as a member of `scoring_janitor`,
            which is called like `write.connection` with `_janitor` behind it.
        store: where runs keep their parts.
        jobs: whose retention counts.
        dry_run: only list what would go.
        after_restore: go on though the store holds runs that the database has forgotten; they count as leftovers.

    Returns:
        what went; and what was in use, and is left for the next time.

    Raises:
        Busy: another prune or an erasure is at work.
        StoreError: the store cannot be used, or is another database's, or holds runs that this one has forgotten.
    """
    databases: dict[str, list[Job]] = {}
    for job in jobs:
        databases.setdefault(f"{job.write.connection}_janitor", []).append(job)
    gone: list[Item] = []
    postponed: list[str] = []
    for conn_id, theirs in databases.items():
        with janitor.session(address(conn_id)) as session:
            for job in theirs:
                receipts.require_own(session, store, job.name, after_restore=after_restore)
            if dry_run:
                gone += _due(session, store, theirs)
            else:
                gone += _throw_away(session, store, theirs, postponed)
    return Pruned(tuple(item for item in gone if item.rows or item.size), tuple(postponed))


def _due(session: sa.Connection, store: str, jobs: Sequence[Job]) -> Iterator[Item]:
    for job in jobs:
        yield from _list(session, job, _SCORES)
        yield from _list(session, job, _REJECTED)
        yield from (item for item, _ in _files(session, store, job))


def _throw_away(
    session: sa.Connection, store: str, jobs: Sequence[Job], postponed: list[str]
) -> Iterator[Item]:
    expired = [item for job in jobs for item in _expire(session, job, postponed)]
    scores = _delete_scores(session, expired, postponed)
    rejected = [item for job in jobs for item in _delete_rejected(session, store, job)]
    yield from [*scores, *rejected]
    for job in jobs:
        yield from _remove_files(session, store, job)
    days = {item.score_date for item in scores if item.rows}
    janitor.vacuum(session, days, rejected=any(item.rows for item in rejected))


def _list(session: sa.Connection, job: Job, query: str) -> list[Item]:
    what = SCORES if query is _SCORES else REJECTED
    found = session.execute(sa.text(query), {"job": job.name, **job.retention.model_dump()})
    return [Item(job.name, row.score_date, row.run_id, what, rows=row.rows) for row in found]


def _expire(session: sa.Connection, job: Job, postponed: list[str]) -> Iterator[Item]:
    """Mark the runs whose scores have had their time, so that none of them is published or rolled back to."""
    days = job.retention.model_dump()
    for item in _list(session, job, _SCORES):
        marked = janitor.try_call(session, _EXPIRE, run_id=item.run_id, **days)
        if marked is None:
            postponed.append(f"run {item.run_id} of {job.name} {item.score_date} is being worked on")
        if marked:
            yield item


def _delete_scores(session: sa.Connection, expired: Sequence[Item], postponed: list[str]) -> list[Item]:
    months = set(session.execute(sa.text(_MONTHS)).scalars())
    emptied, busy = _empty(session, months) if months else (set(), set())
    postponed += [f"the scores of {month:%Y-%m} are being read" for month in sorted(busy)]
    waiting = [item for item in expired if item.score_date.replace(day=1) not in busy]
    deleted = [(item, _delete(session, item)) for item in waiting]
    return [
        item if item.score_date.replace(day=1) in emptied else replace(item, rows=rows)
        for item, rows in deleted
    ]


def _empty(session: sa.Connection, months: set[date]) -> tuple[set[date], set[date]]:
    """Empty months of which every run has expired; returns those that were, and those that are in use."""
    if not janitor.outlast(session):
        return set(), months
    done = {month: janitor.insist(session, _EMPTY, month=month) for month in sorted(months)}
    return {month for month in months if done[month]}, {month for month in months if done[month] is None}


def _delete_rejected(session: sa.Connection, store: str, job: Job) -> Iterator[Item]:
    for item in _list(session, job, _REJECTED):
        attic.discard(store, receipts.rejected_path(job.name, item.score_date.isoformat(), item.run_id))
        yield replace(item, rows=_delete(session, item, job))


def _delete(session: sa.Connection, item: Item, job: Job | None = None) -> int:
    """Delete what a run has in its table, some blocks at a time, and have the ledger note it; returns the rows."""
    days = job.retention.rejected_values_days if job else None
    values = {"run_id": item.run_id, "what": item.what, "days": days}
    first, last = session.execute(sa.text(_FIND), values).one()
    if first is None:
        return 0
    rows = 0
    for block in range(first, last + 1, _BLOCKS):
        until = min(block + _BLOCKS, last + 1)
        rows += janitor.call(session, _DELETE, first=block, until=until, **values)
    session.execute(sa.text(_FIND), values)  # finds none, and notes it
    return rows


def _files(session: sa.Connection, store: str, job: Job) -> Iterator[tuple[Item, list[str]]]:
    """What may go from the store, and its paths."""
    # The store before the ledger: a run is in the ledger before it has a folder.
    lying = attic.folders(store, job.name)
    values = {"job": job.name, "days": job.retention.parts_days}
    known = {(row.run_id, row.score_date): row.due for row in session.execute(sa.text(_RUNS), values)}
    # A run that this database has not come to yet is another database's.
    youngest = janitor.call(session, _YOUNGEST) or 0
    for folder in lying:
        key = (folder.run_id, folder.score_date)
        files = {**folder.files, **folder.aside}
        what, paths = LEFTOVERS, attic.old(store, folder.aside)
        if known.get(key):
            what, paths = PARTS, list(files)
        elif key not in known and folder.run_id <= youngest:
            paths = attic.old(store, files)
        if paths:
            # Rejected rows may have gone before, by their own days.
            size = sum(files[path] for path in paths if not path.endswith(receipts.REJECTED_FILE))
            yield Item(job.name, folder.score_date, folder.run_id, what, size=size), paths


def _remove_files(session: sa.Connection, store: str, job: Job) -> Iterator[Item]:
    for item, paths in _files(session, store, job):
        values = {"run_id": item.run_id, "days": job.retention.parts_days}
        if item.what == LEFTOVERS or janitor.try_call(session, _EXPIRE_PARTS, **values):
            attic.remove(store, paths)
            yield item


_SCORES = """
SELECT run_id, score_date,
       (SELECT coalesce(sum(rows_scored - rows_erased), 0) FROM scoring.run_parts WHERE run_id = run.run_id) AS rows
FROM scoring.scoring_runs AS run
WHERE job = :job AND scoring.rows_due(run, :superseded_days, :predictions_days) ORDER BY run_id
"""
_REJECTED = """
SELECT run_id, score_date, (SELECT count(*) FROM scoring.rejected_rows WHERE run_id = run.run_id) AS rows
FROM scoring.scoring_runs AS run
WHERE job = :job AND scoring.rejected_due(run, :rejected_values_days) ORDER BY run_id
"""
_RUNS = """
SELECT run_id, score_date, (parts_pruned_at IS NOT NULL OR scoring.parts_due(run, :days)) AS due
FROM scoring.scoring_runs AS run WHERE job = :job
"""
_YOUNGEST = "SELECT max(run_id) FROM scoring.scoring_runs"
# A month that was in use for a week goes row by row.
_MONTHS = """
SELECT date_trunc('month', score_date)::date FROM scoring.scoring_runs GROUP BY 1
HAVING bool_and(expired_at IS NOT NULL) AND bool_or(rows_pruned_at IS NULL)
   AND max(expired_at) > now() - interval '7 days'
"""
_EXPIRE = "SELECT scoring.expire(:run_id, :superseded_days, :predictions_days)"
_EXPIRE_PARTS = "SELECT scoring.expire_parts(:run_id, :days)"
_EMPTY = "SELECT scoring.empty_month(:month)"
_FIND = "SELECT first_block, last_block FROM scoring.find_rows(:run_id, :what)"
_DELETE = "SELECT scoring.delete_rows(:run_id, :what, :first, :until, :days)"
