"""Trains a job's model again from the warehouse to the database, in one go, as the command line does."""

import tempfile
from datetime import date
from pathlib import Path

from pipeline.candidates import ledger
from pipeline.candidates.candidate import Draft
from pipeline.config.job import Job
from pipeline.config.workspace import Workspace
from pipeline.retraining import rows, train


def run(workspace: Workspace, job: Job, last: date, trained_by: str) -> tuple[int, Draft]:
    """Read the rows, train, evaluate and enter a candidate; returns its number, and the candidate.

    Args:
        workspace: folders, store and databases.
        job: with a section [training].
        last: the last score date to be trained on.
        trained_by: what has it trained.

    Raises:
        ScoringError: as its steps do; then nothing was entered.
    """
    rows.required(job)
    with tempfile.TemporaryDirectory(prefix="training-") as folder:
        path = Path(folder) / "rows.parquet"
        read = rows.read(workspace, job, last, path)
        draft = train.train(workspace, job, read, path)
    return ledger.enter(workspace.predictions, draft, trained_by), draft
