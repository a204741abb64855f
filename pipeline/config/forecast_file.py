"""A job's forecast beside its job file, `dags/JOB.forecast.json`: how much memory a task of its next run takes.

`scoring check JOB --keep-forecast` writes it, a team commits it, and its DAG reads it where the job file names no
memory. No database is asked while DAG files are read.
"""

import json
import math
from pathlib import Path

# The tasks of which the forecast speaks: it is the most memory that one of them holds.
TASKS = ("extract", "predict", "write")


def path_of(folder: Path, job: str) -> Path:
    """The file of a job.

    Args:
        folder: the folder of the job files.
        job: its name.
    """
    return folder / f"{job}.forecast.json"


def keep(folder: Path, job: str, *, rows: int, peak_mb: float) -> Path:
    """Write what was forecast; returns the file. The same forecast leaves the same bytes."""
    path = path_of(folder, job)
    path.write_text(json.dumps({"rows": rows, "peak_mb": math.ceil(peak_mb)}) + "\n", encoding="utf-8")
    return path


def peak_mb(folder: Path, job: str) -> int | None:
    """Megabytes of memory that were forecast; None where nothing was, or the file is none of ours."""
    try:
        forecast = json.loads(path_of(folder, job).read_bytes())["peak_mb"]
    except (OSError, ValueError, TypeError, KeyError):
        return None
    return forecast if type(forecast) is int and forecast > 0 else None
