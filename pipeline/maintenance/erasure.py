"""A subject's rows go: from predictions, rejected rows, kept parts and scored parts of every run of a job.

Files first, the database last. Before a file is rewritten the ledger notes the digest that it is about to have; so a
part is always what the ledger says, or what it says next, and whatever interrupts an erasure, a second one finishes it.
"""

import re
from dataclasses import dataclass

import sqlalchemy as sa

from pipeline.databases import statements
from pipeline.errors import UsageError
from pipeline.maintenance import janitor, rewriting
from pipeline.runs import erasures, folders, receipts
from pipeline.store.layout import RunRef

_SQL = statements.load("maintenance/erasure")


class EraseError(UsageError):
    """An erasure that was asked for in a way that cannot be."""


@dataclass(frozen=True)
class Receipt:
    """What an erasure did. Never whose rows went: nothing of the subject is in it.

    Attributes:
        erasure: its number in `scoring.erasures`.
        job: whose runs were searched.
        runs: how many of them held something.
        prediction_rows: rows erased from the scores, of published and of other runs.
        rejected_rows: rows erased from the rejected rows: one for every rule that a row broke.
        parts: parts whose files were rewritten.
        in_work: runs that a try may be going on with; they were left alone, and may hold the subject still.
    """

    erasure: int
    job: str
    runs: int
    prediction_rows: int
    rejected_rows: int
    parts: int
    in_work: tuple[int, ...]


def erase(
    uri: str, store: str, job: str, entity: str, *, by: str, reason: str, after_restore: bool = False
) -> Receipt:
    """Erase an entity from every run of a job, save those that a try may be going on with.

    Args:
        uri: the predictions database, as a member of `scoring_janitor`.
        store: where runs keep their parts.
        job: the job's name.
        entity: the subject, as the job's query names it in `entity_id`.
        by: who erases.
        reason: why; kept in the receipt, so it must not name the subject.
        after_restore: go on though the store holds runs that the database has forgotten, and leave those alone.

    Raises:
        StoreError: the store is another database's, or holds runs that this one has forgotten.
        EraseError: the job has no run; or the reason names the subject, or is missing.
        Busy: a prune or another erasure is at work.
        PartError: a part is damaged, so nobody knows whether the subject is in it.
    """
    _require_anonymous(entity, by, reason)
    with janitor.session(uri) as session:
        runs = session.execute(sa.text(_SQL["runs"]), {"job": job}).all()
        if not runs:
            raise EraseError(f"job {job!r} has no run. `scoring runs` lists the jobs that have.")
        receipts.require_own(session, store, job, after_restore=after_restore)
        kept = {folder.run_id for folder in folders.folders(store, job)}
        for run in runs:
            if run.has_files:
                rewriting.rewrite_rejected(session, store, RunRef(job, run.score_date, run.run_id), entity)
        rewritten = [
            (file, digest)
            for file in rewriting.archived_files(session, job)
            if (digest := rewriting.rewrite(session, store, file, entity))
        ]
        values = {
            "job": job,
            "entity": entity,
            "closed": [run.run_id for run in runs if not run.in_work],
            "runs": [file.run_id for file, _ in rewritten],
            "parts": [file.part for file, _ in rewritten],
            "digests": [digest for _, digest in rewritten],
            "by": by,
            "reason": reason,
        }
        session.execute(sa.text(_SQL["reasons"]), values)
        done = session.execute(sa.text(_SQL["erase"]), values).one()
        erasures.keep_erasure(session, store, job, done.erasure)
    return Receipt(
        done.erasure, job, done.runs, done.prediction_rows, done.rejected_rows, done.parts,
        in_work=tuple(run.run_id for run in runs if run.in_work and (run.may_read or run.run_id in kept)),
    )  # fmt: skip


def _require_anonymous(entity: str, by: str, reason: str) -> None:
    if not entity.strip():
        raise EraseError("an erasure is of somebody, and ENTITY is empty. Give ENTITY, --by and --reason.")
    for what, text in (("name", by), ("reason", reason)):
        if not any(map(str.isalnum, text)):
            raise EraseError(
                f"the {what} {text!r} says nothing: it has no letter and no digit. The receipt says who erased, and "
                "why. Give ENTITY, --by and --reason."
            )
    if re.search(rf"(?<![\w-]){re.escape(entity)}(?![\w-])", f"{by}\n{reason}"):
        raise EraseError("the receipt is kept, and must not name whom it is about. Reword --by and --reason.")
