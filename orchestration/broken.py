"""Files that cannot be used: the error stands in Airflow beside the file's name, and the other jobs go on.

No task of a DAG that was never made can say so. `inspect` looks at every file, notes failed runs, and notifies people.
"""

import hashlib
import logging
import os
import runpy
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from airflow.sdk import DAG

from orchestration import credentials, notify
from orchestration._airflow import UnusableDAG
from orchestration.context import connection
from pipeline.config import loader
from pipeline.config.job import Job, JobError

if TYPE_CHECKING:
    from pipeline.punctuality.broken_files import Broken

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


def keep_needed(folder: Path) -> None:
    """Drop every credential but those with which failed runs of the folder's jobs are noted, and people notified."""
    from pipeline.punctuality import broken_files

    credentials.keep_needed("inspect", also=broken_files.named(*broken_files.read_all(folder)))


def inspect(folder: Path, here: Path, context: Mapping[str, Any]) -> list[str]:
    """Note what cannot be used of a folder of DAG files and job files, and notify people.

    Args:
        folder: the folder.
        here: the DAG file that looks, which can be used.
        context: of the task.

    Returns:
        the files that cannot be used.
    """
    from pipeline.punctuality import broken_files

    usable, unusable = broken_files.read_all(folder)
    for conn_id in sorted({job.write.connection for job in usable}):
        _mend(conn_id, [job for job in usable if job.write.connection == conn_id])
    for file, reason in _import_errors(folder, here):
        unusable += [broken_files.of_job(job, file, reason) for job in usable]
    for broken in unusable:
        log.error("%s: %s", broken.job, broken.reason)
        _note(broken)
        _notify(broken, usable, context["ti"].log_url)
    return sorted({broken.file for broken in unusable})


def _import_errors(folder: Path, here: Path) -> Iterator[tuple[str, str]]:
    for path in sorted(folder.glob("*.py")):
        if path.name == here.name:
            continue
        try:
            runpy.run_path(str(path), run_name=f"inspected_{path.stem}")
        except (Exception, SystemExit) as error:  # noqa: BLE001 - whatever a module may raise
            yield (
                path.name,
                f"{path.name} cannot be imported: {type(error).__name__}: {error}. Restore it from git, or install "
                "what it misses (requirements.txt); Airflow's page Import Errors has the traceback.",
            )


@notify.harmless
def _note(broken: "Broken") -> None:
    from pipeline.punctuality import broken_files

    broken_files.note(_predictions(broken), broken)


@notify.harmless
def _mend(conn_id: str, jobs: list[Job]) -> None:
    """Notify people of files that can be used again: the next time that one cannot is news."""
    from pipeline.databases import connections
    from pipeline.integrations import outbox
    from pipeline.punctuality import promises

    uri = connections.postgres(connection(conn_id).get_uri(), conn_id)
    mended = promises.mend(uri, jobs, datetime.now(UTC))
    for recipient in sorted({job.alerts.to for job in mended if job.alerts.to}):
        outbox.send(uri, recipient, notify.addresses(recipient))


@notify.harmless
def _notify(broken: "Broken", others: list[Job], page: str) -> None:
    import sqlalchemy as sa

    from pipeline.integrations import outbox
    from pipeline.punctuality import broken_files

    uri = _predictions(broken)
    try:
        began = broken_files.since(uri, broken, datetime.now(UTC))
    except sa.exc.OperationalError:  # nobody knows, and people are told all the same
        began = None
    message = broken_files.message(broken, began, page)
    for recipient in broken_files.recipients(uri, broken, others):
        outbox.enqueue_and_send(uri, recipient, notify.addresses, message, unkept=True)


def _predictions(broken: "Broken") -> str:
    from pipeline.databases import connections

    return connections.postgres(connection(broken.predictions).get_uri(), broken.predictions)


def _as_text(name: str) -> str:
    return name.encode(errors="backslashreplace").decode()
