"""A whole night in one process: the stages that Airflow runs as tasks, one after the other."""

from collections.abc import Callable
from datetime import date

from pipeline import model
from pipeline.extract import extract
from pipeline.job import Job
from pipeline.metrics import log_metrics
from pipeline.places import Places
from pipeline.predict import load_model, predict
from pipeline.stage import Publication
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
    work = load_model(places, run)
    loaded = model.load(model.resolve(places.home, run.model_name, job.model.alias, run.model_version))
    written = []
    for done, piece in enumerate(work):
        progress("predict and write", done, len(work))
        written.append(write(places, predict(places, piece, loaded)))
    progress("log_metrics", 0, 1)
    verdict = log_metrics(places, job.gate, run, written)
    progress("publish", 0, 1)
    return publish(places, run, verdict)
