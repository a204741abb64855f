"""What has had its time goes: scores that nobody reads any more, their metrics, rejected rows, parts, leftover files.

Each job's `[retention]` says how long, once the owner of the predictions database has entered it there
(`retention_days`, by `scoring migrate`): who prunes chooses no days. What is published and in date stays,
and so does a run that is still open. The database holds these rules itself, so that a prune cannot race a publish. The
next prune goes on where one was killed.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date

import sqlalchemy as sa

from pipeline.config.job import Job
from pipeline.config.sections import RetentionSection
from pipeline.databases import statements
from pipeline.maintenance import janitor, leftovers, retention_days
from pipeline.runs import folders, receipts
from pipeline.store.layout import RunRef

SCORES, REJECTED, METRICS = "scores", "rejected rows", "metrics"
PARTS, LEFTOVERS = "parts", "leftover files"

_SQL = statements.load("maintenance/retention")
_LISTS = {
    SCORES: _SQL["scores_due"],
    REJECTED: _SQL["rejected_due"],
    METRICS: _SQL["metrics_due"],
}
_YOUNGEST = "SELECT max(run_id) FROM scoring.scoring_runs"
_EXPIRE = "SELECT scoring.expire(:run_id)"
_EXPIRE_METRICS = "SELECT scoring.expire_metrics(:run_id)"
_EXPIRE_REASONS = "SELECT scoring.expire_reasons(:run_id)"
_EXPIRE_PARTS = "SELECT scoring.expire_parts(:run_id)"
_FIND = "SELECT first_block, last_block FROM scoring.find_rows(:run_id, :what)"
_DELETE = "SELECT scoring.delete_rows(:run_id, :what, :first, :until)"

# Blocks of 8 KB in one transaction: some 100,000 rows, a few tenths of a second.
_BLOCKS = 1000


@dataclass(frozen=True)
class Item:
    """Something that goes.

    Attributes:
        job: whose it is.
        score_date: the day that was scored.
        run_id: the run.
        what: scores, rejected rows, metrics, parts or leftover files.
        rows: how many rows in the database, None for files.
        size: how many bytes in the store, None for rows.
    """

    job: str
    score_date: date
    run_id: int
    what: str
    rows: int | None = None
    size: int | None = None


@dataclass(frozen=True)
class Pruned:
    """What went, and why something could not yet."""

    gone: tuple[Item, ...]
    postponed: tuple[str, ...]


def prune(
    address: Callable[[str], str],
    store: str,
    jobs: Sequence[Job],
    removed: Mapping[str, str] | None = None,
    *,
    dry_run: bool = False,
    after_restore: bool = False,
) -> Pruned:
    """Throw away what is due, in short transactions for which neither readers nor runs wait.

    Args:
        address: gives the address of a connection: of a job's predictions database as a member of `scoring_janitor`,
            which is called like `write.connection` with `_janitor` behind it.
        store: where runs keep their parts.
        jobs: whose things may go.
        removed: jobs without a file whose things may go, too, by the days that the database has; and the connection of
            each.
        dry_run: only list what would go.
        after_restore: go on though the store holds runs that the database has forgotten; they count as leftovers.

    Returns:
        what went; and what was in use, and is left for the next time.

    Raises:
        Busy: another prune or an erasure is at work.
        StoreError: the store cannot be used, or is another database's, or holds runs that this one has forgotten.
    """
    files: dict[str, RetentionSection | None] = dict.fromkeys(removed or ())
    files |= {job.name: job.retention for job in jobs}
    databases: dict[str, list[str]] = {}
    for name, conn_id in {**(removed or {}), **{job.name: job.write.connection for job in jobs}}.items():
        databases.setdefault(f"{conn_id}_janitor", []).append(name)
    gone: list[Item] = []
    postponed: list[str] = []
    for conn_id, theirs in databases.items():
        with janitor.session(address(conn_id)) as session:
            for name in theirs:
                if difference := retention_days.difference(session, name, files[name]):
                    postponed.append(difference)
                receipts.require_own(session, store, name, after_restore=after_restore)
            if dry_run:
                gone += _due(session, store, theirs)
            else:
                gone += _throw_away(session, store, theirs, postponed)
    return Pruned(tuple(item for item in gone if item.rows or item.size), tuple(postponed))


def _due(session: sa.Connection, store: str, jobs: Sequence[str]) -> Iterator[Item]:
    for job in jobs:
        for what in _LISTS:
            yield from _list(session, job, what)
        yield from (item for item, _ in _files(session, store, job))


def _throw_away(
    session: sa.Connection, store: str, jobs: Sequence[str], postponed: list[str]
) -> Iterator[Item]:
    for job in jobs:
        # Before the scores, so that what goes is what a dry run lists: metrics of scores that go now are not due yet.
        for item in _list(session, job, METRICS):
            rows = janitor.retry(session, _EXPIRE_METRICS, run_id=item.run_id)
            if rows is None:
                postponed.append(_in_work(item))
            yield replace(item, rows=rows)
        for item in _expire(session, job, postponed):
            while janitor.call(session, _EXPIRE_REASONS, run_id=item.run_id):
                pass
            yield replace(item, rows=_delete(session, item))
        for item in _list(session, job, REJECTED):
            folders.discard(store, RunRef(job, item.score_date, item.run_id).rejected)
            yield replace(item, rows=_delete(session, item))
        yield from _remove_files(session, store, job)


def _list(session: sa.Connection, job: str, what: str) -> list[Item]:
    rows = session.execute(sa.text(_LISTS[what]), {"job": job})
    return [Item(job, row.score_date, row.run_id, what, rows=row.rows) for row in rows]


def _expire(session: sa.Connection, job: str, postponed: list[str]) -> Iterator[Item]:
    """Mark the runs whose scores have had their time, so that none of them is published or rolled back to."""
    for item in _list(session, job, SCORES):
        marked = janitor.retry(session, _EXPIRE, run_id=item.run_id)
        if marked is None:
            postponed.append(_in_work(item))
        if marked:
            yield item


def _in_work(item: Item) -> str:
    return f"run {item.run_id} of {item.job} {item.score_date} is in work: left for the next time"


def _delete(session: sa.Connection, item: Item) -> int:
    """Delete what a run has in its table, some blocks at a time, and have the ledger note it; returns the rows."""
    values = {"run_id": item.run_id, "what": item.what}
    first, last = session.execute(sa.text(_FIND), values).one()
    if first is None:
        return 0
    rows = 0
    for block in range(first, last + 1, _BLOCKS):
        until = min(block + _BLOCKS, last + 1)
        rows += janitor.call(session, _DELETE, first=block, until=until, **values)
    session.execute(sa.text(_FIND), values)  # finds none, and notes it
    return rows


def _files(session: sa.Connection, store: str, job: str) -> Iterator[tuple[Item, list[str]]]:
    """What may go from the store, and its paths."""
    # The store before the ledger: a run is in the ledger before it has a folder.
    in_store = folders.folders(store, job)
    due = {
        (row.run_id, row.score_date): row.due
        for row in session.execute(sa.text(_SQL["parts_due"]), {"job": job})
    }
    late = leftovers.unnamed(session, job)
    # A run that this database has not come to yet is another database's.
    youngest = janitor.call(session, _YOUNGEST) or 0
    for folder in in_store:
        key = (folder.run_id, folder.score_date)
        files = {**folder.files, **folder.aside}
        what, paths = LEFTOVERS, leftovers.old(store, folder, late.get(folder.run_id, ()))
        if due.get(key):
            what, paths = PARTS, list(files)
        elif key not in due and folder.run_id <= youngest:
            paths = folders.old(store, files)
        if paths:
            # Rejected rows may have gone before, by their own days.
            size = sum(files[path] for path in paths if not path.endswith("/rejected.parquet"))
            yield Item(job, folder.score_date, folder.run_id, what, size=size), paths


def _remove_files(session: sa.Connection, store: str, job: str) -> Iterator[Item]:
    for item, paths in _files(session, store, job):
        if item.what == LEFTOVERS or janitor.retry(session, _EXPIRE_PARTS, run_id=item.run_id):
            folders.remove(store, paths)
            yield item
