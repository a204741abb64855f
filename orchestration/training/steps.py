"""What the tasks of a job's training do: JSON in, a function of `pipeline` called, JSON out.

Heavy imports stay inside the functions: Airflow reads the DAG files again and again.
"""

import logging
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from orchestration import notify
from orchestration.context import outcome, require_known, score_date, workspace_of
from orchestration.steps import Json
from pipeline.config import workspace
from pipeline.config.job import Job
from pipeline.errors import NothingToDo, ScoringError

log = logging.getLogger(__name__)

# They name entities, so that note_training removes them.
_AGAIN = "The training rows go with the failure: clear `extract_training` then, which reads them again."


def begin(job: Job, context: Mapping[str, Any]) -> None:
    """End well where a quality alarm is to have a candidate trained, and as skipped where none is."""
    from pipeline.candidates import alarms

    with outcome():
        since = alarms.claim(workspace_of(job).predictions, job.name, context["dag_run"].run_id)
        if since is None:
            raise NothingToDo(f"{job.name} has no quality alarm that has had no candidate trained")
    log.info("%s: the quality alarm of %s has a candidate trained", job.name, since)


def extract(job: Job, context: Mapping[str, Any], days: int) -> Json:
    """Read the training rows and lay them into the store; returns what they are.

    Args:
        job: whose model is trained.
        context: of the task.
        days: from a score date to the day on which its outcomes are known.
    """
    from pipeline.candidates import handover
    from pipeline.retraining import rows

    with outcome(), tempfile.TemporaryDirectory(prefix="training-") as folder:
        require_known(context, "score_date")
        path, place = Path(folder) / "rows.parquet", workspace_of(job, warehouse=True)
        read = rows.read(place, job, score_date(job, context, days), path)
        handover.put(place.store, job.name, context["dag_run"].run_id, path)
        for note in read.notes:
            log.warning("%s", note)
        return read.json_value()


def train(job: Job, context: Mapping[str, Any], read: Json) -> Json:
    """Train and evaluate a candidate, and put its files into the artefact store; returns the candidate.

    Args:
        job: whose model is trained.
        context: of the task.
        read: what `extract` has returned.
    """
    from pipeline.candidates import handover
    from pipeline.retraining.rows import TrainingRows
    from pipeline.retraining.team_code import RetrainingError
    from pipeline.retraining.train import train
    from pipeline.runs import code_version

    files = workspace.files()
    with outcome(), tempfile.TemporaryDirectory(prefix="training-") as folder:
        path = Path(folder) / "rows.parquet"
        try:
            handover.fetch(files.store, job.name, context["dag_run"].run_id, path)
            return train(files, job, code_version.read(TrainingRows, read), path).json_value()
        except (ScoringError, FileNotFoundError) as error:
            raise RetrainingError(f"{error} {_AGAIN}", private=getattr(error, "private", ())) from error


def register(job: Job, context: Mapping[str, Any], draft: Json) -> int:
    """Enter the candidate, remove the training rows, and notify people of it; returns its number."""
    from pipeline.candidates import handover, ledger
    from pipeline.candidates.candidate import Draft
    from pipeline.runs import code_version

    with outcome():
        place, trigger = workspace_of(job), context["dag_run"].run_id
        try:
            candidate = code_version.read(Draft, draft)
            number = ledger.enter(place.predictions, candidate, trigger)
        finally:
            handover.remove(place.store, job.name, trigger)
    log.info(
        "%s: candidate %s; to review it as a version: scoring adopt %s %s", job.name, number, job.name, number
    )
    notify.notify_candidate(job, context, number, candidate)
    return number
