"""A job file that cannot be used: its error stands in Airflow beside its name, and the other jobs go on."""

import hashlib
import logging
import os
from collections.abc import Callable
from pathlib import Path

from airflow.sdk import DAG

from orchestration._airflow import UnusableDAG
from pipeline.config import loader
from pipeline.config.job import Job, JobError

log = logging.getLogger(__name__)


class BrokenJob(UnusableDAG):
    """Stands in for a job file that cannot be used."""

    def __init__(self, path: Path, error: JobError) -> None:
        """Stand in for a job file, under an id that no other file's DAG has: a job's name has no hyphen."""
        super().__init__(f"broken-{hashlib.sha256(os.fsencode(path.name)).hexdigest()[:12]}", schedule=None)
        # A file's name may be bytes that are no text, which Airflow can't keep: it would lose every job's DAG.
        self.claimed_file, self.error = _as_text(path.name), JobError(_as_text(str(error)))


def dag_of(path: Path, build: Callable[[Job], DAG]) -> DAG:
    """The DAG of one job file, or what stands in for it.

    Args:
        path: the job file.
        build: makes a job's DAG.
    """
    try:
        return build(loader.read(path))
    except JobError as error:
        return BrokenJob(path, error)
    except Exception as error:  # whatever Airflow refuses of one job, the other jobs go on
        log.exception("%s", path.name)
        refusal = (
            f"{path.name}: Airflow refuses its DAG: {type(error).__name__}: {error}. Correct the job file."
        )
        return BrokenJob(path, JobError(refusal))


def _as_text(name: str) -> str:
    return name.encode(errors="backslashreplace").decode()
