"""Look at the files that the DAGs are made of: where one cannot be used, no task of its own could say so."""

import logging
import runpy
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from orchestration import credentials, notify
from orchestration.context import connection

if TYPE_CHECKING:
    from pipeline.config.job import Job
    from pipeline.tasks.broken_files import Broken

log = logging.getLogger(__name__)


def keep_needed(folder: Path) -> None:
    """Drop every credential but those by which the jobs of a folder of job files note and tell."""
    from pipeline.tasks import broken_files

    credentials.keep_needed("inspect", also=broken_files.named(*broken_files.read_all(folder)))


def inspect(folder: Path, here: Path, context: Mapping[str, Any]) -> list[str]:
    """Note and tell what cannot be used of a folder of DAG files and job files.

    Args:
        folder: the folder.
        here: the DAG file that looks, which can be used.
        context: of the task.

    Returns:
        the files that cannot be used.
    """
    from pipeline.tasks import broken_files

    usable, unusable = broken_files.read_all(folder)
    for file, reason in _import_errors(folder, here):
        unusable += [broken_files.of_job(job, file, reason) for job in usable]
    for one in unusable:
        log.error("%s: %s", one.job, one.reason)
        _note(one)
        _tell(one, usable, context["ti"].log_url)
    return sorted({one.file for one in unusable})


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
def _note(one: "Broken") -> None:
    from pipeline.tasks import broken_files

    broken_files.note(_predictions(one), one)


@notify.harmless
def _tell(one: "Broken", others: "list[Job]", page: str) -> None:
    from pipeline.integrations import outbox
    from pipeline.tasks import broken_files

    uri = _predictions(one)
    for recipient in broken_files.recipients(uri, one, others):
        outbox.enqueue_and_send(
            uri, recipient, notify.addresses(recipient), broken_files.message(one, page), unkept=True
        )


def _predictions(one: "Broken") -> str:
    from pipeline.databases import connections

    return connections.postgres(connection(one.predictions).get_uri(), one.predictions)
