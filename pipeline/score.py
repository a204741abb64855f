"""A whole night in one process: the stages that Airflow runs as tasks, with a part written while the next is scored."""

from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import date

from pipeline import ledger
from pipeline.extract import extract
from pipeline.job import Job
from pipeline.metrics import log_metrics
from pipeline.model import Model
from pipeline.places import Places
from pipeline.predict import predict, prepare
from pipeline.stage import Publication, Work, Written
from pipeline.write import publish, write


def score(
    places: Places,
    job: Job,
    score_date: date,
    *,
    trigger: str,
    model_version: int | None = None,
    dry_run: bool = False,
    progress: Callable[[str, int, int], None] = lambda stage, done, total: None,
) -> Publication:
    """Score one job for one score date and publish it.

    Args:
        places: folders, store and databases.
        job: what to score.
        score_date: the day whose rows are scored.
        trigger: what started the run.
        model_version: a registered version to use instead of the job's alias.
        dry_run: everything but publish.
        progress: called with the stage, the parts done and the parts in all.

    Raises:
        ScoringError: as the stages do; `Held` and `NothingToDo` among them.
    """
    progress("extract", 0, 1)
    run = extract(places, job, score_date, trigger=trigger, model_version=model_version, dry_run=dry_run)
    progress("load_model", 0, 1)
    loaded, work = prepare(places, run)
    # The part that is scored while a write fails resumes the run; this notes the failure when both have ended.
    with ledger.working(places.predictions, run.run_id):
        written = _predict_and_write(
            places, loaded, work, lambda done: progress("predict and write", done, len(work))
        )
    progress("log_metrics", 0, 1)
    verdict = log_metrics(places, job.gate, run, written)
    progress("publish", 0, 1)
    return publish(places, run, verdict)


def _predict_and_write(
    places: Places, loaded: Model, work: Sequence[Work], begun: Callable[[int], None]
) -> list[Written]:
    """Score part after part; the database takes each in while the next is scored."""
    written: list[Future[Written]] = []
    # Leaving the block waits for the part that is being written. After one that failed, no other is handed over.
    with ThreadPoolExecutor(max_workers=1) as writer:
        for number, piece in enumerate(work):
            begun(number)
            scored = predict(places, piece, loaded)
            if written:
                written[-1].result()
            written.append(writer.submit(write, places, scored))
        return [part.result() for part in written]
