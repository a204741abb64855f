"""A job file that cannot be used: its error stands in Airflow beside its name, and the other jobs go on."""

import hashlib
import os
from pathlib import Path
from typing import Any

from airflow.sdk import DAG

from pipeline.config.job import JobError


class BrokenJob(DAG):
    """Stands in for a job file that cannot be used.

    Airflow keeps one import error a file, and lets no DAG of that file run. So this one claims to come from the job
    file, and fails when Airflow serializes it: the error stands beside the job file, and the other jobs go on.
    """

    job_file: str
    error: JobError

    def __init__(self, path: Path, error: JobError) -> None:
        """Stand in for a job file, under an id that no other file's DAG has: a job's name has no hyphen."""
        super().__init__(f"broken-{hashlib.sha256(os.fsencode(path.name)).hexdigest()[:12]}", schedule=None)
        # A file's name may be bytes that are no text, which Airflow can't keep: it would lose every job's DAG.
        self.job_file, self.error = _as_text(path.name), JobError(_as_text(str(error)))

    @property
    def relative_fileloc(self) -> str:
        """The job file; Airflow would say scoring.py."""
        return self.job_file

    @relative_fileloc.setter
    def relative_fileloc(self, _: str | None) -> None: ...

    def get_serialized_fields(self) -> Any:  # type: ignore[override]
        """Fail with the job file's error."""
        raise self.error


def _as_text(name: str) -> str:
    return name.encode(errors="backslashreplace").decode()
