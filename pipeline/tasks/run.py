"""A whole run in one process: the tasks of a DAG, side by side where they can be.

A part is scored while the next is extracted, and written while the next is scored, two at a time. Nothing is written
before the extraction has ended: its ledger has to stand first.
"""

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from datetime import date
from typing import Any

from pipeline.config.job import Job
from pipeline.config.workspace import Workspace
from pipeline.extraction import readiness
from pipeline.model import registry
from pipeline.model.failing import Tolerance
from pipeline.model.loaded_model import Model
from pipeline.model.manifest import PinnedVersion
from pipeline.monitoring.first_run.rescore import Former
from pipeline.payloads import PartTask, Publication, RunRequest, Scored, Written
from pipeline.runs import ledger
from pipeline.runtime import resources
from pipeline.runtime.clock import Clock
from pipeline.tasks.extract import extract
from pipeline.tasks.log_metrics import log_metrics
from pipeline.tasks.predict import score_part
from pipeline.tasks.publish import publish
from pipeline.tasks.write import write

# More connections than two would only wait for the server.
_WRITERS = 2

# Is called with the task, the parts done and the parts in all; 0 where nobody knows yet.
Progress = Callable[[str, int, int], None]


def score(
    workspace: Workspace,
    job: Job,
    score_date: date,
    request: RunRequest,
    *,
    pinned: PinnedVersion | None = None,
    progress: Progress = lambda task, done, total: None,
) -> Publication:
    """Score one job for one score date and publish it; a job with [ready] is asked once whether its source is ready.

    Args:
        workspace: folders, store and databases.
        job: what to score.
        score_date: the day whose rows are scored.
        request: what was asked for.
        pinned: the version that scores, where it is neither the alias' nor the request's.
        progress: called with the task, the parts done and the parts in all; 0 where nobody knows yet.

    Raises:
        ScoringError: as the tasks do; `Held` and `NothingToDo` among them.
    """
    request = readiness.once(workspace, job, score_date, request)
    pinned = pinned or _pinned(workspace, job, request)
    with _threads(1, resources.limit_threads) as scorer:
        loading: Future[Model] = scorer.submit(registry.load, pinned)
        former = Former(workspace.home, job)
        scored: list[Future[Scored]] = []

        def hand_over(work: PartTask) -> None:
            _require_no_error(scored)  # rows that cannot be scored need not be extracted to their end
            progress("extract and predict", len(scored), 0)
            scored.append(scorer.submit(_predict, workspace, job, work, loading, former))

        run = extract(
            workspace,
            job,
            score_date,
            request,
            pinned=pinned,
            load=lambda _: loading.result(),
            stored=hand_over,
        )
        # A write resumes a run that has failed: the failure is noted when no write goes on any more.
        with ledger.open_run(workspace.predictions, run.run_id), _threads(_connections()) as writers:
            loading.result()
            done = _write_all(workspace, job, writers, scored, progress)
    progress("log_metrics", 0, 1)
    verdict = log_metrics(workspace, job, run, done)
    progress("publish", 0, 1)
    return publish(workspace, job, run, verdict)


def _predict(
    workspace: Workspace, job: Job, work: PartTask, loading: Future[Model], former: Former
) -> Scored:
    """Score a part by the model that is loaded once for all."""
    tolerance = Tolerance.of(job, work.part.rows)
    pinned = registry.pin(workspace.home, work.model_name, work.model_version, work.model_sha256)
    scored = score_part(workspace, work, pinned, loading.result(), Clock(), tolerance, job.slices)
    return former.compared(workspace, work, scored)


def _pinned(workspace: Workspace, job: Job, request: RunRequest) -> PinnedVersion:
    return registry.resolve(workspace.home, job.model.name, job.model.alias, request.model_version)


def _write_all(
    workspace: Workspace,
    job: Job,
    writers: ThreadPoolExecutor,
    scored: Sequence[Future[Scored]],
    progress: Progress,
) -> list[Written]:
    """Write each part as soon as it is scored."""
    written: list[Future[Written]] = []
    for number, part in enumerate(scored):
        progress("predict and write", number, len(scored))
        _require_no_error(written)
        written.append(writers.submit(write, workspace, job, part.result()))
    return [part.result() for part in written]


def _require_no_error(begun: Sequence[Future[Any]]) -> None:
    for part in begun:
        if part.done():
            part.result()


def _connections() -> int:
    """How many parts are written at once: while the server takes in rows of one, those of another are made ready."""
    return min(resources.share(), _WRITERS)


@contextmanager
def _threads(number: int, begin: Callable[[], object] | None = None) -> Iterator[ThreadPoolExecutor]:
    """Threads that work off what they are given; after an error they end what they have begun, and nothing else."""
    threads = ThreadPoolExecutor(max_workers=number, initializer=begin)
    try:
        yield threads
    finally:
        threads.shutdown(cancel_futures=True)
