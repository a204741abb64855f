"""Scored parts become rows of an unpublished run; publishing moves one pointer.

Nothing that an analyst reads changes before the pointer moves, and it moves in one short transaction that no reader
waits for. A part is loaded once: whoever marks its line of the ledger first also copies its rows, in one transaction.
"""

import logging
from collections.abc import Iterable, Iterator
from typing import Any

import pyarrow as pa

from pipeline.config.job import Job
from pipeline.config.workspace import Workspace
from pipeline.databases import postgres, statements
from pipeline.extraction import rejections
from pipeline.payloads import Scored, Written
from pipeline.runs import ledger
from pipeline.runs.archive import as_rows
from pipeline.runs.code_version import require_same
from pipeline.runs.publications import PublishError
from pipeline.runtime.clock import Clock
from pipeline.runtime.progress import Progress
from pipeline.store import parts
from pipeline.store.layout import RunRef

_SQL = statements.load("tasks/write")

log = logging.getLogger(__name__)


def write(workspace: Workspace, job: Job, scored: Scored) -> Written:
    """Load one part's scores into the run, by COPY. A repeated or concurrent try changes nothing.

    Raises:
        DeploymentError: another deployment came since the run began.
        PartError: the scored part is missing or altered.
        PublishError: the part was written before with other scores.
        Superseded: the run was closed or published meanwhile.
    """
    clock = Clock()
    ref, number = RunRef.of(scored), scored.part.number
    line = (scored.run_id, scored.part.number, scored.part.rows, scored.part.sha256)
    with ledger.open_run(workspace.predictions, scored.run_id):
        require_same(workspace, job, scored)
        batches = parts.read(workspace.store, ref.scored(number), scored.part)
        with postgres.connect(workspace.predictions) as session, session.cursor() as cursor:
            ledger.write_as(cursor, scored.run_id)
            cursor.execute(_SQL["claim"], (*line, scored.rejected.rows if scored.rejected else 0))
            if cursor.fetchall() != [(None,)]:
                rows = as_rows(ref, number, _counted(scored, batches))
                postgres.load(cursor, "scoring", "prediction_rows", rows)
                if scored.rejected:
                    failed = parts.read(workspace.store, ref.rejected_in(number), scored.rejected)
                    rejections.load_failed(cursor, scored.run_id, number, job.extract.shards, failed)
            else:
                cursor.execute(_WRITTEN, line[:2])
                _require_same(scored, cursor.fetchall())
            session.commit()
    log.info("part %s: %s rows written", scored.part.number, scored.part.rows)
    return Written(
        run_id=scored.run_id,
        part=scored.part,
        profile=scored.profile,
        rejected=scored.rejected.rows if scored.rejected else 0,
        moved=scored.moved,
        compiled=scored.compiled,
        predict=scored.cost,
        write=clock.cost(),
    )


def _counted(scored: Scored, batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    progress = Progress(log, f"part {scored.part.number}: written", scored.part.rows)
    for batch in batches:
        yield batch
        progress.add(batch.num_rows)


def _require_same(scored: Scored, lines: list[tuple[Any, ...]]) -> None:
    if lines != [(scored.part.rows, scored.part.sha256)]:
        raise PublishError(
            f"run {scored.run_id} has written part {scored.part.number} with other scores before: the model does not "
            "give the same scores twice. Fix its random_state, and clear the task `extract`."
        )
    log.info("part %s was written before: nothing to do", scored.part.number)


_WRITTEN = "SELECT rows_scored, scored_sha256 FROM scoring.run_parts WHERE run_id = $1 AND part = $2"
