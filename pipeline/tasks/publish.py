"""A written run is audited, the gate's verdict applied, and the run made the one that `predictions` shows."""

import logging
from concurrent.futures import ThreadPoolExecutor

import sqlalchemy as sa

from pipeline.config.job import Job
from pipeline.config.workspace import Workspace
from pipeline.databases import postgres
from pipeline.errors import NothingToDo
from pipeline.payloads import Publication, Run, Verdict
from pipeline.project import SQL
from pipeline.runs import ledger, receipts, store_identity
from pipeline.runs.code_version import require_same
from pipeline.runs.ledger import Superseded
from pipeline.runs.publications import PublishError, held, move_pointer, publication_of, published, row_of
from pipeline.store import files
from pipeline.store.layout import RunRef

log = logging.getLogger(__name__)

_AUDITS = SQL / "audit"


def publish(workspace: Workspace, job: Job, run: Run, verdict: Verdict) -> Publication:
    """Audit a written run, apply the gate's verdict, and make it the one that `predictions` shows.

    A try that comes after a commit whose answer was lost is told the same again: publication or hold.

    Raises:
        DeploymentError: another deployment came since the run began.
        PublishError: the audit found rows missing, doubled or unaccounted for; they are named.
        Held: the gate did not pass; a person decides.
        Rejected: one has decided against it.
        Superseded: a newer run of the same score date is published.
        NothingToDo: it was a dry run.
    """
    try:
        with ledger.open_run(workspace.predictions, run.run_id):
            require_same(workspace, job, run)
            _publish(workspace, run, verdict)
    except Superseded:
        receipts.follow(workspace.predictions, workspace.store, run.job)
        return published(workspace.predictions, run.run_id)
    receipts.follow(workspace.predictions, workspace.store, run.job)
    publication = publication_of(workspace.predictions, row_of(workspace.predictions, run.run_id))
    log.info("run %s published, %s replaced", run.run_id, publication.replaced_run_id or "none")
    return publication


def _publish(workspace: Workspace, run: Run, verdict: Verdict) -> None:
    with ThreadPoolExecutor(1) as beside:
        covered = beside.submit(_cover, workspace.predictions, run)
        audit(workspace.predictions, run)
        covered.result()
    store_identity.require(workspace.store, run.job, store_identity.of(workspace.predictions))
    files.remove_temporary(workspace.store, RunRef.of(run).folder)
    if run.dry_run:
        ledger.close(workspace.predictions, run.run_id, "abandoned", "dry run")
        raise NothingToDo(f"run {run.run_id}: a dry run, {verdict.rows_scored} rows scored and not published")
    _archive(workspace, run, rejected=run.rows_extracted - verdict.rows_scored)
    if not verdict.passed:
        reason = "; ".join(verdict.reasons)
        ledger.close(workspace.predictions, run.run_id, "held", reason)
        raise held(run.run_id, run.job, run.score_date, reason)
    move_pointer(workspace.predictions, run.run_id)


def _archive(workspace: Workspace, run: Run, rejected: int) -> None:
    """Keep in the store what a lost database could not be made again without; `rejected` rows among it."""
    ref, kept = RunRef.of(run), None
    if rejected:
        kept = receipts.archive_rejected(workspace.predictions, workspace.store, ref)
    with postgres.engine(workspace.predictions).connect() as connection:
        receipts.archive(connection, workspace.store, ref, kept)


def _cover(database_url: str, run: Run) -> None:
    # Not part by part, which would make COPY half as slow again.
    with postgres.engine(database_url).begin() as connection:
        connection.execute(sa.text(_INDEX), {"score_date": run.score_date})


def audit(database_url: str, run: Run) -> None:
    """Run every query of sql/audit; each must return no row.

    Raises:
        PublishError: one does; its first rows are in the message.
    """
    values = {"run_id": run.run_id, "score_date": run.score_date}
    with postgres.engine(database_url).connect() as connection:
        # A million entities are grouped in 0.7 s; with the server's defaults (4 MB, and two workers) in 1.8 s.
        connection.execute(sa.text("SET LOCAL work_mem = '128MB'"))
        connection.execute(sa.text("SET LOCAL max_parallel_workers_per_gather = 0"))
        for file in sorted(_AUDITS.glob("*.sql")):
            problems = (
                connection.execute(sa.text(file.read_text(encoding="utf-8")), values).scalars().fetchmany(6)
            )
            if problems:
                shown = "; ".join(problems[:5]) + (", and more" if len(problems) > 5 else "")
                raise PublishError(
                    f"run {run.run_id} of {run.job} {run.score_date} cannot be published, "
                    f"{file.stem.replace('_', ' ')}: {shown}. What was published before stays. Correct the query or "
                    "the warehouse, and clear the task `extract`.",
                    private=[shown],
                )


_INDEX = "SELECT scoring.summarize(day), scoring.analyze(day) FROM CAST(:score_date AS date) AS day"
